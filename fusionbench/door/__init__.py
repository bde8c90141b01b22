"""Floor 8: the commands as Python functions, for scripts and notebooks."""
