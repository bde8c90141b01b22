"""Floor 1: generated faces; identity and action units over time become frames."""
