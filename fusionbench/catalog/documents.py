"""YAML read safely, with the line every value stands on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from fusionbench.contract.errors import UserError

Lines = dict[tuple[str, ...], int]
"""path of keys -> line number, counted from 1"""


def read(path: Path) -> tuple[dict[str, Any], Lines]:
    """A YAML mapping and where its keys stand.

    Raises:
        UserError: the file is missing, is no YAML, is no mapping, holds a key twice,
            or asks for Python objects to be built.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise UserError(f"cannot read {path}: {reason}. Give the path of a YAML file.") from error
    lines: Lines = {}
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        _walk(node, (), lines, path)
        content = yaml.safe_load(text)
    except yaml.constructor.ConstructorError as error:
        raise UserError(
            f"{path}{_line(error)} asks for an object: {error.problem}. Only plain YAML is read."
        ) from error
    except yaml.YAMLError as error:
        problem = getattr(error, "problem", None) or str(error)
        raise UserError(f"{path}{_line(error)} is not valid YAML: {problem}.") from error
    if content is None:
        content = {}
    if not isinstance(content, dict):
        raise UserError(f"{path} holds a {type(content).__name__}; expected a mapping of names to values.")
    return content, lines


def _line(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f", line {mark.line + 1}," if mark else ""


def _walk(node: yaml.Node | None, path: tuple[str, ...], lines: Lines, file: Path) -> None:
    if isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            _walk(item, (*path, str(number)), lines, file)
    if not isinstance(node, yaml.MappingNode):
        return
    seen: set[str] = set()
    for key, value in node.value:
        here = (*path, str(key.value))
        if here[-1] in seen:
            raise UserError(
                f"{file}, line {key.start_mark.line + 1}: {here[-1]!r} stands here a second time."
            )
        seen.add(here[-1])
        lines[here] = key.start_mark.line + 1
        _walk(value, here, lines, file)
