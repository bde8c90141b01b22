"""Names and options to a frozen ``RunConfig``: defaults, dataset, preset, file, command line; later wins."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from fusionbench.catalog.documents import parse_value, read
from fusionbench.catalog.plugins import KINDS, ROLE_NAMES, RUN_KINDS, Catalog
from fusionbench.catalog.presets import FRONT_END, Preset, read_front_ends, read_presets
from fusionbench.catalog.run_config import Chosen, RunConfig, RunOptions, flatten
from fusionbench.contract.class_names import kept_classes
from fusionbench.contract.errors import UserError, brief, nearest, unknown
from fusionbench.contract.judging import number_of_positive
from fusionbench.contract.options import Config
from fusionbench.contract.reading import reason

DEFAULT_NAMES = {"relation": "region_gat", "backbone": "tiny"}
_KEY = re.compile(r"[\w-]+(\.[\w-]+)*")
_DEEPEST = 8
"""levels of a dotted key; no option lies deeper"""


@dataclass(frozen=True)
class Request:
    """What a user asked for, before anything is looked up."""

    values: Mapping[str, Any] = field(default_factory=dict)
    """dotted key -> value from flags and ``--set``; a kind alone (``fusion``) holds a name"""
    origins: Mapping[str, str] = field(default_factory=dict)
    """dotted key -> the flag it came by"""
    file: Path | None = None
    registry: Path | None = None


@dataclass
class _Layers:
    """Values laid over one another; each remembers where it came from."""

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)

    def lay(self, values: Mapping[str, Any], origin: str | Mapping[str, str]) -> None:
        for key, value in values.items():
            self.values[key] = value
            self.origins[key] = origin if isinstance(origin, str) else origin.get(key, "")

    def under(self, prefix: str) -> dict[str, Any]:
        start = f"{prefix}."
        return {k.removeprefix(start): v for k, v in self.values.items() if k.startswith(start)}


def parse_assignment(text: str) -> tuple[str, Any]:
    """``fusion.trs=5`` to a key and a YAML value.

    Raises:
        UserError: there is no ``=``, no key, or the value is no plain YAML.
    """
    key, equals, value = text.partition("=")
    if not equals or not _KEY.fullmatch(key.strip()):
        raise UserError(f"--set {brief(text)} is no assignment; write KEY=VALUE, as in --set fusion.trs=5.")
    return key.strip(), parse_value(value, f"--set {brief(text)}")


def resolve(request: Request, catalog: Catalog) -> RunConfig:
    """One frozen config, every value with its origin.

    Raises:
        UserError: an unknown name or option, a wrong type, a value out of bounds.
    """
    presets = read_presets(catalog, request.registry)
    asked = _Layers()
    asked.lay(*read_options(request))
    asked = _with_front_end(asked, request.registry)

    dataset = _choose("dataset", asked, catalog, presets)
    layers = _Layers()
    layers.lay(dataset.cls.run_defaults, f"default of dataset {dataset.plugin}")
    protocol, its_own = dataset.cls.protocol, f"protocol of dataset {dataset.plugin}"
    layers.lay({"sampling.frames": protocol.frames, "metric": protocol.headline}, its_own)
    layers.lay(asked.values, asked.origins)
    if layers.values["metric"] is None:
        layers.lay({"metric": protocol.headline}, its_own)

    chosen: dict[str, Chosen | None] = {"dataset": dataset}
    for kind in ("fusion", "relation", "backbone"):
        streams_given = dataset.cls.precomputed and kind != "fusion"
        if streams_given and f"{kind}.name" in asked.values:
            flag = "--front-end" if FRONT_END in request.values else f"--{kind}"
            raise UserError(f"dataset {dataset.name!r} brings its streams ready made; leave out {flag}.")
        left_out = streams_given or _left_out(kind, asked)
        chosen[kind] = None if left_out else _choose(kind, asked, catalog, presets)

    options = _run_options(layers)
    protocol.metric(options.metric, options.positive)
    classes = getattr(dataset.cls, "classes", None)  # others are known when the data are open
    if isinstance(classes, (tuple, list)):
        number_of_positive(options.positive, kept_classes(dataset.options, classes))
    origins = _origins(chosen, options, layers, presets)
    fusion = chosen["fusion"]
    assert fusion is not None
    return RunConfig(fusion, dataset, chosen["relation"], chosen["backbone"], options, origins)


def _with_front_end(asked: _Layers, registry: Path | None) -> _Layers:
    """What was asked, over what the preset of a front end says where one was named."""
    name = asked.values.pop(FRONT_END, None)
    if name is None:
        return asked
    presets = read_front_ends(registry)
    if name not in presets:
        raise unknown("front end", str(name)[:80], presets, "Presets of front ends stand in registry.yaml.")
    preset, whole = presets[name], _Layers()
    whole.lay(_names_apart(preset.values), preset.origin)
    whole.lay(asked.values, asked.origins)
    return whole


def read_options(request: Request) -> tuple[dict[str, Any], dict[str, str]]:
    """File and flags of a request as one: dotted key -> value, dotted key -> origin."""
    asked = _Layers()
    if request.file:
        asked.lay(*_from_file(request.file))
    asked.lay(_names_apart(request.values), {_named(k): v for k, v in request.origins.items()})
    return asked.values, asked.origins


def resolve_component(kind: str, name: str, request: Request, catalog: Catalog) -> Chosen:
    """One component with its options, for commands that need no whole run.

    Raises:
        UserError: as ``resolve``.
    """
    presets = read_presets(catalog, request.registry)
    asked = _Layers()
    asked.lay({**_names_apart(request.values), f"{kind}.name": name}, dict(request.origins))
    return _choose(kind, asked, catalog, presets)


def _named(key: str) -> str:
    return f"{key}.name" if key in KINDS else key


def _names_apart(values: Mapping[str, Any]) -> dict[str, Any]:
    """``fusion: arpg`` and ``fusion: {name: arpg, trs: 5}`` to ``fusion.name`` and ``fusion.trs``."""
    return {_named(key): value for key, value in flatten(values).items()}


def _from_file(file: Path) -> tuple[dict[str, Any], dict[str, str]]:
    content, lines = read(file)
    origins = {_named(".".join(path)): f"{file}, line {line}" for path, line in lines.items()}
    return _names_apart(content), origins


def _left_out(kind: str, asked: _Layers) -> bool:
    """``--relation none``: the appearance stream alone."""
    if kind != "relation" or asked.values.get("relation.name", "") not in ("none", None):
        return False
    others = [key for key in asked.under("relation") if key != "name"]
    if others:
        raise UserError(f"relation.{others[0]} is set, but --relation is none. Leave out one of them.")
    return True


def _choose(
    kind: str, asked: _Layers, catalog: Catalog, presets: Mapping[str, Mapping[str, Preset]]
) -> Chosen:
    name = asked.values.get(f"{kind}.name", DEFAULT_NAMES.get(kind))
    if name is None:
        names = sorted([*catalog.components[kind], *presets[kind]])
        raise UserError(f"no {ROLE_NAMES[kind]} chosen. Add --{kind} NAME. Installed: {', '.join(names)}.")
    name = str(name)
    preset = presets[kind].get(name)
    if preset is None and name not in catalog.components[kind]:
        raise catalog.unknown(kind, name[:80], presets[kind])
    component = catalog.get(kind, preset.plugin if preset else name)
    cls = component.cls
    given = _Layers()
    if preset:
        given.lay(preset.options, preset.origin)
    own = asked.under(kind)
    own.pop("name", None)
    given.lay(own, {k: asked.origins[f"{kind}.{k}"] for k in own})
    options = _validated(cls.Config, given, f"{kind} {cls.name!r}")
    return Chosen(kind, name, cls.name, component.plugin.version, cls, options)


def _run_options(layers: _Layers) -> RunOptions:
    given = _Layers()
    for key, value in layers.values.items():
        if key.split(".")[0] not in RUN_KINDS:
            given.lay({key: value}, layers.origins[key])
    return _validated(RunOptions, given, "run")


def _validated(schema: type[Config], given: _Layers, owner: str) -> Any:
    try:
        return schema.model_validate(_nest(given.values))
    except ValidationError as error:
        first = error.errors()[0]
        raise UserError(_explain(first, schema, given, owner)) from None
    except UserError:
        raise
    except Exception as error:  # a component's own checks may raise anything
        raise UserError(f"{owner}: its check of the options failed: {reason(error)}.") from error


def _nest(flat: Mapping[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for key, value in flat.items():
        *branches, leaf = key.split(".")
        if len(branches) >= _DEEPEST:
            raise UserError(f"no option lies {len(branches) + 1} levels deep: {brief(key)}.")
        node = tree
        for branch in branches:
            node = node.setdefault(branch, {})
            if not isinstance(node, dict):
                raise UserError(
                    f"{key!r} is given beside a plain value for {branch!r}; leave out one of them."
                )
        node[leaf] = value
    return tree


def _explain(error: Any, schema: type[Config], given: _Layers, owner: str) -> str:
    """One pydantic error in this project's form: what is wrong, what came, what is allowed."""
    key = ".".join(str(part) for part in error["loc"])
    origin = next((o for k, o in given.origins.items() if key == k or key.startswith(f"{k}.")), "")
    where = f" ({origin})" if origin else ""
    branches, _, leaf = key.rpartition(".")
    fields = _fields(schema, branches.split(".") if branches else [])
    if error["type"] == "extra_forbidden":
        listed = ", ".join(fields) or "none"
        prefix = f" of {branches}" if branches else ""
        return f"{owner}: unknown option {leaf!r}{where}.{nearest(leaf, fields)} Options{prefix}: {listed}."
    described = fields[leaf].description if leaf in fields else None
    meaning = f" {leaf}: {described}." if described else ""
    message = error["msg"][0].lower() + error["msg"][1:]
    return f"{owner}: option {key} = {brief(error['input'])}{where}: {message}.{meaning}"


def _fields(schema: Any, branches: Sequence[str]) -> dict[str, Any]:
    """The fields of the schema that lies behind these branches; none behind a list or a union."""
    for branch in branches:
        fields = getattr(schema, "model_fields", {})
        schema = fields[branch].annotation if branch in fields else schema
    return dict(getattr(schema, "model_fields", {}))


def _origins(
    chosen: Mapping[str, Chosen | None],
    options: RunOptions,
    layers: _Layers,
    presets: Mapping[str, Mapping[str, Preset]],
) -> dict[str, str]:
    """Where each value of the resolved config came from."""
    origins = {key: layers.origins.get(key, "default") for key in flatten(options.model_dump(mode="json"))}
    for kind, component in chosen.items():
        if component is None:
            continue
        preset = presets[kind].get(component.name)
        origins[f"{kind}.name"] = layers.origins.get(f"{kind}.name", "default")
        for option in type(component.options).model_fields:
            from_preset = preset.origin if preset and option in preset.options else "default"
            origins[f"{kind}.{option}"] = layers.origins.get(f"{kind}.{option}", from_preset)
    return origins
