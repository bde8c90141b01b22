"""Heads simulated in the designs of ``docs/statistics.md``: how often a test errs.

    python -m tests.statistics.simulation

prints the whole table, beside what an independent simulation of the first four designs gave.

A clip is right where a normal number falls below a threshold. Part of the number belongs to the clip (a
hard clip is hard for all heads), the rest is drawn for each head and seed. Seeds and people shift a
head's threshold by draws of its own, so heads of equal ``truths`` are exchangeable.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations

import numpy as np
from scipy.stats import binom, norm, t as student_t

from fusionbench.statistics import student
from fusionbench.statistics.families import Judged, judge
from fusionbench.statistics.influence import per_clip
from fusionbench.statistics.paired import Paired, paired

SHARES = np.array([0.25, 0.2, 0.15, 0.12, 0.12, 0.08, 0.08])
"""of the clips, by class, where classes matter"""


@dataclass(frozen=True)
class Simulated:
    """What is drawn: sizes, and standard deviations as fractions of accuracy."""

    name: str
    clips: int
    people: int = 0
    """0: nobody is known, every clip is its own group"""
    seed_sd: float = 0.015
    """of one head over seeds"""
    person_sd: float = 0.0
    """of one head over people"""
    lasting: float = 0.0
    """share of a head's own part of the number that is the same with every seed"""
    seeds: int = 5
    shared: float = 0.7
    """correlation of two heads' numbers on a clip; at 0.7 they differ on a quarter of the clips"""
    truths: tuple[float, ...] = (0.0, 0.0)
    """true accuracy of each head, above a half"""

    @property
    def groups(self) -> np.ndarray:
        """``(clips,)``"""
        return np.arange(self.clips) * (self.people or self.clips) // self.clips


DESIGNS = (
    Simulated("383 clips, 5 seeds, seed sd 1.5 points", 383),
    Simulated("same, seed sd 3 points", 383, seed_sd=0.03),
    Simulated("720 clips of 8 people, person sd 5 points", 720, 8, person_sd=0.05),
    Simulated("1463 clips of 18 people, same", 1463, 18, person_sd=0.05),
    Simulated("383 clips, a head suits a clip or not", 383, lasting=0.5),
)
ELSEWHERE = ((13, 11, 10, 5, 3), (27, 26, 26, 5, 4), (50, 49, 27, 24, 4), (56, 57, 38, 17, 6), None)
"""false alarms in % of an independent simulation, in the order of ``TESTS``"""


def draw(design: Simulated, rng: np.random.Generator) -> np.ndarray:
    """``(heads, seeds, clips)`` whether each head is right."""
    heads, slope = len(design.truths), norm.pdf(0)  # slope of accuracy by the threshold, at a half
    alone = 1 - design.shared
    clip = rng.normal(0, math.sqrt(design.shared), design.clips)
    own = rng.normal(0, math.sqrt(alone * (1 - design.lasting)), (heads, design.seeds, design.clips))
    threshold = np.array(design.truths)[:, None, None] / slope
    threshold = threshold + rng.normal(0, design.seed_sd / slope, (heads, design.seeds, 1))
    if design.lasting:
        own = own + rng.normal(0, math.sqrt(alone * design.lasting), (heads, 1, design.clips))
    if design.people:
        by_person = rng.normal(0, design.person_sd / slope, (heads, 1, design.people))
        threshold = threshold + by_person[:, :, design.groups]
    return clip + own < threshold


def repetitions(design: Simulated, times: int, seed: int = 0) -> Iterator[np.ndarray]:
    """``(heads, seeds, clips)`` of each repetition."""
    rng = np.random.default_rng(seed)
    for _ in range(times):
        yield draw(design, rng)


