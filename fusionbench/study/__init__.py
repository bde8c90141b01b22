"""Floor 6: families of runs: an experiment, its plan, who carries it out, the ranking."""
