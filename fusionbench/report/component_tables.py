"""Tables of what is installed: components, their options, plugins."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from fusionbench.catalog.plugins import ROLE_NAMES, Catalog, Component
from fusionbench.catalog.presets import Preset
from fusionbench.report.tables import plain_table


def component_table(kind: str, catalog: Catalog, presets: Mapping[str, Preset]) -> Table:
    """Components and presets of a kind."""
    table = plain_table(f"{kind}: {ROLE_NAMES[kind]}s")
    table.add_column("name", no_wrap=True)
    table.add_column("what it is")
    table.add_column("from")
    for name in catalog.names(kind):
        component = catalog.components[kind][name]
        table.add_row(name, escape(_summary(component.cls)), component.plugin.distribution)
    for name, preset in sorted(presets.items()):
        options = ", ".join(f"{k}={v}" for k, v in preset.options.items())
        origin = Path(preset.origin.rpartition(", line")[0]).name
        table.add_row(name, escape(f"preset: {preset.plugin} with {options}"), origin, style="dim")
    return table


def option_table(kind: str, name: str, component: Component, preset: Preset | None) -> Table:
    """Options of a component: default (or the preset's value), bounds, meaning."""
    cls = component.cls
    table = plain_table(escape(f"{kind} {name}: {_summary(cls)}"), f"set one with --set {kind}.OPTION=VALUE")
    for column in ("option", "type", "value", "allowed", "meaning"):
        table.add_column(column, no_wrap=column == "option")
    for option, described in cls.Config.model_json_schema().get("properties", {}).items():
        value = preset.options.get(option, described.get("default")) if preset else described.get("default")
        table.add_row(
            option,
            _type(described),
            "null" if value is None else str(value),
            _allowed(described),
            escape(described.get("description", "")),
        )
    if not cls.Config.model_fields:
        table.add_row("(none)")
    return table


def plugin_table(catalog: Catalog) -> Table:
    """Every entry point: what it offers, or why it is off."""
    table = plain_table("plugins")
    for column in ("entry point", "from", "state", "offers"):
        table.add_column(column, no_wrap=column == "entry point")
    for plugin in catalog.plugins:
        offered = ", ".join(f"{kind} {name}" for kind, names in plugin.offers.items() for name in names)
        origin = f"{plugin.distribution} {plugin.version}"
        if not plugin.problems:
            table.add_row(plugin.name, origin, "on", offered)
            continue
        state = "partly off" if plugin.offers else "off"
        reasons = "\n".join(escape(problem) for problem in plugin.problems)
        table.add_row(plugin.name, origin, state, "\n".join(filter(None, [offered, reasons])), style="yellow")
    return table


def _summary(cls: type) -> str:
    """The first line of a component's docstring, and whether it is experimental."""
    first = (inspect.getdoc(cls) or "").partition("\n")[0].rstrip(".")
    return f"{first} (experimental)" if getattr(cls, "experimental", False) else first


def _type(described: Mapping[str, Any]) -> str:
    kinds = [described] if "type" in described else described.get("anyOf", [])
    names = [str(kind.get("type", kind.get("const", ""))) for kind in kinds]
    return " or ".join(filter(None, names)) or "choice"


def _allowed(described: Mapping[str, Any]) -> str:
    for kind in (described, *described.get("anyOf", [])):
        if "enum" in kind:
            return ", ".join(str(value) for value in kind["enum"])
    signs = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
    bounds = [
        f"{sign} {kind[key]}"
        for kind in (described, *described.get("anyOf", []))
        for key, sign in signs.items()
        if key in kind
    ]
    return ", ".join(bounds)
