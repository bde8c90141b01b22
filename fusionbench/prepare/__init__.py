"""From videos to a store of aligned faces."""
