"""Measuring two things in turns: CPU time as a median of ratios, and the peak of resident memory.

Machines are shared and their clocks drift, so a time means nothing by itself. Here ours
and its peer run one after the other, round after round; each round gives one ratio.
"""

from __future__ import annotations

import ctypes
import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class Ratio:
    """A median over rounds, and how far its middle half reaches."""

    median: float
    spread: float
    """third quartile minus first"""


def cpu_seconds(run: Callable[[], object]) -> float:
    """CPU time of this process during one call; waiting for a turn on the CPU does not count."""
    start = time.process_time()
    run()
    return time.process_time() - start


def in_turns(rounds: int, **runs: Callable[[], object]) -> list[dict[str, float]]:
    """CPU seconds that each call takes this process in each round, after one warm-up."""
    return seconds_in_turns(rounds, **{name: partial(cpu_seconds, run) for name, run in runs.items()})


def seconds_in_turns(rounds: int, **runs: Callable[[], float]) -> list[dict[str, float]]:
    """What each run says that it took, after one warm-up: processes are timed by who starts them."""
    for run in runs.values():
        run()
    return [{name: run() for name, run in runs.items()} for _ in range(rounds)]


def ratio(seconds: list[dict[str, float]], above: str, below: str) -> Ratio:
    """How many times as long ``above`` takes as ``below``."""
    return summary([row[above] / row[below] for row in seconds])


def summary(values: list[float]) -> Ratio:
    """Median and middle half of what the rounds gave."""
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return Ratio(statistics.median(values), high - low)


def peak_bytes(run: Callable[[], object]) -> int | None:
    """How far resident memory rises during a call; None where the system does not tell (not Linux)."""
    if not CLEAR.exists():
        return None
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # else what an earlier call freed would be reused unseen
    CLEAR.write_text("5")  # forget the peak so far
    before = status_bytes("VmRSS")
    run()
    return status_bytes("VmHWM") - before


def status_bytes(field: str) -> int:
    """A line of /proc/self/status, which counts in kB."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(field))
    return 1024 * int(line.split()[1])
