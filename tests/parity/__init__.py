"""Our components against the outputs of the reference implementations they were written to match."""
