"""``report`` and ``compare --report``: the page of a comparison, from the command line and in MLflow."""

from __future__ import annotations

from pathlib import Path

import pytest

from fusionbench.track.records import find_runs, read_file

HEADS = ["--fusion", "concat", "--fusion", "single", "--dataset", "afew", "--epochs", "1"]


def files(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


@pytest.mark.slow
def test_a_comparison_leaves_its_page_and_gives_it_again_by_name_and_by_id(cli, stand_in, tmp_path):
    compared = cli("compare", *HEADS, "--seeds", "2", "--data-root", stand_in, "--report", "first")
    assert compared.code == 0, compared.err
    assert "report: first/index.html" in compared.out
    (record,) = find_runs(tags={"fusionbench.kind": "comparison"})
    kept = read_file(record.run_id, "report/index.html").read_bytes()
    assert kept == Path("first/index.html").read_bytes()

    again = cli("report", "heads", "--out", "second")
    assert again.code == 0 and again.out == "second/index.html\n", again.err
    assert files(Path("first")) == files(Path("second"))
    page = kept.decode("utf-8")
    assert "Anger" not in page and "Angry" in page, "classes bear the data's names"
    assert '<th scope="row">torch</th>' in page and "data fingerprint" in page
    assert '<th scope="row">single</th>' in page and "Stand-in data:" in page

    assert cli("compare", *HEADS, "--seeds", "1", "--data-root", stand_in).code == 0
    newest, _ = find_runs(tags={"fusionbench.kind": "comparison"})
    told = cli("report", "heads", "--json")
    assert told.json == {"run_id": newest.run_id, "page": "report-heads/index.html"}
    assert f"2 comparisons are called 'heads'; this is the newest, {newest.run_id}." in told.err
    alone = read_file(newest.run_id, "report/index.html").read_bytes()
    assert alone == Path("report-heads/index.html").read_bytes()
    assert cli("report", record.run_id[:8], "--out", "old").code == 0
    assert Path("old/index.html").read_bytes() == kept


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["report", "nothing"], "no finished comparison or study named 'nothing'"),
        (["compare", *HEADS, "--report", "taken"], "a report cannot be written to taken: that is no folder"),
    ],
)
def test_what_cannot_be_reported_is_said_before_anything_is_done(cli, arguments, message):
    Path("taken").write_text("", encoding="utf-8")
    ended = cli(*arguments)
    assert ended.code == 2 and message in ended.err
    assert find_runs() == []


def test_a_run_is_no_comparison(cli):
    from fusionbench.track.opening import open_run

    with open_run(experiment="afew", name="arpg/afew/s0", params={}, tags={"fusionbench.kind": "run"}) as run:
        pass
    ended = cli("report", run.run_id)
    assert ended.code == 2 and "arpg/afew/s0" in ended.err and "is no comparison: run" in ended.err
