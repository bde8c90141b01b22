"""A store is opened only if it holds what was written; what was verified is remembered, outside of it."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest

from fusionbench.contract.dataset import Clip
from fusionbench.contract.errors import UserError
from fusionbench.data import store as store_module, verified
from fusionbench.data.array_file import ArrayFile
from fusionbench.data.store import open_store, verify_store
from fusionbench.data.store_writer import writing


def write(path: Path) -> Path:
    with writing(path, "streams") as writer:
        for number, (label, split) in enumerate([("up", "train"), ("down", "train"), ("up", "report")]):
            writer.append(Clip(f"c{number}", label, split), {"x": np.full((4, 2), number, np.float32)})
        writer.finish({}, stand_in=False)
    return path


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return write(tmp_path / "s")


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the arrays that were read to be hashed."""
    hashed: list[str] = []
    whole = ArrayFile.sha256

    def counted(file: ArrayFile) -> str:
        hashed.append(Path(file.file.name).name)
        return whole(file)

    monkeypatch.setattr(ArrayFile, "sha256", counted)
    return hashed


def later(monkeypatch: pytest.MonkeyPatch, seconds: float = 10) -> None:
    """The clock goes on."""
    now = time.time_ns
    monkeypatch.setattr(store_module.time, "time_ns", lambda: now() + int(seconds * 1e9))


def swap_labels(store: Path) -> None:
    text = (store / "index.csv").read_text()
    (store / "index.csv").write_text(text.replace("up", "U").replace("down", "up").replace("U", "down"))


def zero(store: Path) -> None:
    with (store / "x.npy").open("r+b") as file:
        file.seek(-16, os.SEEK_END)
        file.write(bytes(16))


def one_bit(store: Path) -> None:
    data = bytearray((store / "x.npy").read_bytes())
    data[-3] ^= 1
    (store / "x.npy").write_bytes(data)


def through_a_map(store: Path) -> None:
    array = np.load(store / "x.npy", mmap_mode="r+")
    array[0] = 7
    array.flush()


def call_it_real(store: Path) -> None:
    about = json.loads((store / "store.json").read_text())
    (store / "store.json").write_text(json.dumps({**about, "stand_in": True}))


EDITS = [swap_labels, zero, one_bit, through_a_map, call_it_real]


@pytest.mark.parametrize("opened_before", [False, True])
@pytest.mark.parametrize("edit", EDITS)
def test_what_was_changed_is_refused(store, edit, opened_before):
    promised = open_store(store).content_hash if opened_before else "promises"
    edit(store)
    with pytest.raises(UserError, match="is not what was written: its content has the hash") as told:
        open_store(store)
    assert promised in str(told.value) and "write the store again with fb.write_stream_store" in str(
        told.value
    )


@pytest.mark.parametrize("edit", EDITS)
def test_what_was_changed_is_refused_although_it_was_verified(store, monkeypatch, edit):
    later(monkeypatch)
    open_store(store)
    edit(store)
    with pytest.raises(UserError, match="is not what was written"):
        open_store(store)


def test_times_that_were_set_back_hide_nothing(store, monkeypatch):
    later(monkeypatch)
    open_store(store)
    was = (store / "x.npy").stat()
    one_bit(store)
    os.utime(store / "x.npy", ns=(was.st_atime_ns, was.st_mtime_ns))
    with pytest.raises(UserError, match="is not what was written"):
        open_store(store)


def test_it_is_read_once_and_again_where_a_time_changed(store, monkeypatch, reads):
    later(monkeypatch)
    for _ in range(3):
        open_store(store)
    assert reads == ["x.npy"]
    os.utime(store / "index.csv")
    later(monkeypatch, 100)
    for _ in range(3):
        open_store(store)
    assert reads == ["x.npy"] * 2


def test_a_file_as_young_as_the_clock_is_coarse_is_read_again(store, reads):
    open_store(store)
    open_store(store)
    assert reads == ["x.npy"] * 2


def test_verifying_reads_it_whatever_is_remembered(store, monkeypatch, reads):
    later(monkeypatch)
    open_store(store)
    assert verify_store(store).content_hash == open_store(store).content_hash
    assert reads == ["x.npy"] * 2


def test_nothing_is_written_into_the_store(store, tmp_path, monkeypatch):
    before = {path: path.stat().st_mtime_ns for path in [store, *store.iterdir()]}
    later(monkeypatch)
    open_store(store)
    assert {path: path.stat().st_mtime_ns for path in [store, *store.iterdir()]} == before
    assert len(list((tmp_path / "cache" / "verified").iterdir())) == 1


def test_a_copy_in_its_place_is_verified_anew(store, tmp_path, monkeypatch, reads):
    later(monkeypatch)
    open_store(store)
    shutil.copytree(store, tmp_path / "copy")
    shutil.rmtree(store)
    shutil.move(tmp_path / "copy", store)
    open_store(store)
    assert reads == ["x.npy"] * 2


def test_two_ways_to_a_store_are_one(store, tmp_path, monkeypatch, reads):
    later(monkeypatch)
    (tmp_path / "link").symlink_to(store)
    open_store(store)
    open_store(tmp_path / "link")
    monkeypatch.chdir(store.parent)
    open_store(Path("s"))
    assert reads == ["x.npy"]


@pytest.mark.parametrize("text", ["", "[" * 100_000, "null", "\udcff", '{"files": 1}'])
def test_a_damaged_memory_is_no_memory(store, tmp_path, monkeypatch, reads, text):
    later(monkeypatch)
    open_store(store)
    (known,) = (tmp_path / "cache" / "verified").iterdir()
    known.write_bytes(text.encode("utf-8", "surrogateescape"))
    open_store(store)
    open_store(store)
    assert reads == ["x.npy"] * 2  # the second one mended it


def test_where_the_cache_cannot_be_written_it_is_read_each_time(store, tmp_path, monkeypatch, reads):
    (tmp_path / "file").touch()
    monkeypatch.setenv("FUSIONBENCH_CACHE", str(tmp_path / "file"))
    later(monkeypatch)
    open_store(store)
    open_store(store)
    assert reads == ["x.npy"] * 2


def test_what_changes_while_it_is_read_is_not_remembered(store, monkeypatch, reads):
    later(monkeypatch)
    seen = verified.snapshot

    def changed(files: list[BinaryIO]) -> verified.Snapshot:
        stats = seen(files)
        os.utime(store / "x.npy")
        return stats

    with monkeypatch.context() as patch:
        patch.setattr(store_module, "snapshot", changed)
        open_store(store)
    open_store(store)
    assert reads == ["x.npy"] * 2


@pytest.mark.parametrize(
    ("moment", "ids"), [("read_description", ["other"]), ("read_index", ["c0", "c1", "c2"])]
)
def test_a_store_that_is_replaced_while_it_is_opened_is_opened_whole(store, monkeypatch, moment, ids):
    """With some of its files open, the new one is found; with all of them, the old one."""
    first, read = [True], getattr(store_module, moment)

    def replaced(*given: object) -> object:
        if first and first.pop():
            with writing(store, "streams") as writer:
                writer.append(Clip("other", "up", "train"), {"x": np.full((12, 2), 9, np.float32)})
                writer.finish({}, stand_in=False)
        return read(*given)

    monkeypatch.setattr(store_module, moment, replaced)
    opened = open_store(store)
    assert [clip.id for clip in opened.index.clips] == ids
    assert np.unique(opened.arrays["x"]).tolist() == ([9] if ids == ["other"] else [0, 1, 2])
