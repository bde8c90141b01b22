"""Floor 0: the four roles, the types that flow between them, hook specifications and errors."""
