"""Processes that want the same and overlapping stores of one fresh cache at once.

``python -m tests.reliability.crowd --rounds 20`` repeats it at length.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

import fusionbench as fb
from fusionbench.bench.source import open_data
from fusionbench.catalog.resolve import Request, resolve
from fusionbench.contract.watch import Watch
from fusionbench.data.store import is_store
from fusionbench.learn import extract
from tests import fakes
from tests.reliability.kills import clips, names
from tests.reliability.trials import ended, fork

CROWD = 8
KINDS = ("none", "relation")
"""of ``front_end.trainable``: appearance and relation streams, or appearance streams and maps"""


def at_once(works: list) -> None:
    """All of them side by side, each in a process of its own; none may fail."""
    start = time.monotonic() + 0.3

    def wait_and(work) -> None:
        time.sleep(max(0.0, start - time.monotonic()))
        work()

    codes = [ended(child) for child in [fork(lambda work=work: wait_and(work)) for work in works]]
    assert codes == [0] * len(works), codes


def of_overlapping_caches(folder: Path) -> Counter[str]:
    """Half of the crowd wants other streams than the other half; appearance is wanted by all."""
    os.environ["FUSIONBENCH_CACHE"] = str(folder / "cache")
    passes = folder / "passes"

    def opened(number: int) -> None:
        values = {"dataset": "squares", "fusion": "concat", "data.root": str(folder)}
        trainable = {"front_end.trainable": KINDS[number % 2]}
        whole = extract._side_by_side

        def counted(*args):
            with passes.open("a") as file:
                file.write("pass\n")
            return whole(*args)

        extract._side_by_side = counted
        arrays = open_data(resolve(Request({**values, **trainable}), fakes.catalog()), Watch()).arrays
        found = {name: hashlib.sha256(array.tobytes()).hexdigest() for name, array in arrays.items()}
        (folder / f"found-{number}").write_text(json.dumps(found))

    at_once([lambda number=number: opened(number) for number in range(CROWD)])
    found = [json.loads((folder / f"found-{number}").read_text()) for number in range(CROWD)]
    for number in range(CROWD):
        assert found[number] == found[number % 2]
    assert found[0]["appearance"] == found[1]["appearance"]
    left = {kind: list((folder / "cache" / kind).iterdir()) for kind in ("frames", "streams", "maps")}
    assert {kind: len(paths) for kind, paths in left.items()} == {"frames": 1, "streams": 2, "maps": 1}, left
    assert all(is_store(path) for paths in left.values() for path in paths)
    return Counter(crowds=1, passes_over_the_frames=len(passes.read_text().splitlines()))


def of_writers_and_readers(folder: Path) -> Counter[str]:
    """Half of the crowd replaces one store, the other half opens it; every opening finds a whole one."""
    store = folder / "s"
    fb.write_stream_store(store, clips(CROWD))
    end = time.monotonic() + 1.5

    def write(number: int) -> None:
        while time.monotonic() < end:
            fb.write_stream_store(store, clips(number))

    def read(number: int) -> None:
        openings = 0
        while time.monotonic() < end:
            arrays = fb.open_stream_store(store).arrays
            assert len({int(value) for array in arrays.values() for value in np.unique(array)}) == 1
            openings += 1
        (folder / f"openings-{number}").write_text(str(openings))

    at_once([lambda n=n: (write if n % 2 else read)(n) for n in range(CROWD)])
    assert [name for name in names(folder) if not name.startswith("openings")] == ["s"]
    openings = sum(int(path.read_text()) for path in folder.glob("openings-*"))
    return Counter(rounds=1, openings=openings)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    seen = Counter[str]()
    for _ in range(parser.parse_args().rounds):
        for crowd in (of_overlapping_caches, of_writers_and_readers):
            scratch = Path(tempfile.mkdtemp())
            seen += crowd(scratch)
            shutil.rmtree(scratch)
    print(json.dumps(seen))
