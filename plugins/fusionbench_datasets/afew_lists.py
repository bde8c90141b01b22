"""Published lists of AFEW's clips, in place of class folders: two formats, a line a clip.

Emotion-FAN (``data/txt/afew_train.txt``): folder and number, name of the class; older ones with ``.avi``::

    Fear/013736360 Fear

Former-DFER (``annotation/AFEW_train.txt``): a path that ends in split, class and number; frames; class::

    /home/user/datasets/AFEW_Face/validation/Anger/1_3_011506880 76 3
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import fusionbench as fb

FORMER_DFER = ("Happy", "Sad", "Neutral", "Angry", "Surprise", "Disgust", "Fear")
"""in the order of its class numbers; every repository has another one"""
DISAGREEMENTS = {
    "train/001343200": "Neutral in Emotion-FAN's list, Angry in Former-DFER's",
    "train/001346600": "Neutral in Emotion-FAN's list, Angry in Former-DFER's",
    "train/015407880": "in Former-DFER's list alone",
    "train/020950800": "in Former-DFER's list alone",
    "report/000147200": "in Former-DFER's list alone",
    "report/003353294": "in Emotion-FAN's list alone",
    "report/003902287": "in Emotion-FAN's list alone",
    "report/004827807": "in Former-DFER's list alone",
    "report/012949687": "Happy in Emotion-FAN's list, Neutral in Former-DFER's",
}
"""``split/number`` -> in what the two lists differ: 771 and 381 clips (Emotion-FAN @874e8719), 773 and 381"""
LARGEST = 10_000_000
"""bytes of a list"""
_NUMBER = re.compile(r"(?:\d_\d_)?(\d{9})(?:\.avi)?")
_SPLITS = {"train": "train", "val": "report", "validation": "report", "eval": "report"}


class Lists:
    """``labels`` by split and number, and the ``problems`` of the lines.

    Args:
        paths: list files; of one or of both splits.
        classes: AFEW's own.

    Raises:
        UserError: a file cannot be read, or a line is of neither format.
    """

    def __init__(self, paths: Iterable[Path], classes: tuple[str, ...]):
        self.labels: dict[str, dict[str, str]] = {}
        self.problems: list[fb.Problem] = []
        self._classes = classes
        for path in paths:
            with fb.reading("list", path, "Name a list of Emotion-FAN's or Former-DFER's format."):
                text = fb.read_regular(path, LARGEST).decode("utf-8-sig")
                lines = [
                    (n, line.split()) for n, line in enumerate(text.splitlines(), start=1) if line.strip()
                ]
                if not lines:
                    raise fb.UserError(f"list {path} is empty.")
                for number, words in lines:
                    self._add(path, f"{path.name}, line {number}", words)

    def _add(self, path: Path, where: str, words: list[str]) -> None:
        place = PurePosixPath(words[0].replace("\\", "/"))
        number = _NUMBER.fullmatch(place.name)
        numbered = len(words) == 3 and words[1].isdecimal() and words[2].isdecimal()
        if number is None or not (len(words) == 2 or numbered):
            raise fb.UserError(
                f"list {path}: {where} is {' '.join(words)!r}; expected 'Fear/013736360 Fear' or "
                "'.../validation/Anger/1_3_011506880 76 3'."
            )
        label = fb.named_class(place.parent.name if numbered else words[1], self._classes, where)
        other = place.parent.name
        if numbered:
            other = FORMER_DFER[int(words[2])] if int(words[2]) < len(FORMER_DFER) else words[2]
        split = self._split(path, place, where)
        clip = f"{split}/{number[1]}"
        if other and not (numbered and other.isdecimal()):
            other = fb.named_class(other, self._classes, where)
        if other and other != label:
            self.problems.append(fb.Problem(clip, f"{where} calls it {label} and {other}; {label} is taken"))
        known = self.labels.setdefault(split, {}).setdefault(number[1], label)
        if known != label:
            self.problems.append(fb.Problem(clip, f"{where}: {label}, but {known} before; {known} is taken"))

    def _split(self, path: Path, place: PurePosixPath, where: str) -> str:
        """By the folder around the class, else by the name of the list."""
        around = place.parent.parent.name.lower().removesuffix("_afew")
        if around in _SPLITS:
            return _SPLITS[around]
        words = [word for word in re.split(r"[^a-z]+", path.stem.lower()) if word in _SPLITS]
        if not words:
            raise fb.UserError(
                f"list {path}: neither {where} nor the name of the file says which split it is of. "
                "Call it *_train.txt or *_val.txt."
            )
        return _SPLITS[words[-1]]
