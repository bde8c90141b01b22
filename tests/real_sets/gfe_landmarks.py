"""Grammatical Facial Expressions as two streams: where the points of a face are, and how its parts relate.

UCI Grammatical Facial Expressions (Freitas et al., 2014; CC BY 4.0): two people sign Libras sentences
before a Kinect that follows 100 points of the face. The input is one ``.npz`` with, for every user and
expression, ``<user>_<expression>_points`` ``(frames, 100, 3)`` and ``_label`` ``(frames,)``, 1 where
the expression is shown. One clip is one run of such frames; the seven expressions that both users
show are the classes. Only a person never seen in training is a fair test: frames of one sentence
resemble each other.

    python -m tests.real_sets.gfe_landmarks gfe_libras_landmarks.npz OUT    # OUT/a-to-b, OUT/b-to-a
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import fusionbench as fb

EXPRESSIONS = (
    "affirmative",
    "doubt_question",
    "emphasis",
    "negative",
    "topics",
    "wh_question",
    "yn_question",
)
REGIONS = {  # points of the set's documentation
    "left eye": slice(0, 8),
    "right eye": slice(8, 16),
    "left brow": slice(16, 26),
    "right brow": slice(26, 36),
    "nose": slice(36, 48),
    "mouth": slice(48, 68),
    "above left brow": slice(90, 95),
    "above right brow": slice(95, 100),
}
FACE = slice(68, 87)
OPENINGS = [  # region, axis (0 = width, 1 = height)
    *(("left eye", axis) for axis in (0, 1)),
    *(("right eye", axis) for axis in (0, 1)),
    *(("mouth", axis) for axis in (0, 1)),
    ("left brow", 1),
    ("right brow", 1),
]


def clips(source: Path, train_user: str) -> Iterator[dict[str, Any]]:
    """Every clip of both users; ``train_user`` (``a`` or ``b``) is trained on, the other reported on."""
    with np.load(source) as sessions:
        for user, expression in itertools.product("ab", EXPRESSIONS):
            name = f"{user}_{expression}"
            points, shown = sessions[f"{name}_points"][:, :, :2], sessions[f"{name}_label"]
            streams = {"appearance": appearance(points), "relation": relation(points)}
            for number, segment in enumerate(runs(shown)):
                yield {
                    "id": f"{name}/{number:02d}",
                    "label": expression,
                    "split": "train" if user == train_user else "report",
                    "subject": user,
                    "streams": {stream: values[segment] for stream, values in streams.items()},
                }


def appearance(points: np.ndarray) -> np.ndarray:
    """Coordinates less the session's median, in distances between the eyes: ``(frames, 200)``."""
    resting = np.median(points, axis=0)
    eyes = resting[REGIONS["left eye"]].mean(0) - resting[REGIONS["right eye"]].mean(0)
    return ((points - resting) / np.linalg.norm(eyes)).reshape(len(points), -1)


def relation(points: np.ndarray) -> np.ndarray:
    """28 distances between regions and 9 openings, as ratios to their session median: ``(frames, 37)``."""
    centres = [points[:, region].mean(axis=1) for region in REGIONS.values()]
    distances = [np.linalg.norm(p - q, axis=-1) for p, q in itertools.combinations(centres, 2)]
    openings = [np.ptp(points[:, REGIONS[region], axis], axis=1) for region, axis in OPENINGS]
    openings.append(np.ptp(points[:, FACE, 1], axis=1))
    values = np.stack([*distances, *openings], axis=1)
    return values / np.median(values, axis=0) - 1


def runs(shown: np.ndarray) -> list[slice]:
    """Maximal runs of frames in which ``shown`` is 1."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], shown, [0]])))
    return [slice(int(start), int(end)) for start, end in edges.reshape(-1, 2)]


def main(source: Path, out: Path) -> None:
    for train_user, report_user in ("ab", "ba"):
        store = out / f"{train_user}-to-{report_user}"
        fb.write_stream_store(store, clips(source, train_user))
        print(store)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
