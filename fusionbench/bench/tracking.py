"""What MLflow is told about a run before it trains: names, parameters, tags, data."""

from __future__ import annotations

import platform
import subprocess
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fusionbench.bench.resume import IDENTITY_TAG, KIND_TAG
from fusionbench.bench.source import RunData
from fusionbench.catalog.run_config import RunConfig
from fusionbench.track.runs import DatasetNote, TrackedRun, open_run

PACKAGE = Path(__file__).resolve().parents[1]
VERSIONS = ("fusionbench", "torch", "numpy", "mlflow")


@dataclass(frozen=True)
class RunNotes:
    """The part of a run's description that its folds share."""

    name: str
    """``arpg/afew/s0``"""
    experiment: str
    """one a dataset; generated data never share one with real data"""
    params: dict[str, Any]
    tags: dict[str, str]
    dataset: DatasetNote
    config: dict[str, Any]
    """resolved values with their origins, kept as an artifact"""

    @classmethod
    def of(cls, config: RunConfig, data: RunData) -> RunNotes:
        """Notes for a resolved config on its data."""
        dataset = config.dataset.name
        experiment = f"{dataset} (stand-in)" if data.stand_in else dataset
        tags = {
            "fusionbench.stand_in": str(data.stand_in).lower(),
            "fusionbench.data": data.fingerprint,
            **{f"fusionbench.version.{name}": version(name) for name in VERSIONS},
            "fusionbench.version.python": platform.python_version(),
            "fusionbench.version.components": ", ".join(f"{c.plugin} {c.version}" for c in config.components),
        }
        commit = git_commit()
        if commit:
            tags["fusionbench.commit"] = commit
        note = DatasetNote(
            experiment, data.fingerprint, {"dataset": dataset, "fingerprint": data.fingerprint}
        )
        origins = {key: config.origins.get(key, "") for key in config.flat()}
        return cls(
            name=f"{config.fusion.name}/{dataset}/s{config.options.seed}",
            experiment=experiment,
            params=_params(config, data),
            tags=tags,
            dataset=note,
            config={"values": config.plain(), "origins": origins},
        )

    def fold(self, identity: str, fold: str) -> dict[str, Any]:
        """What ``open_run`` is given for one fold."""
        name = self.name if fold == "official" else f"{self.name}/{fold}"
        return self._opened(name, identity, fold, "run")

    def folds(self, identity: str) -> dict[str, Any]:
        """What ``open_run`` is given for the parent of several folds."""
        return self._opened(f"{self.name}/all folds", identity, "all", "folds")

    def _opened(self, name: str, identity: str, fold: str, kind: str) -> dict[str, Any]:
        return {
            "experiment": self.experiment,
            "name": name,
            "params": {**self.params, "fold": fold},
            "tags": {**self.tags, IDENTITY_TAG: identity, KIND_TAG: kind},
            "dataset": self.dataset,
        }


def track(
    opened: dict[str, Any], parent: str | None = None, run_id: str | None = None
) -> AbstractContextManager[TrackedRun]:
    """The MLflow run of these notes, new or gone on with."""
    return open_run(**opened, parent=parent, run_id=run_id)


def _params(config: RunConfig, data: RunData) -> dict[str, Any]:
    """The columns people compare by, flat and short; then every other option under its dotted key."""
    options = config.options
    short = {
        "fusion": config.fusion.name,
        "dataset": config.dataset.name,
        "seed": options.seed,
        "relation": config.relation.name if config.relation else None,
        "backbone": config.backbone.name if config.backbone else None,
        "streams": ", ".join(data.arrays),
        "trs": getattr(config.fusion.options, "trs", None),
        "patches": getattr(config.relation.options, "patches", None) if config.relation else None,
        "trainable": options.front_end.trainable,
        "lr": options.training.lr,
        "epochs": options.training.epochs,
        "batch_size": options.training.batch_size,
    }
    dotted = {k: v for k, v in config.flat().items() if k.split(".")[-1] != "name" and "." in k}
    return {**short, **{k: v for k, v in dotted.items() if k != "data.root"}}


@cache
def git_commit() -> str | None:
    """The commit that the code, or else the working directory, is at; ``+`` where files differ from it."""
    for folder in (PACKAGE.parent, Path.cwd()):
        try:
            head = _git(folder, "rev-parse", "HEAD")
            return head + ("+" if _git(folder, "status", "--porcelain", "--untracked-files=no") else "")
        except (OSError, subprocess.CalledProcessError):
            continue
    return None


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True, timeout=10
    ).stdout.strip()
