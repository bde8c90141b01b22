"""``fusionbench list``, ``show`` and ``plugins``: what is installed and which options it has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fusionbench.cli import options as opt

if TYPE_CHECKING:
    from fusionbench.catalog.plugins import Catalog

Kind = Annotated[str, typer.Argument(help="fusion, relation, backbone or dataset.")]


def list_components(
    kind: Annotated[
        str | None, typer.Argument(help="fusion, relation, backbone or dataset. Default: all.")
    ] = None,
    registry: opt.Registry = None,
    debug: opt.Debug = False,
) -> None:
    """List installed components and presets.

    [bold]Examples[/bold]

      fusionbench list

      fusionbench list fusion
    """
    from rich.console import Console

    from fusionbench.catalog.plugins import KINDS
    from fusionbench.report.component_tables import component_table

    catalog, presets = _catalog(registry)
    kinds = [known_kind(kind)] if kind else list(KINDS)
    console = Console()
    for each in kinds:
        console.print(component_table(each, catalog, presets[each]))
    if catalog.off_note:
        console.print(catalog.off_note, style="yellow", markup=False, highlight=False)


def show(kind: Kind, name: str, registry: opt.Registry = None, debug: opt.Debug = False) -> None:
    """Show a component's options with defaults, bounds and meaning.

    [bold]Examples[/bold]

      fusionbench show fusion arpg

      fusionbench show dataset afew
    """
    from rich.console import Console

    from fusionbench.contract.errors import unknown
    from fusionbench.report.component_tables import option_table

    catalog, presets = _catalog(registry)
    known_kind(kind)
    preset = presets[kind].get(name)
    if preset is None and name not in catalog.components[kind]:
        raise unknown(kind, name, [*catalog.components[kind], *presets[kind]])
    component = catalog.get(kind, preset.plugin if preset else name)
    Console().print(option_table(kind, name, component, preset))


def plugins(debug: opt.Debug = False) -> None:
    """List every plugin: what it offers, or what is off and why."""
    from rich.console import Console

    from fusionbench.catalog.plugins import collect
    from fusionbench.report.component_tables import plugin_table

    Console().print(plugin_table(collect()))


def _catalog(registry: Path | None) -> tuple[Catalog, dict]:
    from fusionbench.catalog.plugins import collect
    from fusionbench.catalog.presets import read_presets

    catalog = collect()
    return catalog, read_presets(catalog, registry)


def known_kind(kind: str) -> str:
    """``kind``, if there is such a kind."""
    from fusionbench.catalog.plugins import KINDS
    from fusionbench.contract.errors import UserError, nearest

    if kind not in KINDS:
        raise UserError(f"no kind {kind!r}.{nearest(kind, KINDS)} Kinds: {', '.join(KINDS)}.")
    return kind
