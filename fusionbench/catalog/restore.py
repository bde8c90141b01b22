"""A recorded config to a ``RunConfig`` again: the components of today with the options of then."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from fusionbench.catalog.plugins import ROLE_NAMES, RUN_KINDS, Catalog
from fusionbench.catalog.run_config import Chosen, RunConfig, RunOptions
from fusionbench.contract.errors import UserError


def restore(
    values: Mapping[str, Any],
    origins: Mapping[str, str],
    versions: Mapping[str, str],
    catalog: Catalog,
    owner: str,
) -> RunConfig:
    """The config that a run recorded; of presets and defaults of today only those of options that are new.

    Args:
        values: as ``RunConfig.plain`` gave them.
        origins: dotted key -> where its value came from.
        versions: plugin -> version that it had then, where that is known.
        catalog: the components that are installed.
        owner: whose config it is, for messages: ``run 2324d497240b``.

    Raises:
        UserError: a component is gone or off, or an option is no longer there.
    """
    chosen = {}
    for kind in (kind for kind in RUN_KINDS if kind in values):
        own = dict(values[kind])
        name, plugin = str(own.pop("name")), str(own.pop("plugin"))
        version = versions.get(plugin, "not known")
        chosen[kind] = restore_component(kind, name, plugin, version, own, catalog, owner)
    try:
        options = RunOptions.model_validate({k: v for k, v in values.items() if k not in RUN_KINDS})
    except ValidationError as error:
        raise UserError(
            f"{owner}: fusionbench no longer takes its options: {_first(error)}. "
            f"Install its version {versions.get('fusionbench', 'not known')}."
        ) from error
    return RunConfig(
        chosen["fusion"], chosen["dataset"], chosen.get("relation"), chosen.get("backbone"), options, origins
    )


def restore_component(
    kind: str,
    name: str,
    plugin: str,
    version: str,
    options: Mapping[str, Any],
    catalog: Catalog,
    owner: str,
) -> Chosen:
    """A component as it is installed, with options that were recorded.

    Args:
        kind: a key of ``RUN_KINDS``.
        name: as its user gave it; may be that of a preset.
        plugin: the component's own name.
        version: of its distribution then.
        options: its options then.
        catalog: the components that are installed.
        owner: what needs it, for messages.

    Raises:
        UserError: it is gone or off, or no longer takes these options.
    """
    role = ROLE_NAMES[kind]
    try:
        component = catalog.get(kind, plugin)
    except UserError as error:
        raise UserError(f"{owner} needs {role} {plugin!r}, version {version}: {error}") from None
    try:
        validated: BaseModel = component.cls.Config.model_validate(dict(options))
    except ValidationError as error:
        raise UserError(
            f"{owner}: {role} {plugin!r} no longer takes its options: {_first(error)}. "
            f"Install its version {version}; {component.plugin.version} is there."
        ) from error
    return Chosen(kind, name, plugin, component.plugin.version, component.cls, validated)


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
