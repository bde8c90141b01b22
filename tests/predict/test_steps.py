"""Runs whose steps had labels of their own say of their reported clips what they reported."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fusionbench_datasets.affwild2 import AffWild2

import fusionbench as fb
from fusionbench.bench.artifacts import read_fold
from fusionbench.bench.run import run
from fusionbench.catalog.plugins import collect
from fusionbench.catalog.resolve import Request
from fusionbench.contract.watch import Watch
from fusionbench.data.generate import generate
from fusionbench.predict.ask import predictor_of
from fusionbench.predict.course import course_of
from tests.plugins.test_affwild2 import SmallAffWild2

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("database")]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 clips of 20 to 40 steps; a fifth of the steps is not judged."""
    draw = np.random.default_rng(0)

    def clip(k: int) -> dict:
        time = 20 + 2 * (k % 11)
        labels = np.repeat(draw.integers(0, 2, size=time // 5 + 1), 5)[:time]
        x = (labels[:, None] + draw.normal(size=(time, 6))).astype(np.float32)
        labels[draw.random(time) < 0.2] = -1
        split = "train" if k < 8 else "test"
        return {"id": f"c{k}", "labels": labels, "split": split, "streams": {"a": x[:, :4], "b": x[:, 2:]}}

    folder = tmp_path_factory.mktemp("steps") / "store"
    fb.write_stream_store(folder, (clip(k) for k in range(12)))
    return folder


@pytest.mark.parametrize("window", [None, 6])
def test_of_its_reported_streams(store, window):
    values = {"fusion": "gru", "dataset": "streams", "data.root": str(store), "training.epochs": 2}
    done = run(Request({**values, "dataset.window": window, "dataset.dilation": 2}), Watch())
    report = read_fold(done.run_id).report
    predictor, opened = predictor_of(done.run_id, collect(), Watch()), fb.open_stream_store(store)
    for clip in [clip for clip in opened.index.clips if clip.split == "test"]:
        place = opened.index.position[clip.id]
        rows = slice(opened.index.first_row[place], opened.index.first_row[place] + opened.index.rows[place])
        arrays = {name: np.array(array[rows]) for name, array in opened.arrays.items()}
        course = course_of(predictor, clip.id, arrays)
        assert [(each.first, each.last) for each in course.windows] == [
            (t, t) for t in range(len(clip.labels))
        ]
        mine = [k for k, name in enumerate(report.ids) if name.startswith(f"{clip.id}/")]
        steps = [step for step, label in enumerate(clip.labels) if label]
        expected = np.exp(report.log_probabilities[mine])
        np.testing.assert_allclose(course.probabilities[steps], expected, atol=1e-5)
        third = course_of(predictor, clip.id, arrays, step=3)
        np.testing.assert_allclose(third.probabilities, course.probabilities[::3], atol=1e-5)
        with pytest.raises(fb.UserError, match=r"judges every frame by itself, .*: leave out the window"):
            course_of(predictor, clip.id, arrays, window=4)


@pytest.mark.parametrize("window", [None, 8])
def test_a_clip_longer_than_all_of_the_run_is_said_something_of_everywhere(store, window):
    values = {"fusion": "gru", "dataset": "streams", "data.root": str(store), "training.epochs": 1}
    done = run(Request({**values, "dataset.window": window}), Watch())
    draw = np.random.default_rng(1)
    arrays = {name: draw.normal(size=(333, 4)).astype(np.float32) for name in "ab"}
    real = np.arange(333) % 50 > 3
    course = course_of(predictor_of(done.run_id, collect(), Watch()), "long", arrays, real=real)
    assert course.judged.tolist() == real.tolist()
    np.testing.assert_allclose(course.probabilities[real].sum(axis=1), 1, atol=1e-5)


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Aff-Wild2's stand-in with fewer people."""
    root = tmp_path_factory.mktemp("videos") / "aff"
    generate(SmallAffWild2, root, workers=1)
    return root


@pytest.mark.parametrize("window", [None, 8])
def test_of_a_reported_video_of_faces(videos, window):
    values = {"fusion": "concat" if window else "gru", "dataset": "affwild2", "training.epochs": 1}
    values |= {"data.root": str(videos), "dataset.window": window, "training.batch_size": 16}
    done = run(Request(values), Watch())
    report = read_fold(done.run_id).report
    (clip,) = (clip for clip in AffWild2(videos, AffWild2.Config()).scan().clips if clip.split == "report")
    frames = AffWild2(videos, AffWild2.Config()).read(clip).frames
    predictor = predictor_of(done.run_id, collect(), Watch())
    course = course_of(predictor, clip.id, {"frames": frames}, real=frames.any(axis=(1, 2, 3)))
    judged = [int(name.rpartition("/")[2]) - 1 for name in report.ids]
    assert course.judged[judged].all()
    expected = np.exp(report.log_probabilities)
    np.testing.assert_allclose(course.probabilities[judged], expected, atol=1e-4)
