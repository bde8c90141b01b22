"""Clips whose steps have labels of their own, all labelled at once by heads that can."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import fusionbench as fb
from fusionbench.bench.artifacts import read_fold
from fusionbench.bench.explain import ExplainedRun
from fusionbench.bench.run import run
from fusionbench.catalog.plugins import collect
from fusionbench.catalog.resolve import Request
from fusionbench.contract.samples import labels_steps
from fusionbench.contract.watch import Watch

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("database")]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """30 clips of 6 people and unequal length whose class changes every five steps; a fifth is not judged."""
    draw = np.random.default_rng(0)
    centres = draw.normal(size=(3, 6))

    def clip(k: int) -> dict:
        time = int(draw.integers(10, 30))
        labels = np.repeat(draw.integers(0, 3, size=time // 5 + 1), 5)[:time]
        x = (centres[labels] + draw.normal(size=(time, 6))).astype(np.float32)
        labels[draw.random(time) < 0.2] = -1
        split = "train" if k < 20 else "test"
        parts = {"a": x[:, :4], "b": x[:, 2:]}
        return {"id": f"c{k}", "labels": labels, "subject": f"p{k // 5}", "split": split, "streams": parts}

    fb.write_stream_store(tmp_path / "store", (clip(k) for k in range(30)))
    return tmp_path / "store"


def asked(store: Path, fusion: str, **more) -> Request:
    values = {"fusion": fusion, "dataset": "streams", "data.root": str(store), "dataset.window": None}
    return Request({**values, "training.epochs": 3, **more})


def test_those_that_can_are_the_ones_with_a_state_of_every_step():
    can = {name for name, chosen in collect().components["fusion"].items() if labels_steps(chosen.cls)}
    assert can == {"arpg", "blstm", "gru", "mult", "temma"}


@pytest.mark.parametrize("fusion", ["arpg", "gru"])
def test_a_run_judges_every_judged_step_and_its_model_says_the_same(store, fusion):
    done = run(asked(store, fusion), Watch())
    (fold,) = done.folds
    opened = fb.open_stream_store(store)
    judged = [
        (clip, step, label)
        for clip in opened.index.clips
        if clip.split == "test"
        for step, label in enumerate(clip.labels)
        if label
    ]
    report = read_fold(done.run_id).report
    assert report.ids == tuple(f"{clip.id}/{step + 1:05d}" for clip, step, _ in judged)
    assert [done.folds[0].classes[k] for k in report.labels] == [label for *_, label in judged]
    hits = report.log_probabilities.argmax(axis=1) == report.labels
    assert fold.metrics["report/accuracy"] == pytest.approx(hits.mean()) and hits.mean() > 0.45

    model = fb.load_model(done.run_id)
    for clip in {clip.id: clip for clip, *_ in judged}.values():
        place = opened.index.position[clip.id]
        first, time = opened.index.first_row[place], opened.index.rows[place]
        streams = {
            name: torch.from_numpy(np.array(array[first : first + time]))[None]
            for name, array in opened.arrays.items()
        }
        said = model.predict(fb.Streams(streams))
        assert said.shape == (1, time, 3)
        mine = [k for k, name in enumerate(report.ids) if name.startswith(f"{clip.id}/")]
        steps = [step for step, label in enumerate(clip.labels) if label]
        expected = np.exp(report.log_probabilities[mine])
        np.testing.assert_allclose(said[0, steps].numpy(), expected, atol=1e-5)

    if fusion == "arpg":
        explained = ExplainedRun(done.run_id, None, collect(), Watch()).explain(report.ids[7])
        assert explained.predicted == fold.classes[report.log_probabilities[7].argmax()]


def test_heads_that_label_whole_clips_are_left_out_with_the_way_out(store):
    with pytest.raises(fb.NotSupported, match=r"fusion 'concat' labels whole clips; .*dataset.window=8"):
        run(asked(store, "concat"), Watch())


def test_a_head_whose_steps_have_another_shape_is_told_before_it_is_trained(store, monkeypatch):
    gru = collect().components["fusion"]["gru"].cls
    monkeypatch.setattr(gru, "each_step", lambda self, streams: self(streams))
    with pytest.raises(fb.UserError, match=r"GRU returned \(8, 3\); expected \(batch, time, classes\)"):
        run(asked(store, "gru"), Watch())


def test_frames_are_not_sampled_from_whole_clips(store):
    with pytest.raises(fb.UserError, match=r"through its whole clip\. Leave out sampling.frames"):
        run(asked(store, "gru", **{"sampling.frames": 8}), Watch())
