"""Which head is better: every pair of rows judged on the same clips and seeds, with chance in both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from fusionbench.contract.errors import UserError
from fusionbench.contract.judging import POSITIVE, Judging
from fusionbench.statistics.families import Judged, Verdict, Word, judge, rank_intervals
from fusionbench.statistics.influence import per_clip, positive_f1
from fusionbench.statistics.paired import Paired, paired
from fusionbench.study.answer import answer_in_words
from fusionbench.study.judged_rows import Scored, grouped
from fusionbench.study.terms import Terms


@dataclass(frozen=True)
class Pair:
    """Two rows and what can be said of them; figures are fractions, as the metrics are."""

    a: str
    b: str
    metric: str
    difference: float
    """of ``a`` less ``b``"""
    low: float
    """low end of an interval that holds together with those of the whole family"""
    high: float
    mdd: float
    """smallest difference that 80 % of such comparisons of the whole family would find in this pair"""
    df: float
    p: float
    p_holm: float
    p_equivalence: float
    """of a difference as large as the margin, adjusted by Holm too"""
    verdict: Word
    """``a`` or ``b``: it is better; ``equivalent``; ``unknown``: can't tell"""
    within_margin: bool
    """whether the better one is better by less than the margin"""
    seeds: tuple[int, ...]
    """those that both finished"""
    paired: Paired

    def plain(self) -> dict[str, Any]:
        """As JSON can hold it."""
        plain = {name: value for name, value in vars(self).items() if name != "paired"}
        return {**plain, "seeds": list(self.seeds)}


