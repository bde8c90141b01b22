"""Floor 1: the toolkit for authors of heads, encoders and backbones."""
