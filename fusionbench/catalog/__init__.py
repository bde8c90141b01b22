"""Floor 2: finds plugins, reads presets, resolves names and options to a frozen RunConfig."""
