"""What ``fb.run`` and ``fb.compare`` give back: tables, verdicts, figures, predictions, models."""

from __future__ import annotations

import html
import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusionbench.bench.outcome import Outcome
from fusionbench.bench.run_predictions import RunPredictions, read_run_predictions
from fusionbench.bench.trained import load_model
from fusionbench.bench.trained_model import TrainedModel
from fusionbench.catalog.plugins import Catalog
from fusionbench.contract.errors import UserError
from fusionbench.study.comparison import Comparison, comparison_figure
from fusionbench.study.verdict import Verdicts

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame


class RunResult:
    """A finished run; made by ``fb.run`` and ``fb.load``."""

    def __init__(self, outcome: Outcome, catalog: Catalog | None = None):
        self.outcome = outcome
        self._catalog = catalog

    @property
    def run_id(self) -> str:
        """Id in MLflow."""
        return self.outcome.run_id

    @property
    def metrics(self) -> dict[str, float]:
        """``report/accuracy`` and the like, as fractions."""
        return self.outcome.metrics

    @property
    def reused(self) -> bool:
        """True where the very same run was finished before and nothing was trained."""
        return self.outcome.reused

    def table(self) -> DataFrame:
        """One row for the selected epoch and one for the last; a column a metric, as fractions."""
        import pandas

        named = {"selected epoch": "report", "last epoch": "report_last"}
        if len(self.outcome.folds) > 1:
            named |= {"mean of folds": "report_mean", "deviation over folds": "report_std"}
        rows = {
            label: {
                name.partition("/")[2]: value
                for name, value in self.metrics.items()
                if name.partition("/")[0] == split
            }
            for label, split in named.items()
        }
        return pandas.DataFrame.from_dict(rows, orient="index")

    def predictions(self, *, last: bool = False) -> DataFrame:
        """One row a clip: id, subject, truth, prediction, probabilities.

        Args:
            last: those of the last epoch's weights.
        """
        import pandas

        return pandas.DataFrame(self._said(last).columns())

    @cached_property
    def model(self) -> TrainedModel:
        """The trained model, called with raw streams.

        Raises:
            UserError: the run has several folds, each with a model of its own.
        """
        if len(self.outcome.folds) > 1:
            listed = ", ".join(f"{fold.fold} {fold.run_id}" for fold in self.outcome.folds)
            raise UserError(f"each fold has a model of its own: fb.load_model(ID) with one of {listed}.")
        return load_model(self.outcome.folds[0].run_id, self._catalog)

    def predict(self, *, window: int | None = None, step: int | None = None, **arrays: Any) -> DataFrame:
        """What the trained model says of a clip of your own, as `fusionbench predict` does of videos.

        Args:
            window: frames that are judged together; None = a clip no longer than the run's as a whole,
                a longer one in windows as long as its training clips. A run whose single frames had labels
                judges each by itself.
            step: frames from one window to the next; None = a quarter of a window, or every frame.
            **arrays: of one clip, ``(time, ...)``: the run's streams as they were stored; or ``frames``
                ``(time, 3, height, width)`` uint8, aligned as the run's, with ``landmarks``
                ``(time, 68, 2)`` and ``points`` ``(time, 2, 468, 3)`` where its front end reads them.

        Returns:
            one row a window: first and last frame, the likeliest class, probabilities.

        Raises:
            UserError: an array is missing or of another shape, or the run has several folds.
        """
        import numpy
        import pandas

        from fusionbench.catalog.plugins import collect
        from fusionbench.contract.watch import Watch
        from fusionbench.predict.course import course_of
        from fusionbench.predict.predictor import predictor_of_run

        predictor = predictor_of_run(self.model, self._catalog or collect(), Watch())
        given = {name: numpy.asarray(array) for name, array in arrays.items()}
        return pandas.DataFrame(course_of(predictor, "", given, window=window, step=step).columns()).drop(
            columns=["clip", "begin_s", "end_s"]
        )

    def figure(self) -> Figure:
        """The confusion matrix of the report split."""
        from fusionbench.figures.confusion import confusion_matrix
        from fusionbench.learn.metrics import confusion

        said = self._said(last=False)
        return confusion_matrix(
            confusion(said.said), said.classes, self.outcome.name, stand_in=self.outcome.stand_in
        )

    def _said(self, last: bool) -> RunPredictions:
        return read_run_predictions(self.run_id, last=last)

    def __repr__(self) -> str:
        scores = ", ".join(
            f"{n} {100 * self.metrics[f'report/{n}']:.1f} %" for n in ("accuracy", "uar", "f1")
        )
        mark = " [stand-in]" if self.outcome.stand_in else ""
        return f"<run {self.outcome.name}{mark}: {scores}; {self.run_id}>"

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(repr(self)[1:-1])}</p>{self.table().to_html(float_format='{:.3f}'.format)}"


