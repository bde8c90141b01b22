"""A finished comparison: its ranking, its verdicts, the runs behind them, what is missing and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from fusionbench.bench.outcome import Outcome
from fusionbench.contract.judging import SPOKEN, USUAL
from fusionbench.study.experiment import Experiment, Slot
from fusionbench.study.plan import Absent
from fusionbench.study.ranking import Row
from fusionbench.study.verdict import Verdicts


@dataclass(frozen=True)
class Comparison:
    """A finished experiment."""

    experiment: Experiment
    run_id: str
    mlflow_experiment: str
    mlflow_experiment_id: str
    stand_in: bool
    ranking: list[Row]
    runs: Sequence[tuple[Slot, Outcome]]
    skipped: list[Absent] = field(default_factory=list)
    """pairs that do not fit, with the component's reason"""
    failed: list[Absent] = field(default_factory=list)
    reused: int = 0
    """runs that were finished before"""
    verdicts: Verdicts | None = None
    """None where there is a single row, or rows are not judged on the same clips"""
    files: tuple[str, ...] = ()
    """predictions that were made elsewhere; empty where the runs were made here"""

    @property
    def metric(self) -> str:
        """What ranks the rows."""
        return self.runs[0][1].judging.decides if self.runs else USUAL.decides

    @property
    def caution(self) -> str:
        """What must stand beside the ranking, empty where nothing must."""
        swept = ", ".join(self.experiment.swept_options)
        return f"Rows differ in {swept}: picking the best is tuning on the report split." if swept else ""

    def plain(self) -> dict[str, Any]:
        """The object that ``--json`` prints."""
        return {
            "experiment": self.experiment.name,
            "question": self.experiment.question,
            "run_id": self.run_id,
            "stand_in": self.stand_in,
            "metric": self.metric,
            "caution": self.caution,
            "ranking": [row.plain() for row in self.ranking],
            "runs": [{"label": m.label, "row": m.row, "seed": m.seed, **o.plain()} for m, o in self.runs],
            "skipped": [absent.plain() for absent in self.skipped],
            "failed": [absent.plain() for absent in self.failed],
            "reused": self.reused,
            **(self.verdicts.plain() if self.verdicts else {"answer": self.no_verdict, "pairs": []}),
        }

    @property
    def no_verdict(self) -> str:
        """Why there is none."""
        if len(self.ranking) < 2:
            return "There are no two rows to judge."
        return "Rows were judged on different data, so no verdict is given."


def comparison_figure(made: Comparison) -> Any:
    """Every head's mean, deviation and seeds beside chance, as a matplotlib figure."""
    from fusionbench.figures.ranking import HeadScores, comparison

    rows = []
    for row in made.ranking:
        score = row.score
        spread = (score.mean - score.std, score.mean + score.std)
        rows.append(HeadScores(row.label, score.values, spread if len(score.values) > 1 else None))
    return comparison(
        rows,
        metric=SPOKEN[made.metric],
        interval="± standard deviation",
        chance=made.ranking[0].chance,
        caution=made.caution,
        stand_in=made.stand_in,
    )
