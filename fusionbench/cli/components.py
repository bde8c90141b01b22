"""``fusionbench list``, ``show`` and ``plugins``: what is installed and which options it has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fusionbench.cli import options as opt

if TYPE_CHECKING:
    from fusionbench.catalog.plugins import Catalog

Kind = Annotated[str, typer.Argument(help="fusion, relation, backbone, dataset, importer or aligner.")]


def list_components(
    kind: Annotated[
        str | None,
        typer.Argument(help="fusion, relation, backbone, dataset, importer or aligner. Default: all."),
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
    from fusionbench.catalog.presets import read_front_ends
    from fusionbench.report.component_tables import component_table, front_end_table

    catalog, presets = _catalog(registry)
    kinds = [known_kind(kind)] if kind else list(KINDS)
    console = Console()
    for each in kinds:
        console.print(component_table(each, catalog, presets[each]))
    if kind is None:
        console.print(front_end_table(read_front_ends(registry)))
    if catalog.off_note:
        console.print(catalog.off_note, style="yellow", markup=False, highlight=False)


def show(
    what: Annotated[
        str | None,
        typer.Argument(
            help="fusion, relation, backbone, dataset, importer or aligner; or a group of a run's options: "
            "data, sampling, front_end, training, run. Default: lists what can be shown."
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Argument(help="Component or preset of that kind, or one option of that group. Default: all."),
    ] = None,
    registry: opt.Registry = None,
    debug: opt.Debug = False,
) -> None:
    """Show options with defaults, bounds and meaning: a component's, or a group of a run's.

    [bold]Examples[/bold]

      fusionbench show

      fusionbench show fusion arpg

      fusionbench show fusion arpg-no-scope --registry my-presets.yaml

      fusionbench show training

      fusionbench show front_end
    """
    from rich.console import Console

    from fusionbench.catalog.plugins import KINDS
    from fusionbench.catalog.run_config import option_groups
    from fusionbench.contract.errors import UserError, nearest
    from fusionbench.report.component_tables import (
        component_table,
        group_table,
        option_table,
        shown_table,
    )

    console = Console()
    groups = option_groups()
    if what is not None and what not in (*KINDS, *groups):
        allowed = (*KINDS, *groups)
        raise UserError(
            f"nothing called {what!r} to show.{nearest(what, allowed)} Kinds: {', '.join(KINDS)} "
            f"(followed by a name). Groups of a run's options: {', '.join(groups)}."
        )
    if what in groups:
        options = groups[what].model_fields
        if name is not None and name not in options:
            raise UserError(
                f"{what} has no option {name!r}.{nearest(name, options)} Options: {', '.join(options)}."
            )
        console.print(group_table(what, groups[what], _catalog(registry)[0].components["dataset"], name))
        return
    catalog, presets = _catalog(registry)
    if what is None:
        console.print(shown_table(groups, catalog, presets))
    elif name is None:
        console.print(component_table(what, catalog, presets[what]))
    else:
        preset = presets[what].get(name)
        if preset is None and name not in catalog.components[what]:
            raise catalog.unknown(what, name, presets[what])
        component = catalog.get(what, preset.plugin if preset else name)
        console.print(option_table(what, name, component, preset))


def plugins(debug: opt.Debug = False) -> None:
    """List every plugin: what it offers, or what is off and why.

    [bold]Example[/bold]

      fusionbench plugins
    """
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
