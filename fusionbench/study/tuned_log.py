"""What a study leaves in its MLflow run: the choice before the report split is judged, then its score."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from fusionbench.bench.claim import STUDY
from fusionbench.study.tuned import Tuned
from fusionbench.study.tuned_figures import figures_of
from fusionbench.track.runs import TrackedRun
from fusionbench.track.view import order_tag

CHOICE, TUNED, TABLE = "choice.json", "tuned.json", "trials.json"
"""artifacts of a study: all that is known when it has chosen, the same with the report score, its trials"""


def log_choice(made: Tuned, tracked: TrackedRun) -> None:
    """The trials, the figures, and what was chosen of them; the report split is not known yet.

    Args:
        made: the study.
        tracked: its MLflow run.
    """
    tracked.log_json(made.kept(), CHOICE)
    tracked.log_table(_table(made), TABLE)
    for name, make in figures_of(made).items():
        tracked.log_figure(make, f"{name}.png", f"{name}.svg")
    scores = {f"best_selection/{made.metric}": made.score, "study/trials": made.trials}
    if made.confirmed is not None:
        scores[f"confirmed/{made.metric}"] = made.confirmed
    tracked.log_metrics(scores)
    tracked.set_tags({"mlflow.note.content": f"Chosen: {_in_words(made)}."})


def log_judged(made: Tuned, tracked: TrackedRun) -> None:
    """What the chosen configuration scored on the report split."""
    report = made.report
    assert report is not None
    tracked.log_metrics({f"chosen_report/{made.metric}": report.mean})
    tracked.set_tags(order_tag(STUDY, report.mean))
    tracked.log_json(made.kept(), TUNED)


def _in_words(made: Tuned) -> str:
    folds = [(fold.fold, made.values(fold.chosen.trial)) for fold in made.folds]
    said = [", ".join(f"{key} = {value}" for key, value in values.items()) for _, values in folds]
    if len(said) == 1:
        return said[0]
    return "; ".join(f"{name}: {values}" for (name, _), values in zip(folds, said, strict=True))


def _table(made: Tuned) -> dict[str, list[Any]]:
    table: dict[str, list[Any]] = defaultdict(list)
    for fold in made.folds:
        for trial in fold.trials:
            table["fold"].append(fold.fold)
            table["trial"].append(trial.number)
            for key, value in made.values(trial).items():
                table[key].append("null" if value is None else value)
            table["state"].append(trial.state)
            table[made.metric].append(None if trial.score is None else round(trial.score, 4))
            again = fold.confirmations.get(trial.number)
            table["confirmed"].append(round(again.mean, 4) if again else None)
            table["seconds"].append(round(trial.seconds, 1))
            table["reason"].append(trial.reason)
    return table
