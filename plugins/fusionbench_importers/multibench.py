"""MultiBench's pickles of affect: MOSI, MOSEI, humor, sarcasm.

pliang279/MultiBench@0130a106 ``datasets/affect/get_data.py``: ``{train, valid, test} -> {vision,
audio, text, labels, id}``, arrays ``(clips, 50, dim)`` padded with zeros in front, ``labels``
``(clips, 1, 1)`` and ``id`` ``(clips,)`` or rows of video, start and end.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

import fusionbench as fb

from .padded_parts import contents


class MultiBench(fb.Importer):
    """Pickles of MultiBench's affect sets: text, audio and vision, and a label on a scale.

    Padding is cut where a frame is zero in every array of its length. ``valid`` chooses the
    epoch. The subject of a clip is its video.
    """

    name = "multibench"

    class Config(fb.Config):
        """Options."""

        streams: dict[str, str] = Field(
            {},
            description="stream -> key of its array; {} = text, audio and vision, as far as they are there",
        )

    def read(self, source: Path) -> fb.Contents:
        return contents(source, self.config.streams, _labels, scale="labels")


def _labels(part: Mapping[str, Any]) -> list[str]:
    return [key for key in ("labels", "label") if key in part]


@fb.hookimpl
def importers() -> list[type[fb.Importer]]:
    return [MultiBench]
