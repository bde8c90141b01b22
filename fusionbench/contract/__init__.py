"""Floor 0: the five roles, the types that flow between them, hook specifications and errors."""
