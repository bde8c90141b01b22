"""One way to hash a description, so that equal descriptions have equal keys on every machine."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def digest(description: Any) -> str:
    """24 hexadecimal digits for anything JSON can hold; paths and the like count as their text."""
    return hashlib.sha256(json.dumps(description, sort_keys=True, default=str).encode()).hexdigest()[:24]
