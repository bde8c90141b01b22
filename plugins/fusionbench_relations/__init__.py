"""Built-in relation encoders."""
