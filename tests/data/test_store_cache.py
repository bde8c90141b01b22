"""A cached store is made once, however many threads want sets of stores that overlap."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from fusionbench.contract.dataset import Clip
from fusionbench.contract.watch import Watch
from fusionbench.data.store_cache import cache_path, cached_stores
from fusionbench.data.store_writer import writing

PATHS = ("a", "b", "c")


def paths(names: str) -> dict[str, Path]:
    return {name: cache_path("streams", {"what": name}) for name in names}


class Maker:
    """Writes stores and counts how often."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    def __call__(self, missing: Mapping[str, Path]) -> None:
        self.calls.append(sorted(missing))
        for name, path in missing.items():
            with writing(path, "streams") as writer:
                writer.append(Clip("c", name, "train"), {name: np.ones((2, 3), np.float32)})
                writer.finish({}, stand_in=False)


def test_what_is_missing_is_made_together_and_what_is_there_is_not_touched():
    make = Maker()
    cached_stores(paths("a"), make, "", Watch())
    opened = cached_stores(paths("abc"), make, "", Watch())
    assert make.calls == [["a"], ["b", "c"]] and list(opened) == ["a", "b", "c"]
    assert list(opened["c"].arrays) == ["c"]


def test_nothing_beside_the_stores_is_left(tmp_path):
    cached_stores(paths("ab"), Maker(), "", Watch())
    assert sorted(p.name for p in (tmp_path / "cache" / "streams").iterdir()) == sorted(
        p.name for p in paths("ab").values()
    )


@pytest.mark.parametrize("wanted", [("ab", "bc", "ca"), ("ab", "ba", "a", "b"), ("abc",) * 4])
def test_overlapping_sets_wait_for_each_other_and_never_in_a_circle(wanted):
    make, start = Maker(), threading.Barrier(len(wanted))
    got: list[set[str]] = []

    def want(names: str) -> None:
        start.wait()
        got.append(set(cached_stores(paths(names), make, "", Watch())))

    threads = [threading.Thread(target=want, args=(names,)) for names in wanted]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(got) == len(wanted)
    assert Counter(name for call in make.calls for name in call) == dict.fromkeys(set("".join(wanted)), 1)


def test_a_maker_that_fails_leaves_the_others_free():
    def fail(missing: Mapping[str, Path]) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        cached_stores(paths("ab"), fail, "", Watch())
    make = Maker()
    cached_stores(paths("ab"), make, "", Watch())
    assert make.calls == [["a", "b"]]
