"""Kills at random moments; afterwards everything is as it was or as it was going to be, and nothing is left.

``python -m tests.reliability.kills store --count 200`` repeats a campaign at length.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import tempfile
import time
import types
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import numpy as np

import fusionbench as fb
from fusionbench.data import place
from fusionbench.data.generate import generate
from fusionbench.data.marker import read_marker
from fusionbench.data.store import is_store
from tests.reliability.trials import done, stopped

SEED = 20


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []


def clips(version: int) -> Iterator[dict]:
    """Eight clips whose every number is ``version``."""
    for number in range(8):
        yield {
            "id": f"c{number}",
            "label": "ab"[number % 2],
            "split": "train" if number < 6 else "report",
            "streams": {"x": np.full((40, 16), version), "y": np.full((40, 8), version)},
        }


def slow_renames() -> None:
    """Here they take longer, so that kills fall between them."""

    def rename(source: Path, target: Path) -> None:
        time.sleep(0.005)
        os.replace(source, target)
        time.sleep(0.005)

    place.os = types.SimpleNamespace(**{**vars(os), "rename": rename})


def of_store_writes(folder: Path, kills: int) -> Counter[str]:
    """A store is replaced again and again; notes lie in it."""
    store, seen, draw = folder / "s", Counter[str](), random.Random(SEED)

    def version() -> int:
        arrays = fb.open_stream_store(store).arrays  # the hash is taken
        (only,) = {int(value) for array in arrays.values() for value in (array.min(), array.max())}
        return only

    def replace() -> None:
        slow_renames()
        for number in count(before + 1):
            fb.write_stream_store(store, clips(number))

    fb.write_stream_store(store, clips(0))
    (store / "notes.txt").write_text("mine")
    before = 0
    for _ in range(kills):
        stopped(replace, signal.SIGKILL, 0.25, draw)
        seen["kills"] += 1
        seen["in the midst of a replacement"] += not store.exists()
        seen["leaving something"] += names(folder) != ["s"]
        after = version()
        assert after >= before
        seen["old store found" if after == before else "newer store found"] += 1
        before = after + 1
        fb.write_stream_store(store, clips(before))
        assert names(folder) == ["s"] and (store / "notes.txt").read_text() == "mine"
    return seen


def of_caches(folder: Path, kills: int) -> Counter[str]:
    """Clips are read and streams extracted on a fresh cache."""
    from fusionbench.bench.source import open_data  # not above: spawned workers import this module
    from fusionbench.catalog.resolve import Request, resolve
    from fusionbench.contract.watch import Watch
    from tests import fakes

    seen, draw = Counter[str](), random.Random(SEED)
    cache, result = folder / "cache", folder / "result"
    os.environ["FUSIONBENCH_CACHE"] = str(cache)
    values = {"dataset": "squares", "fusion": "concat", "data.root": str(folder)}
    config = resolve(Request(values), fakes.catalog())

    def make() -> None:
        arrays = open_data(config, Watch()).arrays
        text = "".join(hashlib.sha256(array.tobytes()).hexdigest() for array in arrays.values())
        result.write_text(text)

    began = time.monotonic()
    done(make)
    longest, expected = time.monotonic() - began, result.read_text()
    for _ in range(kills):
        shutil.rmtree(cache)
        result.unlink(missing_ok=True)
        code = stopped(make, signal.SIGKILL, 0.7 * longest, draw)
        seen["kills"] += 1
        seen["after the end"] += code == 0
        seen["leaving something"] += any(not is_store(path) for path in cache.glob("[fs]*/*"))
        done(make)
        assert result.read_text() == expected
        left = [path for kind in ("frames", "streams") for path in (cache / kind).iterdir() if path.is_dir()]
        assert len(left) == 3 and all(map(is_store, left)), left
    return seen


class Drawn(fb.Dataset):
    """A stand-in of 16 clips, one file each."""

    name = "drawn"
    classes = ("Happy", "Sad")

    @classmethod
    def stand_in_plan(cls) -> fb.StandInPlan:
        return fb.StandInPlan(cls.classes, {"train": (6, 1), "report": (2, 1)})

    @classmethod
    def write_stand_in(cls, root: Path, clips: Iterator[fb.StandInClip]) -> None:
        for clip in clips:
            (root / clip.id).write_bytes(clip.frames.tobytes())


def of_stand_ins(folder: Path, kills: int) -> Counter[str]:
    """A stand-in is drawn by two workers; every other time it is Ctrl-C that stops it."""
    seen, draw, root = Counter[str](), random.Random(SEED), folder / "drawn"
    for number in range(kills):
        how = (signal.SIGKILL, signal.SIGINT)[number % 2]
        code = stopped(lambda: generate(Drawn, root, workers=2), how, 1.5, draw)
        seen[how.name] += 1
        seen["after the end"] += code == 0
        if how is signal.SIGINT:
            assert code in (0, 130) and names(folder) in ([], ["drawn"]), (code, names(folder))
        seen["leaving something"] += bool(set(names(folder)) - {"drawn"})
        if root.exists():
            assert read_marker(root) is not None and len(names(root)) == 17
            shutil.rmtree(root)
    done(lambda: generate(Drawn, root, workers=2))
    assert names(folder) == ["drawn"] and len(names(root)) == 17
    return seen


CAMPAIGNS: dict[str, Callable[[Path, int], Counter[str]]] = {
    "store": of_store_writes,
    "cache": of_caches,
    "stand-in": of_stand_ins,
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("campaign", choices=CAMPAIGNS)
    parser.add_argument("--count", type=int, default=200)
    asked = parser.parse_args()
    scratch = Path(tempfile.mkdtemp())
    try:
        print(json.dumps(CAMPAIGNS[asked.campaign](scratch, asked.count)))
    finally:
        shutil.rmtree(scratch)
