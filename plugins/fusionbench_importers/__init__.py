"""Formats in which people exchange features, read clip by clip."""
