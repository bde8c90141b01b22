"""The figures of a study: its history, what its options matter, its scores over two of them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from fusionbench.contract.judging import SPOKEN
from fusionbench.figures.option_importance import option_importance
from fusionbench.figures.option_map import option_map
from fusionbench.figures.trial_history import Tried, trial_history
from fusionbench.study.ledger import Trial
from fusionbench.study.tuned import FoldSearch, Tuned

MOST_VALUES = 24
"""of an option that a map is drawn over"""


@dataclass(frozen=True)
class Grid:
    """Scores over two options; where further options were searched, the best of each pair of values."""

    rows: str
    columns: str
    row_values: list[str]
    column_values: list[str]
    trials: Mapping[tuple[int, int], Trial]
    """row and column -> the trial in that cell"""


def grid_of(made: Tuned, fold: FoldSearch) -> Grid | None:
    """The two options with most values that were tried; None where there are no two of a few values."""
    axes = made.design.space.axes
    values = {axis.key: list(axis.values) for axis in axes if axis.values and len(axis.values) > 1}
    few = sorted((k for k, v in values.items() if len(v) <= MOST_VALUES), key=lambda k: -len(values[k]))[:2]
    if len(few) < 2:
        return None
    columns, rows = few
    places = {key: {_text(value): n for n, value in enumerate(values[key])} for key in few}
    best: dict[tuple[int, int], Trial] = {}
    for trial in fold.finished:
        at = made.values(trial)
        row, column = places[rows].get(_text(at[rows])), places[columns].get(_text(at[columns]))
        if row is None or column is None:
            continue  # a default that the space leaves out
        known = best.get((row, column))
        if known is None or (trial.score or 0) > (known.score or 0):
            best[row, column] = trial
    return Grid(rows, columns, list(places[rows]), list(places[columns]), best) if best else None


def _text(value: Any) -> str:
    return "null" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def map_figure(made: Tuned, fold: FoldSearch, grid: Grid) -> Any:
    """The map of a grid."""
    shape = (len(grid.row_values), len(grid.column_values))
    means = [[math.nan] * shape[1] for _ in range(shape[0])]
    spreads = [[math.nan] * shape[1] for _ in range(shape[0])]
    chosen = None
    for (row, column), trial in grid.trials.items():
        means[row][column] = trial.score if trial.score is not None else math.nan
        if len(trial.scores) > 1:
            spreads[row][column] = statistics.stdev(trial.scores)
        chosen = (row, column) if trial.number == fold.chosen.trial.number else chosen
    return option_map(
        means,
        spreads,
        grid.row_values,
        grid.column_values,
        row_option=grid.rows,
        column_option=grid.columns,
        chosen=chosen,
        metric=SPOKEN[made.metric],
        stand_in=made.stand_in,
    )


def history_figure(made: Tuned, fold: FoldSearch) -> Any:
    """Every trial that gave a score."""
    tried = [
        Tried(trial.number, trial.score, trial.scores, trial.state == "pruned")
        for trial in fold.trials
        if trial.score is not None
    ]
    return trial_history(tried, fold.chosen.trial.number, metric=SPOKEN[made.metric], stand_in=made.stand_in)


def figures_of(made: Tuned) -> dict[str, Callable[[], Any]]:
    """Name of a file -> what draws it, for every fold."""
    found: dict[str, Callable[[], Any]] = {}
    for fold in made.folds:
        end = "" if len(made.folds) == 1 else f"_{fold.fold}"
        found[f"history{end}"] = partial(history_figure, made, fold)
        if fold.importance:
            found[f"importance{end}"] = partial(option_importance, fold.importance, stand_in=made.stand_in)
        if grid := grid_of(made, fold):
            found[f"map{end}"] = partial(map_figure, made, fold, grid)
    return found
