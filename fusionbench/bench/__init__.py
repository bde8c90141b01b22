"""Floor 5: one run, from clips to report."""
