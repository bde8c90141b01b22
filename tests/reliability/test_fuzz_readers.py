"""Every reader, on damaged files: a valid result, or our error with the file's name, and nothing else.

``FUSIONBENCH_LONG=1`` tries 1,000 files a reader, and tells what came of them.
"""

from __future__ import annotations

import argparse
import collections
import io
import json
import os
import signal
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fusionbench_datasets.afew import AFEW
from hypothesis import HealthCheck, given, settings
from safetensors.torch import save
from torch import nn

import fusionbench as fb
from fusionbench.catalog.documents import read
from fusionbench.catalog.plugins import collect
from fusionbench.catalog.resolve import Request, parse_assignment, resolve
from fusionbench.data.marker import FILE_NAME, Marker, write_marker
from fusionbench.exchange.clips_file import read_clips_file
from fusionbench.learn.checkpoint import Checkpoint
from fusionbench.study.experiment import members, read_experiment
from tests.plugins import writers
from tests.reliability.mutations import EDITS, edited

pytestmark = pytest.mark.reliability
LONG = os.environ.get("FUSIONBENCH_LONG") == "1"
EXAMPLES = 1_000 if LONG else 25
HANG_SECONDS = 20

CONFIG = (
    b"# one run\nfusion: &f {name: arpg, trs: 5}\ndataset: afew\nseed: 3\ntraining: {epochs: 2, lr: 1.0e-3}\n"
)
REGISTRY = (
    b"fusion:\n  wide: {plugin: arpg, options: {trs: null, heads: 2}}\nbackbone:\n  t: {plugin: tiny}\n"
)
EXPERIMENT = (
    b"# Which head is best?\nbase:\n  dataset: afew\n  training: {epochs: 2}\nvary:\n"
    b"  fusion: [arpg, {name: arpg, trs: null}]\n  seed: [0, 1]\n"
)
POINTS = b"version: 1\nn_points: 68\n{\n" + b"4.5 1.25\n" * 68 + b"}\n"


def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))


@dataclass(frozen=True)
class Reader:
    """A reader and a valid file for it."""

    name: str
    """of the file"""
    valid: Callable[[], bytes]
    read: Callable[[Path], Any]
    wrap: Callable[[bytes], bytes] = lambda damaged: damaged
    """puts what was damaged into a whole file, so that the damage gets past checksums"""
    told: str = ""
    """what an error names instead of the file: the store it belongs to"""


def torch_file(content: object, **options: Any) -> bytes:
    file = io.BytesIO()
    torch.save(content, file, **options)
    return file.getvalue()


def training() -> dict[str, Any]:
    """A training checkpoint with what scripts put beside the network."""
    weights = network().state_dict()
    return {"epoch": 3, "args": argparse.Namespace(lr=0.1), "best": np.float64(1), "state_dict": weights}


def inner_pickle() -> bytes:
    with zipfile.ZipFile(io.BytesIO(torch_file(training()))) as archive:
        return archive.read("archive/data.pkl")


