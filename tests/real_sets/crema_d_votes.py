"""CREMA-D as two streams of human votes: what raters made of the voice alone, and of the face alone.

CREMA-D (Cao et al., 2014; ODbL): 91 actors say sentences with six emotions, and people named the emotion
they heard, saw, or both. The input is one ``.npz`` with ``voice``, ``face`` and ``audiovisual``
``(clips, 12)``, shares of the votes and mean strengths, with ``label``, ``actor`` and ``clip``
``(clips,)``, all in the same order. A clip is one moment: T = 1. Every fifth actor is reported on.
``audiovisual`` is no stream: raters who had both are the ceiling.

    python -m tests.real_sets.crema_d_votes crema_d_human_votes.npz OUT    # the store is OUT itself
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import fusionbench as fb

EVERY = 5
"""each so-many-th actor is reported on"""


def clips(source: Path) -> Iterator[dict[str, Any]]:
    """The 7,442 clips."""
    with np.load(source) as arrays:
        columns = ("clip", "label", "actor", "voice", "face")
        actors = sorted(set(arrays["actor"].tolist()))
        reported = set(actors[::EVERY])
        for clip, label, actor, voice, face in zip(*(arrays[name] for name in columns), strict=True):
            yield {
                "id": str(clip),
                "label": str(label),
                "subject": str(actor),
                "split": "test" if actor in reported else "train",
                "streams": {"voice": voice[None], "face": face[None]},
            }


def main(source: Path, out: Path) -> None:
    fb.write_stream_store(out, clips(source))
    print(out)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
