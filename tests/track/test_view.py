"""The link and the saved view; that Chromium understands them is seen in tests/browser."""

from __future__ import annotations

import json

from fusionbench.track.view import ORDER_TAG, VIEW_TAG, experiment_tags, order_tag, runs_link


def test_the_link_opens_model_training_and_the_saved_view():
    assert runs_link("http://127.0.0.1:5000/", "7") == (
        "http://127.0.0.1:5000/#/experiments/7/runs"
        "?workflowType=machine_learning&viewStateShareKey=fusionbench"
    )


def test_the_view_shows_what_heads_are_judged_by_best_first():
    view = json.loads(experiment_tags()[VIEW_TAG])
    state = json.loads(view["state"])
    assert state["orderByKey"] == "tags.`fusionbench.order`"
    assert state["orderByAsc"] is False
    columns = state["selectedColumns"]
    assert columns.index("metrics.`report/f1`") < columns.index("metrics.`cost/ms_per_clip`")
    assert {"params.`fusion`", "params.`dataset`", "metrics.`cost/ms_per_clip`"} <= set(
        state["selectedColumns"]
    )


def test_comparisons_stand_on_top_and_the_best_come_first():
    runs = {
        "worse": ("run", 0.5),
        "best": ("run", 0.9),
        "pooled": ("folds", 0.1),
        "table": ("comparison", 0.0),
    }
    order = {name: order_tag(*of)[ORDER_TAG] for name, of in runs.items()}
    assert sorted(order, key=order.__getitem__, reverse=True) == ["table", "pooled", "best", "worse"]


def test_the_tag_fits_mlflows_limit_and_stays_the_same():
    assert len(experiment_tags()[VIEW_TAG]) < 5000  # the smallest limit MLflow 2 and 3 had
    assert experiment_tags() == experiment_tags()
