"""Articulary words as three streams: where tongue tip, upper lip and lower lip are while a word is said.

UEA archive, ArticularyWordRecognition (Wang et al., 2013): 25 words, 275 series to train on and 300 to
report on, 144 steps of an electromagnetic articulograph. The input is one ``.npz`` with ``x``
``(series, 144, 9)``, ``label`` and ``split`` ``(series,)``, and ``channels``, the nine names: ``T1``
the tongue's tip, ``UL`` and ``LL`` the lips, each with x, y and z.

    python -m tests.real_sets.articulary_words articulary_word_ema.npz OUT    # the store is OUT itself
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import fusionbench as fb

STREAMS = {"T1": "tongue", "UL": "upper-lip", "LL": "lower-lip"}


def clips(source: Path) -> Iterator[dict[str, Any]]:
    """The 575 series."""
    with np.load(source) as arrays:
        sensors = np.array([str(channel)[:2] for channel in arrays["channels"]])
        series = zip(arrays["x"], arrays["label"], arrays["split"], strict=True)
        for number, (x, label, split) in enumerate(series):
            yield {
                "id": f"{split}/{number:03d}",
                "label": f"word-{label}",
                "split": str(split),
                "streams": {name: x[:, sensors == sensor] for sensor, name in STREAMS.items()},
            }


def main(source: Path, out: Path) -> None:
    fb.write_stream_store(out, clips(source))
    print(out)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
