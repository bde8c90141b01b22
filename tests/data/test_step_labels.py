"""Labels of single steps in stream stores: what is taken for one, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import fusionbench as fb
from fusionbench.data.stream_store import noted, train_labels

X = np.arange(6, dtype=np.float32)[:, None] + 1


def clip(number: int, labels=(1, 1, 2, 2, -1, 1), **changed) -> dict:
    return {"id": f"c{number}", "labels": labels, "split": "train", "streams": {"x": X}} | changed


def stored(tmp_path, *clips) -> list[tuple[str, ...]]:
    fb.write_stream_store(tmp_path / "s", clips)
    return [one.labels for one in fb.open_stream_store(tmp_path / "s").index.clips]


@pytest.mark.parametrize(
    "labels",
    [
        (1, 1, 2, 2, -1, 1),
        np.array([1, 1, 2, 2, -1, 1], dtype=np.int8),
        np.array([1, 1, 2, 2, np.nan, 1]),
        torch.tensor([1, 1, 2, 2, -1, 1]),
        ["1", "1", "2", "2", None, "1"],
        ["1", "1", " 2 ", "2", "", "1"],
        [1, 1, 2, 2, float("nan"), 1],
        np.array([b"1", b"1", b"2", b"2", b"-1", b"1"]),
    ],
)
@pytest.mark.filterwarnings("ignore::fusionbench.DataWarning")
def test_numbers_and_names_are_taken_and_minus_one_or_nothing_is_not_judged(tmp_path, labels):
    assert stored(tmp_path, clip(0, labels)) == [("1", "1", "2", "2", "", "1")]
    assert train_labels(fb.open_stream_store(tmp_path / "s")) == ("1", "2")


def test_padding_is_cut_with_its_labels(tmp_path):
    padded = np.vstack([np.zeros((2, 1)), X, np.zeros((1, 1))])
    labels = [-1, 7, 1, 1, 2, 2, -1, 1, 8]
    fb.write_stream_store(tmp_path / "s", [clip(0, labels, streams={"x": padded})], cut_padding=True)
    (one,) = fb.open_stream_store(tmp_path / "s").index.clips
    assert one.labels == ("1", "1", "2", "2", "", "1")


def test_a_clip_of_which_no_step_is_judged_is_told(tmp_path):
    with pytest.warns(fb.DataWarning, match=r"no step of 1 clip\(s\) is judged"):
        fb.write_stream_store(tmp_path / "s", [clip(0), clip(1, [None] * 6, streams={"x": X + 9})])
    assert [note.kind for note in noted(fb.open_stream_store(tmp_path / "s"))] == ["unjudged"]


@pytest.mark.parametrize(
    ("clips", "message"),
    [
        ([clip(0, (1, 2))], r"clip 'c0': labels has shape \(2,\); its streams have 6 steps, so give \(6,\)"),
        ([clip(0, np.ones((6, 2)))], r"labels has shape \(6, 2\)"),
        ([clip(0, 3)], r"labels has shape \(\)"),
        ([clip(0, [0.5, 1, 1, 1, 1, 1])], "clip 'c0': labels is 0.5; .* has to be cut into classes first"),
        ([clip(0, label="a")], "clip 'c0' has a label and labels"),
        ([clip(0), clip(1, None, label="a")], "clip 'c1' has one label, and the first clip labels of each"),
        ([clip(0, None)], "clip number 1 lacks label; it has id, labels, split, streams"),
        (
            [clip(0), {k: v for k, v in clip(1, label="a").items() if k != "labels"}],
            "clip 'c1' has one label, and the first clip labels of each step. Label all clips alike",
        ),
        ([clip(0, [1] * 6)], "all steps are '1'; give clips of at least two classes"),
        ([clip(0, [-1] * 6)], "no step that is trained on is judged: all their labels are -1, None or empty"),
        (
            [clip(0), clip(1, [3] * 6, split="test")],
            r"label '3' is never seen in train \(6 step\(s\) of test",
        ),
    ],
)
def test_what_labels_no_steps_is_refused(tmp_path, clips, message):
    with pytest.raises(fb.UserError, match=message):
        fb.write_stream_store(tmp_path / "s", clips)
    assert not (tmp_path / "s" / "store.json").exists()
