"""When Ctrl-C may interrupt."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator


@contextlib.contextmanager
def ctrl_c(*, held: bool) -> Iterator[None]:
    """Hold Ctrl-C back, or let it in; what was held arrives when it is let in again.

    Processes that are started meanwhile inherit it. Windows knows no such thing: nothing happens there.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    how = signal.SIG_BLOCK if held else signal.SIG_UNBLOCK
    before = signal.pthread_sigmask(how, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def hold_ctrl_c() -> None:
    """Hold it back from now on, until the surrounding ``ctrl_c`` ends."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
