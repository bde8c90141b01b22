"""Tables of what is installed and can be set: components, options, plugins."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from fusionbench.catalog.plugins import ROLE_NAMES, Catalog, Component
from fusionbench.catalog.presets import FrontEnd, Preset
from fusionbench.catalog.run_config import RunOptions, flatten
from fusionbench.contract.options import Config
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
    title = f"{kind} {name}: {_summary(cls)}"
    return _options(title, cls.Config, f"{kind}.", preset.options if preset else {})


def group_table(
    name: str, schema: type[Config], datasets: Mapping[str, Component], only: str | None = None
) -> Table:
    """One group of a run's options: default, bounds, meaning; and which datasets want them otherwise.

    Args:
        name: the group's.
        schema: its options.
        datasets: all that are installed.
        only: one option, None = all.
    """
    prefix = "" if schema is RunOptions else f"{name}."
    table = _options(f"{name}: {_summary(schema)}", schema, prefix, {}, only)
    otherwise = [
        f"{dataset}: {', '.join(changed)}"
        for dataset, component in sorted(datasets.items())
        if (changed := _changed(component.cls, schema, prefix))
    ]
    if otherwise:
        table.caption = escape(f"{table.caption}\nother defaults of datasets: {'; '.join(otherwise)}")
    return table


def front_end_table(presets: Mapping[str, FrontEnd]) -> Table:
    """Presets of whole front ends: what each stands for."""
    table = plain_table("front ends", "fusionbench run --front-end NAME")
    for column in ("name", "stands for"):
        table.add_column(column, no_wrap=column == "name")
    for name, preset in sorted(presets.items()):
        values = flatten(preset.values).items()
        words = [f"--{k} {v}" if k in ("backbone", "relation") else f"--set {k}={v}" for k, v in values]
        table.add_row(escape(name), escape(" ".join(words)))
    return table


def shown_table(
    groups: Mapping[str, type[Config]], catalog: Catalog, presets: Mapping[str, Mapping[str, Preset]]
) -> Table:
    """Everything that has options to show."""
    table = plain_table("what can be shown", "fusionbench show KIND NAME, or fusionbench show GROUP")
    for column in ("kind or group", "names", "what it is"):
        table.add_column(column, no_wrap=column == "kind or group")
    for kind, role in ROLE_NAMES.items():
        table.add_row(kind, ", ".join([*catalog.names(kind), *sorted(presets[kind])]), f"{role}s")
    for name, schema in groups.items():
        table.add_row(name, "", escape(f"options of a run: {_summary(schema)}"))
    return table


def _changed(dataset: Any, schema: type[Config], prefix: str) -> list[str]:
    """A dataset's own defaults among the options that begin with ``prefix``, where they are others."""
    defaults = {"sampling.frames": dataset.protocol.frames, **dataset.run_defaults}
    own = {key.removeprefix(prefix): value for key, value in defaults.items() if key.startswith(prefix)}
    return [
        f"{option}={'null' if value is None else value}"
        for option, value in own.items()
        if option in schema.model_fields and schema.model_fields[option].default != value
    ]


def _options(
    title: str, schema: type[Config], prefix: str, given: Mapping[str, Any], only: str | None = None
) -> Table:
    """One row an option; what is nested has a table of its own."""
    table = plain_table(escape(title), f"set one with --set {prefix}OPTION=VALUE")
    for column in ("option", "type", "value", "allowed", "meaning"):
        table.add_column(column, no_wrap=column == "option")
    for option, described in schema.model_json_schema().get("properties", {}).items():
        if "$ref" in described or only not in (None, option):
            continue
        value = given.get(option, described.get("default"))
        table.add_row(
            option,
            _type(described),
            "null" if value is None else str(value),
            _allowed(described),
            escape(described.get("description", "")),
        )
    if not table.row_count:
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
