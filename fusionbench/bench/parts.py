"""The parts of a fold: who is trained on, who selects, who is reported; and what to tell about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fusionbench.contract.dataset import Clip, Fold, Protocol
from fusionbench.contract.errors import UserError
from fusionbench.data.findings import Finding, listed
from fusionbench.data.folds import carve_selection
from fusionbench.data.labels import in_order
from fusionbench.data.splits import SELECTION

CARVED = "carved out of train"
LEAK = "subject leak"
DONE = {"train": "trained on", "selection": "selected on", "report": "reported on"}
"""part -> what is done with its clips"""
_NAMES = 20
"""subjects that are named in what is kept"""


@dataclass(frozen=True)
class Parts:
    """The clips of a fold, each in one part."""

    train: tuple[Clip, ...]
    selection: tuple[Clip, ...]
    report: tuple[Clip, ...]
    carved: bool
    """whether the selection split is the protocol's, taken out of the dataset's training part"""

    def sizes(self) -> dict[str, dict[str, Any]]:
        """Part -> number of ``clips``, of ``subjects`` (None: not known), its own ``name``, and of judged
        ``frames`` where frames are labelled one by one."""
        named = {
            "train": ("train", self.train),
            "selection": (CARVED if self.carved else SELECTION, self.selection),
            "report": (self._report_name(), self.report),
        }
        return {
            part: {
                "clips": len(clips),
                "subjects": len(_subjects(clips)) or None,
                "name": name,
                **_frames(clips),
            }
            for part, (name, clips) in named.items()
        }

    def _report_name(self) -> str:
        """What the dataset calls the part that is reported on, where that part is all its own."""
        splits = {clip.split for clip in self.report}
        if len(splits) > 1 or self._of_one_pool():
            return "report"
        name = next(iter(splits), "") or "report"
        return "val" if name == SELECTION else name

    def _of_one_pool(self) -> bool:
        """Whether folds cut what is reported on out of the same clips as the rest."""
        seen = {clip.split for clip in (*self.train, *self.selection)}
        return any(clip.split in seen for clip in self.report)

    def subject_leak(self) -> dict[str, Any] | None:
        """Reported subjects who are also trained or selected on: their first names, ``count``, ``of``."""
        return leak((*self.train, *self.selection), self.report)

    def findings(self) -> list[Finding]:
        """What a reader of this fold's number must know."""
        found = []
        shared = self.subject_leak()
        if shared:
            selected = not self.carved and leak(self.train, self.report) != shared
            seen = "trained or selected on" if selected else "trained on"
            found.append(Finding(LEAK, leak_message(shared, seen), wrong=True))
        unclear = leak(self.train, self.selection)
        if unclear:
            found.append(
                Finding(
                    "selection subjects",
                    f"{unclear['count']} of {unclear['of']} subjects of the selection split are "
                    f"also trained on: {_named(unclear)}. The epoch is chosen on people who are known.",
                )
            )
        everyone = (*self.train, *self.selection, *self.report)
        unknown = sum(not clip.subject for clip in everyone)
        if unknown == len(everyone) and self._of_one_pool():
            found.append(
                Finding(
                    "no subject",
                    "no subject is known, so the same person may be on both sides. "
                    "Folds keep people apart where clips name a subject.",
                )
            )
        if 0 < unknown < len(everyone):
            found.append(
                Finding(
                    "no subject",
                    f"{unknown} of {len(everyone)} clips have no subject. "
                    "Each counts as a person of its own: a leak through them cannot be seen.",
                )
            )
        missing = in_order(_labels(self.train) - _labels(self.selection))
        if missing:
            found.append(
                Finding(
                    "selection classes",
                    f"the selection split has no clip of {len(missing)} class(es): {listed(missing)}. "
                    "The epoch is chosen without them.",
                )
            )
        return found


