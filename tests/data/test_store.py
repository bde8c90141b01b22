"""Stores: what is read is what was written, and a half-written store is never seen."""

from __future__ import annotations

import hashlib
import json
import resource

import numpy as np
import pytest

from fusionbench.contract.dataset import Clip
from fusionbench.contract.errors import UserError
from fusionbench.data.store import open_store
from fusionbench.data.store_writer import writing


def clip(number: int, label: str = "Happy") -> Clip:
    return Clip(f"train/{number:03d}", label, "train", f"s{number % 2}", (f"a/{number}/0.jpg",))


ONE = np.ones((1, 2), np.float32)


def write(path, lengths=(3, 1, 2), shift=0.0, label="Happy", stand_in=True):
    with writing(path, "streams") as writer:
        row = 0
        for number, length in enumerate(lengths):
            values = np.arange(row, row + length, dtype=np.float32)[:, None] + shift
            writer.append(clip(number, label), {"x": values.repeat(2, axis=1)})
            row += length
        writer.finish({"source": "test"}, stand_in=stand_in)


def test_round_trip(tmp_path):
    write(tmp_path / "s")
    store = open_store(tmp_path / "s")
    assert store.kind == "streams" and store.stand_in and store.made == {"source": "test"}
    assert store.index.rows.tolist() == [3, 1, 2] and store.index.first_row.tolist() == [0, 3, 4]
    assert store.arrays["x"].shape == (6, 2) and store.arrays["x"].dtype == np.float32
    assert store.arrays["x"][4:6, 0].tolist() == [4.0, 5.0]
    assert store.index.clips[1].id == "train/001" and store.index.clips[1].subject == "s1"
    assert isinstance(store.arrays["x"], np.memmap)


def test_content_hash_follows_content_and_nothing_else(tmp_path):
    write(tmp_path / "a")
    write(tmp_path / "b")
    write(tmp_path / "c", shift=0.5)
    write(tmp_path / "d", label="\u00e9\n\t,'")
    write(tmp_path / "e", stand_in=False)
    hashes = [open_store(tmp_path / name).content_hash for name in "abcde"]
    assert hashes[0] == hashes[1] and len(set(hashes)) == 4


def test_texts_that_read_alike_when_joined_do_not_hash_alike(tmp_path):
    """A tab in a text moved to the next column: schema 1 could not tell."""
    for name, label, split in (("a", "x\ttrain", "train"), ("b", "x", "train")):
        with writing(tmp_path / name, "streams") as writer:
            writer.append(Clip("c", label, split, "p\tq"[: 1 if name == "a" else 3]), {"x": ONE})
            writer.finish({}, stand_in=False)
    assert open_store(tmp_path / "a").content_hash != open_store(tmp_path / "b").content_hash


def test_the_content_hash_by_hand(tmp_path):
    """SHA-256 of lines of JSON: kind, arrays with the SHA-256 of their numbers, one line a clip."""
    with writing(tmp_path / "s", "streams") as writer:
        writer.append(Clip("c", "Happy", "test2", None), {"x": ONE})
        writer.finish({}, stand_in=False)
    numbers = hashlib.sha256(ONE.tobytes()).hexdigest()
    text = f'[2, "streams", false]\n[["x", [2], "<f4", "{numbers}"]]\n["c", "0", "1", "Happy", "test2", ""]\n'
    assert open_store(tmp_path / "s").content_hash == hashlib.sha256(text.encode()).hexdigest()


def test_an_error_in_the_middle_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError), writing(tmp_path / "s", "streams") as writer:
        writer.append(clip(0), {"x": np.zeros((1, 2), np.float32)})
        raise RuntimeError("power cut")
    assert list(tmp_path.iterdir()) == []


def test_a_newer_schema_is_refused(tmp_path):
    write(tmp_path / "s")
    file = tmp_path / "s" / "store.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "schema": 99}))
    with pytest.raises(UserError, match=r"store schema 99; this fusionbench reads up to 3"):
        open_store(tmp_path / "s")


