"""Floor 1: pure functions from arrays to matplotlib figures."""
