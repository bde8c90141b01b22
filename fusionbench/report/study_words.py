"""How tables and pages speak of a study: values, counts, and what its trials passed over."""

from __future__ import annotations

from typing import Any

from fusionbench.study.tuned import FoldSearch, Tuned


def counted(number: int, what: str) -> str:
    """``1 trial``, ``2 trials``."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def option_text(value: Any) -> str:
    """A value of an option."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def axis_text(values: Any) -> str:
    """The values of an option, or its two ends, as ``Axis.plain`` has them."""
    if isinstance(values, list):
        return ", ".join(map(option_text, values))
    return f"{values['low']:g} to {values['high']:g}{', logarithmic' if values.get('log') else ''}"


def passed_over(made: Tuned, fold: FoldSearch) -> list[str]:
    """A line each: points that were not run and why, trials that ended early, failed or were killed."""
    lines = []
    if fold.exhausted and fold.ended < made.design.total:
        lines.append(f"the space has no more models than these: {made.design.total} trials were asked for")
    if fold.same:
        lines.append(f"not run, because the same model as another: {counted(fold.same, 'point')}")
    if fold.unfit:
        point, reason = next(iter(fold.unfit.items()))
        unfit = f"not run and not counted, because parts do not fit: {counted(len(fold.unfit), 'point')}"
        lines.append(f"{unfit}, the first {point}: {reason}")
    pruned = [trial for trial in fold.trials if trial.state == "pruned"]
    if pruned:
        after = ", ".join(f"trial {trial.number} after epoch {trial.pruned_at}" for trial in pruned)
        lines.append(f"ended early, below the median of the others: {after}")
    for state in ("failed", "unfit"):
        found = [trial for trial in fold.trials if trial.state == state]
        if found:
            numbers = ", ".join(str(trial.number) for trial in found)
            lines.append(f"{state}: trial {numbers}; the first: {found[0].reason}")
    killed = sum(trial.killed for trial in fold.trials)
    if killed:
        lines.append(f"killed and gone on with: {counted(killed, 'trial')}")
    return lines
