"""``fusionbench predict`` from the command line: table, files, JSON, what is refused."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from fusionbench_aligners.ready import Ready

from fusionbench.bench.run import run
from fusionbench.catalog.resolve import Request
from fusionbench.prepare.part import Way
from fusionbench.prepare.prepare import prepare
from fusionbench.prepare.recordings import find_recordings


def faces(path: Path, level: int, count: int = 6) -> None:
    """A folder of images that are faces already."""
    path.mkdir(parents=True)
    draw = np.random.default_rng(level)
    for number in range(count):
        face = draw.integers(level, level + 60, (32, 32, 3), dtype=np.uint8)
        cv2.imwrite(str(path / f"{number}.png"), face)


@pytest.fixture
def run_id() -> str:
    """A run on prepared faces, without an aligner; its store is generated data."""
    for k in range(9):
        faces(
            Path("faces", "train" if k < 6 else "report", ("dark", "bright")[k % 2], str(k)),
            (30, 150)[k % 2] + k,
        )
    root, found = find_recordings(Path("faces"))
    labelled = [
        replace(each, **dict(zip(("split", "label"), each.id.split("/")[:2], strict=True))) for each in found
    ]
    way = Way(Ready, Ready.Config(), "track", 48)
    prepare(root, labelled, Path("store"), way, workers=0, stand_in=True)
    asked = {
        "fusion": "concat",
        "dataset": "frames",
        "data.root": "store",
        "relation": "none",
        "training.epochs": 2,
    }
    return run(Request(asked)).run_id


@pytest.mark.slow
def test_a_run_says_what_ones_own_clip_shows_and_writes_table_figure_and_video(cli, run_id):
    faces(Path("mine"), 100, count=9)
    ended = cli("predict", run_id[:8], "mine", "--workers", 1, "--out", "said.csv", "--overlay", "seen.mp4")
    assert ended.code == 0, ended.err
    assert "likeliest in so much of it:" in ended.out and "trained on generated data (stand-in)" in ended.out
    assert "written: said.csv, said.png, seen.mp4" in ended.out
    rows = list(csv.DictReader(Path("said.csv").read_text().splitlines()))
    # 9 frames in windows of 6, the length of the clips it was trained on, 1 frame apart
    assert [(row["first_frame"], row["last_frame"]) for row in rows] == [
        ("0", "5"),
        ("1", "6"),
        ("2", "7"),
        ("3", "8"),
    ]
    assert cv2.imread("said.png") is not None
    assert cv2.VideoCapture("seen.mp4").get(cv2.CAP_PROP_FRAME_COUNT) == 9
    said = cli("predict", run_id, "mine", "--window", 9, "--json").json
    assert said["classes"] == ["bright", "dark"] and said["stand_in"] is True
    assert said["clips"][0]["last_frame"] == [8] and said["clips"][0]["begin_s"] == [None]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing", "mine.mp4"], "no run 'nothing'"),
        (["tiny", "mine.mp4"], "backbone 'tiny' names no classes by itself"),
        (["expression_net", "mine.mp4"], "fusionbench weights get expression_net"),
        (["tiny", "mine.mp4", "--out", "said.txt"], "a table's suffix chooses its format"),
        (["tiny", "mine.mp4", "--overlay", "nowhere/seen.mp4"], "no folder nowhere"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_decoded(cli, arguments, message):
    ended = cli("predict", *arguments)
    assert ended.code == 2 and message in ended.err
