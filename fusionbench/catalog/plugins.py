"""Finds plugins by entry point and asks each for its components; a bad one does not stop the rest."""

from __future__ import annotations

import functools
import importlib.metadata
import inspect
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pluggy

from fusionbench.contract.aligner import Aligner
from fusionbench.contract.blame import raised
from fusionbench.contract.dataset import Dataset
from fusionbench.contract.errors import FusionBenchError, UserError, nearest, unknown
from fusionbench.contract.hooks import PROJECT, Hooks, RunInfo
from fusionbench.contract.importer import Importer
from fusionbench.contract.options import Config
from fusionbench.contract.roles import Backbone, FusionHead, RelationEncoder
from fusionbench.contract.watch import Watch

KINDS: dict[str, tuple[str, type]] = {
    "fusion": ("fusion_heads", FusionHead),
    "relation": ("relation_encoders", RelationEncoder),
    "backbone": ("backbones", Backbone),
    "dataset": ("datasets", Dataset),
    "importer": ("importers", Importer),
    "aligner": ("aligners", Aligner),
}
"""kind -> (the hook that offers it, the role it fills)"""

RUN_KINDS = {kind: offer for kind, offer in KINDS.items() if kind not in ("importer", "aligner")}
"""the kinds that a run is made of"""

ROLE_NAMES = {
    "fusion": "fusion head",
    "relation": "relation encoder",
    "backbone": "backbone",
    "dataset": "dataset",
    "importer": "importer",
    "aligner": "aligner",
}

REINSTALL = "Just added it? Entry points are read at install: run `pip install -e .` again."


@dataclass
class Plugin:
    """One entry point: what it offers, or why it is off."""

    name: str
    module: str
    distribution: str
    version: str
    offers: dict[str, list[str]] = field(default_factory=dict)
    """kind -> names of the components in use"""
    problems: list[str] = field(default_factory=list)
    """why the plugin, or one of its components, is off"""

    def __str__(self) -> str:
        state = "partly off" if self.offers else "off"
        return (
            f"Plugin {self.name!r} ({self.distribution} {self.version}) is {state}: {' '.join(self.problems)}"
        )

    def may_be(self, name: str) -> bool:
        """Whether a component called ``name`` may be one that this plugin would bring, were it on."""
        own = [self.name, *re.split(r"[.:]", self.module)]
        words = [word for each in own for word in re.split(r"[_-]", each)]
        told = re.findall(r"'([^']+)'", " ".join(self.problems))
        return name in (*words, *told) or bool(nearest(name, own))


@dataclass(frozen=True)
class Component:
    """A registered class and the plugin that brought it."""

    cls: Any
    plugin: Plugin


