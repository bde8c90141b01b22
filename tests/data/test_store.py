"""Stores: what is read is what was written, and a half-written store is never seen."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fusionbench.contract.dataset import Clip
from fusionbench.contract.errors import UserError
from fusionbench.data.store import is_store, open_store
from fusionbench.data.store_writer import writing


def clip(number: int, label: str = "Happy") -> Clip:
    return Clip(f"train/{number:03d}", label, "train", f"s{number % 2}", (f"a/{number}/0.jpg",))


def write(path, lengths=(3, 1, 2), shift=0.0, kind="streams"):
    with writing(path, kind) as writer:
        row = 0
        for number, length in enumerate(lengths):
            values = np.arange(row, row + length, dtype=np.float32)[:, None] + shift
            writer.append(clip(number), {"x": values.repeat(2, axis=1)})
            row += length
        writer.finish({"source": "test"}, stand_in=True)


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
    a, b, c = (open_store(tmp_path / name).content_hash for name in "abc")
    assert a == b != c


def test_an_error_in_the_middle_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError), writing(tmp_path / "s", "streams") as writer:
        writer.append(clip(0), {"x": np.zeros((1, 2), np.float32)})
        raise RuntimeError("power cut")
    assert list(tmp_path.iterdir()) == []


def test_remains_of_a_killed_writer_are_swept(tmp_path):
    (tmp_path / "s.partial").mkdir()
    (tmp_path / "s.partial" / "x.npy").write_bytes(b"half")
    assert not is_store(tmp_path / "s")
    write(tmp_path / "s")
    assert is_store(tmp_path / "s") and not (tmp_path / "s.partial").exists()


def test_a_newer_schema_is_refused(tmp_path):
    write(tmp_path / "s")
    file = tmp_path / "s" / "store.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "schema": 99}))
    with pytest.raises(UserError, match=r"store schema 99; this fusionbench reads up to 1"):
        open_store(tmp_path / "s")


@pytest.mark.parametrize("text", ["", "[]", "{}"])
def test_what_is_no_store_is_refused(tmp_path, text):
    (tmp_path / "store.json").write_text(text)
    with pytest.raises(UserError, match="is no store"):
        open_store(tmp_path)


def cut_short(file):
    file.write_bytes(file.read_bytes()[:-8])


def drop_last_line(file):
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:-1]))


@pytest.mark.parametrize(
    ("file", "damage"),
    [("x.npy", cut_short), ("x.npy", Path.unlink), ("index.csv", Path.unlink), ("index.csv", drop_last_line)],
)
def test_a_damaged_store_is_named(tmp_path, file, damage):
    write(tmp_path / "s")
    damage(tmp_path / "s" / file)
    with pytest.raises(UserError, match=r"the store .* is damaged: .* Copy or write it again"):
        open_store(tmp_path / "s")


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
