"""``data verify`` and ``data stand-in``."""

from __future__ import annotations

import os
import signal

import pytest

from fusionbench.data.place import locked
from tests.processes import start, wait_for


def test_verify_sets_found_against_the_markers_counts(cli, drawn_afew):
    ended = cli("data", "verify", "afew", "--data-root", drawn_afew, "--json")
    assert ended.code == 0
    assert ended.json["found"] == ended.json["published"] and ended.json["stand_in"] is True
    assert ended.json["found"]["train/Happy"] == 4


def test_verify_sets_real_clips_against_the_published_counts_and_lists_problems(cli, real_afew):
    video = sorted((real_afew / "Val_AFEW" / "Happy").glob("*.avi"))[0]
    video.unlink()
    ended = cli("data", "verify", "afew", "--data-root", real_afew)
    assert ended.code == 1
    assert "773" not in ended.out and "1156" in ended.out  # 773 + 383 clips were published
    assert video.stem in ended.out and "no label" in ended.out


def test_verify_decodes_when_asked(cli, real_afew):
    frame = sorted(real_afew.rglob("*.jpg"))[0]
    frame.write_bytes(b"no image")
    ended = cli("data", "verify", "afew", "--data-root", real_afew, "--decode")
    assert ended.code == 1 and frame.name in ended.out


def test_stand_in_never_overwrites(cli, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("kept")
    ended = cli("data", "stand-in", "afew", "--out", tmp_path / "mine")
    assert ended.code == 2 and "Nothing was written" in ended.err
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "kept"


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_stand_in_that_is_stopped_leaves_nothing_that_the_next_does_not_clear_away(tmp_path, how):
    """Ctrl-C as a terminal gives it, to the workers too; of a kill only the parent knows."""
    out = tmp_path / "made" / "afew"
    child = start(tmp_path / "cache", "data", "stand-in", "afew", "--out", out)
    wait_for(lambda: list(tmp_path.glob("made/.fusionbench-*/*/*")))  # the first clip is being written
    if how is signal.SIGINT:
        os.killpg(child.pid, how)
    else:
        child.kill()
    _, err = child.communicate(timeout=30)
    wait_for(lambda: no_process_of(child.pid), seconds=10)
    if how is signal.SIGINT:
        assert child.returncode == 130 and "interrupted" in err and "Traceback" not in err
        assert not (tmp_path / "made").exists()
    else:
        assert [p.name.partition(".new")[0] for p in tmp_path.glob("made/*.new-*")]
        with locked(out):
            pass
        assert not (tmp_path / "made").exists() or list((tmp_path / "made").iterdir()) == []


def no_process_of(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize("out", ["file", "file/afew"])
def test_a_stand_in_where_no_folder_can_be_made(cli, tmp_path, out):
    (tmp_path / "file").write_text("kept")
    ended = cli("data", "stand-in", "afew", "--out", tmp_path / out)
    assert ended.code == 2 and "Traceback" not in ended.err and str(tmp_path / out) in ended.err
    assert (tmp_path / "file").read_text() == "kept" and not list(tmp_path.glob(".fusionbench-*"))
