"""Predictions as one binary file: read back to the last digit, whatever the names; damage is named."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fusionbench.bench.artifacts import _first_predictions, read_fold, read_fold_predictions
from fusionbench.bench.outcome import FoldOutcome
from fusionbench.bench.predictions_file import FoldPredictions, read_predictions, write_predictions
from fusionbench.contract.errors import UserError
from fusionbench.learn.metrics import Predictions
from fusionbench.track.opening import open_run

IDS = ("a", "b\0", "", "\udcff", '特征,\n"x"', "x" * 5000)
SUBJECTS = ("ann", None, "ann", "b\0b", None, "")


def said(seed: int) -> Predictions:
    draw = np.random.default_rng(seed)
    log_p = np.log(draw.dirichlet((1, 1, 1), len(IDS))).astype(np.float32)
    log_p[0, 0] = -np.inf
    return Predictions(IDS, np.arange(len(IDS)) % 3, log_p, SUBJECTS)


BOTH = FoldPredictions(said(0), said(1), ("calm", "1", "p(calm)"))


def test_what_is_written_is_read_back_to_the_last_digit():
    file = Path("predictions.npz")
    write_predictions(file, BOTH)
    assert read_predictions(file) == BOTH
    with np.load(file, allow_pickle=False) as arrays:
        assert arrays["report"].dtype == np.float32 and arrays["labels"].tolist() == [0, 1, 2, 0, 1, 2]
        assert json.loads(arrays["classes"].tobytes()) == ["calm", "1", "p(calm)"]


def test_the_same_predictions_give_the_same_bytes():
    for name in ("one.npz", "other.npz"):
        write_predictions(Path(name), BOTH)
    assert Path("one.npz").read_bytes() == Path("other.npz").read_bytes()


def test_subjects_that_were_not_kept_stay_unknown():
    report, last = (replace(said(seed), subjects=None) for seed in (0, 1))
    unknown = replace(BOTH, report=report, report_last=last)
    write_predictions(Path("predictions.npz"), unknown)
    assert read_predictions(Path("predictions.npz")).report.subjects is None


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"labels": np.arange(5)}, r"labels has shape \(5,\); 6 clips need \(6,\)"),
        ({"report": np.zeros((6, 2), np.float32)}, r"report has shape \(6, 2\); 6 clips need \(6, 3\)"),
        ({"labels": np.arange(6)}, "a label is no number of the 3 classes"),
        ({"subjects": np.frombuffer(b"[]", np.uint8)}, "0 subjects of 6 clips"),
        ({"ids": np.array(["a", None], dtype=object)}, "Object arrays cannot be loaded"),
        ({"classes": np.frombuffer(b"nonsense", np.uint8)}, "JSONDecodeError"),
    ],
)
def test_a_file_that_does_not_hold_together_is_named(changed, message):
    file = Path("predictions.npz")
    write_predictions(file, BOTH)
    with np.load(file) as stored:
        arrays = {**stored, **changed}
    np.savez(file, **arrays)
    with pytest.raises(UserError, match=f"predictions predictions.npz: .*{message}.*run it again"):
        read_predictions(file)


def test_a_file_of_another_kind_is_named():
    Path("predictions.npz").write_text("no zip")
    with pytest.raises(UserError, match=r"predictions predictions\.npz: "):
        read_predictions(Path("predictions.npz"))


def test_the_table_that_mlflow_shows_has_the_first_thousand():
    half = np.log(np.full((1001, 2), 0.5))
    many = Predictions(tuple(map(str, range(1001))), np.zeros(1001, np.int64), half)
    table = _first_predictions(many, ("calm", "upset"))
    assert {len(column) for column in table.values()} == {1000}
    assert [table[name][999] for name in ("clip", "label", "predicted", "p(upset)")] == [
        "999", "calm", "calm", 0.5,
    ]  # fmt: skip


@pytest.mark.slow
def test_results_that_hold_their_predictions_in_the_outcome_are_still_read(database):
    """As they were written before predictions had a file of their own: log-probabilities as JSON numbers."""
    kept = [[-0.10536051541566849, -2.3025851249694824], [-1.6094379425048828, -0.2231435477733612]]
    embedded = {"ids": ["a", "b"], "labels": [0, 1], "log_probabilities": kept}
    stored = {
        "fold": "official", "run_id": "r", "identity": "i", "metrics": {"report/accuracy": 1.0},
        "cost": {"params": 3}, "chance": 0.5, "report": embedded, "report_last": embedded,
        "selected_epoch": 2, "epochs": 2, "resumed_at": 0, "reused": False, "parts": {}, "subject_leak": None,
    }  # fmt: skip
    with open_run(experiment="old", name="old", params={}, tags={}) as run:
        run.log_json(stored, "outcome.json")
        run.log_table({"clip": ["a"], "p(calm)": [0.9], "p(sad (a bit))": [0.1]}, "predictions.json")
    read = Predictions(("a", "b"), np.array([0, 1]), np.array(kept, dtype=np.float32))
    assert read.log_probabilities.astype(float).tolist() == kept, "float32 holds what was stored"
    assert read_fold(run.run_id) == FoldOutcome(
        **{**stored, "report": read, "report_last": read, "reused": True, "history": []}
    )
    assert read_fold_predictions(run.run_id) == FoldPredictions(read, read, ("calm", "sad (a bit)"))
