"""What a comparison holds, as a page asks for it: heads in their order, recalls, counts, scores by group."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from fusionbench.contract.judging import SPOKEN
from fusionbench.learn.metrics import Predictions, confusion, pool
from fusionbench.report.verdict_table import verdict_in_words

if TYPE_CHECKING:
    from fusionbench.bench.outcome import FoldOutcome, Outcome
    from fusionbench.study.comparison import Comparison
    from fusionbench.study.ranking import Row
    from fusionbench.study.verdict import Pair, Verdicts


@dataclass(frozen=True)
class Head:
    """One row of the comparison: its place in the ranking, and its runs."""

    row: Row
    runs: Mapping[int, Outcome]
    """seed -> its run"""

    @property
    def label(self) -> str:
        """As the tables name it."""
        return self.row.label

    @cached_property
    def predictions(self) -> Mapping[int, Predictions]:
        """Seed -> what was said of the report split, folds pooled."""
        return {seed: pool([fold.report for fold in run.folds]) for seed, run in self.runs.items()}

    @cached_property
    def counts(self) -> np.ndarray:
        """``(classes, classes)`` clips over all seeds, by what they are and what was said."""
        return np.sum([confusion(said) for said in self.predictions.values()], axis=0)

    @cached_property
    def recalls(self) -> np.ndarray:
        """``(seeds, classes)``; NaN where a class has no clip."""
        found = []
        for said in self.predictions.values():
            counts = confusion(said)
            true = counts.sum(axis=1)
            with np.errstate(invalid="ignore"):
                found.append(np.diag(counts) / np.where(true > 0, true, np.nan))
        return np.array(found)

    @property
    def folds(self) -> list[FoldOutcome]:
        """Every fold of every seed."""
        return [fold for run in self.runs.values() for fold in run.folds]


@dataclass(frozen=True)
class Evidence:
    """A comparison, and what its sections have in common."""

    made: Comparison
    heads: tuple[Head, ...]
    """in the order of the ranking"""
    metric: str
    """that ranks"""
    classes: tuple[str, ...]

    @classmethod
    def of(cls, made: Comparison) -> Evidence:
        """The runs of a comparison under its rows."""
        runs: dict[str, dict[int, Outcome]] = defaultdict(dict)
        for slot, outcome in made.runs:
            runs[slot.label][slot.seed] = outcome
        heads = tuple(Head(row, runs[row.label]) for row in made.ranking if runs[row.label])
        return cls(made, heads, made.metric, _classes(made))

    @property
    def verdicts(self) -> Verdicts | None:
        """None where nothing could be judged by pairs."""
        return self.made.verdicts

    @property
    def compared(self) -> str:
        """What rows differ in, as the head of their column."""
        return ", ".join(self.made.experiment.row_keys) or "fusion"

    @property
    def metric_name(self) -> str:
        """As tables call it."""
        return SPOKEN[self.metric]

    @property
    def score(self) -> str:
        """The same at the beginning of a sentence."""
        return self.metric_name[0].upper() + self.metric_name[1:]

    @property
    def best(self) -> Head:
        """The head with the best mean."""
        return self.heads[0]

    @property
    def seeds(self) -> tuple[int, ...]:
        """Every seed that a head finished."""
        return tuple(sorted({seed for head in self.heads for seed in head.runs}))

    @property
    def same_clips(self) -> bool:
        """Whether all heads were judged on the same clips."""
        reported = {frozenset(next(iter(head.predictions.values())).ids) for head in self.heads}
        return len(reported) == 1

    @property
    def anchor(self) -> str:
        """The row that differences are to: the one that was declared, else the best."""
        declared = self.verdicts.terms.against if self.verdicts else None
        return declared or self.best.label

    def top(self) -> set[str]:
        """The best row and all that cannot be told to be worse than it."""
        return set(self.verdicts.top(self.best.label)) if self.verdicts else set()

    def against(self, label: str, anchor: str) -> Against | None:
        """What is known of a head beside another one; None where that pair was not judged."""
        pair = self.verdicts.between(label, anchor) if self.verdicts else None
        return Against.of(pair, label) if pair else None

    def subjects(self) -> Mapping[str, tuple[str, ...]]:
        """Person -> ids of the report split's clips; empty where the data name no persons."""
        said = next(iter(self.best.predictions.values()))
        clips: dict[str, list[str]] = defaultdict(list)
        for clip, subject in zip(said.ids, said.subjects or (), strict=False):
            if subject:
                clips[subject].append(clip)
        return {subject: tuple(dict.fromkeys(clips[subject])) for subject in sorted(clips)}


@dataclass(frozen=True)
class Against:
    """A pair as seen from one of its heads."""

    pair: Pair
    difference: float
    """of the head less the other"""
    low: float
    high: float
    word: str
    """the verdict on the head"""

    @classmethod
    def of(cls, pair: Pair, label: str) -> Against:
        """Turned round where the pair has the head second."""
        forward = pair.a == label
        sign = 1 if forward else -1
        low, high = (pair.low, pair.high) if forward else (-pair.high, -pair.low)
        return cls(pair, sign * pair.difference, low, high, verdict_in_words(pair, label))


def accuracy_by(groups: Sequence[Sequence[str]], head: Head) -> np.ndarray:
    """``(groups,)`` accuracy of a head on each set of clips, given by ids, mean over its seeds."""
    found = []
    for said in head.predictions.values():
        right: dict[str, list[bool]] = defaultdict(list)  # several of a clip where folds are repeated
        for clip, hit in zip(said.ids, (said.labels == said.predicted).tolist(), strict=True):
            right[clip].append(hit)
        found.append([np.mean([hit for clip in clips for hit in right[clip]]) for clips in groups])
    return np.mean(found, axis=0)


def _classes(made: Comparison) -> tuple[str, ...]:
    """Names of the classes; numbers where results of before they were kept do not say."""
    if not made.runs:
        return ()
    fold = made.runs[0][1].folds[0]
    count = fold.report.log_probabilities.shape[1]
    return tuple(fold.classes) if len(fold.classes) == count else tuple(f"class {k}" for k in range(count))
