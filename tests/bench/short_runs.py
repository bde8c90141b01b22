"""Runs of a second on streams that say little, and their reproduction."""

from __future__ import annotations

import numpy as np

import fusionbench as fb
from fusionbench.bench.reproduce import Reproduced, reproduce
from fusionbench.bench.reproduction_plan import Plan, Wishes, plan
from fusionbench.bench.run import run
from fusionbench.catalog.plugins import collect
from fusionbench.catalog.resolve import Request
from fusionbench.contract.watch import Watch


def write_store(shift: float = 0.0) -> None:
    """40 clips of two streams that say little, of which 16 are reported."""
    draw = np.random.default_rng(0)
    fb.write_stream_store(
        "features",
        (
            {
                "id": f"clip-{k:02}",
                "label": "ab"[k % 2],
                "split": "train" if k < 24 else "test",
                "streams": {
                    "audio": draw.normal(k % 2 + shift, 3, (6, 5)),
                    "motion": draw.normal(k % 2, 3, (6, 3)),
                },
            }
            for k in range(40)
        ),
    )


def once(catalog=None, watch=None, **values) -> str:
    """The id of a short run."""
    asked = {"fusion": "concat", "dataset": "streams", "data.root": "features", "training.epochs": 4}
    return run(Request({**asked, "training.batch_size": 8, **values}), watch, catalog).run_id


def looked_at(run_id, catalog=None, **wishes) -> Plan:
    """What would be run, and what differs."""
    return plan(run_id, Watch(), catalog or collect(), Wishes(**wishes), peek=True)


def over(run_id, catalog=None, watch=None, **wishes) -> Reproduced:
    """Done over."""
    watch = watch or Watch()
    return reproduce(plan(run_id, watch, catalog or collect(), Wishes(**wishes)), watch)


def named(made: Plan) -> dict[str, str]:
    """What differs -> what that means."""
    return {each.what: each.severity for each in made.differences}
