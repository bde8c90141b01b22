"""YAML read safely: plain values only, of a bounded size, with the line every value stands on."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from fusionbench.contract.errors import UserError
from fusionbench.contract.reading import MEGABYTE, Unreadable, read_regular, reading

Lines = dict[tuple[str, ...], int]
"""path of keys -> line number, counted from 1"""

MOST_BYTES = 1 * MEGABYTE
MOST_VALUES = 20_000
"""values in a document, those behind an alias counted wherever it stands; 20,000 are read in half a second"""
DEEPEST = 40
"""levels of a document"""

_MERGE = "tag:yaml.org,2002:merge"
_PLAIN = {f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str")}
_ENCODINGS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, but a date and a lone ``=`` stay the text they are: no option is one."""

    yaml_implicit_resolvers = {
        first: [(tag, form) for tag, form in forms if tag == _MERGE or tag in _PLAIN]
        for first, forms in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def plain(value: Any) -> Any:
    """A value as a document can hold it; paths and the like as their text."""
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def read(path: Path) -> tuple[dict[str, Any], Lines]:
    """A YAML mapping and where its keys stand.

    Raises:
        UserError: the file is missing or too large, is no YAML, is no mapping, holds a key
            twice or one that is no text, or asks for Python objects to be built.
    """
    text = read_text(path)
    with reading("", path, "Give a YAML file of names and values."):
        content, lines = _parse(text, str(path))
    if content is None:
        content = {}
    if not isinstance(content, dict):
        raise UserError(f"{path} holds a {type(content).__name__}; expected a mapping of names to values.")
    return content, lines


def read_text(path: Path) -> str:
    """The text of a YAML file; a byte order mark chooses UTF-16, everything else is UTF-8.

    Raises:
        UserError: the file cannot be read, or is another kind of file.
    """
    with reading("cannot read", path, "Give the path of a YAML file."):
        data = read_regular(path, MOST_BYTES)
        encoding = next((name for mark, name in _ENCODINGS if data.startswith(mark)), "utf-8")
        return data.decode(encoding)


def parse_value(text: str, where: str) -> Any:
    """One YAML value, as ``--set`` takes it.

    Raises:
        UserError: it is no plain YAML; ``where`` says whose it is.
    """
    with reading("", where, "Quote the value, or give a plain one."):
        return _parse(text, where)[0]


def _parse(text: str, where: str) -> tuple[Any, Lines]:
    try:
        for _ in _bounded(text):
            pass
        loader = _Loader(text)
        node = loader.get_single_node()
        lines: Lines = {}
        return (None if node is None else _Plain(loader, where, lines).value(node, ())), lines
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise UserError(
            f"{where}, line {line}, is not valid YAML: the character {error.character:#x} is not allowed. "
            "Is it a text file?"
        ) from error
    except yaml.YAMLError as error:
        problem = getattr(error, "problem", None) or str(error)
        raise UserError(f"{where}{_line(error)} is not valid YAML: {problem}.") from error


def _line(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f", line {mark.line + 1}," if mark else ""


def _bounded(text: str) -> Iterator[int]:
    """The number of values as it grows, aliases followed by their size; nothing is built for it.

    Raises:
        Unreadable: too many, too deep, or an alias that stands inside what it names.
    """
    sizes: dict[str, int | None] = {}
    """anchor -> values behind it, None while it is open"""
    open_: list[tuple[str | None, int]] = []
    """(anchor, values) of what is open, the outermost first"""
    values = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_.pop()
            if anchor:
                sizes[anchor] = values - before
            continue
        if not isinstance(event, yaml.NodeEvent):
            continue
        line = 1 + (event.start_mark.line if event.start_mark else 0)
        if isinstance(event, yaml.AliasEvent):
            behind = sizes.get(event.anchor or "", 1)
            if behind is None:
                raise Unreadable(f"line {line}: *{event.anchor} stands inside what it names")
            values += behind
        else:
            values += 1
        if isinstance(event, yaml.CollectionStartEvent):
            open_.append((event.anchor, values - 1))
            if event.anchor:
                sizes[event.anchor] = None
        if len(open_) > DEEPEST:
            raise Unreadable(f"line {line}: nested deeper than {DEEPEST} levels")
        if values > MOST_VALUES:
            raise Unreadable(f"line {line}: more than {MOST_VALUES:,} values, aliases followed")
        yield values


class _Plain:
    """Nodes to plain values; fills ``lines`` on the way."""

    def __init__(self, loader: _Loader, where: str, lines: Lines):
        self._loader, self._where, self._lines = loader, where, lines

    def value(self, node: yaml.Node, path: tuple[str, ...]) -> Any:
        """What a node at ``path`` stands for."""
        if isinstance(node, yaml.SequenceNode) and node.tag == "tag:yaml.org,2002:seq":
            return [self.value(item, (*path, str(number))) for number, item in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode) and node.tag == "tag:yaml.org,2002:map":
            return self._mapping(node, path)
        if isinstance(node, yaml.ScalarNode) and node.tag in _PLAIN:
            return self._scalar(node)
        raise UserError(
            f"{self._place(node)} asks for an object: {node.tag.replace('tag:yaml.org,2002:', '!!')}. "
            "Only plain YAML is read."
        )

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        value = self._loader.construct_object(node)
        if isinstance(value, int) and value.bit_length() > 64:
            raise UserError(f"{self._place(node)}: {node.value[:40]} is larger than any option may be.")
        return value

    def _mapping(self, node: yaml.MappingNode, path: tuple[str, ...]) -> dict[str, Any]:
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key, value in node.value:
            if key.tag == _MERGE:
                merged = {**self._merged(value, path), **merged}
                continue
            name = self._key(key)
            if name in own:
                raise UserError(f"{self._place(key)}: {name!r} stands here a second time.")
            self._lines[(*path, name)] = key.start_mark.line + 1
            own[name] = self.value(value, (*path, name))
        return {**merged, **own}

    def _key(self, node: yaml.Node) -> str:
        if isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:str":
            return str(node.value)
        came = node.value if isinstance(node, yaml.ScalarNode) else "that is a list or a mapping"
        raise UserError(f"{self._place(node)}: the key {came} is no text. Quote it, or give a name.")

    def _merged(self, node: yaml.Node, path: tuple[str, ...]) -> dict[str, Any]:
        """What ``<<`` brings: a mapping, or several of which the first wins."""
        sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
        found: dict[str, Any] = {}
        for source in sources:
            if not isinstance(source, yaml.MappingNode):
                raise UserError(f"{self._place(source)}: << merges mappings only, such as <<: *name.")
            before = dict(self._lines)
            found = {**self._mapping(source, path), **found}
            self._lines.update(before)
        return found

    def _place(self, node: yaml.Node) -> str:
        return f"{self._where}, line {node.start_mark.line + 1}"
