"""Stream stores: features of any origin, checked as they come, complete or absent."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import fusionbench as fb
from fusionbench.data.loader import ClipLoader
from fusionbench.learn.front_end import stream_statistics


def clip(number: int, **changed) -> dict:
    """Clip ``number``: 3 + number frames, whose values are its number; two train clips, then report."""
    time = 3 + number
    made = {
        "id": f"c{number}",
        "label": ("left", "right")[number % 2],
        "split": "train" if number < 2 else "report",
        "streams": {
            "text": np.full((time, 2), number, np.float64),
            "audio": np.full((time, 5), -number, np.float32),
        },
    }
    return {**made, **changed}


def test_what_is_read_is_what_was_written(tmp_path):
    fb.write_stream_store(tmp_path / "s", (clip(n, subject=f"p{n}") for n in range(3)))
    store = fb.open_stream_store(tmp_path / "s")
    assert list(store.arrays) == ["text", "audio"]  # the first clip's order, not the alphabet's
    assert store.arrays["text"].shape == (3 + 4 + 5, 2) and store.arrays["text"].dtype == np.float32
    assert store.arrays["audio"][3:7].tolist() == [[-1.0] * 5] * 4
    assert store.index.rows.tolist() == [3, 4, 5]
    assert [(c.label, c.split, c.subject) for c in store.index.clips] == [
        ("left", "train", "p0"),
        ("right", "train", "p1"),
        ("left", "report", "p2"),
    ]
    assert not store.stand_in


def test_generated_features_say_so(tmp_path):
    fb.write_stream_store(tmp_path / "s", map(clip, range(3)), stand_in=True)
    assert fb.open_stream_store(tmp_path / "s").stand_in


@pytest.mark.parametrize("split", ["test", "val", "report"])
def test_test_and_val_are_what_is_reported(tmp_path, split):
    fb.write_stream_store(tmp_path / "s", [clip(0), clip(1), clip(2, split=split)])
    assert fb.open_stream_store(tmp_path / "s").index.clips[2].split == "report"


def test_numbers_lists_and_whole_number_names_are_taken(tmp_path):
    streams = {"text": [[1, 2], [3, 4]], "audio": [[0] * 5] * 2}
    fb.write_stream_store(
        tmp_path / "s", [clip(0), clip(1), clip(2, id=7, subject=np.int64(3), streams=streams)]
    )
    store = fb.open_stream_store(tmp_path / "s")
    assert (store.index.clips[2].id, store.index.clips[2].subject) == ("7", "3")
    assert store.arrays["text"][-2:].tolist() == [[1, 2], [3, 4]]


def streams(text=None, audio=None) -> dict:
    good = clip(2)["streams"]
    return {
        "text": good["text"] if text is None else text,
        "audio": good["audio"] if audio is None else audio,
    }


HOLE = np.zeros((5, 2))
HOLE[3, 1] = np.nan


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"streams": streams(HOLE)}, r"clip 'c2', stream 'text' is NaN .* in 1 of 5 .* frame 3"),
        ({"streams": streams(np.full((5, 2), 1e300))}, "stream 'text' is NaN or infinite in 5 of 5 frames"),
        ({"streams": streams([[1, 2], [3]])}, "stream 'text' is ragged"),
        ({"streams": streams(np.zeros((4, 2)))}, r"streams differ in length: \{'text': 4, 'audio': 5\}"),
        ({"streams": streams(np.zeros((5, 3)))}, r"\{'text': 3, 'audio': 5\} .* \{'text': 2, 'audio': 5\}"),
        ({"streams": {"text": np.zeros((5, 2))}}, "Every clip needs the same streams"),
        ({"streams": streams(np.zeros(5))}, r"has shape \(5,\); expected \(time, dim\)"),
        ({"streams": streams(np.zeros((0, 2)))}, r"has shape \(0, 2\)"),
        ({"streams": streams([["a", "b"]] * 5)}, "not numbers"),
        ({"streams": {"a.b": np.zeros((5, 2))}}, "a stream is named 'a.b'"),
        ({"streams": {}}, "give at least one"),
        ({"id": "c0"}, "clip id 'c0' came twice"),
        ({"id": ""}, "id is ''"),
        ({"split": "dev"}, "clip 'c2': unknown split 'dev'. Give train or report"),
        ({"split": ["train"]}, "unknown split"),
        ({"label": "up"}, "label 'up' is never seen in train .* Labels of the training clips: left, right"),
        ({"label": 0.5}, "label is 0.5"),
        ({"subjekt": "x"}, "unknown key 'subjekt'. Did you mean 'subject'?"),
        ({"split": "train"}, "no clip has split report"),
    ],
)  # fmt: skip
def test_a_malformed_clip_is_named_and_nothing_is_left_behind(tmp_path, changed, message):
    with pytest.raises(fb.UserError, match=message):
        fb.write_stream_store(tmp_path / "s", [clip(0), clip(1), clip(2, **changed)])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("clips", "message"),
    [
        ([], "no clip has split train"),
        (["c0"], "clip number 1 is a str; give a mapping with id, label, split, streams"),
        ([{"id": "c0", "split": "train"}], "clip number 1 lacks label, streams; it has id, split"),
        ([clip(0), clip(2)], "all clips are 'left'; give clips of at least two classes"),
    ],
)
def test_what_is_no_set_of_clips_is_refused(tmp_path, clips, message):
    with pytest.raises(fb.UserError, match=message):
        fb.write_stream_store(tmp_path / "s", clips)
    assert list(tmp_path.iterdir()) == []


def test_a_store_is_replaced_only_by_a_whole_one(tmp_path):
    fb.write_stream_store(tmp_path / "s", map(clip, range(3)))
    before = fb.open_stream_store(tmp_path / "s").content_hash
    with pytest.raises(fb.UserError, match="came twice"):
        fb.write_stream_store(tmp_path / "s", [clip(0), clip(0)])
    assert fb.open_stream_store(tmp_path / "s").content_hash == before
    fb.write_stream_store(tmp_path / "s", map(clip, range(4)))
    assert len(fb.open_stream_store(tmp_path / "s").index.clips) == 4


def test_a_folder_of_something_else_is_never_touched(tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.tex").write_text("years of work")
    with pytest.raises(fb.UserError, match=r"exists and is no stream store\. Nothing was written"):
        fb.write_stream_store(tmp_path / "thesis", map(clip, range(3)))
    assert (tmp_path / "thesis" / "chapter1.tex").read_text() == "years of work"


def test_neither_writing_nor_reading_holds_more_than_a_few_clips(tmp_path):
    """64 clips of 1 MB each, in batches of 4; numpy's arrays are traced."""

    def clips():
        for number in range(64):
            split = "train" if number < 60 else "report"
            yield clip(number, split=split, streams={"video": np.ones((256, 1024), np.float32)})

    tracemalloc.start()
    fb.write_stream_store(tmp_path / "s", clips())
    store = fb.open_stream_store(tmp_path / "s")
    ids = [c.id for c in store.index.clips if c.split == "train"]
    for batch in ClipLoader(store.index, store.arrays, ids, ("left", "right"), None, batch_size=4, seed=0):
        assert batch.arrays["video"].shape == (4, 256, 1024)
    stream_statistics(store.index, store.arrays, ids)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (tmp_path / "s" / "video.npy").stat().st_size > 64e6
    assert peak < 16e6