def part_fold(fold: Fold, clips: Mapping[str, Clip], protocol: Protocol) -> Parts:
    """The parts of a fold; the selection split is the dataset's own, or else carved out of ``fold.train``.

    Raises:
        UserError: a part is empty, two parts share a clip, a class has no clip to train on, or no
            selection split can be carved.
    """
    given = {
        "train": [clips[i] for i in fold.train],
        "selection": [clips[i] for i in fold.selection],
        "report": [clips[i] for i in fold.report],
    }
    _refuse_shared_clips(fold)
    carved = not fold.selection
    if carved:
        train, selection = carve_selection(given["train"], protocol.selection_fraction, protocol.seed)
        given |= {"train": [clips[i] for i in train], "selection": [clips[i] for i in selection]}
    trained = _labels(given["train"])
    for part in ("selection", "report"):
        if given[part] and not _labels(given[part]):
            raise UserError(
                f"no frame of the {part} split of fold {fold.name!r} is judged: all are unlabelled."
            )
        untrained = Counter(label for clip in given[part] for label in clip.judged if label not in trained)
        if untrained:
            label = in_order(untrained)[0]
            more = f" (and {len(untrained) - 1} more such classes)" if len(untrained) > 1 else ""
            raise UserError(
                f"class {label!r} has no clip to train on, but {untrained[label]} in the {part} split"
                f"{'' if fold.name == 'official' else f' of fold {fold.name!r}'}{more}. "
                "Leave out its clips (--set dataset.classes=... names the classes that stay), or move some "
                "to train."
            )
    ordered = {part: tuple(sorted(some, key=lambda clip: clip.id)) for part, some in given.items()}
    return Parts(**ordered, carved=carved)


def _refuse_shared_clips(fold: Fold) -> None:
    times = Counter((*fold.train, *fold.selection, *fold.report))
    twice = [clip for clip, count in times.items() if count > 1]
    if twice:
        raise UserError(
            f"fold {fold.name!r} has {len(twice)} clip(s) in more than one place, such as {twice[0]!r}. "
            "A clip is trained on, selected on or reported on."
        )


def fold_findings(
    folds: Sequence[Fold], clips: Mapping[str, Clip], protocol: Protocol
) -> tuple[dict[str, Parts], list[Finding]]:
    """The parts of each fold, and what there is to tell, once where it is true of several.

    Raises:
        UserError: as ``part_fold``.
    """
    parts = {fold.name: part_fold(fold, clips, protocol) for fold in folds}
    told: dict[str, list[tuple[str, Finding]]] = {}
    for name, part in parts.items():
        for finding in part.findings():
            told.setdefault(finding.kind, []).append((name, finding))
    found = []
    for kind, entries in told.items():
        name, first = entries[0]
        where = f" ({len(entries)} of {len(parts)} folds; this is fold {name!r})" if len(parts) > 1 else ""
        found.append(Finding(kind, first.message + where, first.wrong))
    return parts, found


def unused(folds: Sequence[Fold], clips: Sequence[Clip]) -> dict[str, int]:
    """Split -> number of its clips that no fold uses."""
    used = {clip for fold in folds for clip in (*fold.train, *fold.selection, *fold.report)}
    return dict(Counter(clip.split for clip in clips if clip.id not in used))


def leak(seen: Sequence[Clip], judged: Sequence[Clip]) -> dict[str, Any] | None:
    """The subjects of ``judged`` who are also ``seen``: their first names, how many, of how many."""
    of = _subjects(judged)
    both = sorted(_subjects(seen) & of)
    return {"subjects": both[:_NAMES], "count": len(both), "of": len(of)} if both else None


def leak_message(shared: Mapping[str, Any], seen: str = "trained on") -> str:
    """``subject leak: 12 of 12 reported subjects are also trained on: ...``."""
    return f"{LEAK}: {shared['count']} of {shared['of']} reported subjects are also {seen}: {_named(shared)}."


def _named(shared: Mapping[str, Any], most: int = 5) -> str:
    more = f" and {shared['count'] - most} more" if shared["count"] > most else ""
    return ", ".join(shared["subjects"][:most]) + more


def _frames(clips: Sequence[Clip]) -> dict[str, int]:
    labelled = any(clip.labels for clip in clips)
    return {"frames": sum(len(clip.judged) for clip in clips)} if labelled else {}


def _labels(clips: Sequence[Clip]) -> set[str]:
    return {label for clip in clips for label in clip.judged}


def _subjects(clips: Sequence[Clip]) -> set[str]:
    return {clip.subject for clip in clips if clip.subject}


def parts_line(sizes: Mapping[str, Mapping[str, Any]]) -> str:
    """``trained on 48 clips of 12 subjects, selected on 12 clips (carved out of train), ...``."""
    return ", ".join(f"{done} {_size(sizes[part])}" for part, done in DONE.items())


def _size(part: Mapping[str, Any]) -> str:
    people = f" of {part['subjects']} subject{'s' * (part['subjects'] > 1)}" if part["subjects"] else ""
    own = f" ({part['name']})" if part["name"] not in ("train", SELECTION, "report") else ""
    frames = f"{part['frames']:,} frames of " if "frames" in part else ""
    return f"{frames}{part['clips']} clips{people}{own}"
