"""A command's start without the garbage collector, which walks all that is imported again and again."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

_starts = False


@contextlib.contextmanager
def starting() -> Iterator[None]:
    """A command from before its imports to its end: until it has `started`, nothing is collected.

    Importing torch and MLflow makes half a million objects. To walk them took a fifth of a run's start.
    """
    global _starts
    _starts = True
    gc.disable()
    try:
        yield
    finally:
        _starts = False
        gc.enable()


def started() -> None:
    """All libraries are there, and stay: no later collection walks them again. Elsewhere it does nothing.

    In a notebook nothing is set aside, since what lives there at that moment may have to be freed later.
    """
    if _starts and not gc.isenabled():
        if not gc.get_freeze_count():
            gc.freeze()
        gc.enable()
