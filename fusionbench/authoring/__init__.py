"""Floor 6: for authors of plugins: a package to start from, the rules, the shipped weights."""
