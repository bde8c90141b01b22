"""The table at the end of a run, and what to try next."""

from __future__ import annotations

import math
import shlex

from rich.markup import escape
from rich.table import Table

from fusionbench.bench.outcome import Outcome
from fusionbench.catalog.command_line import run_words
from fusionbench.catalog.resolve import Request
from fusionbench.contract.judging import SPOKEN
from fusionbench.report.parts_caption import parts_caption
from fusionbench.report.tables import mflop, percent, plain_table


def run_table(outcome: Outcome) -> Table:
    """Selected and last epoch, each under its name, the chance level beside them."""
    data = "  [stand-in: generated data]" if outcome.stand_in else ""
    one = outcome.folds[0]
    epochs = len(outcome.folds) == 1
    table = plain_table(escape(f"{outcome.name}{data}"), _caption(outcome))
    table.add_column("report split")
    shown = outcome.judging.metrics
    for name in shown:
        table.add_column(SPOKEN[name], justify="right", style="bold" if name == shown[0] else "")
    selected = (
        f"epoch {one.selected_epoch}, chosen on the selection split"
        if epochs
        else "selected epochs, folds pooled"
    )
    last = f"epoch {one.epochs}, the last one" if epochs else "last epochs, folds pooled"
    rows = [(selected, "report"), (last, "report_last")]
    if not epochs:
        rows += [
            ("selected epochs, mean of folds", "report_mean"),
            ("selected epochs, std over folds", "report_std"),
        ]
    for label, split in rows:
        table.add_row(label, *(percent(outcome.metrics[f"{split}/{metric}"]) for metric in shown))
    table.add_row("chance (most frequent class)", percent(outcome.chance), *[""] * (len(shown) - 1))
    return table


def _caption(outcome: Outcome) -> str:
    clips, times = outcome.clips_judged
    what = "frames" if any("frames" in f.parts.get("report", {}) for f in outcome.folds) else "clips"
    often = f" {times} times each" if times > 1 else ""
    folds = f"{len(outcome.folds)} folds, " if len(outcome.folds) > 1 else ""
    parts = "".join(f"\n{escape(line)}" for line in parts_caption([outcome]))
    skipped = f", {len(outcome.skipped)} clips skipped" if outcome.skipped else ""
    counted = mflop(outcome.cost.get("flops", math.nan))
    cost = (
        f"{outcome.cost['params']:,.0f} trained parameters, "
        f"head {outcome.cost['ms_per_clip']:.3f} ms and {counted} MFLOP a clip"
    )
    reused = "\nfinished before and not trained again; --again trains it" if outcome.reused else ""
    return f"{folds}{clips} {what} judged{often}{skipped}; {cost}{parts}\nMLflow run {outcome.run_id}{reused}"


def next_commands(outcome: Outcome, request: Request) -> str:
    """Two commands worth trying after this one: a run to put beside it, and a look at both.

    It is of another head, but where a file may hold options of this one, of another seed.
    """
    if request.file:
        values = {**request.values, "seed": outcome.config["seed"] + 1}
    else:
        other = "concat" if outcome.config["fusion"]["name"] != "concat" else "arpg"
        same = {key: value for key, value in request.values.items() if key.partition(".")[0] != "fusion"}
        values = {"fusion": other, **same}
    again = shlex.join(run_words(values, request.file, request.registry))
    return f"next: {again}\n      fusionbench ui"
