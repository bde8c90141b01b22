"""``fusionbench check`` and ``new`` as a user meets them."""

from __future__ import annotations

import pytest


def test_json_holds_every_rule_with_its_state(cli):
    ended = cli("check", "relation", "region_gat", "--json")
    assert ended.code == 0, ended.err
    assert ended.json["conforms"] is True and ended.json["judged_on"] == ""
    assert {finding["state"] for finding in ended.json["findings"]} == {"passed"}
    assert set(ended.json["findings"][0]) == {"rule", "state", "detail", "fix"}


def test_presets_and_options_are_tried_as_given(cli):
    ended = cli("check", "fusion", "relation-only", "--set", "fusion.hidden=8", "--json")
    assert ended.code == 0 and ended.json["name"] == "relation-only"
    assert "there is no stream 'relation'" in ended.json["findings"][0]["detail"]


def test_rules_that_wait_share_one_line(cli):
    ended = cli("check", "fusion", "score_sum", "--stream", "appearance=16")
    assert ended.code == 1
    assert ended.out.count("mend first:") == 1 and "19 more rules" in ended.out
    as_json = cli("check", "fusion", "score_sum", "--stream", "appearance=16", "--json").json
    assert sum(f["detail"].startswith("mend first:") for f in as_json["findings"]) == 19


@pytest.mark.slow
def test_a_dataset_is_judged_on_generated_clips(cli):
    ended = cli("check", "dataset", "afew")
    assert ended.code == 0 and "dataset afew on a few generated clips: 9 passed" in ended.out


def test_a_head_for_certain_streams_is_told_which(cli):
    refused = cli("check", "fusion", "score_sum", "--set", "fusion.parts=[10, 6]")
    assert refused.code == 1 and "--stream NAME=WIDTH" in refused.out
    fitting = cli(
        "check", "fusion", "score_sum", "--set", "fusion.parts=[10, 6]", "--stream", "appearance=16"
    )
    assert fitting.code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["check", "head", "arpg"], "no kind 'head'."),
        (["check", "fusion", "agpr"], "no fusion head named 'agpr'. Did you mean 'arpg'?"),
        (
            ["check", "fusion", "arpg", "--set", "fusion.head=2"],
            "unknown option 'head' (--set). Did you mean",
        ),
        (["check", "fusion", "arpg", "--set", "seed=2"], "--set seed is no option of this fusion"),
        (["check", "fusion", "arpg", "--stream", "audio"], "write NAME=WIDTH"),
        (["check", "dataset", "afew", "--data-root", "nowhere"], "no folder nowhere to check 'afew' on."),
        (["new", "fusion", "arpg"], "is there already, brought by fusionbench"),
    ],
)
def test_mistakes_end_with_2_and_a_message(cli, arguments, message):
    ended = cli(*arguments)
    assert ended.code == 2 and message in ended.err and "Traceback" not in ended.err


def test_new_writes_three_files_and_says_what_next(cli, tmp_path):
    ended = cli("new", "fusion", "mine", "--out", "here")
    assert ended.code == 0 and "next: pip install -e here" in ended.out
    written = {str(path.relative_to(tmp_path)) for path in (tmp_path / "here").rglob("*.*")}
    assert written == {"here/mine_fusion.py", "here/pyproject.toml", "here/tests/test_mine_fusion.py"}
