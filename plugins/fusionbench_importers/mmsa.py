"""MMSA's feature pickles: MOSI, MOSEI, SIMS, as ``unaligned_50.pkl`` or ``aligned_50.pkl``.

thuiar/MMSA@177bc046 ``src/MMSA/data_loader.py`` reads them, thuiar/MMSA-FET@1548bda6
``src/MSA_FET/dataset.py`` writes them: ``{train, valid, test} -> {id, raw_text, text, text_bert,
audio, vision, audio_lengths, vision_lengths, annotations, regression_labels, ...}``, arrays
``(clips, time, dim)`` padded with zeros.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

import fusionbench as fb

from .padded_parts import contents

FIRST = ("annotations", "classification_labels", "regression_labels")


class MMSA(fb.Importer):
    """Pickles of MMSA and MMSA-FET: text, audio and vision of MOSI, MOSEI, SIMS.

    Padding is cut where a frame is zero in every array of its length. ``valid`` chooses the
    epoch. The subject of a clip is its video, what stands before ``$_$`` in its id.
    """

    name = "mmsa"

    class Config(fb.Config):
        """Options."""

        streams: dict[str, str] = Field(
            {},
            description="stream -> key of its array; {} = text, audio and vision, as far as they are there",
        )

    def read(self, source: Path) -> fb.Contents:
        return contents(source, self.config.streams, _labels, scale="regression_labels")


def _labels(part: Mapping[str, Any]) -> list[str]:
    """Class names first, then numbers of classes, then scales; those of a single modality last."""
    others = sorted(key for key in part if "labels" in str(key) and key not in FIRST)
    return [*(key for key in FIRST if key in part), *others]


@fb.hookimpl
def importers() -> list[type[fb.Importer]]:
    return [MMSA]
