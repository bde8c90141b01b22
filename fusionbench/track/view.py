"""The saved view of the runs table: MLflow shows no parameter and no metric until one is chosen.

MLflow's page reads saved views from experiment tags. Their form is not documented (it was read from
the page's own code, MLflow 3.17), so a page that does not understand the tag shows its plain table.
"""

from __future__ import annotations

import json

from fusionbench.contract.judging import SPOKEN

VIEW_TAG = "mlflow.sharedViewState.fusionbench"
"""the experiment tag that holds the view; an experiment that carries it is one of ours"""

USUAL_PORT = 5000  # MLflow's own
ORDER_TAG = "fusionbench.order"
"""what the table is sorted by: comparisons, studies, runs, trials, the best first in each"""

_COLUMNS = {
    "params.`fusion`": 100,
    **{f"metrics.`best_mean/{name}`": 156 for name in SPOKEN},
    "metrics.`report/accuracy`": 130,
    "metrics.`pooled_report/accuracy`": 176,
    "metrics.`report/uar`": 100,
    "metrics.`report/f1`": 92,
    "metrics.`trial/accuracy`": 120,
    "metrics.`cost/ms_per_clip`": 138,
    "metrics.`cost/params`": 108,
    "metrics.`cost/flops`": 100,
    "params.`lr`": 64,
    "params.`trs`": 64,
    "params.`patches`": 80,
    "params.`seed`": 64,
    "params.`fold`": 84,
    "params.`dataset`": 80,
    "attributes.`Dataset`": 230,
}
"""column -> width in pixels, in the order shown: what decides comes first, for narrow screens; a column
that no run has (``pooled_report`` without folds) is left out by the page"""
_BEST_FIRST = f"tags.`{ORDER_TAG}`"
_CREATED_MS = 1_767_225_600_000  # 2026-01-01; fixed, so that the tag changes only when the view does


def experiment_tags() -> dict[str, str]:
    """The tags that dress an experiment's page: the saved view, and that this is no chat application."""
    state = {
        "orderByKey": _BEST_FIRST,
        "orderByAsc": False,
        "selectedColumns": list(_COLUMNS),
        "columnOrder": list(_COLUMNS),
        "columnWidths": _COLUMNS,
        "runsHiddenMode": "FIRST_20_RUNS",
    }
    view = {
        "name": "fusionbench: heads, the best first",
        "createdAt": _CREATED_MS,
        "updatedAt": _CREATED_MS,
        "state": json.dumps(state),
    }
    return {
        VIEW_TAG: json.dumps(view),
        "mlflow.experimentKind": "custom_model_development",
    }


def order_tag(kind: str, score: float) -> dict[str, str]:
    """The tag that puts a finished run into its place in the table.

    Args:
        kind: ``comparison``, ``study``, ``folds``, ``run`` or ``trial``.
        score: between 0 and 1, the higher the better.
    """
    floor = {"comparison": 3, "study": 2, "folds": 2, "trial": 0}.get(kind, 1)
    return {ORDER_TAG: f"{floor} {score:.6f}"}


def run_link(base_url: str, experiment_id: str, run_id: str) -> str:
    """The address of one run's page."""
    return f"{base_url.rstrip('/')}/#/experiments/{experiment_id}/runs/{run_id}?workflowType=machine_learning"


def page_of(uri: str, experiment_id: str, run_id: str) -> str:
    """Where a run's page is: on the server itself, else where ``fusionbench ui`` usually serves it."""
    served = uri if uri.startswith(("http://", "https://")) else f"http://127.0.0.1:{USUAL_PORT}"
    return run_link(served, experiment_id, run_id)


def runs_link(base_url: str, experiment_id: str) -> str:
    """The address of an experiment's runs table with the saved view open."""
    page = f"{base_url.rstrip('/')}/#/experiments/{experiment_id}/runs"
    return f"{page}?workflowType=machine_learning&viewStateShareKey={VIEW_TAG.rpartition('.')[2]}"


def experiments_link(base_url: str) -> str:
    """The address of the list of experiments."""
    return f"{base_url.rstrip('/')}/#/experiments?workflowType=machine_learning"