def with_pickle(pickled: bytes) -> bytes:
    """A whole archive around a damaged pickle."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(torch_file(training()))) as valid, zipfile.ZipFile(made, "w") as archive:
        for entry in valid.infolist():
            damaged = entry.filename == "archive/data.pkl"
            archive.writestr(entry.filename, pickled if damaged else valid.read(entry))
    return made.getvalue()


def image(suffix: str) -> Callable[[], bytes]:
    def encoded() -> bytes:
        path = Path(f"valid{suffix}")
        fb.write_image(path, np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8))
        return path.read_bytes()

    return encoded


def load(path: Path) -> None:
    weights = fb.read_weights(path)
    assert all(isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in weights.items())
    fb.load_weights(network(), path)


def decode(path: Path) -> None:
    frames = fb.read_images([path])
    assert frames.ndim == 4 and frames.shape[1] == 3 and frames.dtype == np.uint8


def points(path: Path) -> None:
    """A clip of one frame, whose landmarks are damaged."""
    faces = path.parent / "afew" / "Faces" / "1"
    places = path.parent / "afew" / "Points" / "1"
    for folder in (faces, places):
        folder.mkdir(parents=True, exist_ok=True)
    fb.write_image(faces / path.with_suffix(".png").name, np.zeros((8, 8, 3), np.uint8))
    os.replace(path, places / path.name)
    clip = fb.Clip("1", "Happy", "train", None, (f"Faces/1/{path.with_suffix('.png').name}",))
    landmarks = AFEW(path.parent / "afew", AFEW.Config()).read(clip).landmarks
    assert landmarks is None or (landmarks.shape == (1, 68, 2) and np.isfinite(landmarks).all())


def store_part(name: str) -> Reader:
    """One file of a stream store."""
    draw = np.random.default_rng(0)

    def valid() -> bytes:
        clips = (
            {"id": f"c{k}", "label": "ab"[k % 2], "split": split, "streams": {"x": draw.normal(size=(3, 2))}}
            for k, split in enumerate(["train"] * 4 + ["report"] * 2)
        )
        fb.write_stream_store("my-store", clips)
        return Path("my-store", name).read_bytes()

    def read(path: Path) -> None:
        os.replace(path, Path("my-store", name))
        store = fb.open_stream_store("my-store")
        for array in store.arrays.values():
            float(np.asarray(array, dtype=np.float64).sum())

    return Reader(name, valid, read, told="my-store")


def mark() -> bytes:
    Path("marked").mkdir(exist_ok=True)
    write_marker(Path("marked"), Marker("afew", 1, 2511, {"train/Angry": 72}))
    return Path("marked", FILE_NAME).read_bytes()


def read_mark(path: Path) -> None:
    os.replace(path, Path("marked", FILE_NAME))
    found = fb.read_marker(Path("marked"))
    assert isinstance(found, Marker)


def unfinished() -> bytes:
    module = network()
    optimizer = torch.optim.AdamW(module.parameters())
    Checkpoint(Path("valid.pt")).save({"model": module.state_dict(), "optimizer": optimizer.state_dict()})
    return Path("valid.pt").read_bytes()


def resume(path: Path) -> None:
    """It always goes on: from the checkpoint, or anew with one warning."""
    warnings: list[str] = []
    module = network()
    restored = Checkpoint(path, warnings.append).resume(
        lambda state: module.load_state_dict(state["model"]) or True
    )
    assert bool(restored) != bool(warnings)
    assert all(path.name in warning for warning in warnings)


@contextmanager
def named(path: Path) -> Iterator[None]:
    """What values mean is told by their keys; this says whose they are."""
    try:
        yield
    except fb.UserError as error:
        raise fb.UserError(f"{path}: {error}") from error


def resolved(path: Path) -> None:
    read(path)
    with named(path):
        resolve(Request(file=path), collect())


def presets(path: Path) -> None:
    read(path)
    with named(path):
        resolve(Request({"fusion": "arpg", "dataset": "afew"}, registry=path), collect())


def experiment(path: Path) -> None:
    asked = read_experiment(path, Request())
    with named(path):
        members(asked, collect())


def assigned(path: Path) -> None:
    """What ``--set`` is given; it has no file, and its text is its name."""
    text = path.read_bytes().replace(b"\0", b"").decode("utf-8", "surrogateescape")
    with named(path):
        key, value = parse_assignment(text)
        resolve(Request({"fusion": "arpg", "dataset": "afew", key: value}), collect())


def importing(name: str, file: str, write: Callable[[Path], object], source: str = "") -> Reader:
    """A file of an importer's source.

    Args:
        name: the importer's.
        file: the file that is damaged, as a path in the source.
        write: writes a whole source; given the file's own path where that is all.
        source: the folder that is read; empty where it is the file itself.
    """

    def valid() -> bytes:
        write(Path(source or file))
        return Path(source, file).read_bytes()

    def read(path: Path) -> None:
        place = Path(source, file) if source else path
        if source:
            os.replace(path, place)
        cls = collect().get("importer", name).cls
        contents = cls(cls.Config()).read(Path(source) if source else path)
        for clip in contents.clips:
            assert clip.id and all(array.ndim == 2 for array in clip.streams.values())

    return Reader(Path(file).name, valid, read, told=source and "mine")


READERS = {
    "config": Reader("run.yaml", lambda: CONFIG, resolved),
    "registry": Reader("mine.yaml", lambda: REGISTRY, presets),
    "experiment": Reader("question.yaml", lambda: EXPERIMENT, experiment),
    "--set": Reader("set.txt", lambda: b"training.lr=1.0e-3", assigned),
    "safetensors": Reader("w.safetensors", lambda: save(network().state_dict()), load),
    "torch archive": Reader("w.pth", lambda: torch_file(training()), load),
    "torch pickle": Reader("w.pth", inner_pickle, load, with_pickle),
    "torch sequence": Reader(
        "w.pth", lambda: torch_file(training(), _use_new_zipfile_serialization=False), load
    ),
    "png": Reader("1.png", image(".png"), decode),
    "jpg": Reader("1.jpg", image(".jpg"), decode),
    "bmp": Reader("1.bmp", image(".bmp"), decode),
    "points": Reader("1.pts", lambda: POINTS, points),
    "store.json": store_part("store.json"),
    "index.csv": store_part("index.csv"),
    "npy": store_part("x.npy"),
    "mark": Reader(FILE_NAME, mark, read_mark),
    "checkpoint": Reader("state.pt", unfinished, resume),
    "mmsa": importing("mmsa", "aligned.pkl", writers.write_mmsa),
    "multibench": importing("multibench", "raw.pkl", writers.write_multibench),
    "npz": importing("npz", "mine.npz", writers.write_npz),
    "merbench labels": importing("merbench", "label-6way.npz", writers.write_merbench, "mine"),
    "merbench features": importing(
        "merbench", "features/bert-UTT/sample_00000003.npy", writers.write_merbench, "mine"
    ),
    "csv": importing("table", "frames.csv", writers.write_table),
    "openface": importing(
        "openface",
        "a.csv",
        lambda path: writers.write_openface(path, writers.openface_rows(range(1, 6), [3])),
    ),
    "arff": importing("opensmile", "egemaps.arff", lambda path: writers.write_opensmile(path.parent)),
    "ts": importing("ts", "A_TRAIN.ts", lambda path: writers.write_ts(path, writers.ts_lines(3, 0))),
    "votes": importing("crema_d_votes", "tabulatedVotes.csv", writers.write_votes),
    "clips": Reader("clips.csv", lambda: b"id,split,label\na,train,x\nb,test,y\n", read_clips_file),
    "csd": importing("csd", "words.csd", writers.write_csds, "mine"),
    "csd labels": importing("csd", "labels.csd", writers.write_csds, "mine"),
}


@contextmanager
def ends() -> Iterator[None]:
    """Raises in what hangs."""

    def hangs(number: int, frame: object) -> None:
        raise AssertionError(f"still reading after {HANG_SECONDS} s")

    before = signal.signal(signal.SIGALRM, hangs)
    signal.alarm(HANG_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="no alarms on this machine")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", READERS)
def test_a_damaged_file_gives_a_valid_result_or_our_error_with_its_name(tmp_path, kind, capfd):
    reader = READERS[kind]
    valid = reader.valid()
    came: collections.Counter[str] = collections.Counter()

    def try_file(data: bytes) -> str:
        path = tmp_path / reader.name
        path.write_bytes(reader.wrap(data))
        try:
            with ends():
                reader.read(path)
        except fb.UserError as error:
            assert (reader.told or reader.name) in str(error), error
            return type(error).__name__
        return "valid"

    assert try_file(valid) == "valid"

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(EDITS)
    def try_edits(edits: list[Any]) -> None:
        came[try_file(edited(valid, edits))] += 1

    try_edits()
    assert sum(came.values()) >= EXAMPLES
    told = capfd.readouterr()
    assert told.err == "", "nothing reaches the screen past us"
    if LONG:
        with capfd.disabled():
            print(f"\n{kind}: {json.dumps(came)}")