class Catalog:
    """Everything that was found: components by kind and name, and the state of every plugin."""

    def __init__(self) -> None:
        self.plugins: list[Plugin] = []
        self.components: dict[str, dict[str, Component]] = {kind: {} for kind in KINDS}
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(Hooks)

    def copied(self) -> Catalog:
        """A catalog of the same plugins, to which others can be added without changing this one."""
        other = Catalog()
        other.plugins = list(self.plugins)
        other.components = {kind: dict(named) for kind, named in self.components.items()}
        for name, module in self._manager.list_name_plugin():
            other._manager.register(module, name=name)
        return other

    def names(self, kind: str) -> list[str]:
        """Sorted component names of a kind."""
        return sorted(self.components[kind])

    def get(self, kind: str, name: str) -> Component:
        """The component called ``name``.

        Raises:
            UserError: nothing of that kind has the name; the nearest one is offered.
        """
        if name not in self.components[kind]:
            raise self.unknown(kind, name)
        return self.components[kind][name]

    def unknown(self, kind: str, name: str, presets: Iterable[str] = ()) -> UserError:
        """The error for a component that is not there; a plugin that is off and may be meant is told.

        Args:
            kind: a key of ``KINDS``.
            name: what was asked for.
            presets: names that would have been right besides the components'.
        """
        names = [*self.components[kind], *presets]
        return unknown(ROLE_NAMES[kind], name, names, self._why_absent(name), listed="Installed")

    def _why_absent(self, name: str) -> str:
        meant = [plugin for plugin in self.off if plugin.may_be(name)]
        if meant:
            return f"{' '.join(map(str, meant))} Mend that, then try again."
        return f"{REINSTALL} {self.off_note}".strip()

    @property
    def off(self) -> list[Plugin]:
        """Plugins that are off, wholly or in part."""
        return [plugin for plugin in self.plugins if plugin.problems]

    @property
    def off_note(self) -> str:
        """A sentence that names them, empty where all are on."""
        if not self.off:
            return ""
        names = ", ".join(plugin.name for plugin in self.off)
        return f"Off: {names}; `fusionbench plugins` says why."

    def add(self, plugin: Plugin, module: Any) -> None:
        """Register a plugin's module and ask it for its components."""
        self.plugins.append(plugin)
        self._manager.register(module, name=plugin.name)
        misspelt = [name for name, caller in vars(self._manager.hook).items() if not caller.has_spec()]
        if misspelt:
            self._manager.unregister(name=plugin.name)
            self._manager = self._rebuilt()
            known = ", ".join(n for n in vars(Hooks) if not n.startswith("_"))
            plugin.problems.append(f"unknown hook {misspelt[0]!r}. Hooks: {known}.")
            return
        for kind, (hook, role) in KINDS.items():
            self._ask(plugin, kind, hook, role)

    def _rebuilt(self) -> pluggy.PluginManager:
        """A manager with the same plugins: pluggy never forgets a misspelt hook."""
        manager = pluggy.PluginManager(PROJECT)
        manager.add_hookspecs(Hooks)
        for name, module in self._manager.list_name_plugin():
            manager.register(module, name=name)
        return manager

    def _call(self, hook: str, name: str, **arguments: Any) -> list[Any]:
        """Call one hook of one plugin, so that what it raises can be laid at its door."""
        others = [module for other, module in self._manager.list_name_plugin() if other != name]
        return self._manager.subset_hook_caller(hook, others)(**arguments)

    def _ask(self, plugin: Plugin, kind: str, hook: str, role: type) -> None:
        try:
            offered = [cls for classes in self._call(hook, plugin.name) for cls in classes]
        except Exception as error:  # a stranger's code may raise anything; it is named and switched off
            plugin.problems.append(f"{hook}() {raised(error)}.")
            return
        for cls in offered:
            problem = self._refuse(cls, kind, hook, role)
            if problem:
                plugin.problems.append(problem)
            else:
                self.components[kind][cls.name] = Component(cls, plugin)
                plugin.offers.setdefault(kind, []).append(cls.name)

    def _refuse(self, offered: Any, kind: str, hook: str, role: type) -> str | None:
        cls: Any = offered
        if not (inspect.isclass(offered) and issubclass(offered, role)):
            return f"{hook}() returned {offered!r}; expected subclasses of fusionbench.{role.__name__}."
        if not isinstance(getattr(cls, "name", None), str):
            return f'{cls.__name__} has no `name`; add name = "..." to the class.'
        if not (inspect.isclass(cls.Config) and issubclass(cls.Config, Config)):
            return f"{cls.__name__}.Config is not a subclass of fusionbench.Config."
        if cls.name in self.components[kind]:
            owner = self.components[kind][cls.name].plugin
            taken_by = f"{owner.distribution} ({owner.module})"
            return f"{ROLE_NAMES[kind]} {cls.name!r} is taken by {taken_by}; rename it."
        return None

    def observe(self, event: str, watch: Watch, run: RunInfo, **details: Any) -> None:
        """Tell every observer of ``event``; one that raises is named and switched off."""
        for name in [impl.plugin_name for impl in getattr(self._manager.hook, event).get_hookimpls()]:
            try:
                self._call(event, name, run=run, **details)
            except Exception as error:  # as above: an observer must not end a run
                self._manager.unregister(name=name)
                watch.warn(f"plugin {name!r} is switched off: {event} raised {type(error).__name__}: {error}")


def _entry_points() -> list[importlib.metadata.EntryPoint]:
    """Each entry point once, the built-ins first so that nobody can take their names."""
    found: dict[tuple[bool, str, str, str], importlib.metadata.EntryPoint] = {}
    for point in importlib.metadata.entry_points(group=PROJECT):
        owner = _distribution(point.dist)[0] if point.dist else ""
        found.setdefault((owner != PROJECT, owner, point.name, point.value), point)
    return [found[key] for key in sorted(found)]


@functools.cache
def _distribution(dist: importlib.metadata.Distribution) -> tuple[str, str]:
    """Name and version, read once: each time they are asked for, the metadata are parsed anew."""
    return dist.name, dist.version


@functools.cache
def collect() -> Catalog:
    """Walk the ``fusionbench`` entry points once per process.

    Not pluggy's own loader: there one plugin that fails to import stops every
    command, and a second entry point of the same name is dropped without a word.
    """
    catalog = Catalog()
    taken: dict[str, str] = {}
    for point in _entry_points():
        owner, version = _distribution(point.dist) if point.dist else ("unknown", "0")
        plugin = Plugin(point.name, point.value, owner, version)
        if point.name in taken:
            plugin.problems.append(f"entry point {point.name!r} is taken by {taken[point.name]}; rename it.")
            catalog.plugins.append(plugin)
            continue
        taken[point.name] = owner
        try:
            module = point.load()
        except (Exception, SystemExit) as error:  # a stranger's import may raise anything
            plugin.problems.append(f"import {raised(error)}.")
            catalog.plugins.append(plugin)
            continue
        catalog.add(plugin, module)
    if not catalog.plugins:
        raise FusionBenchError(f"no plugin is installed, not even the built-in ones. {REINSTALL}")
    return catalog
