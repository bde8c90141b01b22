"""Floor 1: arrays to figures that fit a printed column, and that finished work never fails on."""

from fusionbench.figures.quiet import quiet

# Where no home can be written matplotlib says so while it is imported; here is the first import.
with quiet():
    import matplotlib.figure  # noqa: F401
