"""Writes a new plugin as a distribution of its own: a head that works, its entry point, its test."""

from __future__ import annotations

import re
from pathlib import Path
from string import Template

from fusionbench.catalog.plugins import Catalog
from fusionbench.catalog.presets import read_presets
from fusionbench.contract.errors import UserError

TEMPLATES = Path(__file__).with_name("templates") / "fusion"
NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


def new_fusion(name: str, out: Path | None, catalog: Catalog) -> tuple[Path, ...]:
    """Write a distribution with one fusion head, which passes every rule as it stands.

    Args:
        name: what ``--fusion`` will call the head.
        out: folder to write; None = ``NAME-fusion`` here.
        catalog: what is installed already.

    Returns:
        the folder, then the head's file, its test and the file with its entry point.

    Raises:
        UserError: the name cannot be used or is taken, or the folder is not empty.
    """
    if not NAME.fullmatch(name):
        raise UserError(
            f"{name!r} cannot name a fusion head: it becomes a Python module's name. "
            "Use small letters and digits, with single underscores between them."
        )
    if name in catalog.components["fusion"]:
        owner = catalog.components["fusion"][name].plugin.distribution
        raise UserError(f"fusion head {name!r} is there already, brought by {owner}. Choose another name.")
    if name in read_presets(catalog)["fusion"]:
        raise UserError(f"{name!r} is the name of a preset. Choose another name.")
    words = {
        "name": name,
        "title": name.replace("_", " ").capitalize(),
        "class_name": name.title().replace("_", "") + "Fusion",
        "module": f"{name}_fusion",
        "distribution": f"{name.replace('_', '-')}-fusion",
    }
    root = out or Path(words["distribution"])
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise UserError(f"{root} exists and is not empty. Nothing was written; name a new folder with --out.")
    files = {
        "head.py": root / f"{words['module']}.py",
        "test_head.py": root / "tests" / f"test_{words['module']}.py",
        "pyproject.toml": root / "pyproject.toml",
    }
    for template, path in files.items():
        text = (TEMPLATES / f"{template}.template").read_text(encoding="utf-8")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(Template(text).substitute(words), encoding="utf-8")
    return (root, *files.values())
