"""Four small real sets as stream stores, for whoever has their files."""
