"""The options that ``run`` shares with every command that makes runs, and the request they add up to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fusionbench.catalog.command_line import FLAGS

if TYPE_CHECKING:
    from fusionbench.catalog.resolve import Request

FLAG = ""
"""metavar of a flag, which takes no value"""

Fusion = Annotated[
    str | None,
    typer.Option(
        "--fusion", help="Fusion head or preset. Required, unless a file names it.", rich_help_panel="What"
    ),
]
Relation = Annotated[
    str | None,
    typer.Option(
        "--relation",
        help="Relation encoder or preset; none = appearance alone. Default: region_gat.",
        rich_help_panel="What",
    ),
]
Backbone = Annotated[
    str | None,
    typer.Option("--backbone", help="Backbone or preset. Default: tiny.", rich_help_panel="What"),
]
FrontEnd = Annotated[
    str | None,
    typer.Option(
        "--front-end",
        metavar="real|NAME",
        help="Preset of backbone, relation encoder and what of them learns. Default: none.",
        rich_help_panel="What",
    ),
]
Dataset = Annotated[
    str | None,
    typer.Option(
        "--dataset", help="Dataset or preset. Required, unless a file names it.", rich_help_panel="What"
    ),
]
DataRoot = Annotated[
    Path | None,
    typer.Option(
        "--data-root",
        help="Folder of the dataset. Default: $FUSIONBENCH_DATA/DATASET, else data/DATASET.",
        rich_help_panel="Data",
    ),
]
StandIn = Annotated[
    bool,
    typer.Option(
        "--stand-in",
        metavar=FLAG,
        help="Run on generated data in the dataset's layout.",
        rich_help_panel="Data",
    ),
]
OnBadClip = Annotated[
    str | None,
    typer.Option(
        "--on-bad-clip",
        metavar="fail|skip",
        help="What an unreadable clip does. Default: fail.",
        rich_help_panel="Data",
    ),
]
Epochs = Annotated[
    int | None,
    typer.Option(
        "--epochs",
        help="Passes over the training part. Default: 40, unless the dataset wants otherwise.",
        rich_help_panel="Training",
    ),
]
Seed = Annotated[
    int | None,
    typer.Option("--seed", help="Weights, sampling order, dropout. Default: 0.", rich_help_panel="Training"),
]
Fold = Annotated[
    str | None, typer.Option("--fold", help="One fold only. Default: all.", rich_help_panel="Training")
]
Metric = Annotated[
    str | None,
    typer.Option(
        "--metric",
        metavar="uar|f1|...",
        help="What chooses the epoch and ranks. Default: the dataset's headline, mostly accuracy.",
        rich_help_panel="Training",
    ),
]
Device = Annotated[
    str | None,
    typer.Option("--device", help="cpu, cuda, cuda:1, mps. Default: cpu.", rich_help_panel="Training"),
]
Threads = Annotated[
    int | None,
    typer.Option("--threads", help="CPU threads of a training step. Default: 1.", rich_help_panel="Training"),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Any option, as in fusion.trs=5; repeatable. Default: none.",
        rich_help_panel="Any option",
    ),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", help="YAML file of options. Default: none.", rich_help_panel="Any option"),
]
Registry = Annotated[
    Path | None,
    typer.Option(
        "--registry",
        help="YAML file of presets. Default: ./registry.yaml, where there is one.",
        rich_help_panel="Any option",
    ),
]
Json = Annotated[
    bool,
    typer.Option("--json", metavar=FLAG, help="Print one JSON object on stdout.", rich_help_panel="Output"),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        metavar=FLAG,
        help="Show what would run, with the origin of each value.",
        rich_help_panel="Output",
    ),
]
Debug = Annotated[
    bool, typer.Option("--debug", metavar=FLAG, help="Show tracebacks.", rich_help_panel="Output")
]

UpgradeDatabase = Annotated[
    bool,
    typer.Option(
        "--upgrade-database",
        metavar=FLAG,
        help="Migrate a tracking database of an older MLflow, in place; older ones can't open it then.",
        rich_help_panel="Output",
    ),
]


def agree(upgrade_database: bool) -> None:
    """Remember for this process and its workers that an older database may be migrated."""
    if upgrade_database:
        from fusionbench.track.schema import allow_upgrade

        allow_upgrade()


def request(
    given: Mapping[str, Any], assignments: list[str] | None, file: Path | None, registry: Path | None
) -> Request:
    """Flags, ``--set``, ``--config`` and ``--registry`` as one request.

    Args:
        given: dotted key -> value of the flag; None and False mean it was not given.
        assignments: what ``--set`` was given.
        file: ``--config``.
        registry: ``--registry``.
    """
    from fusionbench.catalog.resolve import Request, parse_assignment

    values = {key: value for key, value in given.items() if value is not None and value is not False}
    origins = {key: FLAGS[key] for key in values}
    for text in assignments or []:
        key, value = parse_assignment(text)
        values[key] = value
        origins[key] = "--set"
    return Request(values, origins, file, registry)