@pytest.mark.parametrize("text", ["", "[]", "{}"])
def test_what_is_no_store_is_refused(tmp_path, text):
    (tmp_path / "store.json").write_text(text)
    with pytest.raises(UserError, match="is no store"):
        open_store(tmp_path)


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ((clip(0), {"x": np.zeros((1, 2), np.float32)}), "came twice"),
        ((clip(1), {"x": np.zeros((1, 3), np.float32)}), "differ from the clips before"),
        ((clip(1), {"x": np.zeros((0, 2), np.float32)}), "at least 1"),
        ((clip(1), {"x": np.zeros((1, 2), np.float64)}), "differ from the clips before"),
    ],
)
def test_clips_that_do_not_fit_are_refused(tmp_path, second, message):
    with pytest.raises(ValueError, match=message), writing(tmp_path / "s", "streams") as writer:
        writer.append(clip(0), {"x": np.zeros((1, 2), np.float32)})
        writer.append(*second)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (Clip("", "a", "train"), "its id is empty"),
        (Clip("c", "a", "my split"), "split 'my split' is no name"),
        (Clip("c", "a", "../x"), "is no name"),
        (Clip("caf\udce9", "a", "train"), "cannot be written as UTF-8"),
        (Clip("c", "caf\udce9", "train"), "cannot be written as UTF-8"),
    ],
)
def test_texts_that_no_index_can_hold_are_refused(tmp_path, given, message):
    with pytest.raises(UserError, match=message), writing(tmp_path / "s", "streams") as writer:
        writer.append(given, {"x": ONE})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("x", np.zeros((1, 2), object), "holds object"),
        ("x", np.zeros((1, 2), ">f4"), "holds >f4"),
        ("x", np.zeros((1, 2, 3), np.float32), "arrays of streams have 2 dimensions"),
        ("../x", ONE, "needs a name"),
    ],
)
def test_arrays_that_no_store_can_hold_are_refused(tmp_path, name, array, message):
    with pytest.raises(ValueError, match=message), writing(tmp_path / "s", "streams") as writer:
        writer.append(Clip("c", "a", "train"), {name: array})


def test_folders_whose_names_are_no_utf_8_are_sources_like_others(tmp_path):
    with writing(tmp_path / "s", "streams") as writer:
        writer.append(Clip("c", "a", "train", None, ("caf\udce9/0.jpg",)), {"x": ONE})
        writer.finish({}, stand_in=False)
    assert open_store(tmp_path / "s").index.clips[0].files == ("caf\\udce9",)


def test_a_store_of_schema_1_opens_under_its_own_hash(tmp_path):
    """Written by hand as fusionbench 0.1.0 wrote it; its hash joined texts by tabs."""
    folder = tmp_path / "old"
    folder.mkdir()
    values = np.arange(6, dtype=np.float32).reshape(3, 2)
    np.save(folder / "x.npy", values)
    lines = ["a,0,2,up,train,p1,", "b,2,1,down,report,,"]
    (folder / "index.csv").write_text("id,first_row,rows,label,split,subject,source\r\n" + "\r\n".join(lines))
    numbers = hashlib.sha256(values.tobytes()).hexdigest()
    joined = f"x ((2,), dtype('float32')) {numbers}\na\t0\t2\tup\ttrain\tp1\nb\t2\t1\tdown\treport\t\n"
    promised = hashlib.sha256(joined.encode()).hexdigest()
    about = {"schema": 1, "kind": "streams", "content_hash": promised, "stand_in": False, "arrays": ["x"]}
    (folder / "store.json").write_text(json.dumps({**about, "made": {}}))
    assert open_store(folder).content_hash == promised
    np.save(folder / "x.npy", values + 1)
    with pytest.raises(UserError, match="is not what was written"):
        open_store(folder)


def test_a_full_disk_is_told_and_leaves_the_old_store(tmp_path):
    write(tmp_path / "s")
    before = open_store(tmp_path / "s").content_hash
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))  # the kernel takes no longer file
    try:
        with pytest.raises(UserError, match=r"s cannot be written: File too large\. Free space"):
            write(tmp_path / "s", lengths=(10_000, 20_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert open_store(tmp_path / "s").content_hash == before
    assert [path.name for path in tmp_path.iterdir() if path.name != "cache"] == ["s"]
