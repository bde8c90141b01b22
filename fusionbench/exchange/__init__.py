"""Floor 3: feature files that others exchange, brought into a stream store: labels, padding, holes, clocks."""
