"""``explain``: figures of a run's attention, into the run and a folder, with a table or JSON."""

from __future__ import annotations

from pathlib import Path

import pytest

QUICK = ["run", "--fusion", "multi_attention", "--dataset", "afew", "--epochs", "1", "--json"]


@pytest.mark.slow
def test_a_run_is_explained_by_a_command(cli, stand_in):
    run_id = cli(*QUICK, "--data-root", stand_in).json["run_id"]
    made = cli("explain", run_id[:10], "--each", "1", "--out", "new/figures", "--json").json
    assert made["run_id"] == run_id and made["artifacts"].endswith("/explain")
    assert made["samples"] == "samples.png"
    files = {file for clip in made["clips"] for file in clip["files"]}
    assert {path.name for path in Path("new/figures").glob("*.png")} == {*files, "samples.png"}
    first = made["clips"][0]["clip"]
    ended = cli("explain", run_id, first, "--frame", "3")
    row = next(line.split() for line in ended.out.splitlines() if first in line)
    assert ended.code == 0 and row[-2:] == ["3", "3"], "the frame, and two figures and the regions"
    assert "figures in explain/ of the run" in ended.out
    typo = cli("explain", run_id, first + "9")
    assert typo.code == 2 and f"Did you mean '{first}'?" in typo.err


def test_a_folder_that_cannot_be_made_is_told_first(cli):
    Path("file").touch()
    ended = cli("explain", "0000", "--out", "file/figures")
    assert ended.code == 2 and "figures cannot be written to file/figures: Not a directory" in ended.err
    assert "no run '0000'" in cli("explain", "0000").err
