"""Labels of single frames survive a store, are part of its hash, and are checked when it is opened."""

from __future__ import annotations

import json

import numpy as np
import pytest

from fusionbench.contract.dataset import Clip
from fusionbench.contract.errors import UserError
from fusionbench.data.store import open_store
from fusionbench.data.store_writer import writing

LABELS = (("", "Fear", "Happy"), ("Happy", ""))


def write(path, labels=LABELS):
    with writing(path, "streams") as writer:
        for k, mine in enumerate(labels):
            clip = Clip(f"c{k}", "", "train", labels=mine)
            writer.append(clip, {"x": np.full((3 - k, 2), k, np.float32)})
        writer.finish({}, stand_in=False)
    return open_store(path)


def test_labels_come_back_as_names(tmp_path):
    store = write(tmp_path / "s")
    assert [clip.labels for clip in store.index.clips] == list(LABELS)
    assert list(store.arrays) == ["x"]


def test_names_and_places_are_part_of_the_hash(tmp_path):
    others = [(("", "Happy", "Fear"), ("Fear", "")), (("Fear", "", "Happy"), ("Happy", ""))]
    hashes = {write(tmp_path / f"s{k}", labels).content_hash for k, labels in enumerate([LABELS, *others])}
    assert len(hashes) == 3


def test_only_a_store_with_labels_has_the_new_schema(tmp_path):
    write(tmp_path / "s")
    assert json.loads((tmp_path / "s" / "store.json").read_text())["schema"] == 3
    with writing(tmp_path / "plain", "streams") as writer:
        writer.append(Clip("c", "x", "train"), {"x": np.ones((1, 1), np.float32)})
        writer.finish({}, stand_in=False)
    about = json.loads((tmp_path / "plain" / "store.json").read_text())
    assert about["schema"] == 2 and "labels" not in about


def test_labels_are_as_many_as_frames_in_every_clip(tmp_path):
    with pytest.raises(ValueError, match="arrays need the same length"):
        write(tmp_path / "s", (("Fear",), ("Happy", "")))
    with pytest.raises(ValueError, match="differ from the clips before it"):
        write(tmp_path / "s", (("Fear", "", ""), ()))


def test_a_store_without_a_judged_frame_is_refused(tmp_path):
    with pytest.raises(UserError, match="no frame of any clip is labelled"):
        write(tmp_path / "s", (("", "", ""), ("", "")))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (
            lambda file: file.write_bytes(file.read_bytes()[:-4] + b"\x05\0\0\0"),
            "that none of the 2",
        ),
        (lambda file: file.write_bytes(file.read_bytes()[:-4] + b"\0\0\0\0"), "not what was written"),
        (lambda file: file.unlink(), "frame.labels.npy is missing"),
        (lambda file: np.save(file, np.zeros(4, "<i4")), "has 4 rows, but index.csv lists 5"),
        (lambda file: np.save(file, np.zeros(5, "<f4")), "holds float32"),
    ],
    ids=["unknown number", "other number", "missing", "too short", "no whole numbers"],
)
def test_damaged_labels_are_told(tmp_path, damage, said):
    write(tmp_path / "s")
    damage(tmp_path / "s" / "frame.labels.npy")
    with pytest.raises(UserError, match=said):
        open_store(tmp_path / "s")
