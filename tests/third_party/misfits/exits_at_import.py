"""A script that somebody registered as a plugin."""

raise SystemExit("usage: train.py --gpu N")
