"""Trials in forks of a process that has imported everything, so that several fit into a second."""

from __future__ import annotations

import os
import random
import signal
import time
import traceback
from collections.abc import Callable


def fork(work: Callable[[], object]) -> int:
    """A process, first of a group of its own, that does ``work`` and ends; its id."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        os.setpgid(0, 0)
        work()
        code = 0
    except BaseException as error:
        code = 130 if isinstance(error, KeyboardInterrupt) else 1
        if code == 1:
            traceback.print_exc()
    finally:
        os._exit(code)


def ended(child: int) -> int:
    """Its exit code, negative for a signal, once it has ended."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def done(work: Callable[[], object]) -> None:
    """Do it in a process of its own."""
    code = ended(fork(work))
    assert code == 0, f"ended with {code}"


def stopped(work: Callable[[], object], how: signal.Signals, longest: float, draw: random.Random) -> int:
    """The exit code of ``work`` that got a signal after at most ``longest`` seconds."""
    child = fork(work)
    time.sleep(draw.uniform(0, longest))
    os.kill(child, how)
    code = ended(child)
    assert alone(child), "a process lived on"
    return code


def alone(group: int, seconds: float = 10) -> bool:
    """Whether every process of a group ends in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.01)
    return False
