"""Floor 1: pure functions from arrays of scores to tests, intervals and verdicts."""
