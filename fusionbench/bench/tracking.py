"""What MLflow is told about a run before it trains: names, parameters, tags, data."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from fusionbench.bench.claim import FOLDS, IDENTITY_TAG, KIND_TAG, REPRODUCTION, RUN, TRIAL, Claim
from fusionbench.bench.source import RunData
from fusionbench.bench.source_commit import git_commit
from fusionbench.catalog.identity import is_unhashed
from fusionbench.catalog.run_config import RunConfig
from fusionbench.contract.watch import Watch
from fusionbench.track.opening import open_run
from fusionbench.track.runs import DatasetNote, TrackedRun

METRIC_TAG = "fusionbench.metric"
"""what chose the epoch and ranks"""
VERSIONS = ("fusionbench", "torch", "numpy", "mlflow")
REPRODUCES_TAG = "fusionbench.reproduces"
"""id of the run that a reproduction is of"""


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
        dataset = data_name(config, data)
        experiment = experiment_name(config, data)
        tags = {
            "fusionbench.stand_in": str(data.stand_in).lower(),
            "fusionbench.data": data.fingerprint,
            METRIC_TAG: config.options.metric or data.dataset.protocol.headline,
            **{f"fusionbench.version.{name}": version(name) for name in VERSIONS},
            "fusionbench.version.python": platform.python_version(),
            "fusionbench.version.components": ", ".join(f"{c.plugin} {c.version}" for c in config.components),
            **{
                f"fusionbench.in_session.{c.kind}": f"{c.cls.__module__}.{c.cls.__qualname__}: not kept"
                for c in config.components
                if is_unhashed(c.cls)
            },
            **{f"fusionbench.chosen.{c.kind}": c.name for c in config.components if c.name != c.plugin},
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

    def fold(self, identity: str, fold: str, reproduces: str | None = None) -> dict[str, Any]:
        """What ``open_run`` is given for one fold, or for the reproduction of the run ``reproduces``."""
        name = self.name if fold == "official" else f"{self.name}/{fold}"
        return self._opened(name, identity, fold, RUN, reproduces)

    def folds(self, identity: str, reproduces: str | None = None) -> dict[str, Any]:
        """What ``open_run`` is given for the parent of several folds, or of their reproductions."""
        return self._opened(f"{self.name}/all folds", identity, "all", FOLDS, reproduces)

    def trial(self, identity: str, fold: str, label: str) -> dict[str, Any]:
        """What ``open_run`` is given for a trial; ``label`` says which it is, as in ``trial 3``."""
        name = self.name if fold == "official" else f"{self.name}/{fold}"
        return self._opened(f"{name}/{label}", identity, fold, TRIAL, None)

    def _opened(
        self, name: str, identity: str, fold: str, kind: str, reproduces: str | None
    ) -> dict[str, Any]:
        kinds = {KIND_TAG: REPRODUCTION, REPRODUCES_TAG: reproduces} if reproduces else {KIND_TAG: kind}
        return {
            "experiment": self.experiment,
            "name": name,
            "params": {**self.params, "fold": fold},
            "tags": {**self.tags, IDENTITY_TAG: identity, **kinds},
            "dataset": self.dataset,
        }


@contextmanager
def track(
    opened: dict[str, Any], held: Claim, watch: Watch, parent: str | None = None
) -> Iterator[TrackedRun]:
    """The MLflow run of these notes, new or gone on with, as the claim says."""
    with open_run(
        **opened, parent=parent, opening=held.opening(), outbox=held.outbox, warn=watch.warn
    ) as tracked:
        yield tracked


def data_name(config: RunConfig, data: RunData) -> str:
    """The dataset's name; of a user's own streams the name of their store."""
    name = config.dataset.name
    return (data.dataset.root.resolve().name or name) if config.dataset.cls.precomputed else name


def experiment_name(config: RunConfig, data: RunData) -> str:
    """One MLflow experiment a dataset, and one a store where the data are a user's own streams.

    Generated data never share one with real data.
    """
    marks = [config.dataset.name] if config.dataset.cls.precomputed else []
    marks += ["stand-in"] if data.stand_in else []
    name = data_name(config, data)
    return f"{name} ({', '.join(marks)})" if marks else name


def _params(config: RunConfig, data: RunData) -> dict[str, Any]:
    """The columns people compare by, flat and short; then every other option under its dotted key.

    MLflow can't change a parameter, so what the identity leaves out (a preset's name, where the
    data lie) is none: it would differ when the run is gone on with.
    """
    options = config.options
    short = {
        "fusion": config.fusion.plugin,
        "dataset": config.dataset.plugin,
        "seed": options.seed,
        "metric": options.metric,
        "positive": options.positive,
        "relation": config.relation.plugin if config.relation else None,
        "backbone": config.backbone.plugin if config.backbone else None,
        "streams": ", ".join(data.arrays),
        "trs": getattr(config.fusion.options, "trs", None),
        "patches": getattr(config.relation.options, "patches", None) if config.relation else None,
        "trainable": options.front_end.trainable,
        "lr": options.training.lr,
        "epochs": options.training.epochs,
        "batch_size": options.training.batch_size,
    }
    dotted = {k: v for k, v in config.flat().items() if "." in k and not k.startswith("data.")}
    return {**short, **{k: v for k, v in dotted.items() if not k.endswith(".name")}}
