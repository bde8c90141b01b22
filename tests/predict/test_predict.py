"""A run is asked about videos: prepared, encoded and judged as its own clips were."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import fusionbench as fb
from fusionbench.bench.artifacts import read_fold
from fusionbench.bench.trained import load_model
from fusionbench.contract.watch import Watch
from fusionbench.predict.ask import courses, predictor_of
from fusionbench.predict.course import Course, course_of, write_table
from fusionbench.predict.footage import Footage, footage
from fusionbench.predict.predictor import Predictor, RunPredictor
from fusionbench.prepare.part import Way
from fusionbench.prepare.prepare import prepare
from fusionbench.prepare.recordings import find_recordings
from fusionbench.track.records import read_file
from tests.predict import masks
from tests.prepare.films import film

TINY = {"backbone": "tiny", "relation": "none"}
MESH = {"backbone": "tiny", "relation": "mesh_gat", "relation.width": 16, "front_end.trainable": "relation"}
WHOLE = {"backbone": "tiny", "relation": "mesh_gat", "relation.width": 16, "front_end.trainable": "all"}


@pytest.fixture(autouse=True)
def tracked(database: Path) -> None:
    """See ``database``."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Path:
    """Where a run was made once for all that only ask it: ``model``, its ``films`` and ``faces``."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("FUSIONBENCH_CACHE", str(folder / "cache"))
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{shutil.copy(template, folder / 'mlflow.db')}")
        run_id = masks.trained("films", "faces", **TINY).run_id
        shutil.copytree(read_file(run_id, "model"), "model")
    return folder


class Told(Watch):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, line: str) -> None:
        self.lines.append(line)

    def warn(self, line: str) -> None:
        self.lines.append(line)


def asked(
    predictor: Predictor, *sources: str | Path, watch: Watch | None = None, on_bad_clip="fail"
) -> Footage:
    return footage(
        predictor,
        [Path(source) for source in sources],
        on_bad_clip=on_bad_clip,
        workers=0,
        catalog=masks.catalog(),
        watch=watch or Watch(),
    )


def said_of(predictor: Predictor, *sources: str | Path, window=None, step=None) -> list[Course]:
    return list(courses(predictor, asked(predictor, *sources).store, window, step, Watch()))


def predictor(run: str | Path, watch: Watch | None = None) -> RunPredictor:
    return RunPredictor(load_model(run, masks.catalog()), masks.catalog(), watch or Watch())


@pytest.mark.slow
@pytest.mark.parametrize("front", [TINY, MESH, WHOLE], ids=["frozen", "relation", "all"])
def test_of_its_own_reported_clips_a_run_says_from_the_videos_what_it_reported(front):
    done = masks.trained("films", "faces", **front)
    reported = read_fold(done.run_id).report
    said = said_of(predictor(done.run_id), "films/report")
    assert [course.clip for course in said] == [name.removeprefix("report/") for name in reported.ids]
    for course, expected in zip(said, np.exp(reported.log_probabilities), strict=True):
        assert [(each.first, each.last, each.faces) for each in course.windows] == [(0, 5, 5)]
        assert course.probabilities[0] == pytest.approx(expected, abs=1e-6)


def test_a_long_video_is_judged_window_by_window_and_gaps_are_told(home):
    film(Path("long.avi"), [n < 10 or n >= 18 for n in range(30)])
    (course,) = said_of(predictor(home / "model"), "long.avi")
    # as long as the training clips, 5 frames with a face; a quarter of that is a step of 1
    assert [each.first for each in course.windows] == list(range(26))
    assert [k for k, judged in enumerate(course.judged) if not judged] == [10, 11, 12, 13]
    assert course.windows[5].faces == 5 and course.at(14) is None and course.at(29) == 25
    assert course.seconds[3].tolist() == pytest.approx([3 / 25, 7 / 25])
    write_table(Path("said.csv"), [course])
    rows = list(csv.DictReader(Path("said.csv").read_text().splitlines()))
    assert len(rows) == 26 and rows[11]["predicted"] == rows[11]["p(dark)"] == "" and rows[11]["faces"] == "0"
    assert float(rows[0]["p(bright)"]) + float(rows[0]["p(dark)"]) == pytest.approx(1, abs=1e-5)
    assert [
        each.first for each in said_of(predictor(home / "model"), "long.avi", window=20, step=5)[0].windows
    ] == [
        0,
        5,
        10,
    ]


@pytest.mark.slow
def test_arrays_give_what_videos_give():
    done = masks.trained("films", "faces", **MESH)
    store = fb.open_prepared_store("faces")
    (course,) = said_of(predictor(done.run_id), "films/report/dark/09.avi")
    place = store.index.position["report/dark/09"]
    rows = slice(store.index.first_row[place], store.index.first_row[place] + store.index.rows[place])
    real = store.arrays["state"][rows] > 0
    points = np.stack([store.arrays["mesh"][rows][real], store.arrays["rest"][rows][real]], axis=1)
    frames, landmarks = store.arrays["frames"][rows][real], store.arrays["landmarks"][rows][real]
    found = fb.load(done.run_id)
    found._catalog = masks.catalog()
    table = found.predict(frames=frames, landmarks=landmarks, points=points)
    assert table[["p(bright)", "p(dark)"]].to_numpy()[0] == pytest.approx(course.probabilities[0], abs=1e-6)
    with pytest.raises(fb.UserError, match="'points' is missing"):
        found.predict(frames=frames, landmarks=landmarks)
    with pytest.raises(fb.UserError, match=r"expected uint8 \(time, 3, height, width\)"):
        found.predict(frames=frames.astype(float), landmarks=landmarks, points=points)


@pytest.mark.slow
def test_a_run_on_streams_takes_streams():
    draw = np.random.default_rng(0)
    clips = (
        {
            "id": f"c{k}",
            "label": "ab"[k % 2],
            "split": "train" if k < 16 else "test",
            "streams": {"keys": draw.normal(k % 2, 1, (6, 3))},
        }
        for k in range(24)
    )
    fb.write_stream_store("features", clips)
    done = fb.run("concat", "streams", data_root="features", epochs=2)
    keys = np.array(fb.open_stream_store("features").arrays["keys"][-6:])
    said = done.predict(keys=keys)
    assert said[["p(a)", "p(b)"]].to_numpy()[0] == pytest.approx(
        done.predictions().iloc[-1][["p(a)", "p(b)"]].to_numpy(float), abs=1e-6
    )
    longer = done.predict(keys=np.concatenate([keys, keys]))
    assert longer["first_frame"].tolist() == [0, 1, 2, 3, 4, 5, 6]
    with pytest.raises(fb.UserError, match=r"Ask it in Python: fb.load\(RUN_ID\).predict\(keys=...\)"):
        list(courses(predictor_of(done.run_id, masks.catalog(), Watch()), None, None, None, Watch()))


def test_a_store_that_was_prepared_otherwise_is_refused_and_the_runs_own_is_taken(home):
    assert len(asked(predictor(home / "model"), home / "faces").store.index.clips) == 12
    root, found = find_recordings(home / "films/report")
    prepare(root, found, Path("smaller"), Way(masks.Masks, masks.Masks.Config(), "track", 40), workers=0)
    with pytest.raises(
        fb.UserError, match=r"prepared otherwise .*: size 40, not 48. Give the videos themselves"
    ):
        asked(predictor(home / "model"), "smaller")
    with pytest.raises(fb.UserError, match="name the video in place of the store"):
        asked(predictor(home / "model"), home / "faces").only_recording()


def test_an_aligner_of_another_version_is_told(home, monkeypatch):
    monkeypatch.setattr(masks.Masks, "versions", classmethod(lambda cls, config: {"masks": "2"}))
    told = Told()
    asked(predictor(home / "model"), home / "films/report", watch=told)
    assert any(line.startswith("masks is 2, and was 1 when the clips of") for line in told.lines)


def test_a_video_that_cannot_be_read_is_named_or_left_out_and_told(home):
    Path("mine").mkdir()
    film(Path("mine/good.avi"), [True] * 4)
    Path("mine/bad.avi").write_bytes(b"")
    with pytest.raises(fb.UserError, match=r"bad: .*an empty file"):
        asked(predictor(home / "model"), "mine")
    told = Told()
    left = asked(predictor(home / "model"), "mine", watch=told, on_bad_clip="skip")
    assert [clip.id for clip in left.store.index.clips] == ["good"]
    assert any(line.startswith("left out: bad: ") for line in told.lines)


def test_the_same_video_is_prepared_once(home, monkeypatch):
    film(Path("mine.avi"), [True] * 4)
    asked(predictor(home / "model"), "mine.avi", "./mine.avi")
    monkeypatch.setattr(masks.Masks, "sightings", None)
    assert len(asked(predictor(home / "model"), "mine.avi").store.index.clips) == 1


@pytest.mark.slow
def test_other_weights_than_the_runs_are_refused(tmp_path):
    from fusionbench_backbones.tiny import SHIPPED
    from safetensors.torch import load_file, save_file

    tensors = load_file(SHIPPED)
    save_file(tensors, tmp_path / "mine.safetensors")
    run_id = masks.trained(
        "films", "faces", **TINY, **{"backbone.weights": str(tmp_path / "mine.safetensors")}
    ).run_id
    assert predictor(run_id).size == 96
    save_file(
        {name: value + 1 if value.is_floating_point() else value for name, value in tensors.items()},
        tmp_path / "mine.safetensors",
    )
    with pytest.raises(fb.UserError, match=r"backbone 'tiny' had weights of SHA-256 .*bring those it had"):
        predictor(run_id)
    (tmp_path / "mine.safetensors").unlink()
    with pytest.raises(fb.UserError, match="no weights file at"):
        predictor(run_id)


class Brightness(fb.Backbone):
    """Names what it sees by itself: dark or bright."""

    name = "brightness"
    classes = ("dark", "bright")

    def __init__(self, config):
        super().__init__(config)
        self.dim, self.map_shape = 1, (1, 1, 1)

    @classmethod
    def input_size(cls, config):
        return 8

    def forward(self, frames):
        level = frames.mean((1, 2, 3)).unsqueeze(1)
        return fb.FrameFeatures(level, level[..., None, None])

    def logits(self, embedding):
        return torch.cat([0 * embedding, 10 * embedding - 5], dim=1)


def test_a_network_that_names_classes_is_asked_frame_by_frame():
    from fusionbench.catalog.run_config import Chosen
    from fusionbench.predict.predictor import NetworkPredictor

    net = NetworkPredictor(
        Chosen("backbone", "brightness", "brightness", "1", Brightness, Brightness.Config())
    )
    frames = np.stack([np.full((3, 16, 16), level, np.uint8) for level in (0, 255, 0)])
    course = course_of(net, "mine", {"frames": frames}, real=np.array([True, True, False]))
    assert [course.predicted(k) for k in range(3)] == ["dark", "bright", ""]
    # the sigmoid of 10 * 1 - 5
    assert course.probabilities[1, 1] == pytest.approx(1 / (1 + np.exp(-5)), abs=1e-6)


def test_a_backbone_without_classes_and_an_unknown_run_are_refused():
    with pytest.raises(
        fb.UserError, match="backbone 'tiny' names no classes by itself; those that do: expression_net"
    ):
        predictor_of("tiny", masks.catalog(), Watch())
    with pytest.raises(fb.UserError, match="no run 'nothing'"):
        predictor_of("nothing", masks.catalog(), Watch())
