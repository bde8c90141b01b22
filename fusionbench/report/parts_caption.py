"""The lines below a table that say whom its figures come from: parts, their sizes, a subject leak."""

from __future__ import annotations

from collections.abc import Sequence

from fusionbench.bench.outcome import FoldOutcome, Outcome
from fusionbench.bench.parts import DONE, LEAK, parts_line


def parts_caption(outcomes: Sequence[Outcome]) -> list[str]:
    """One line for the parts of all runs of a table, one for a leak; none for results of older versions."""
    folds = [fold for outcome in outcomes for fold in outcome.folds if fold.parts]
    return [_sizes(folds), *_leaks(folds)] if folds else []


def _sizes(folds: Sequence[FoldOutcome]) -> str:
    """The parts of one fold; of several, or of rows on other data, from the least clips to the most."""
    if all(fold.parts == folds[0].parts for fold in folds):
        return parts_line(folds[0].parts)
    ranges = []
    for part, done in DONE.items():
        counts = [fold.parts[part]["clips"] for fold in folds]
        ranges.append(f"{done} {min(counts)}" + (f" to {max(counts)}" if max(counts) > min(counts) else ""))
    return f"{', '.join(ranges)} clips"


def _leaks(folds: Sequence[FoldOutcome]) -> list[str]:
    leaks = {fold.fold: fold.subject_leak for fold in folds if fold.subject_leak}
    if not leaks:
        return []
    name, shared = next(iter(leaks.items()))
    where = f" in {len(leaks)} folds, such as {name}" if len({fold.fold for fold in folds}) > 1 else ""
    return [f"{LEAK}{where}: {shared['count']} of {shared['of']} reported subjects are also trained on"]
