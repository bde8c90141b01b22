"""Which point a study tries next: the first of its order that is a model of its own, or what TPE proposes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from fusionbench.contract.errors import NotSupported, UserError
from fusionbench.contract.hashing import canonical, digest
from fusionbench.study.points import points
from fusionbench.study.space import Axis, Space

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

PATIENCE = 1000
"""points in a row that bring nothing new, after which a space has no more to give"""
PROPOSALS = 30
"""of TPE for one trial, before a point at random is taken"""


@dataclass(frozen=True)
class Candidate:
    """A point that can be run."""

    point: Mapping[str, Any]
    """option -> value; empty: the default configuration"""
    key: str
    """equal for points that are the same model"""


@dataclass
class Search:
    """The candidates of one fold, in order; each point is looked at once in a process."""

    space: Space
    sampler: str
    seed: int
    key_of: Callable[[Mapping[str, Any]], str]
    """a point to what is equal for points that are the same model; raises where it can't be run"""
    found: list[Candidate] = field(default_factory=list)
    """points of the order so far, one a model"""
    unfit: dict[str, str] = field(default_factory=dict)
    """point, as text -> why it can't be run"""
    same: int = 0
    """points of the order that are the same model as one before"""

    def __post_init__(self) -> None:
        self._order: Iterator[dict[str, Any]] = points(self.space, self.sampler, self.seed)

    def next(self, taken: Collection[str], history: Iterable[FrozenTrial], draw: int) -> Candidate | None:
        """A point whose model nobody has tried; None where the space has no other.

        Args:
            taken: keys of the models that were tried or are being tried.
            history: trials that TPE learns from, those that run among them.
            draw: number of the trial.
        """
        if self.sampler == "tpe" and draw > 0 and (proposed := self._proposed(taken, history, draw)):
            return proposed
        place = 0
        while place < len(self.found) or self._advance():
            if self.found[place].key not in taken:
                return self.found[place]
            place += 1
        return None

    def _advance(self) -> bool:
        """Go on in the order to the next model of its own; False where there is none."""
        known = {one.key for one in self.found}
        for point in islice(self._order, PATIENCE):
            one = self._looked_at(point)
            if one is not None and one.key not in known:
                self.found.append(one)
                return True
            self.same += one is not None
        return False

    def _looked_at(self, point: Mapping[str, Any]) -> Candidate | None:
        try:
            return Candidate(point, self.key_of(point))
        except UserError as error:  # a bound that options set each other, or parts that do not fit
            if not point and not isinstance(error, NotSupported):
                raise
            self.unfit[canonical(dict(point))] = str(error)
            return None

    def _proposed(
        self, taken: Collection[str], history: Iterable[FrozenTrial], draw: int
    ) -> Candidate | None:
        """TPE's proposal, learnt from what was tried; repeats are answered and asked again.

        It draws on a copy in memory, from a seed of the trial's own: no two processes draw the same,
        and nothing is written down before it is known to fit.
        """
        import optuna

        asked = {axis.key: distribution(axis) for axis in self.space.axes}
        study = optuna.create_study(direction="maximize")
        study.add_trials([trial for trial in history if trial.params])
        scores = {trial.user_attrs["key"]: trial.value for trial in study.get_trials()}
        for attempt in range(PROPOSALS):
            study.sampler = optuna.samplers.TPESampler(seed=int(digest([self.seed, draw, attempt])[:8], 16))
            trial = study.ask(asked)
            one = self._looked_at(
                {axis.key: decoded(axis, trial.params[axis.key]) for axis in self.space.axes}
            )
            if one is not None and one.key not in taken:
                return one
            known = scores.get(one.key) if one else None
            study.tell(trial, known, state=None if known is not None else optuna.trial.TrialState.FAIL)
        return None


def distribution(axis: Axis) -> BaseDistribution:
    """An option's values as Optuna knows them."""
    from optuna import distributions

    if axis.values is not None:
        return distributions.CategoricalDistribution([_choice(value) for value in axis.values])
    if axis.whole:
        return distributions.IntDistribution(int(axis.low), int(axis.high), log=axis.log)
    return distributions.FloatDistribution(axis.low, axis.high, log=axis.log)


def encoded(space: Space, point: Mapping[str, Any]) -> dict[str, Any]:
    """A point as Optuna keeps it; empty where it lies outside the space, as a default may."""
    if not all(axis.holds(point[axis.key]) for axis in space.axes):
        return {}
    return {axis.key: _choice(point[axis.key]) if axis.values else point[axis.key] for axis in space.axes}


def decoded(axis: Axis, kept: Any) -> Any:
    """A value that Optuna proposed."""
    if axis.values is None:
        return axis.tidy(kept)
    return next(value for value in axis.values if _choice(value) == kept)


def _choice(value: Any) -> Any:
    """Optuna's choices are single values; others are kept as text."""
    return value if value is None or isinstance(value, (bool, int, float, str)) else canonical(value)