def classes_of(right: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """True classes ``(clips,)`` and predicted ones ``(heads, seeds, clips)``: wrong clips get another."""
    labels = rng.choice(len(SHARES), right.shape[-1], p=SHARES)
    other = (labels + rng.integers(1, len(SHARES), right.shape)) % len(SHARES)
    return labels, np.where(right, labels, other)


def two_way(right: np.ndarray, groups: np.ndarray) -> Paired:
    """The test as shipped, of the first two heads' accuracy."""
    return paired(right[0].astype(float) - right[1], groups)


def two_way_of(metric: str, right: np.ndarray, groups: np.ndarray, rng: np.random.Generator) -> Paired:
    """The test as shipped, of a function of the confusion matrix of seven uneven classes."""
    labels, said = classes_of(right, rng)
    a, b = (per_clip(metric, labels, head, len(SHARES)) for head in said[:2])
    return paired(a - b, groups)


def family(right: np.ndarray, groups: np.ndarray) -> list[Judged]:
    """The verdicts as shipped, on all pairs of heads."""
    d = right.astype(float)
    return judge([paired(d[a] - d[b], groups) for a, b in combinations(range(len(d)), 2)])


def bootstrap_over_clips(right: np.ndarray, resamples: int = 400) -> bool:
    """Whether the 95 % percentile interval over resampled clips, seeds kept, leaves out 0."""
    means = _resampled(right.shape[-1], resamples) @ (right[0].astype(float) - right[1]).mean(axis=0)
    low, high = np.quantile(means, (0.025, 0.975))
    return not low <= 0 <= high


@cache
def _resampled(clips: int, resamples: int) -> np.ndarray:
    """``(resamples, clips)`` weight of each clip, the same for all repetitions."""
    return np.random.default_rng(1).multinomial(clips, np.full(clips, 1 / clips), resamples) / clips


def mcnemar(right: np.ndarray) -> bool:
    """Whether McNemar's exact test over all given clips and seeds finds a difference."""
    only_a, only_b = (right[0] & ~right[1]).sum(), (right[1] & ~right[0]).sum()
    return bool(2 * binom.cdf(min(only_a, only_b), only_a + only_b, 0.5) < 0.05)


def t_over_seeds(right: np.ndarray) -> bool:
    """Whether the t-test on the seeds' differences finds one."""
    d = right[0].mean(axis=1) - right[1].mean(axis=1)
    error = d.std(ddof=1) / math.sqrt(len(d))
    return bool(abs(d.mean()) > student_t.ppf(0.975, len(d) - 1) * error)


TESTS: dict[str, Callable[[np.ndarray, np.ndarray], bool]] = {
    "bootstrap over clips": lambda right, groups: bootstrap_over_clips(right),
    "McNemar, seeds pooled": lambda right, groups: mcnemar(right),
    "McNemar of one run": lambda right, groups: mcnemar(right[:, :1]),
    "t over seeds": lambda right, groups: t_over_seeds(right),
    "two-way clustered": lambda right, groups: two_way(right, groups).p < 0.05,
}
"""name -> whether the test finds a difference"""


def false_alarms(design: Simulated, times: int, test: str = "two-way clustered") -> float:
    """Share of repetitions in which a test finds a difference between equal heads."""
    groups = design.groups
    return float(np.mean([TESTS[test](right, groups) for right in repetitions(design, times)]))


def false_alarms_of(metric: str, design: Simulated, times: int) -> float:
    """The same of the two-way test of a function of the confusion matrix."""
    rng, groups = np.random.default_rng(2), design.groups
    return float(
        np.mean([two_way_of(metric, right, groups, rng).p < 0.05 for right in repetitions(design, times)])
    )


def coverage(design: Simulated, times: int, difference: float = 0.03) -> float:
    """Share of repetitions whose 95 % interval holds the true difference."""
    design, groups = replace(design, truths=(difference / 2, -difference / 2)), design.groups
    found = (two_way(right, groups) for right in repetitions(design, times))
    return float(np.mean([pair.low <= difference <= pair.high for pair in found]))


def false_equivalence(design: Simulated, times: int, margin: float) -> float:
    """Share of repetitions that call heads equivalent whose difference is the margin itself."""
    design, groups = replace(design, truths=(margin / 2, -margin / 2)), design.groups
    found = (two_way(right, groups) for right in repetitions(design, times))
    return float(np.mean([student.p_equivalence(q.mean, q.variance, q.df, margin) < 0.05 for q in found]))


def family_errors(design: Simulated, times: int) -> tuple[float, float]:
    """Share of families with a false verdict, and of those in which an interval misses its difference.

    False is a better head that is not better, and an equivalence of heads further apart than the margin.
    """
    truths = [a - b for a, b in combinations(design.truths, 2)]
    false, missed = [], []
    for right in repetitions(design, times):
        judged = list(zip(truths, family(right, design.groups), strict=True))
        false.append(
            any(q.verdict.better == ("b" if truth > 0 else "a") for truth, q in judged if truth)
            or any(q.verdict.better for truth, q in judged if not truth)
            or any(q.verdict.equivalent for truth, q in judged if abs(truth) >= 0.01)
        )
        missed.append(any(not q.low <= truth <= q.high for truth, q in judged))
    return float(np.mean(false)), float(np.mean(missed))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=2000, help="repetitions of each design")
    times = parser.parse_args().times
    print(
        f"False alarms between equal heads in %, {times} repetitions; in brackets an independent simulation"
    )
    print(
        f"{'':42}" + "".join(f"{name:>22}" for name in TESTS) + f"{'coverage':>10}{'UAR':>6}{'F1':>6}{'M':>6}"
    )
    for design, elsewhere in zip(DESIGNS, ELSEWHERE, strict=True):
        line = f"{design.name:42}"
        for k, test in enumerate(TESTS):
            beside = f" ({elsewhere[k]:2})" if elsewhere else " " * 5
            line += f"{100 * false_alarms(design, times, test):17.1f}{beside}"
        line += f"{100 * coverage(design, times):10.1f}"
        line += "".join(
            f"{100 * false_alarms_of(metric, design, times):6.1f}" for metric in ("uar", "f1", "m")
        )
        print(line, flush=True)
    for seeds in (5, 10):
        sizes = {f"{d.clips} clips": replace(d, seeds=seeds) for d in (DESIGNS[0], DESIGNS[2])}
        found = {
            name: np.mean([two_way(right, d.groups).mdd for right in repetitions(d, times // 4)])
            for name, d in sizes.items()
        }
        print(f"mean smallest detectable difference, {seeds} seeds, points:", end=" ")
        print(", ".join(f"{name} {100 * mdd:.1f}" for name, mdd in found.items()))
    ten = replace(DESIGNS[0], seeds=10)
    edge = 100 * false_equivalence(ten, times, 0.06)
    print(f"false equivalence at a margin of 6 points, 10 seeds: {edge:.1f} %")
    for truths in ((0.0,) * 7, (0.0, 0.0, 0.0, 0.0, 0.05, 0.06, 0.1), tuple(k * 0.03 for k in range(-3, 4))):
        false, missed = family_errors(replace(ten, truths=truths), times // 4)
        print(
            f"21 pairs, truths {truths}: false verdicts {100 * false:.1f} %, intervals {100 * missed:.1f} %"
        )


if __name__ == "__main__":
    main()
