"""``prepare``: from videos to a store, and the command that it names next."""

from __future__ import annotations

import os
import re
import shlex
import signal
from pathlib import Path

import pytest

import fusionbench as fb
from tests.prepare.films import film
from tests.processes import wait_for

READY = ("--aligner", "none", "--workers", 1)


def films(root: Path, clips: int = 4, frames: int = 6) -> Path:
    """Two classes that differ in brightness, in two parts."""
    for split in ("train", "test"):
        for label, level in (("dark", 120), ("light", 250)):
            for number in range(clips):
                film(root / split / label / f"{number}.avi", [True] * frames, level - number)
    return root


@pytest.mark.slow
def test_what_was_prepared_is_run_by_the_command_that_is_named_next(cli):
    ended = cli("prepare", films(Path("src")), "--folders", "split/label", "--out", "my faces", *READY)
    assert ended.code == 0 and "16 clip(s), 96 frames" in ended.out
    assert "aligner: none" in ended.err and "preparing (frames): 96 done" in ended.err
    (command,) = re.findall(r"^next, on faces by none: fusionbench (.*)$", ended.out, re.MULTILINE)
    ended = cli(*shlex.split(command), "--epochs", 1, "--json")
    assert ended.code == 0 and ended.json["config"]["dataset"]["name"] == "frames"


def test_clips_of_people_without_parts_are_left_out_one_person_at_a_time(cli):
    for person in ("ann", "bob"):
        film(Path(f"src/{person}/sad.avi"), [True])
    Path("labels.csv").write_text("file,label,subject\nann/sad.avi,sad,ann\nbob/sad,sad,bob\n")
    ended = cli("prepare", "src", "--labels", "labels.csv", "--out", "faces", *READY)
    assert ended.out.rstrip().endswith("--data-root faces --set dataset.folds=loso")


def test_clips_without_a_label_are_prepared_and_cannot_be_trained_on(cli):
    ended = cli("prepare", film(Path("a clip.avi"), [True]), "--out", "faces", *READY)
    assert ended.code == 0 and "no clip has a label" in ended.out
    ended = cli("run", "--fusion", "concat", "--dataset", "frames", "--data-root", "faces")
    assert ended.code == 2 and "they can be predicted, not trained on" in ended.err


def test_what_cannot_be_read_fails_or_is_listed(cli):
    film(Path("src/good.avi"), [True])
    Path("src/void.mp4").touch()
    ended = cli("prepare", "src", "--out", "faces", *READY)
    assert ended.code == 2 and "void: src/void.mp4: an empty file" in ended.err
    assert "Traceback" not in ended.err and not Path("faces").exists()
    ended = cli("prepare", "src", "--out", "faces", *READY, "--on-bad-clip", "skip")
    assert ended.code == 0 and "1 clip(s) cannot be prepared" in ended.out and "an empty file" in ended.out


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--aligner", "mseh"), "Did you mean 'mesh'"),
        (("--gaps", "nearst"), "--gaps nearst is unknown. Did you mean 'nearest'"),
        (("--face", "first"), "Allowed: largest, central, track"),
        (("--tree", "rml", "--folders", "label"), "--folders and --tree both say whose recordings"),
        (("--set", "training.epochs=3"), "preparing has options of aligner and dataset"),
        (("--aligner", "opencv", "--set", "aligner.width=3"), "greater than or equal to 64"),
        (("--tree", "rml"), "no recording is called as there, such as 'a'"),
        (("--folders", "label"), "lies below 0 folder"),
    ],
)
def test_what_does_not_fit_is_said_before_anything_is_decoded(cli, options, told):
    film(Path("src/a.avi"), [True])
    ended = cli("prepare", "src", "--out", "faces", *options)
    assert ended.code == 2 and told in ended.err and not Path("faces").exists()


def test_the_default_aligner_is_told_with_the_reason(cli):
    film(Path("src/a.avi"), [True])
    ended = cli("prepare", "src", "--out", "faces", "--workers", 1)
    assert re.search(
        r"^aligner: opencv \(.*\); mesh finds faces more steadily, but ", ended.err, re.MULTILINE
    )
    assert ended.code == 2 and "no face in any of its 1 frames" in ended.err


@pytest.mark.slow
def test_a_kill_leaves_no_store_and_the_same_command_ends_with_the_same_bytes(
    start, tmp_path, cli, monkeypatch
):
    films(Path("src"), clips=3, frames=150)
    command = ("prepare", "src", "--folders", "split/label", *READY)
    child = start(tmp_path / "killed", *command, "--out", "faces")
    wait_for(lambda: list(tmp_path.glob("killed/prepared/*/store.json")))
    child.send_signal(signal.SIGKILL)
    child.communicate(timeout=30)
    assert not Path("faces").exists()
    for out, cache in (("faces", "killed"), ("whole", "other")):
        monkeypatch.setenv("FUSIONBENCH_CACHE", str(tmp_path / cache))
        assert cli(*command, "--out", out).code == 0
    one, other = (
        {p.relative_to(out): p.read_bytes() for p in Path(out).rglob("*") if p.is_file()}
        for out in ("faces", "whole")
    )
    assert one == other and len(fb.open_prepared_store("faces").index.clips) == 12


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_named(cli):
    film(Path("src/a.avi"), [True]).chmod(0)
    ended = cli("prepare", "src", "--out", "faces", *READY)
    assert ended.code == 2 and "src/a.avi: Permission denied" in ended.err
