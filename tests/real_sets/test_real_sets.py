"""The real sets as stores; skipped where ``FUSIONBENCH_REAL_SETS`` names no folder with their files."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import fusionbench as fb
from fusionbench.bench.run import run
from fusionbench.catalog.resolve import Request
from tests.real_sets import articulary_words, basic_motions, crema_d_votes, gfe_landmarks

SETS = Path(os.environ.get("FUSIONBENCH_REAL_SETS", "no folder"))
GFE, MOTIONS = SETS / "gfe_libras_landmarks.npz", SETS / "uea_basicmotions.npz"
VOTES, WORDS = SETS / "crema_d_human_votes.npz", SETS / "articulary_word_ema.npz"


def test_a_segment_is_a_run_of_shown_frames():
    shown = np.array([1, 1, 0, 0, 1, 0, 1])
    assert gfe_landmarks.runs(shown) == [slice(0, 2), slice(4, 5), slice(6, 7)]


@pytest.mark.skipif(not GFE.is_file(), reason=f"FUSIONBENCH_REAL_SETS names no folder with {GFE.name}")
@pytest.mark.parametrize(
    ("user", "train", "report", "majority"), [("a", 174, 186, 0.183), ("b", 186, 174, 0.149)]
)
def test_gfe_is_of_the_published_size(tmp_path, user, train, report, majority):
    fb.write_stream_store(tmp_path / "gfe", gfe_landmarks.clips(GFE, user))
    store = fb.open_stream_store(tmp_path / "gfe")
    splits = Counter(clip.split for clip in store.index.clips)
    assert splits == {"train": train, "report": report}
    assert {name: array.shape[1] for name, array in store.arrays.items()} == {
        "appearance": 200,
        "relation": 37,
    }
    labels = Counter(clip.label for clip in store.index.clips if clip.split == "report")
    assert max(labels.values()) / report == pytest.approx(majority, abs=5e-4)


@pytest.mark.slow
@pytest.mark.skipif(
    not MOTIONS.is_file(), reason=f"FUSIONBENCH_REAL_SETS names no folder with {MOTIONS.name}"
)
@pytest.mark.usefixtures("database")
def test_two_sensors_of_three_channels_are_enough_by_default(tmp_path):
    fb.write_stream_store(tmp_path / "motions", basic_motions.clips(MOTIONS))
    values = {"fusion": "concat_mlp", "dataset": "streams", "data.root": tmp_path / "motions"}
    outcome = run(Request(values))
    assert len(outcome.folds[0].report.ids) == 40
    assert outcome.metrics["report/accuracy"] >= 0.9


@pytest.mark.slow
@pytest.mark.skipif(not VOTES.is_file(), reason=f"FUSIONBENCH_REAL_SETS names no folder with {VOTES.name}")
@pytest.mark.usefixtures("database")
def test_votes_on_voice_and_face_are_worth_more_together(tmp_path):
    """Logistic regression in scikit-learn, C = 1, trained on all 72 actors: 54.3, 69.9 and 75.7 %."""
    fb.write_stream_store(tmp_path / "votes", crema_d_votes.clips(VOTES))
    store = fb.open_stream_store(tmp_path / "votes")
    clips = store.index.clips
    assert Counter(clip.split for clip in clips) == {"train": 5885, "test": 1557}
    assert len({clip.subject for clip in clips}) == 91 and len({clip.label for clip in clips}) == 6
    assert set(store.index.rows.tolist()) == {1}
    values = {"fusion": "logistic", "dataset": "streams", "data.root": tmp_path / "votes"}
    expected = {"voice": 0.543, "face": 0.699, None: 0.757}
    for stream, accuracy in expected.items():
        outcome = run(Request({**values, "fusion.stream": stream}))
        assert outcome.metrics["report/accuracy"] == pytest.approx(accuracy, abs=0.01), stream


@pytest.mark.skipif(not WORDS.is_file(), reason=f"FUSIONBENCH_REAL_SETS names no folder with {WORDS.name}")
def test_words_are_of_the_published_size(tmp_path):
    fb.write_stream_store(tmp_path / "words", articulary_words.clips(WORDS))
    store = fb.open_stream_store(tmp_path / "words")
    splits = Counter(clip.split for clip in store.index.clips)
    assert splits == {"train": 275, "test": 300}
    assert len({clip.label for clip in store.index.clips}) == 25
    assert set(store.index.rows.tolist()) == {144}
    assert {n: a.shape[1] for n, a in store.arrays.items()} == {"tongue": 3, "upper-lip": 3, "lower-lip": 3}
    with np.load(WORDS) as arrays:  # every channel is in the stream of its sensor
        first = np.concatenate(
            [store.arrays[name][:144] for name in articulary_words.STREAMS.values()], axis=1
        )
        place = {str(clip.id): k for k, clip in enumerate(store.index.clips)}
        assert place["train/000"] == 0 and np.array_equal(first, arrays["x"][0].astype(np.float32))
