"""``predictions``: what a run said of each clip, on the screen, as a file, as JSON."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
import pandas
import pytest

from fusionbench.bench.predictions_file import FoldPredictions, write_predictions
from fusionbench.learn.metrics import Predictions
from fusionbench.track.opening import open_run

CLASSES = ("id", 'b,"c"')
"""one is called as a column is, the other holds what CSV has to quote"""
COLUMNS = ["id", "subject", "truth", "prediction", "p(id)", 'p(b,"c")', "correct"]
IDS = ('clip,"1"\r\n[red]', "特征")
QUARTER = np.exp(np.float32(np.log(0.25)))


def said(*favoured: int, prefix: str = "") -> Predictions:
    """Two clips of the classes 0 and 1, each thought to be of the favoured class with 3/4."""
    log_p = np.full((2, 2), np.log(0.25), dtype=np.float32)
    log_p[[0, 1], favoured] = np.log(0.75)
    return Predictions(tuple(prefix + i for i in IDS), np.array([0, 1]), log_p, ("ann", None))


def finished(report: Predictions, last: Predictions, fold: str = "official") -> str:
    """A run that holds these predictions."""
    with open_run(experiment="e", name=f"n/{fold}", params={}, tags={"fusionbench.kind": "run"}) as run:
        run.log_json({"fold": fold}, "outcome.json")
        write_predictions(Path("predictions.npz"), FoldPredictions(report, last, CLASSES))
        run.log_file(Path("predictions.npz"))
    return run.run_id


def folds() -> str:
    runs = {name: finished(said(0, 1, prefix=name), said(1, 1, prefix=name), name) for name in ("s0", "s1")}
    with open_run(experiment="e", name="n/all", params={}, tags={"fusionbench.kind": "folds"}) as run:
        listed = [{"name": name, "run_id": run_id} for name, run_id in runs.items()]
        run.log_json({"folds": listed}, "outcome.json")
    return run.run_id


def rows_of(file: str) -> list[list[str]]:
    with open(file, newline="", encoding="utf-8") as text:
        return list(csv.reader(text))


def test_the_first_rows_are_shown_with_the_next_command(cli):
    run_id = finished(said(0, 0), said(1, 1))
    ended = cli("predictions", run_id[:8])
    assert ended.code == 0
    caption = "1 of 2 clips right (50.0 %), with the weights of the epoch that was selected"
    assert caption in " ".join(ended.out.split())
    assert "[red]" in ended.out and "特征" in ended.out and "75.0 %" in ended.out
    assert f"next: fusionbench predictions {run_id[:12]} --out predictions.csv" in ended.out
    last = cli("predictions", run_id, "--last").out
    assert "with the weights of the last epoch" in " ".join(last.split())


def test_csv_has_one_row_a_clip_whatever_the_names_hold(cli):
    run_id = finished(said(0, 0), said(1, 1))
    ended = cli("predictions", run_id, "--out", "all.csv")
    assert (ended.code, ended.out) == (0, "all.csv: 2 rows\n")
    head, first, second = rows_of("all.csv")
    assert head == COLUMNS
    assert first[:4] == [IDS[0], "ann", "id", "id"] and first[-1] == "True"
    assert second[:4] == [IDS[1], "", CLASSES[1], "id"] and second[-1] == "False"
    assert np.float32(first[5]) == QUARTER == np.float32(second[5]), "every digit of float32 is there"
    assert sorted(path.name for path in Path().glob("*csv*")) == ["all.csv"]


def test_the_last_epoch_has_its_own(cli):
    run_id = finished(said(0, 0), said(1, 1))
    cli("predictions", run_id, "--last", "--out", "last.csv")
    assert [row[3] for row in rows_of("last.csv")[1:]] == [CLASSES[1]] * 2


def test_every_format_holds_the_same_columns(cli):
    run_id = finished(said(0, 0), said(1, 1))
    for form in ("parquet", "npz"):
        assert cli("predictions", run_id, "--out", f"all.{form}").code == 0
    frame = pandas.read_parquet("all.parquet")
    assert list(frame.columns) == COLUMNS and frame["p(id)"].dtype == np.float32
    assert frame["id"].tolist() == list(IDS) and frame["subject"].isna().tolist() == [False, True]
    with np.load("all.npz", allow_pickle=False) as arrays:
        assert list(arrays) == COLUMNS
        assert arrays["subject"].tolist() == ["ann", ""]
        assert arrays["p(id)"].tolist() == frame["p(id)"].tolist()
        assert arrays["correct"].tolist() == frame["correct"].tolist() == [True, False]


def test_a_parent_gives_the_clips_of_all_its_folds(cli):
    parent = folds()
    shown = cli("predictions", parent, "--json").json
    assert [(row["fold"], row["id"]) for row in shown["predictions"]] == [
        ("s0", "s0" + IDS[0]), ("s0", "s0" + IDS[1]), ("s1", "s1" + IDS[0]), ("s1", "s1" + IDS[1]),
    ]  # fmt: skip
    cli("predictions", parent, "--out", "all.csv")
    assert rows_of("all.csv")[0] == ["fold", *COLUMNS]


def test_json_is_one_object(cli):
    run_id = finished(said(0, 0), said(1, 1))
    shown = cli("predictions", run_id, "--json").json
    about = [shown[key] for key in ("run_id", "classes", "clips", "epoch")]
    assert about == [run_id, list(CLASSES), 2, "selected"]
    assert list(shown["predictions"][0]) == COLUMNS
    assert shown["predictions"][1]["subject"] is None and shown["predictions"][1]["correct"] is False
    written = cli("predictions", run_id, "--json", "--out", "all.npz").json
    assert written["out"] == "all.npz" and "predictions" not in written


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("all.xlsx", "of 'all.xlsx' .xlsx is none. Formats: .csv, .parquet, .npz."),
        (
            "nowhere/all.csv",
            "a table cannot be written to nowhere/all.csv: no folder nowhere. Make it first.",
        ),
    ],
)
def test_where_nothing_can_be_written_nothing_is_read(cli, out, message):
    ended = cli("predictions", "0000", "--out", out)
    assert ended.code == 2 and message in ended.err


def test_parquet_without_its_library_is_refused_at_once(cli, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    ended = cli("predictions", "0000", "--out", "all.parquet")
    assert ended.code == 2 and "Parquet needs pandas and pyarrow" in ended.err


def test_a_run_without_a_result_and_a_comparison_are_told(cli):
    with open_run(experiment="e", name="n", params={}, tags={"fusionbench.kind": "run"}) as run:
        pass
    assert "holds no artifact 'outcome.json'" in cli("predictions", run.run_id).err
    with open_run(experiment="e", name="n", params={}, tags={"fusionbench.kind": "comparison"}) as run:
        pass
    ended = cli("predictions", run.run_id)
    assert ended.code == 2 and "is a comparison of many runs. Give one of them" in ended.err
    assert "no run 'nowhere'" in cli("predictions", "nowhere").err
