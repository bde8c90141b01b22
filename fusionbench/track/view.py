"""The saved view of the runs table: MLflow shows no parameter and no metric until one is chosen.

MLflow's page reads saved views from experiment tags. Their form is not documented (it was read from
the page's own code, MLflow 3.17), so a page that does not understand the tag shows its plain table.
"""

from __future__ import annotations

import json

_KEY = "fusionbench"
_ATTRIBUTES = ("Dataset",)
_PARAMS = ("fusion", "dataset", "seed", "fold")
_METRICS = ("report/accuracy", "report/uar", "report/f1", "cost/ms_per_clip", "cost/params")
_CREATED_MS = 1_767_225_600_000  # 2026-01-01; fixed, so that the tag changes only when the view does


def experiment_tags() -> dict[str, str]:
    """The tags that dress an experiment's page: the saved view, and that this is no chat application."""
    columns = [
        *(f"params.`{name}`" for name in _PARAMS),
        *(f"metrics.`{name}`" for name in _METRICS),
        *(f"attributes.`{name}`" for name in _ATTRIBUTES),
    ]
    state = {
        "orderByKey": f"metrics.`{_METRICS[0]}`",
        "orderByAsc": False,
        "selectedColumns": columns,
        "columnOrder": columns,
        "runsHiddenMode": "FIRST_20_RUNS",
    }
    view = {
        "name": "fusionbench: heads by accuracy",
        "createdAt": _CREATED_MS,
        "updatedAt": _CREATED_MS,
        "state": json.dumps(state),
    }
    return {
        f"mlflow.sharedViewState.{_KEY}": json.dumps(view),
        "mlflow.experimentKind": "custom_model_development",
    }


def runs_link(base_url: str, experiment_id: str) -> str:
    """The address of an experiment's runs table with the saved view open."""
    page = f"{base_url.rstrip('/')}/#/experiments/{experiment_id}/runs"
    return f"{page}?workflowType=machine_learning&viewStateShareKey={_KEY}"
