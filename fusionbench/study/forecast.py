"""What a planned comparison could show, said before the hours are spent: a range, with its assumptions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from fusionbench.bench.artifacts import read_fold
from fusionbench.bench.source import RunData
from fusionbench.contract.errors import UserError
from fusionbench.learn.metrics import Predictions, pool
from fusionbench.statistics.planning import Assumptions, Components, Design, Forecast, forecast
from fusionbench.study.experiment import Experiment
from fusionbench.study.judged_rows import Scored, persons
from fusionbench.study.plan import Plan
from fusionbench.study.terms import Terms
from fusionbench.study.verdict import judge_rows

LARGEST = 0.2
"""heads on shared streams hardly ever differ by more than twenty points"""


@dataclass(frozen=True)
class Expectation:
    """A forecast and what it rests on."""

    design: Design
    forecast: Forecast
    assumed: str
    """the assumptions, in words"""
    margin: float
    judged: str = "clips"
    """what is judged one by one: clips, or frames"""

    def plain(self) -> dict[str, Any]:
        """As JSON can hold it; differences are fractions."""
        return {
            "design": asdict(self.design),
            **asdict(self.forecast),
            "margin": self.margin,
            "assumed": self.assumed,
            "said": self.lines(),
        }

    def lines(self) -> list[str]:
        """What a person should know before starting."""
        size, seen = self.design, self.forecast
        people = f", {size.groups} subjects" if size.groups < size.clips else ""
        said = [
            f"{size.seeds} seed(s), {size.clips} {self.judged}{people}: of one pair a difference of "
            f"{_range(seen.mdd)} points would be found in 80 % of such comparisons",
        ]
        if size.pairs > 1:
            said.append(
                f"of the first of {size.pairs} pairs, under Holm: {_range(seen.mdd_holm)} points; "
                f"it must differ by {_range(seen.passes_holm)} points as measured"
            )
        if not seen.holm_attainable:
            said.append(
                f"warning: no pair could pass Holm unless it differs by more than "
                f"{100 * seen.passes_holm[0]:.0f} points. Add seeds, or judge against one row (--against)."
            )
        attainable = "is attainable" if seen.margin_attainable else "is not attainable with this size"
        said.append(
            f"equivalence within {100 * self.margin:g} point(s) {attainable} "
            f"(it would take a margin of {_range(seen.provable_margin)})"
        )
        if size.seeds == 1:
            said.append("one seed speaks of these weights, not of the methods")
        return [*said, f"assumed: {self.assumed}"]


def expect(experiment: Experiment, planned: Plan) -> Expectation | None:
    """The forecast of a plan; None where there are no two rows, or nothing is known of the clips."""
    read = next((data for data in planned.data if data), None)
    labels = {member.label for member in planned.members} - {absent.label for absent in planned.skipped}
    if read is None or len(labels) < 2 or experiment.varies_data:
        return None
    fold = planned.members[0].config.options.fold
    reported = {clip for one in read.folds(fold) for clip in one.report}
    groups = len({read.clips[clip].subject or ("clip", clip) for clip in reported})
    judged = sum(len(read.clips[clip].judged) for clip in reported)
    what = "clips" if read.window is None else "frames"
    try:
        design = Design(len(set(experiment.seeds)), judged, groups, experiment.terms.pairs(len(labels)))
    except ValueError:
        return None  # one seed of one person
    seen = _seen(experiment, planned, read)
    if seen:
        assumed = f"the spread over seeds and {what} of {len(seen)} pair(s) that are finished"
    else:
        seen, assumed = Assumptions().components(design), _in_words(Assumptions(), design, what)
    found = forecast(design, seen, experiment.terms.margin, LARGEST)
    return Expectation(design, found, assumed, experiment.terms.margin, what)


def _seen(experiment: Experiment, planned: Plan, read: RunData) -> list[Components]:
    """Where the differences of finished rows come from, if two rows share two finished seeds."""
    finished: dict[str, dict[int, Predictions]] = defaultdict(dict)
    for k, member in enumerate(planned.members):
        mine = [identity for (of, _), identity in planned.folds.items() if of == k]
        if mine and all(identity in planned.finished for identity in mine):
            folds = [read_fold(planned.finished[identity]).report for identity in mine]
            finished[member.label][member.seed] = pool(folds)
    rows: Sequence[Scored] = [Scored(label, by_seed) for label, by_seed in finished.items()]
    if len(rows) < 2:
        return []
    judging = read.judging(planned.members[0].config)
    try:
        judged = judge_rows(rows, persons(rows, read.window is not None), read.classes, Terms(), judging)
    except UserError:
        return []  # rows that cannot be judged are told when they are
    return [Components.of(pair.paired) for pair in judged.pairs if pair.paired.seeds > 1]


def _in_words(assumed: Assumptions, design: Design, what: str) -> str:
    people = f", {_range(assumed.group_sd)} points over people" if design.groups < design.clips else ""
    low, high = assumed.differ
    return (
        f"two heads differ on {100 * low:.0f} to {100 * high:.0f} % of {what}; a head's accuracy varies by "
        f"{_range(assumed.seed_sd)} points (sd) over seeds{people}"
    )


def _range(values: tuple[float, float]) -> str:
    """Points from the least to the most; more than all there are is no difference that can be."""
    low, high = (f"{100 * value:.1f}" if value <= 1 else "more than 100" for value in values)
    return f"{low} to {high}" if low != high else high
