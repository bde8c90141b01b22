"""What ``data show`` knows of a store, from numbers that were put into it."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

import fusionbench as fb
from fusionbench.bench.contents import clip_contents, contents
from fusionbench.report.contents_table import clip_sketch


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Five clips of 3 to 7 steps; of video channel 1 is missing, channel 2 constant; c4 is silent."""

    def clips():
        for k in range(5):
            steps = np.arange(3 + k, dtype=float)
            video = np.stack([steps + 1, 0 * steps, 0 * steps + 4], axis=1)
            yield {
                "id": f"c{k}",
                "label": "ab"[k % 2],
                "split": "train" if k < 4 else "test",
                "subject": f"p{k % 2}",
                "streams": {"video": video, "audio": (1e6 + steps if k < 4 else 0 * steps)[:, None]},
            }

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", fb.DataWarning)
        fb.write_stream_store(tmp_path / "s", clips(), stand_in=True)
    return tmp_path / "s"


def test_streams_lengths_and_dead_channels(store):
    found = contents(store)
    assert (found.clips, found.steps, found.shortest, found.median, found.longest) == (5, 25, 3, 5.0, 7)
    assert found.stand_in and found.labelled == "clips"
    video, audio = found.streams
    assert (video.width, video.low, video.high, video.zero, video.constant) == (3, 0.0, 7.0, [1], [2])
    values = np.concatenate([np.arange(3 + k) + 1.0 for k in range(5)])
    everything = np.concatenate([values, np.zeros(25), np.full(25, 4.0)])
    assert video.mean == pytest.approx(everything.mean())
    assert video.deviation == pytest.approx(everything.std())
    assert (audio.silent_clips, audio.low, audio.high) == (1, 0.0, 1_000_005.0)


@pytest.mark.filterwarnings("ignore::fusionbench.DataWarning")
def test_an_offset_does_not_drown_the_deviation(tmp_path):
    made = [
        {"id": k, "label": k % 2, "split": "train", "streams": {"x": 1e4 + np.array([[0.0], [2.0]])}}
        for k in range(4)
    ]
    fb.write_stream_store(tmp_path / "s", [c | {"streams": {"x": c["streams"]["x"] + c["id"]}} for c in made])
    (stream,) = contents(tmp_path / "s").streams
    assert stream.deviation == pytest.approx(np.sqrt(2.25), rel=1e-6)  # variances of 1 and of 0 to 3: 1.25


def test_balance_of_classes_and_people(store):
    plain = contents(store).plain()
    assert plain["subjects"] == {"p0": 3, "p1": 2}
    assert [(part["name"], part["classes"]) for part in plain["parts"]] == [
        ("train", {"a": 2, "b": 2}),
        ("test", {"a": 1}),
    ]


def test_a_clip_and_its_sketch(store):
    found = clip_contents(store, "c2")
    assert found.streams["video"][:, 0].tolist() == [1, 2, 3, 4, 5]
    assert found.plain()["streams"]["video"] == {"shape": [5, 3], "low": [1, 0, 4], "high": [5, 0, 4]}
    assert clip_sketch(found).splitlines() == [
        "c2: a, part train, subject p0, 5 steps  [stand-in: generated data]",
        "video, 3 channel(s)",
        "    0 ▁▃▅▆█  1 to 5",
        "    1 ─────  0 to 0",
        "    2 ─────  4 to 4",
        "audio, 1 channel(s)",
        "    0 ▁▃▅▆█  1e+06 to 1e+06",
    ]


def test_labels_of_steps_are_counted_and_sketched(tmp_path):
    made = {"id": "v", "labels": ["up", "up", -1, "down"], "split": "train", "streams": {"x": np.eye(4)}}
    fb.write_stream_store(tmp_path / "s", [made])
    found = contents(tmp_path / "s")
    assert (found.labelled, found.unjudged) == ("steps", 1)
    assert found.parts[0].classes == {"down": 1, "up": 2}
    assert clip_sketch(clip_contents(tmp_path / "s", "v")).splitlines()[-3:] == [
        "labels", "  up   ██··", "  down ···█",
    ]  # fmt: skip


def test_what_is_not_there_is_said(store, tmp_path):
    with pytest.raises(fb.UserError, match=r"no clip 'c9' in .*s\. It holds 5: c0, c1, c2, c3, c4\."):
        clip_contents(store, "c9")
    with pytest.raises(fb.UserError, match="is no store"):
        contents(tmp_path / "nothing")
