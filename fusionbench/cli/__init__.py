"""Floor 8: one small file a command; parses, prints, sets exit codes."""
