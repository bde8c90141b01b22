"""``--executor`` and ``--address``: who carries out the runs of ``compare`` and ``tune``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from fusionbench.catalog.run_config import RunConfig
    from fusionbench.contract.watch import Watch
    from fusionbench.study.executors.cluster import Cluster

NAMES = ("local", "ray")

Executor = Annotated[
    str,
    typer.Option(
        "--executor",
        metavar="local|ray",
        show_default=False,
        help="Who trains: processes of this machine, or the nodes of a Ray cluster. Default: local.",
        rich_help_panel="Training",
    ),
]
Address = Annotated[
    str,
    typer.Option(
        "--address",
        metavar="auto|HOST:PORT",
        show_default=False,
        help="Of the Ray cluster; auto is the one that this machine belongs to. Default: auto.",
        rich_help_panel="Training",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=1,
        help="Runs that train side by side; the results are the same. "
        "Default: 1; with --executor ray as many as fit.",
        rich_help_panel="Training",
    ),
]


def check_executor(executor: str, address: str) -> None:
    """Refuse a name that is none.

    Raises:
        UserError: with the nearest one.
    """
    from fusionbench.contract.errors import UserError, nearest

    if executor not in NAMES:
        raise UserError(f"no --executor {executor!r}.{nearest(executor, NAMES)} Allowed: {', '.join(NAMES)}.")
    if executor == "local" and address != "auto":
        raise UserError("--address is of a Ray cluster; add --executor ray, or leave it out.")


def cluster(
    executor: str,
    address: str,
    workers: int | None,
    configs: Callable[[], Sequence[RunConfig]],
    watch: Watch,
    studies: str | None = None,
) -> AbstractContextManager[Cluster | None]:
    """The cluster that was asked for, as long as the block lasts; None where there is none.

    Args:
        executor: ``--executor``.
        address: ``--address``.
        workers: ``--workers``.
        configs: gives what will be run.
        watch: told of the plan.
        studies: ``--storage``.

    Raises:
        UserError: as ``connected``.
    """
    if executor == "local":
        return nullcontext()

    from fusionbench.study.executors.cluster import connected

    return connected(address, configs(), watch, most=workers, studies=studies)
