"""BasicMotions as two streams: a smart watch's accelerometer and its gyroscope, three channels each.

UEA archive, BasicMotions (Bagnall et al., 2018): 40 series to train on and 40 to report on, of four
activities, 100 steps at 10 Hz. The input is one ``.npz`` with ``{train,test}_x`` ``(series, 100, 6)``,
``{train,test}_y`` and ``classes``.

    python -m tests.real_sets.basic_motions uea_basicmotions.npz OUT    # the store is OUT itself
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import fusionbench as fb


def clips(source: Path) -> Iterator[dict[str, Any]]:
    """The 80 series."""
    with np.load(source) as arrays:
        for split in ("train", "test"):
            for number, (x, y) in enumerate(zip(arrays[f"{split}_x"], arrays[f"{split}_y"], strict=True)):
                yield {
                    "id": f"{split}/{number:02d}",
                    "label": str(arrays["classes"][y]),
                    "split": split,
                    "streams": {"accelerometer": x[:, :3], "gyroscope": x[:, 3:]},
                }


def main(source: Path, out: Path) -> None:
    fb.write_stream_store(out, clips(source))
    print(out)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
