"""The fifth role: reads files that others exchange, clip by clip, as they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from fusionbench.contract.dataset import Problem
from fusionbench.contract.options import Config as OptionsConfig


@dataclass(frozen=True)
class SourceClip:
    """One clip as its source holds it: padded, with holes, its streams perhaps of different lengths."""

    id: str
    """unique in the source"""
    streams: Mapping[str, np.ndarray]
    """name -> ``(time, dim)`` numbers; NaN and infinities stand for what is missing"""
    labels: Mapping[str, Any] = field(default_factory=dict)
    """name -> a class name, a whole or a real number, or None where the clip has none"""
    split: str | None = None
    """as the source calls it: ``train``, ``valid``, ``test``; None where it parts nothing"""
    subject: str | None = None
    intervals: Mapping[str, np.ndarray] = field(default_factory=dict)
    """stream -> ``(time, 2)``, when each frame begins and ends, in seconds; none where frames are evenly
    spread over the clip"""


@dataclass
class Contents:
    """What a source holds. ``seen`` and ``left_out`` may grow until the last clip has been read."""

    clips: Iterable[SourceClip]
    """read when they are asked for, once"""
    files: Sequence[Path]
    """what is read, in a fixed order; their hashes are kept with the store"""
    total: int | None = None
    """number of clips, where it is known beforehand"""
    labels: Sequence[str] = ()
    """names of the labels that clips have, the default first"""
    scale: str | None = None
    """the label that a rule such as ``sentiment2`` cuts where no other is named; None = the default one"""
    padded: bool = False
    """whether rows of zeros at a clip's ends are padding; arrays of one length then share one time axis"""
    seen: list[str] = field(default_factory=list)
    """sentences on what was found: shapes, ids that were made, what no stream is made of"""
    left_out: list[Problem] = field(default_factory=list)
    """clips that are not read, and why"""


class Importer:
    """Reads one format.

    Nothing of a source may be run. What is wrong in it is a ``UserError`` with the file's name.

    Args:
        config: this class's ``Config``. An option ``streams`` (stream -> which columns) is what
            ``--stream NAME=COLUMNS`` sets.
    """

    name: ClassVar[str]
    """what ``fusionbench data import`` calls the format"""

    class Config(OptionsConfig):
        """No options."""

    def __init__(self, config: Any):
        self.config = config

    def read(self, source: Path) -> Contents:
        """Look at a file or a folder, and say what it holds.

        Raises:
            UserError: it is not of this format, or is damaged; also while its clips are gone through.
        """
        raise NotImplementedError