class ComparisonResult:
    """A finished comparison; made by ``fb.compare``, ``fb.experiment`` and ``fb.load``."""

    def __init__(self, made: Comparison, catalog: Catalog | None = None):
        self.comparison = made
        self._catalog = catalog

    @property
    def run_id(self) -> str:
        """Id in MLflow."""
        return self.comparison.run_id

    @property
    def answer(self) -> str:
        """The answer to the question, in words."""
        verdicts = self.comparison.verdicts
        return verdicts.answer if verdicts else self.comparison.no_verdict

    @property
    def tuned(self) -> ComparisonResult | None:
        """The tuned rows, a family of their own; None where rows were not tuned."""
        tuned = self.comparison.tuned
        return ComparisonResult(tuned.rows, self._catalog) if tuned else None

    @property
    def runs(self) -> Sequence[RunResult]:
        """The runs behind the table, row by row and seed by seed."""
        return [RunResult(outcome, self._catalog) for _, outcome in self.comparison.runs]

    def table(self) -> DataFrame:
        """One row a row of the comparison, the best first; scores and differences as fractions."""
        import pandas

        return pandas.DataFrame([self._row(place) for place in range(len(self.comparison.ranking))])

    def _row(self, place: int) -> dict[str, Any]:
        row = self.comparison.ranking[place]
        first = self.comparison.ranking[0].label
        plain: dict[str, Any] = {
            "compared": row.label,
            **row.values,
            "seeds": len(row.metrics["accuracy"].values),
        }
        for name, spread in row.metrics.items():
            plain |= {name: spread.mean, f"{name} sd": spread.std}
        verdicts = self.comparison.verdicts
        if verdicts:
            plain |= {"first rank": verdicts.ranks[row.label][0], "last rank": verdicts.ranks[row.label][1]}
            plain |= _against(verdicts, row.label, first)
        return {**plain, "params": row.params, "ms_per_clip": row.ms_per_clip, "chance": row.chance}

    def verdicts(self) -> DataFrame:
        """One row a pair: difference with its interval, p, verdict; as fractions."""
        import pandas

        found = self.comparison.verdicts
        return pandas.DataFrame([pair.plain() for pair in found.pairs] if found else [])

    def figure(self) -> Figure:
        """Every row's mean, deviation and seeds beside chance."""
        made: Figure = comparison_figure(self.comparison)
        return made

    def predictions(self) -> DataFrame:
        """One row a clip, seed and row of the comparison; as `fusionbench judge` reads them."""
        import pandas

        parts = []
        for slot, outcome in self.comparison.runs:
            columns = read_run_predictions(outcome.run_id).columns()
            columns = {"clip" if name == "id" else name: values for name, values in columns.items()}
            parts.append(pandas.DataFrame({"method": slot.label, "seed": slot.seed, **columns}))
        return pandas.concat(parts, ignore_index=True).rename(columns={"prediction": "predicted"})

    def report(self, path: str | os.PathLike[str]) -> Path:
        """Write the report page into a folder; returns the page."""
        from fusionbench.report.page import build_page

        return build_page(self.comparison, Path(path))

    def __repr__(self) -> str:
        mark = " [stand-in]" if self.comparison.stand_in else ""
        return f"<comparison {self.comparison.experiment.name}{mark}: {self.answer} {self.run_id}>"

    def _repr_html_(self) -> str:
        shown = self.table().to_html(index=False, float_format="{:.3f}".format)
        question, answer = html.escape(self.comparison.experiment.question), html.escape(self.answer)
        mark = "<p><strong>stand-in: generated data</strong></p>" if self.comparison.stand_in else ""
        return f"<p><strong>{question}</strong></p>{mark}<p>{answer}</p>{shown}"


def _against(verdicts: Verdicts, label: str, first: str) -> dict[str, Any]:
    """The difference to the first row, with its interval and the verdict on it."""
    pair = verdicts.between(label, first)
    if pair is None:
        return {"difference": None, "low": None, "high": None, "verdict": None}
    sign = 1 if pair.a == label else -1
    low, high = sorted((sign * pair.low, sign * pair.high))
    word: str = pair.verdict
    if pair.verdict in ("a", "b"):
        word = "better" if (pair.a if pair.verdict == "a" else pair.b) == label else "worse"
    return {"difference": sign * pair.difference, "low": low, "high": high, "verdict": word}
