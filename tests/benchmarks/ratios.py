"""``python -m tests.benchmarks.ratios [--only NAME] [--json]``: the speed goals, each beside its peer.

CPU time on one thread; medians over rounds in which ours and the peer take turns.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from unittest import mock

import torch

from tests.benchmarks import epochs as epochs_of, starts, trackers, workloads as w
from tests.benchmarks.interleave import Ratio, in_turns, peak_bytes, ratio, seconds_in_turns, summary


@dataclass(frozen=True)
class Row:
    """One goal, and whether this machine reaches it now."""

    name: str
    shape: str
    ratio: float
    spread: float
    memory_ratio: float | None
    """peak memory over the peer's; None where not part of the goal"""
    limit: float | None
    """what torch's own projection alone reaches against the same peer"""
    goal: str
    met: bool

    def __str__(self) -> str:
        memory = "-" if self.memory_ratio is None else f"1/{1 / self.memory_ratio:.0f}"
        limit = "-" if self.limit is None else f"{self.limit:.1f}"
        verdict = "met" if self.met else "NOT MET"
        return (
            f"{self.name:14} {self.shape:52} {self.ratio:8.3g} ±{self.spread / 2:<6.2g} {memory:>6} "
            f"{limit:>6}  {self.goal:28} {verdict}"
        )


def against_pyg(name: str, shape: str, work: w.Workload, rounds: int, faster: float, smaller: float) -> Row:
    """Forward and backward against PyTorch Geometric, in time and in memory."""
    ours, peer = work.training(), work.pyg()
    seconds = in_turns(rounds, ours=ours, pyg=peer, floor=work.floor())
    speedup, limit = ratio(seconds, "pyg", "ours"), ratio(seconds, "pyg", "floor")
    mine, theirs = peak_bytes(ours), peak_bytes(peer)
    memory = mine / theirs if mine and theirs else None
    light = not smaller or memory is None or memory <= 1 / smaller
    goal = f">= {faster:g}x" + (f", memory <= 1/{smaller:g}" if smaller else "")
    met = speedup.median >= faster and light
    return Row(name, shape, speedup.median, speedup.spread, memory, limit.median, goal, met)


def at_most(name: str, shape: str, found: Ratio, most: float, unit: str) -> Row:
    """A ratio or an exponent that must not be exceeded."""
    return Row(
        name, shape, found.median, found.spread, None, None, f"<= {most:g}{unit}", found.median <= most
    )


def exponent(short: w.Workload, long: w.Workload, rounds: int) -> Ratio:
    """k in ``CPU time ~ T^k``, forward and backward."""
    seconds = in_turns(rounds, long=long.training(), short=short.training())
    times = math.log(long.nodes / short.nodes)
    return summary([math.log(row["long"] / row["short"]) / times for row in seconds])


def p1() -> Iterator[Row]:
    """The paper's shape."""
    yield against_pyg("P1", "B32 T16 TRS4, forward + backward, over PyG", w.PAPER, 15, 5.5, 0)


def p2() -> Iterator[Row]:
    """A band over a long clip."""
    yield against_pyg("P2", "B1 T4096 TRS4, forward + backward, over PyG", w.BAND, 3, 6, 20)
    seconds = in_turns(9, ours=w.BAND.training(), floor=w.BAND.floor())
    over_floor = ratio(seconds, "ours", "floor")
    yield at_most("P2 floor", "B1 T4096 TRS4, forward + backward, ours / floor", over_floor, 1.2, "x")
    grown = exponent(w.BAND_SHORT, w.BAND, 7)
    yield at_most("P2 exponent", "TRS4, T 256 to 4096, forward + backward", grown, 1.05, "")


def p3() -> Iterator[Row]:
    """No scope, medium length."""
    yield against_pyg("P3", "B1 T256 full, forward + backward, over PyG", w.FULL_SHORT, 3, 100, 150)


def p4() -> Iterator[Row]:
    """No scope, long clip: against the exact dense sum."""
    ours, dense = w.FULL.forward(), w.FULL.forward("dense")
    difference = (ours() - dense()).abs().max().item()
    speedup = ratio(in_turns(5, ours=ours, dense=dense), "dense", "ours")
    yield Row(
        "P4", f"B1 T4096 full, forward, over dense (apart {difference:.1e})",
        speedup.median, speedup.spread, None, None, ">= 12x, difference <= 1e-6",
        speedup.median >= 12 and difference <= 1e-6,
    )  # fmt: skip
    grown = exponent(w.FULL_SHORT, w.FULL, 5)
    yield at_most("P4 exponent", "full, T 256 to 4096, forward + backward", grown, 1.15, "")


def p5() -> Iterator[Row]:
    """The facial region graph."""
    yield against_pyg("P5", "64 faces, P6 (36 regions), forward + backward, over PyG", w.REGIONS, 9, 2.6, 5)


def p7a() -> Iterator[Row]:
    """An epoch of a run on stored streams against one of a bare loop: the same weights, the same steps."""
    goals = {"concat": (30, 1.10), "late": (30, 1.0), "arpg": (10, 1.0), "mult": (10, 1.05)}
    with starts.world() as made, mock.patch.dict(os.environ, made.own):
        for head, (epochs, most) in goals.items():
            seconds = epochs_of.in_turns_with_loop(head, made.store, epochs)
            over = ratio(seconds, "ours", "loop")
            yield at_most("P7a", f"{head}, 773 clips of T16 C128, an epoch over a bare loop", over, most, "x")


def p7b() -> Iterator[Row]:
    """A warm run of one epoch, beyond the import of torch and MLflow."""
    with starts.world() as made:
        seconds = seconds_in_turns(5, ours=made.run(), imports=made.imports)
        beyond = summary([row["ours"] - row["imports"] for row in seconds])
        yield at_most("P7b", "concat, one epoch, a warm process less torch and MLflow", beyond, 1.2, " s")


def p11() -> Iterator[Row]:
    """A comparison against its runs as bare loops, and one import."""
    with starts.world() as made:
        seconds = seconds_in_turns(3, ours=made.compare(), loops=made.loops, imports=made.imports)
        over = summary([row["ours"] / (row["loops"] + row["imports"]) for row in seconds])
        yield at_most("P11", "4 heads x 3 seeds x 20 epochs, over 12 loops + import", over, 1.25, "x")


def p13() -> Iterator[Row]:
    """Planning where much is finished."""
    with trackers.planner() as (database, once):
        held = 0
        for count in (5_000, 20_000):
            trackers.add_runs(database, count - held)
            held = count
            seconds = summary([row["ours"] for row in in_turns(5, ours=once)])
            yield at_most("P13", f"planning 35 runs, {count:,} finished ones", seconds, 1, " s")


GOALS: dict[str, Callable[[], Iterator[Row]]] = {
    "P1": p1, "P2": p2, "P3": p3, "P4": p4, "P5": p5, "P7a": p7a, "P7b": p7b, "P11": p11, "P13": p13,
}  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=GOALS, help="one goal")
    parser.add_argument("--json", action="store_true", help="print a list of objects")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", category=DeprecationWarning)  # PyG's own
    rows = []
    for name, measure in GOALS.items():
        if asked.only in (None, name):
            for row in measure():
                rows.append(row)
                if not asked.json:
                    print(row, flush=True)
    if asked.json:
        print(json.dumps([asdict(row) for row in rows], indent=1))


if __name__ == "__main__":
    main()
