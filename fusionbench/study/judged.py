"""Predictions that were made elsewhere, ranked and judged as a comparison's own are."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fusionbench.bench.outcome import FoldOutcome, Outcome
from fusionbench.contract.judging import Judging, choose_metric, number_of_positive, offered
from fusionbench.learn.metrics import Predictions, chance, confusion, of_counts
from fusionbench.study.comparison import Comparison
from fusionbench.study.experiment import Experiment, Slot
from fusionbench.study.judged_rows import scored
from fusionbench.study.outside import OutsidePredictions, Said, read_predictions
from fusionbench.study.ranking import rank
from fusionbench.study.terms import Terms
from fusionbench.study.verdict import judge_rows

HEADLINE, METRICS = "accuracy", ("accuracy", "uar", "f1", "m")
_SURE = math.log(1 - 1e-6)


def judge_files(
    paths: Sequence[Path],
    terms: Terms,
    *,
    metric: str | None = None,
    positive: str | None = None,
    classes: Sequence[str] | None = None,
) -> Comparison:
    """Rank the methods of CSV files and judge every pair, as if they had been run here.

    What files don't tell is not made up: epochs, costs and folds stay unknown.

    Args:
        paths: files with columns method, seed, clip, truth, predicted (or scores), and subject where known.
        terms: margin and family.
        metric: what ranks; None is accuracy.
        positive: the positive class of two.
        classes: all classes in their order, where files don't show each.

    Raises:
        UserError: a file is malformed, methods were judged on different clips, or an unknown metric.
    """
    read = read_predictions(paths, classes)
    number = number_of_positive(positive, read.classes)
    decides = choose_metric(metric, HEADLINE, METRICS, positive)
    judging = Judging(tuple(dict.fromkeys((decides, *offered(HEADLINE, METRICS[:3], positive)))), number)
    terms.refuse_absent(read.methods)
    seeds = _numbered(read)
    runs = [
        (Slot((method,), seeds[seed]), _outcome(method, seeds[seed], said, read, judging))
        for method, by_seed in read.methods.items()
        for seed, said in by_seed.items()
    ]
    by_label: dict[str, list[Outcome]] = defaultdict(list)
    for slot, outcome in runs:
        by_label[slot.label].append(outcome)
    ranking = rank(by_label, {method: {"method": method} for method in read.methods})
    question = f"Which of {len(read.methods)} methods is best?"
    vary: dict[str, list[Any]] = {"method": list(read.methods), "seed": sorted(set(seeds.values()))}
    subjects = dict(zip(read.ids, read.subjects, strict=True))
    rows = scored([row.label for row in ranking], runs)
    return Comparison(
        experiment=Experiment("judge", question, {}, {}, vary, terms=replace(terms, metric=decides)),
        run_id="",
        mlflow_experiment="",
        mlflow_experiment_id="",
        stand_in=False,
        ranking=ranking,
        runs=runs,
        verdicts=judge_rows(rows, subjects, len(read.classes), terms, judging) if len(rows) > 1 else None,
        files=tuple(str(path) for path in paths),
    )


def _numbered(read: OutsidePredictions) -> dict[str, int]:
    """Seeds as numbers: their own where all are whole numbers, else their place."""
    names = sorted({seed for by_seed in read.methods.values() for seed in by_seed})
    if all(name.isdecimal() for name in names) and len({int(name) for name in names}) == len(names):
        return {name: int(name) for name in names}
    return {name: place for place, name in enumerate(names)}


def _outcome(method: str, seed: int, said: Said, read: OutsidePredictions, judging: Judging) -> Outcome:
    predictions = Predictions(read.ids, read.truth, _scores(said, len(read.classes)), read.subjects)
    counts = of_counts(confusion(predictions), judging)
    fold = FoldOutcome(
        fold="official",
        run_id="",
        identity="",
        metrics={f"report/{name}": value for name, value in counts.items()},
        cost={},
        chance=chance(read.truth, read.truth, judging),
        selected_epoch=0,
        report=predictions,
        report_last=predictions,
        judging=judging,
    )
    return Outcome(f"{method}/s{seed}", "", "", {}, "", False, [fold])


def _scores(said: Said, classes: int) -> np.ndarray:
    """Log-probabilities, or nearly all of it on the class that was named."""
    if said.log_probabilities is not None:
        return said.log_probabilities
    rest = math.log(1e-6 / max(1, classes - 1))
    scores = np.full((len(said.predicted), classes), rest, dtype=np.float32)
    scores[np.arange(len(scores)), said.predicted] = _SURE
    return scores
