"""What differs before a run is done over, and what it gave afterwards."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from fusionbench.bench.differences import BEFORE, MAY, WILL, short
from fusionbench.bench.digits import SAME_DIGITS, SAME_PREDICTIONS, WITHIN_SEEDS
from fusionbench.bench.reproduce import FoldReproduced, Reproduced
from fusionbench.bench.reproduction_plan import Plan
from fusionbench.bench.seed_spread import FEWEST
from fusionbench.report.tables import percent, plain_table

STYLES = {WILL: "red", MAY: "yellow"}


def plan_table(plan: Plan) -> RenderableType:
    """Then and now, the worst first; below it what the run will be, and what nobody knows."""
    title, captions = f"{plan.record.name}, run {plan.record.run_id}, done over", "\n".join(_captions(plan))
    if not plan.differences:
        return Text(f"{title}\nnothing that was recorded is other here\n{captions}")
    table = plain_table(escape(title), escape(captions))
    for column in ("what differs", "then", "now", "effect"):
        table.add_column(column, overflow="fold")
    for each in plan.differences:
        row = (each.what, short(each.then), short(each.now), each.severity)
        table.add_row(*map(escape, row), style=STYLES.get(each.severity))
    return table


def _captions(plan: Plan) -> Iterator[str]:
    options = plan.config.options
    folds = f"{len(plan.folds)} folds" if plan.of_folds else f"fold {plan.folds[0].name}"
    threads = f"{options.threads} thread{'s' * (options.threads > 1)}"
    for fold in plan.folds:
        for other in fold.then.get(BEFORE, []):
            listed = ", ".join(f"{what} was {value}" for what, value in other.items())
            yield f"it was interrupted, and begun otherwise: {short(listed)}; in one piece its digits differ"
    yield f"runs with seed {options.seed}, {folds}, {threads} on {options.device}"
    if plan.not_recorded:
        yield f"not recorded then, and so not compared: {', '.join(plan.not_recorded)}"
    if plan.not_looked_at:
        yield f"not known here before it runs: {', '.join(plan.not_looked_at)}"


def next_command(plan: Plan) -> str:
    """What does what a dry run has shown."""
    wishes = plan.wishes
    wished = {"--data-root": wishes.data_root, "--threads": wishes.threads, "--device": wishes.device}
    flags = "".join(
        f" {flag} {shlex.quote(str(value))}" for flag, value in wished.items() if value is not None
    )
    return f"next: fusionbench reproduce {plan.record.run_id}{flags}"


def result_table(made: Reproduced) -> Table:
    """The score of each fold then and now, and where its losses part."""
    table = plain_table(escape(f"{made.plan.record.name}: then and now"), f"MLflow run {made.run_id}")
    for column in ("fold", made.folds[0].metric, "now", "losses", "verdict"):
        table.add_column(column, justify="right" if column in (made.folds[0].metric, "now") else "left")
    for fold in made.folds:
        scores = (percent(outcome.metrics[fold.metric]) for outcome in (fold.then, fold.now))
        table.add_row(escape(fold.fold), *scores, _losses(fold), fold.verdict)
    return table


def explanation(made: Reproduced) -> str:
    """The verdict in words, for people; the word itself stands alone below it."""
    worst = next(fold for fold in made.folds if fold.verdict == made.verdict)
    if made.verdict == SAME_DIGITS:
        return "every loss that was kept and every probability is the same, to the last bit"
    if made.verdict == SAME_PREDICTIONS:
        return "every clip is said to be of the same class; digits differ"
    spread = worst.spread
    if spread.reach is None:
        return (
            f"clips are said to be of other classes; {len(spread.scores)} finished run(s) with other seeds, "
            f"{FEWEST} are needed to tell how far seeds alone move the score"
        )
    seeds = f"95 of 100 pairs, estimated from {len(spread.scores)}"
    reach = f"two seeds are up to {100 * spread.reach:.1f} points apart ({seeds})"
    moved = "no further apart than that" if made.verdict == WITHIN_SEEDS else "further apart than that"
    return f"clips are said to be of other classes; {reach}, and then and now are {moved}"


def _losses(fold: FoldReproduced) -> str:
    then, now = fold.digits_then.epochs, fold.digits_now.epochs
    if then is None or now is None:
        return "not kept then"
    apart = fold.first_epoch_apart
    if apart is None:
        return f"the same in all {len(then)} epochs"
    if apart > min(len(then), len(now)):
        return f"{len(then)} epochs then, {len(now)} now"
    pairs = ((then[apart - 1][name], now[apart - 1][name], name) for name in then[apart - 1])
    before, here, name = next((a, b, name) for a, b, name in pairs if a != b)
    shown = f"{name} {float.fromhex(before):.9g} then, {float.fromhex(here):.9g} now"
    return f"part at epoch {apart} of {len(then)}: {shown}"
