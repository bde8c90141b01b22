"""Floor 5: the run and what is made of runs."""
