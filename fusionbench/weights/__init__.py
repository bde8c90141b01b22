"""Networks that others trained: what they are called, where they come from, brought once, checked always."""
