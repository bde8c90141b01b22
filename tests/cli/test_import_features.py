"""``data import`` as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import fusionbench as fb
from tests.plugins import writers as w


@pytest.fixture
def pickled(tmp_path: Path) -> Path:
    return w.write_mmsa(tmp_path / "unaligned.pkl", w.mmsa_parts({"text": 6, "audio": 24, "vision": 12}))


CLOCK = ("--clock", "text", "--resample", "mean")


def test_an_import_says_what_it_saw_and_what_comes_next(cli, pickled):
    ended = cli("data", "import", "mmsa", pickled, "--out", "mosi", *CLOCK)
    assert ended.code == 0, ended.err
    said = " ".join(ended.out.split())
    assert "mosi: mmsa, streams text (5), audio (3), vision (2)" in said
    assert "train 8 Negative 3, Neutral 1, Positive 4" in said
    assert "label 'annotations'. Other labels: regression_labels, regression_labels_T." in said
    assert "padding: frames of zeros cut off the ends of 16 clip(s): text " in said
    assert ended.out.splitlines()[-2:] == [
        "next: fusionbench data verify streams --data-root mosi",
        "      fusionbench run --fusion arpg --dataset streams --data-root mosi",
    ]
    assert "importing (clips)" in ended.err  # progress, and nothing of it on stdout


def test_json_is_one_object_with_everything_left_out(cli, pickled):
    ended = cli("data", "import", "mmsa", pickled, "--out", "mosi", *CLOCK, "--label", "sentiment2", "--json")
    told = ended.json
    assert told["clips"] == 13 and told["parts"]["test"] == {"negative": 3}
    assert {entry["clip"] for entry in told["left_out"]} == {
        "train/train1$_$1", "selection/valid1$_$1", "test/test1$_$1"
    }  # fmt: skip
    assert told["made"] == json.loads(Path("mosi/store.json").read_text())["made"]


def test_what_was_imported_verifies_and_runs(cli, pickled):
    cli("data", "import", "mmsa", pickled, "--out", "mosi", *CLOCK)
    verified = cli("data", "verify", "streams", "--data-root", "mosi", "--json")
    assert verified.code == 0 and verified.json["found"]["selection/Negative"] == 3
    ran = cli("run", "--fusion", "concat", "--dataset", "streams", "--data-root", "mosi", "--epochs", "1")
    assert ran.code == 0, ran.err
    assert "selected on 4 clips" in ran.err and "reported on 4 clips" in ran.err


def test_what_parts_nothing_runs_on_folds_of_people(cli, tmp_path):
    ended = cli(
        "data", "import", "crema_d_votes", w.write_votes(tmp_path / "tabulatedVotes.csv"), "--out", "v"
    )
    assert ended.out.splitlines()[-1].endswith("--dataset streams --data-root v --set dataset.folds=5")
    folds = ("--set", "dataset.folds=3", "--epochs", "1")
    ran = cli("run", "--fusion", "concat", "--dataset", "streams", "--data-root", "v", *folds, "--json")
    assert ran.code == 0, ran.err
    assert len(ran.json["folds"]) == 3


def test_streams_and_options_reach_the_importer(cli, tmp_path):
    folder = w.write_motions(tmp_path / "Motions")
    ended = cli(
        "data", "import", "ts", folder, "--out", "s", "--stream", "b=3", "--stream", "a=0-2", "--json"
    )
    assert ended.json["streams"] == {"b": 1, "a": 3}
    voices = cli("data", "import", "npz", w.write_npz(tmp_path / "x.npz"), "--out", "n", "--stream", "voice")
    assert voices.code == 0 and list(fb.open_stream_store("n").arrays) == ["voice"]
    table = w.write_table(tmp_path / "t.csv")
    named = cli("data", "import", "table", table, "--out", "t", "--set", "importer.clip=clip", "--json")
    assert named.json["made"]["options"]["clip"] == "clip"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["msa", "x"], "no importer named 'msa'. Did you mean 'mmsa'?"),
        (["mmsa", "nowhere.pkl"], "nowhere.pkl: No such file or directory"),
        (["mmsa", "unaligned.pkl"], "--clock text | audio | vision --resample mean | nearest | linear"),
        (["mmsa", "unaligned.pkl", "--clock", "text"], "--clock goes with --resample"),
        (["mmsa", "unaligned.pkl", "--resample", "man"], "'man': no such rule. Did you mean 'mean'?"),
        (["mmsa", "unaligned.pkl", "--missing", "skip"], "--missing 'skip': no such rule."),
        (["mmsa", "unaligned.pkl", "--label", "sentiment"], "Did you mean 'sentiment"),
        (["mmsa", "unaligned.pkl", "--stream", "=x"], "write NAME=COLUMNS, as in --stream left=0-11"),
        (["mmsa", "unaligned.pkl", "--stream", "a", "--stream", "a"], "--stream a is given twice"),
        (["mmsa", "unaligned.pkl", "--set", "seed=1"], "--set seed is no option of an importer"),
        (["mmsa", "unaligned.pkl", "--set", "importer.lable=x"], "unknown option 'lable' (--set)"),
        (["crema_d_votes", "unaligned.pkl", "--stream", "a"], "unknown option 'streams'"),
        (["mmsa", "unaligned.pkl", "--clips", "none.csv"], "none.csv: No such file or directory"),
        (["mmsa", "/dev/zero"], "it is a device, not a file"),
    ],
)  # fmt: skip
def test_mistakes_end_with_2_and_a_message(cli, pickled, arguments, message):
    ended = cli("data", "import", *arguments, "--out", "store")
    assert ended.code == 2 and "Traceback" not in ended.err
    assert message in " ".join(ended.err.split()), ended.err
    assert not Path("store").exists()


def test_an_importer_is_listed_shown_and_checked(cli, pickled):
    assert all(name in cli("list", "importer").out for name in ("mmsa", "csd", "crema_d_votes"))
    assert "stream -> key of its array" in cli("show", "importer", "mmsa").out
    ended = cli("check", "importer", "mmsa", "--json")
    assert (
        ended.code == 0 and [f["state"] for f in ended.json["findings"]] == ["passed"] * 2 + ["skipped"] * 3
    )
    on_file = cli("check", "importer", "mmsa", "--data-root", pickled, "--json")
    assert on_file.code == 0 and [f["state"] for f in on_file.json["findings"]] == ["passed"] * 5
    assert on_file.json["judged_on"] == str(pickled)


def test_importers_are_no_part_of_a_run(cli):
    ended = cli("run", "--fusion", "concat", "--dataset", "afew", "--set", "importer.streams=1", "--dry-run")
    assert ended.code == 2 and "run: unknown option 'importer'" in ended.err