@dataclass(frozen=True)
class Verdicts:
    """Everything that can be said of a set of rows."""

    terms: Terms
    metric: str
    pairs: tuple[Pair, ...]
    """the higher ranked first; against one row: each other, then that row"""
    ranks: Mapping[str, tuple[int, int]]
    """label -> first and last place that the pairs leave open"""
    answer: str
    notes: tuple[str, ...]
    groups: str
    """what the clips were grouped by: ``12 subjects`` or ``383 clips``"""

    def between(self, a: str, b: str) -> Pair | None:
        """The pair of two rows, in whichever order it was judged."""
        return next((pair for pair in self.pairs if {pair.a, pair.b} == {a, b}), None)

    def top(self, first: str) -> tuple[str, ...]:
        """The first row and all that cannot be told to be worse."""
        worse = {p.b if p.verdict == "a" else p.a for p in self.pairs if _beats(p, first)}
        return tuple(label for label in self.ranks if label not in worse)

    def plain(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {
            "answer": self.answer,
            "pairs": [pair.plain() for pair in self.pairs],
            "ranks": {label: list(places) for label, places in self.ranks.items()},
            "terms": {**vars(self.terms), "metric": self.metric},
            "groups": self.groups,
            "notes": list(self.notes),
        }


def _beats(pair: Pair, label: str) -> bool:
    return (pair.verdict == "a" and pair.a == label) or (pair.verdict == "b" and pair.b == label)


def judge_rows(
    rows: Sequence[Scored],
    subjects: Mapping[str, str | None],
    classes: int,
    terms: Terms,
    judging: Judging,
) -> Verdicts:
    """Judge the pairs of a family; none where the row to judge against has no figures.

    Args:
        rows: the best mean first; all judged on the same clips.
        subjects: clip id -> who is seen, where that is known.
        classes: how many there are.
        terms: margin and family.
        judging: the metric that decides, and the positive class where there is one.

    Raises:
        UserError: rows were judged on other clips than others.
    """
    ids, labels = _same_clips(rows)
    groups, grouped_by, notes = grouped(ids, subjects)
    metric = judging.decides
    values = {row.label: _values(row, ids, labels, classes, judging) for row in rows}
    numbers = {row.label: k for k, row in enumerate(rows)}
    asked = _asked([row.label for row in rows], terms)
    found: list[tuple[str, str, tuple[int, ...], Paired]] = []
    for a, b in asked:
        seeds = tuple(sorted(values[a].keys() & values[b].keys()))
        if not seeds:
            notes.append(f"{a} and {b} share no finished seed, so nothing can be said of that pair")
            continue
        difference = np.stack([values[a][seed] - values[b][seed] for seed in seeds])
        lone = len(seeds) == 1 and len(set(groups)) == 1
        found.append((a, b, seeds, paired(difference, ids if lone else groups)))
    judged = judge([pair for *_, pair in found], terms.margin) if found else []
    made = [
        _pair(a, b, metric, seeds, one, terms.margin)
        for (a, b, seeds, _), one in zip(found, judged, strict=True)
    ]
    pairs = tuple(pair for pair, _ in made)
    places = rank_intervals(len(rows), [(numbers[p.a], numbers[p.b], verdict) for p, verdict in made])
    notes += _seed_notes(rows)
    ranks = dict(zip(numbers, places, strict=True))
    means = {label: float(np.mean([v.mean() for v in by_seed.values()])) for label, by_seed in values.items()}
    answer = answer_in_words(pairs, means, metric, terms, grouped_by)
    return Verdicts(terms, metric, pairs, ranks, answer, tuple(notes), grouped_by)


def _asked(labels: Sequence[str], terms: Terms) -> list[tuple[str, str]]:
    if terms.family == "all":
        return list(combinations(labels, 2))
    against = str(terms.against)
    if against not in labels:
        return []
    return [(label, against) for label in labels if label != against]


def _same_clips(rows: Sequence[Scored]) -> tuple[tuple[str, ...], np.ndarray]:
    """The clips of every row and seed, sorted, with their classes; anything else is no comparison."""
    first: dict[str, int] | None = None
    for row in rows:
        for seed, said in row.predictions.items():
            mine = dict(zip(said.ids, said.labels.tolist(), strict=True))
            if len(set(Counter(said.ids).values())) > 1:
                raise UserError(
                    f"{row.label}, seed {seed} was judged on some clips more often than on others. "
                    "Train it again."
                )
            first = first if first is not None else mine
            if mine.keys() != first.keys():
                other = sorted(mine.keys() ^ first.keys())
                raise UserError(
                    f"{row.label}, seed {seed} was judged on other clips than {rows[0].label}: "
                    f"{len(other)} differ, the first: {other[0]!r}. Compare heads on the same clips."
                )
            if mine != first:
                clip = next(i for i in mine if mine[i] != first[i])
                raise UserError(f"{row.label}, seed {seed} was judged by another truth of clip {clip!r}.")
    assert first is not None
    ids = tuple(sorted(first))
    return ids, np.array([first[i] for i in ids])


def _values(
    row: Scored, ids: Sequence[str], labels: np.ndarray, classes: int, judging: Judging
) -> dict[int, np.ndarray]:
    """Seed -> ``(clips,)`` values whose mean is the score; of repeated folds a clip's own mean."""
    values = {}
    for seed, said in row.predictions.items():
        place = {clip: k for k, clip in enumerate(ids)}
        clips = np.array([place[clip] for clip in said.ids])
        if judging.decides == POSITIVE:
            found = positive_f1(labels[clips], said.predicted, classes, judging.positive or 0).per_clip
        else:
            found = per_clip(judging.decides, labels[clips], said.predicted, classes)[0]
        values[seed] = np.bincount(clips, found, len(ids)) * (len(ids) / len(clips))
    return values


def _pair(
    a: str, b: str, metric: str, seeds: tuple[int, ...], judged: Judged, margin: float
) -> tuple[Pair, Verdict]:
    one = judged.pair
    if not one.varies and one.mean == 0:
        judged = _never_apart(judged, margin)
    pair = Pair(
        a=a,
        b=b,
        metric=metric,
        difference=one.mean,
        low=max(judged.low, -1.0),  # no difference of scores lies beyond
        high=min(judged.high, 1.0),
        mdd=judged.mdd,
        df=one.df,
        p=one.p,
        p_holm=judged.p_holm,
        p_equivalence=judged.p_equivalence,
        verdict=judged.verdict.word,
        within_margin=judged.verdict.better_within_margin,
        seeds=seeds,
        paired=one,
    )
    return pair, judged.verdict


def _never_apart(judged: Judged, margin: float) -> Judged:
    """Two heads that no clip and no seed told apart: how many could have bounds their difference.

    The rule of three (Hanley and Lippman-Hand 1983): what was seen in none of G groups has, with 95 %
    confidence, a share of at most 3/G. The formula's interval would have no width, on ten clips too.
    """
    bound = min(1.0, 3 / judged.pair.groups)
    equivalent = bound <= margin
    p = judged.p_equivalence if equivalent else 1.0
    verdict = Verdict(None, equivalent=equivalent)
    return replace(judged, low=-bound, high=bound, mdd=bound, p_equivalence=p, verdict=verdict)


def _seed_notes(rows: Sequence[Scored]) -> list[str]:
    everyone = set().union(*(row.predictions for row in rows))
    notes = []
    for row in rows:
        missing = sorted(everyone - row.predictions.keys())
        if missing:
            listed = ", ".join(map(str, missing))
            notes.append(f"{row.label} has no figures for seed {listed}; its pairs are judged on the others")
    return notes
