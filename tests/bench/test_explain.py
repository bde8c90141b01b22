"""A finished run is asked about clips of its data: what it attended to, on which face, drawn into the run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import fusionbench as fb
from fusionbench.bench.artifacts import read_fold
from fusionbench.bench.explain import ExplainedRun
from fusionbench.bench.explain_figures import explain_clips
from fusionbench.bench.run import run
from fusionbench.catalog.plugins import collect
from fusionbench.catalog.resolve import Request
from fusionbench.contract.errors import NotSupported, UserError
from fusionbench.contract.watch import Watch
from fusionbench.track.records import read_file
from tests import fakes

pytestmark = pytest.mark.slow


class Listening(Watch):
    def __init__(self):
        self.told = []

    def note(self, message):
        self.told.append(message)

    def warn(self, message):
        self.told.append(message)


def store(path: Path, shift: float = 0.0) -> Path:
    """Two streams; clips of 4 to 8 frames, whose ids are no names of files."""
    draw = np.random.default_rng(0)
    fb.write_stream_store(
        path,
        (
            {
                "id": f"a/{k}?",
                "label": ["calm", "moving"][k % 2],
                "split": "train" if k < 16 else "report",
                "streams": {
                    "audio": draw.normal(k % 2 + shift, 1, (4 + k % 5, 6)),
                    "pose": draw.normal(0, 1, (4 + k % 5, 4)),
                },
            }
            for k in range(24)
        ),
    )
    return path


def trained(root: Path, fusion: str = "arpg") -> str:
    values = {"fusion": fusion, "dataset": "streams", "data.root": root, "training.epochs": 2}
    return run(Request(values)).run_id


def test_a_run_on_streams_shows_what_its_head_read(tmp_path):
    run_id = trained(store(tmp_path / "sway"))
    watch = Listening()
    opened = ExplainedRun(run_id[:12], None, collect(), watch)
    said = read_fold(run_id).report
    right = said.predicted == said.labels
    chosen = opened.choose(1)
    sure = said.log_probabilities.max(axis=1)
    assert [right[said.ids.index(clip)] for clip in chosen] == [True, False]
    assert all(sure[said.ids.index(clip)] == sure[right == (k == 0)].max() for k, clip in enumerate(chosen))

    clip = said.ids[3]
    one = opened.explain(clip)
    assert one.probability == pytest.approx(float(np.exp(sure[3])), abs=1e-5)
    assert (one.predicted, one.truth) == (
        opened.model.classes[said.predicted[3]],
        ["calm", "moving"][19 % 2],
    )
    (_, weights) = one.attention["layer 1"]
    assert weights.shape == (1, 4, 2 * one.time, 2 * one.time), "alone, the clip has no padding"
    assert one.frames is None and opened.regions(one, 0) is None

    out = tmp_path / "figures"
    out.mkdir()
    (made,), sheet = explain_clips(opened, [clip], 2, out, watch)
    assert (made.clip, made.frame, sheet) == (clip, 2, None)
    assert made.files == ["01-a-19-layer-1.png", "01-a-19-layer-1-frame-2.png"]
    assert {f.name for f in out.iterdir()} == {n[:-3] + form for n in made.files for form in ("png", "svg")}
    kept = read_file(run_id, f"explain/{made.files[0]}")
    assert kept.read_bytes() == (out / made.files[0]).read_bytes()
    assert watch.told == ["no faces are drawn: the run's data are streams, without frames"]

    with pytest.raises(UserError, match=r"no clip 'b/9\?' in the run's data\. Did you mean 'a/9\?'\?"):
        explain_clips(opened, ["b/9?"], None, None, watch)
    with pytest.raises(UserError, match=rf"clip 'a/19\?' has no frame 99: the run takes {one.time} of it"):
        explain_clips(opened, [clip], 99, None, watch)


def test_data_that_moved_are_found_and_data_that_changed_are_refused(tmp_path):
    run_id = trained(store(tmp_path / "sway"))
    (tmp_path / "sway").rename(tmp_path / "moved")
    assert ExplainedRun(run_id, tmp_path / "moved", collect(), Watch()).choose(1)
    store(tmp_path / "sway", shift=1.0)
    with pytest.raises(UserError, match=r"the data have changed since run .* with --data-root"):
        ExplainedRun(run_id, None, collect(), Watch())


def test_a_model_that_says_something_else_than_its_run_is_told(tmp_path):
    watch = Listening()
    opened = ExplainedRun(trained(store(tmp_path / "sway")), None, collect(), watch)
    for parameter in opened.model.head.parameters():
        parameter.data.mul_(3)
    opened.explain("a/20?")
    assert len(watch.told) == 1 and "of clip a/20? the model now says" in watch.told[0]


def test_a_head_without_attention_names_those_that_have_some(tmp_path):
    run_id = trained(store(tmp_path / "sway"), "concat")
    with pytest.raises(
        NotSupported, match=r"'concat' has no attention to show\. Heads that have: arpg, cmha,"
    ):
        ExplainedRun(run_id, None, collect(), Watch())


@pytest.mark.parametrize("trainable", ["none", "relation", "all"])
def test_a_run_on_faces_shows_them_and_their_regions(trainable, tmp_path):
    catalog = fakes.catalog()
    values = {"fusion": "arpg", "dataset": "squares", "fold": "s0", "training.epochs": 1}
    run_id = run(Request({**values, "front_end.trainable": trainable}), catalog=catalog).run_id
    opened = ExplainedRun(run_id, None, catalog, Watch())
    one = opened.explain("s0/2")
    assert one.frames is not None and one.frames.shape == (4, 96, 96, 3)
    assert one.frames[0, 48, 24].min() > 100 > one.frames[0, 48, 72].max(), "the square is on the left"
    regions = opened.regions(one, 1)
    assert regions is not None and regions.boxes.shape == (36, 4)
    assert regions.weights.shape == (36, 36) and regions.weights.sum(axis=1) == pytest.approx(1.0, abs=1e-5)
    if trainable == "all":
        return
    done, sheet = explain_clips(opened, ["s0/2", "s1/0"], None, tmp_path, Watch())
    assert sheet == "samples.png" and (tmp_path / "samples.svg").stat().st_size > 10_000
    assert [len(made.files) for made in done] == [3, 3]
    assert done[1].files[2] == f"02-s1-0-regions-frame-{done[1].frame}.png"
