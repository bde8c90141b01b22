"""Equal terms: in one ranking all but what is declared is the same, in what is asked and what came out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from fusionbench.bench.outcome import FoldOutcome, Outcome
from fusionbench.catalog.plugins import RUN_KINDS
from fusionbench.catalog.run_config import RunConfig
from fusionbench.contract.errors import UserError

if TYPE_CHECKING:
    from fusionbench.study.experiment import Member

SEED = "seed"
PER_RUN_KEYS = ("fold", SEED)


def refuse_unequal(configs: Iterable[RunConfig], declared: Sequence[str]) -> None:
    """In one ranking everything but what is declared must be the same.

    Raises:
        UserError: with the name of the first option that differs undeclared.
    """
    first: dict[str, Any] | None = None
    for config in configs:
        flat = {key: value for key, value in config.flat().items() if not _declared(key, declared)}
        first = first if first is not None else flat
        for key in sorted({*first, *flat}):
            if first.get(key) != flat.get(key):
                varied = ", ".join(k for k in declared if k not in PER_RUN_KEYS)
                raise UserError(
                    f"not on equal terms: {key} is {first.get(key)!r} in one run, "
                    f"{flat.get(key)!r} in another, but the experiment varies only {varied}. "
                    f"Fix it for all with --set {key}=VALUE, or vary it."
                )


def _declared(key: str, declared: Sequence[str]) -> bool:
    """Varying a kind (``fusion``) declares all its options."""
    return any(
        key == d or (d.split(".")[0] in RUN_KINDS and "." not in d and key.startswith(f"{d}."))
        for d in declared
    )


def refuse_unequal_starts(configs: Sequence[RunConfig], row_keys: Sequence[str]) -> None:
    """Relation encoders are compared trained, all from the same kind of start."""
    varied = [key for key in row_keys if key.split(".")[0] == "relation"]
    if not varied:
        return
    if configs[0].options.front_end.trainable == "none":
        raise UserError(
            f"{varied[0]} varies, but front_end.trainable is none: "
            "frozen weights were made for one of the rows. "
            "Train the encoder in every row: --set front_end.trainable=relation."
        )
    starts = {
        c.relation is not None and c.relation.cls.weights(c.relation.options) is not None for c in configs
    }
    if len(starts) > 1:
        raise UserError(
            f"{varied[0]} varies, and only some rows have pre-trained weights for their options. "
            "Start every row alike: --set relation.weights=null."
        )


def refuse_unequal_results(runs: Sequence[tuple[Member, Outcome]]) -> None:
    """Hold finished runs to what they were asked for, wherever their figures come from.

    Raises:
        UserError: generated data beside real ones, other folds or parts, or a run that trained longer.
    """
    (one, first), *others = runs
    for member, outcome in others:
        who, than = f"{member.label}, seed {member.seed}", f"{one.label}, seed {one.seed}"
        if outcome.stand_in != first.stand_in:
            raise UserError(f"not on equal terms: of {who} and {than} one was run on generated data.")
        if [f.fold for f in outcome.folds] != [f.fold for f in first.folds]:
            raise UserError(f"not on equal terms: {who} was judged on other folds than {than}.")
        for mine, theirs in zip(outcome.folds, first.folds, strict=True):
            if mine.parts and theirs.parts and mine.parts != theirs.parts:
                raise UserError(
                    f"not on equal terms: {who} has other parts than {than} in fold {mine.fold}: "
                    f"{mine.parts} and {theirs.parts}."
                )
    for member, outcome in runs:
        for fold in outcome.folds:
            _refuse_other_choice(f"{member.label}, seed {member.seed}", fold)
        asked = member.config.options.training.epochs
        longest = max(fold.epochs for fold in outcome.folds)
        if longest > asked:
            raise UserError(
                f"not on equal terms: {member.label}, seed {member.seed} trained {longest} epochs; "
                f"{asked} were asked for. Run it again."
            )


def _refuse_other_choice(who: str, fold: FoldOutcome) -> None:
    """The epoch is the one that the selection split chose; a result that kept no history can't be asked."""
    if not fold.history:
        return
    metric = f"selection/{fold.judging.decides}"
    best = max(
        range(len(fold.history)),
        key=lambda epoch: (fold.history[epoch][metric], -fold.history[epoch]["selection/loss"], -epoch),
    )
    if fold.selected_epoch != best + 1:
        raise UserError(
            f"not on equal terms: {who} is judged at epoch {fold.selected_epoch} of fold {fold.fold}, but "
            f"the selection split chose epoch {best + 1}. An epoch that was chosen otherwise is no result."
        )
