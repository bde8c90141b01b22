"""The two real sets as stores; skipped where ``FUSIONBENCH_REAL_SETS`` names no folder with their files."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import fusionbench as fb
from fusionbench.bench.run import run
from fusionbench.catalog.resolve import Request
from tests.real_sets import basic_motions, gfe_landmarks

SETS = Path(os.environ.get("FUSIONBENCH_REAL_SETS", "no folder"))
GFE, MOTIONS = SETS / "gfe_libras_landmarks.npz", SETS / "uea_basicmotions.npz"


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
