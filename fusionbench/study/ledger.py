"""The trials of one fold's study as Optuna keeps them: drawn by one process at a time, taken up after kills.

A trial is written down whole in one step when it is drawn, and told when it has ended. One whose
process was killed stays open in Optuna, with nobody in its seat: it is failed there, and the same
point drawn once more under its old number, so that its runs are found by identity and go on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from fusionbench.contract.errors import UserError
from fusionbench.study.search import Search, distribution, encoded
from fusionbench.study.storage import Storage

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial

DEFINITION, PASSED = "definition", "passed"
ENOUGH = 5
"""finished trials before any is ended early"""


@dataclass(frozen=True)
class Trial:
    """One trial of a study, as it stands."""

    number: int
    """in the order they were drawn; one that was killed keeps it"""
    point: Mapping[str, Any]
    """option -> value; empty: the default configuration"""
    state: str
    """``running``, ``finished``, ``pruned``, ``failed``, ``unfit`` (not counted) or ``killed``"""
    score: float | None = None
    """mean over its seeds, on the selection split"""
    scores: tuple[float, ...] = ()
    """one a seed"""
    run_ids: tuple[str, ...] = ()
    seconds: float = 0.0
    """of training steps, over its seeds"""
    reason: str = ""
    pruned_at: int | None = None
    killed: int = 0
    """how often it was killed and gone on with"""


@dataclass
class Ledger:
    """A study in its storage. Every method may be called while other processes work on the same study."""

    storage: Storage
    name: str
    definition: Mapping[str, Any]
    """what makes it this study and no other, as JSON can hold it"""
    search: Search
    default: Mapping[str, Any]
    """each searched option's value where nothing is searched"""

    def __post_init__(self) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._opened = datetime.now()
        self._mine: dict[int, int] = {}
        """trial -> its number in Optuna, of those that this process works on"""
        self._exhausted = False
        with self.storage.lock():
            self._study: Study = optuna.create_study(
                study_name=self.name,
                storage=self.storage.optuna,
                direction="maximize",
                load_if_exists=True,
            )
            made = self._study.user_attrs.get(DEFINITION)
            if made is None:
                self._study.set_user_attr(DEFINITION, dict(self.definition))
            else:
                _refuse_another(self.name, made, self.definition)

    def draw(self, total: int) -> Trial | None:
        """The next trial to work on: one that was killed, one that failed before, or a new one.

        Args:
            total: trials that the study is to have.

        Returns:
            None where there is none now; ``is_full`` says whether there may be one later.
        """
        import optuna

        with self.storage.lock():
            latest = self._latest()
            for number, kept in latest.items():
                if number not in self._mine and self._is_left(kept) and self.storage.sit(self._seat(number)):
                    if not kept.state.is_finished():
                        self._say(kept, killed_by="a kill")
                        self._study.tell(kept.number, state=optuna.trial.TrialState.FAIL)
                    again = kept.user_attrs.get("killed", 0) + ("reason" not in kept.user_attrs)
                    attributes = {**_of_birth(kept.user_attrs), "killed": again}
                    return self._begin(number, kept.params, kept.distributions, attributes)
            if self._is_full(latest, total):
                return None
            taken = {kept.user_attrs["key"] for kept in latest.values()}
            number = len(latest)
            found = self.search.next(taken, latest.values(), number)
            self._note_passed()
            if found is None:
                self._exhausted = True
                return None
            self.storage.sit(self._seat(number))
            params = encoded(self.search.space, {**self.default, **found.point})
            ranges = {axis.key: distribution(axis) for axis in self.search.space.axes} if params else {}
            attributes = {"trial": number, "point": dict(found.point), "key": found.key}
            return self._begin(number, params, ranges, attributes)

    def tell(self, number: int, ended: Trial, curve: Sequence[float] = ()) -> None:
        """Write down how a trial of this process ended.

        Args:
            number: of the trial.
            ended: its state and figures.
            curve: selection score by epoch, of its first seed.
        """
        import optuna

        states = optuna.trial.TrialState
        with self.storage.lock():
            kept = next(t for t in self._study.get_trials() if t.number == self._mine[number])
            figures = {"scores": list(ended.scores), "run_ids": list(ended.run_ids), "seconds": ended.seconds}
            if ended.state in ("failed", "unfit"):
                self._say(kept, reason=ended.reason, unfit=ended.state == "unfit")
                self._study.tell(kept.number, state=states.FAIL)
            elif ended.state == "pruned":
                for epoch, score in enumerate(curve, 1):
                    self.storage.optuna.set_trial_intermediate_value(kept._trial_id, epoch, score)
                self._say(kept, **figures, score=ended.score, pruned_at=ended.pruned_at)
                self._study.tell(kept.number, state=states.PRUNED)
            else:
                self._say(kept, **figures, curve=list(curve))
                self._study.tell(kept.number, ended.score)
            del self._mine[number]
            self.storage.leave(self._seat(number))

    def trials(self) -> list[Trial]:
        """Every trial, in the order they were drawn."""
        with self.storage.lock():
            return [_read(kept) for _, kept in sorted(self._latest().items())]

    def is_full(self, total: int) -> bool:
        """Whether no trial is left to draw or to wait for."""
        with self.storage.lock():
            latest = self._latest()
        ended = all(kept.state.is_finished() and not self._is_left(kept) for kept in latest.values())
        return ended and self._is_full(latest, total)

    @property
    def exhausted(self) -> bool:
        """Whether the space has no model that was not tried."""
        return self._exhausted

    @property
    def passed(self) -> tuple[int, dict[str, str]]:
        """Points that whoever drew passed over: how many are the same model as another; unfit -> why."""
        known = self._study.user_attrs.get(PASSED, {"same": 0, "unfit": {}})
        return known["same"], known["unfit"]

    def _note_passed(self) -> None:
        same, unfit = self.passed
        now = {"same": max(same, self.search.same), "unfit": {**unfit, **self.search.unfit}}
        if now != {"same": same, "unfit": unfit}:
            self._study.set_user_attr(PASSED, now)

    def floors(self, epochs: int) -> tuple[float, ...]:
        """The median rule (Golovin et al. 2017, Vizier, section 4.3): what each epoch must have reached.

        A trial that stays below the median of the others' best so far is ended. The first third of
        the epochs, and the first trials, are let be.
        """
        with self.storage.lock():
            curves = [kept.user_attrs.get("curve", []) for kept in self._latest().values()]
        best = [np.maximum.accumulate(curve) for curve in curves if len(curve) == epochs]
        if len(best) < ENOUGH:
            return ()
        medians = np.median(np.stack(best), axis=0)
        return tuple(0.0 if epoch < epochs // 3 else float(m) for epoch, m in enumerate(medians))

    def importance(self) -> dict[str, float]:
        """Share of the score's variation that each option accounts for (PED-ANOVA, Watanabe et al. 2023).

        Empty where too few trials are finished to say.
        """
        import optuna

        with self.storage.lock():
            done = [t for t in self._latest().values() if t.state.name == "COMPLETE" and t.params]
        if len(done) < ENOUGH or len({t.value for t in done}) < 2:
            return {}
        study = optuna.create_study(direction="maximize")
        study.add_trials(done)
        return {key: float(share) for key, share in optuna.importance.get_param_importances(study).items()}

    def _latest(self) -> dict[int, FrozenTrial]:
        """Trial -> how it stands: of one that was gone on with, the last time."""
        found = {}
        for kept in sorted(self._study.get_trials(deepcopy=False), key=lambda kept: kept.number):
            if "trial" in kept.user_attrs:
                found[kept.user_attrs["trial"]] = kept
        return found

    def _is_full(self, latest: Mapping[int, FrozenTrial], total: int) -> bool:
        """Whether no trial is to be drawn: those that do not fit are not counted, unless none fits."""
        unfit = sum(kept.user_attrs.get("unfit", False) for kept in latest.values())
        return self._exhausted or len(latest) - unfit >= total or (unfit == len(latest) and unfit >= ENOUGH)

    def _is_left(self, kept: FrozenTrial) -> bool:
        """Whether it is to be gone on with: nobody ended it, or it failed before this process began."""
        if not kept.state.is_finished() or "killed_by" in kept.user_attrs:
            return True
        failed = kept.state.name == "FAIL" and not kept.user_attrs.get("unfit", False)
        return failed and kept.datetime_complete is not None and kept.datetime_complete < self._opened

    def _begin(
        self, number: int, params: Mapping[str, Any], ranges: Mapping[str, Any], attributes: dict[str, Any]
    ) -> Trial:
        """One write: whatever is killed, it is there whole or not at all."""
        import optuna

        made = optuna.trial.create_trial(
            state=optuna.trial.TrialState.RUNNING,
            params=dict(params),
            distributions=dict(ranges),
            user_attrs=attributes,
        )
        self._study.add_trial(made)
        kept = self._latest()[number]
        self._mine[number] = kept.number
        return _read(kept)

    def _say(self, kept: FrozenTrial, **words: Any) -> None:
        for name, value in words.items():
            self.storage.optuna.set_trial_user_attr(kept._trial_id, name, value)

    def _seat(self, number: int) -> str:
        return f"{self.name}, trial {number}"


def _of_birth(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: attributes[name] for name in ("trial", "point", "key")}


def _read(kept: FrozenTrial) -> Trial:
    said = kept.user_attrs
    states = {"COMPLETE": "finished", "PRUNED": "pruned", "FAIL": "failed"}
    state = "killed" if "killed_by" in said else states.get(kept.state.name, "running")
    state = "unfit" if said.get("unfit", False) else state
    return Trial(
        number=said["trial"],
        point=said["point"],
        state=state,
        score=said.get("score") if state == "pruned" else kept.value,
        scores=tuple(said.get("scores", ())),
        run_ids=tuple(said.get("run_ids", ())),
        seconds=said.get("seconds", 0.0),
        reason=said.get("reason", ""),
        pruned_at=said.get("pruned_at"),
        killed=said.get("killed", 0),
    )


def _refuse_another(name: str, made: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """The same name for another search is a slip; what differs is told.

    Raises:
        UserError: with every difference.
    """
    differ = [key for key in dict.fromkeys([*made, *now]) if made.get(key) != now.get(key)]
    if not differ:
        return
    told = "; ".join(f"{key} was {made.get(key)!r} and is {now.get(key)!r} now" for key in differ[:8])
    more = f" and {len(differ) - 8} more" if len(differ) > 8 else ""
    raise UserError(
        f"study {name!r} is another one: {told}{more}. What a study searches is fixed when it is made. "
        "Give the command as it was, or another --name."
    )
