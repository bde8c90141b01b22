"""Floor 7: one small file a command; parses, prints, sets exit codes."""
