"""Times as people read them."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """``4.21 s``, ``12 min``, ``2 h 5 min``."""
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
