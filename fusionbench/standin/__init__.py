"""Floor 1: generated faces. Identity and action units over time -> drawn frames; numpy only, no files."""
