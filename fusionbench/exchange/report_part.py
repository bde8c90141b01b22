"""Which clips are reported on where the source parts nothing: every so-many-th person."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from fusionbench.contract.errors import UserError
from fusionbench.contract.importer import SourceClip
from fusionbench.data.faces import natural_key


@dataclass(frozen=True)
class Fold:
    """Fold ``number`` (from 1) of ``of``."""

    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


def parse_fold(text: str | None) -> Fold | None:
    """``2/5`` as a fold.

    Raises:
        UserError: it is none.
    """
    if text is None:
        return None
    found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
    if not found or not 1 <= int(found[1]) <= int(found[2]) or int(found[2]) < 2:
        raise UserError(f"--fold {text!r} is no fold; write K/N, as in --fold 1/5, with N of at least 2.")
    return Fold(int(found[1]), int(found[2]))


class ReportPart:
    """Parts clips by person.

    Persons are put in order of their names, numbers in them as numbers; of ``1/5`` the first,
    sixth, ... are reported on, of ``2/5`` the second, seventh, ... A clip without a subject is a
    person of its own.

    Args:
        fold: what is asked for; None takes the parts that the source gives.
        clips: all of them, gone through beforehand where a fold is asked for.
    """

    def __init__(self, fold: Fold | None, clips: Iterable[SourceClip]):
        self.fold = fold
        people = sorted({_person(clip) for clip in clips}, key=natural_key) if fold else []
        self._reported = set(people[fold.number - 1 :: fold.of]) if fold else set()

    def part(self, clip: SourceClip) -> SourceClip:
        """The clip with its split.

        Raises:
            UserError: it has none and no fold was asked for, or it has one and a fold was.
        """
        if self.fold and clip.split:
            raise UserError(
                f"clip {clip.id!r} is in split {clip.split!r}: the source has parts of its own. "
                "Leave out --fold."
            )
        if not self.fold:
            if not clip.split:
                raise UserError(
                    f"clip {clip.id!r} is in no split. Report on every fifth person with --fold 1/5 (then "
                    "2/5, ...), or give --clips FILE with a column split."
                )
            return clip
        return replace(clip, split="test" if _person(clip) in self._reported else "train")


def _person(clip: SourceClip) -> str:
    return clip.subject or clip.id
