"""``data verify`` and ``data stand-in``."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest

import fusionbench as fb
from fusionbench.data.place import locked
from tests.processes import wait_for


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
def test_a_stand_in_that_is_stopped_leaves_nothing_that_the_next_does_not_clear_away(start, tmp_path, how):
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


def clips(people: int):
    rng = np.random.default_rng(0)
    for number in range(40):
        yield {
            "id": f"c{number}",
            "label": "np"[number % 2],
            "split": "train" if number < 30 else "test",
            "subject": f"person-{number // 2 % people}",
            "streams": {"audio": rng.normal(size=(9, 3))},
        }


def test_verify_shows_the_parts_and_streams_of_a_sound_store_and_ends_with_0(cli, tmp_path):
    fb.write_stream_store(tmp_path / "sound", clips(people=20))
    ended = cli("data", "verify", "streams", "--data-root", tmp_path / "sound")
    assert ended.code == 0
    lines = [line.split() for line in ended.out.splitlines()]
    assert ["train", "30", "15", "2"] in lines and ["test", "10", "5", "2"] in lines
    assert ["audio", "3", "9", "9", "9"] in lines and ["train/n", "15"] in lines
    assert "finding" not in ended.out and "published" not in ended.out


def test_verify_ends_with_1_where_people_leak_and_json_has_all(cli, tmp_path):
    fb.write_stream_store(tmp_path / "leaking", clips(people=5))
    ended = cli("data", "verify", "streams", "--data-root", tmp_path / "leaking")
    assert ended.code == 1 and "1 finding(s), 1 of them wrong" in ended.out
    assert "subject leak: 5 of 5 reported subjects" in " ".join(ended.out.split())
    ended = cli("data", "verify", "streams", "--data-root", tmp_path / "leaking", "--json")
    assert ended.code == 1 and ended.json["sound"] is False
    assert [part["subjects"] for part in ended.json["parts"]] == [5, 5]
    assert [finding["kind"] for finding in ended.json["findings"]] == ["subject leak"]


def test_a_leak_that_is_to_fail_ends_with_2_and_no_traceback(cli, tmp_path):
    fb.write_stream_store(tmp_path / "leaking", clips(people=5))
    fail = ("--set", "data.on_subject_leak=fail")
    ended = cli(
        "run", "--fusion", "concat", "--dataset", "streams", "--data-root", tmp_path / "leaking", *fail
    )
    assert ended.code == 2 and "Traceback" not in ended.err
    assert ended.err.splitlines()[-1].startswith("error: subject leak: 5 of 5 reported subjects")


@pytest.fixture
def watch(tmp_path):
    def clips():
        for k in range(6):
            streams = {"x": np.random.default_rng(k).normal(size=(9, 2))}
            yield {"id": f"c{k}", "label": "ab"[k % 2], "subject": f"p{k}", "streams": streams}

    fb.write_stream_store(tmp_path / "watch", clips())
    return tmp_path / "watch"


def test_show_says_what_is_inside_a_store_and_draws_a_clip(cli, watch, tmp_path):
    ended = cli("data", "show", watch)
    assert ended.code == 0 and "6 clips of 9 to 9 steps" in ended.out and "6 subjects" in ended.out
    assert cli("data", "show", watch, "--json").json["streams"][0]["width"] == 2
    assert cli("data", "show", watch, "c3").out.startswith(
        "c3: b, subject p3, 9 steps\nx, 2 channel(s)\n    0 "
    )
    ended = cli("data", "show", watch, "c3", "--out", tmp_path / "c3.png")
    assert ended.code == 0 and (tmp_path / "c3.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--out", "a.png"], "--out a.png draws one clip"),
        (["c3", "--out", "a.gif"], "png"),
        (["c7"], "no clip 'c7'"),
    ],
)
def test_show_refuses_what_it_cannot_show(cli, watch, arguments, said):
    ended = cli("data", "show", watch, *arguments)
    assert ended.code == 2 and said in ended.err


def test_verify_takes_options_of_the_dataset(cli, watch):
    ended = cli("data", "verify", "streams", "--data-root", watch, "--set", "dataset.folds=3", "--json")
    assert ended.code == 0 and [fold["name"] for fold in ended.json["folds"]] == ["f1", "f2", "f3"]
    assert "3 folds" in cli("data", "verify", "streams", "--data-root", watch, "--set", "dataset.folds=3").out
    assert cli("data", "verify", "streams", "--data-root", watch, "--set", "dataset.folds=9").code == 1
    ended = cli("data", "verify", "streams", "--data-root", watch, "--set", "training.epochs=3")
    assert ended.code == 2 and "only options of the dataset matter here" in ended.err
