"""Built-in fusion heads, one file a method."""
