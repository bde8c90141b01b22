"""Floor 3: feature files that others exchange, brought into stores: labels, padding, holes, clocks."""
