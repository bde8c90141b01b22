"""Components handed over as classes, from a script or a notebook, beside those that are installed."""

from __future__ import annotations

import sys
import sysconfig
import uuid
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from fusionbench.catalog.identity import PACKAGE, mark_unhashed
from fusionbench.catalog.plugins import ROLE_NAMES, RUN_KINDS, Catalog, Component, Plugin, collect
from fusionbench.contract.errors import UserError

DISTRIBUTION = "this session"


def with_classes(classes: Sequence[type]) -> Catalog:
    """The installed components and these classes, each under its own ``name``.

    A class whose source can't be hashed whole gives its runs an identity that never comes again,
    so that no result of before an edit is ever taken for one of after it.

    Raises:
        UserError: a class fills no role, has no name, or has one that is taken.
    """
    installed = collect()
    catalog = installed.copied()
    for cls in classes:
        kind = next((kind for kind, (_, role) in RUN_KINDS.items() if issubclass(cls, role)), None)
        if kind is None:
            roles = ", ".join(f"fb.{role.__name__}" for _, role in RUN_KINDS.values())
            raise UserError(f"{cls.__name__} fills no role. Make it a subclass of one of {roles}.")
        name = getattr(cls, "name", None)
        if not isinstance(name, str) or not name:
            raise UserError(f'{cls.__name__} has no `name`; add name = "..." to the class.')
        taken = installed.components[kind].get(name)
        if taken is not None and taken.cls is not cls:
            raise UserError(
                f"{ROLE_NAMES[kind]} {name!r} is installed, by {taken.plugin.distribution}; "
                f"give {cls.__name__} another name."
            )
        if taken is None:
            plugin = Plugin(name, cls.__module__, DISTRIBUTION, "0", offers={kind: [name]})
            catalog.components[kind][name] = Component(cls, plugin)
            catalog.plugins.append(plugin)
            if not is_hashable(cls):
                mark_unhashed(cls, uuid.uuid4().hex)
    return catalog


def is_hashable(cls: type) -> bool:
    """Whether the files that a run's identity hashes are all that a class is made of.

    So it is where the class stands in a file, and everything its module holds comes from that
    file's own package, from this one, or from what is installed.
    """
    module = sys.modules.get(cls.__module__)
    if module is None or not getattr(module, "__file__", None) or "<locals>" in cls.__qualname__:
        return False
    package = module.__name__.partition(".")[0]
    homes = (
        value if isinstance(value, ModuleType) else sys.modules.get(getattr(value, "__module__", None) or "")
        for value in list(vars(module).values())
    )
    others = [home for home in homes if home is not None and home.__name__.partition(".")[0] != package]
    return all(map(_is_installed, others))


def _is_installed(module: ModuleType) -> bool:
    file = getattr(module, "__file__", None)
    if file is None:
        return module.__name__ in sys.builtin_module_names or hasattr(module, "__path__")
    places = {PACKAGE, *(Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib"))}
    return any(Path(file).resolve().is_relative_to(place.resolve()) for place in places)
