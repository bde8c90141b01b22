"""Time series of the UEA archive, sktime and aeon: ``.ts`` files.

Lines that begin with ``#`` are comments, with ``@`` the header (``@dimensions 6``, ``@classLabel
true walking running``), then ``@data`` and a line a series: the channels, parted by ``:``, each its
values parted by commas, ``?`` for a missing one, and the label last (timeseriesclassification.com).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from pydantic import Field

import fusionbench as fb

from .columns import numbered, overlapping
from .lines import lines_of

_PART = re.compile(r"_(train|test)", re.IGNORECASE)


class TimeSeries(fb.Importer):
    """Multivariate series of the UEA archive (``.ts``), their channels grouped to streams.

    The source is a folder with ``NAME_TRAIN.ts`` and ``NAME_TEST.ts``, or one such file. Ids are
    made of the split and the line.
    """

    name = "ts"

    class Config(fb.Config):
        """Options."""

        streams: dict[str, str] = Field(
            {}, description="stream -> its channels, from 0, as 0-11,15; {} = one stream `series` of all"
        )

    def read(self, source: Path) -> fb.Contents:
        files = sorted(source.glob("*.ts")) if source.is_dir() else [source]
        if not files:
            raise fb.UserError(f"{source} holds no .ts file.")
        headers = {file: _header(file) for file in files}
        seen = ["ids are made of the split and the number of the series."]
        if not self.config.streams:
            seen.append("all channels are one stream; group them with --stream NAME=0-2 --stream OTHER=3-5.")
        names = []
        if all(header.get("classlabel", "").startswith("true") for header in headers.values()):
            names = ["class"]
        elif all(header.get("targetlabel") == "true" for header in headers.values()):
            names = ["target"]
        for file, header in headers.items():
            if (said := header.get("dimensions", "")).isdecimal():
                groups = {name: numbered(file, name, r, int(said)) for name, r in self.config.streams.items()}
                seen += [line for line in overlapping(groups) if line not in seen]
        return fb.Contents(self._clips(headers, names), files, None, names, seen=seen)

    def _clips(self, files: Mapping[Path, Mapping[str, str]], labels: list[str]) -> Iterator[fb.SourceClip]:
        for file, header in files.items():
            dims = header.get("dimensions", "")
            part = _PART.search(file.stem)
            split = part[1].lower() if part else None
            declared = header.get("classlabel", "").split()[1:]
            with fb.reading("series", file, "Copy it again."):
                for number, (line, text) in enumerate(_series(file)):
                    *channels, last = text.split(":") if labels else [*text.split(":"), ""]
                    where = f"line {line}"
                    if not channels or (dims and dims != str(len(channels))):
                        expected = f"@dimensions says {dims}" if dims else "expected is at least one"
                        raise fb.Unreadable(f"{where} has {len(channels)} channels; {expected}")
                    if labels == ["class"] and declared and last.strip().lower() not in declared:
                        raise fb.Unreadable(
                            f"{where} is of class {last.strip()!r}; @classLabel names {', '.join(declared)}"
                        )
                    yield fb.SourceClip(
                        f"{split or file.stem}/{number:05d}",
                        self._streams([_values(channel, where) for channel in channels], file, where),
                        {name: last.strip() if name == "class" else float(last) for name in labels},
                        split,
                    )

    def _streams(self, channels: list[np.ndarray], file: Path, where: str) -> dict[str, np.ndarray]:
        groups = self.config.streams or {"series": f"0-{len(channels) - 1}"}
        streams = {}
        for stream, ranges in groups.items():
            chosen = [channels[k] for k in numbered(file, stream, ranges, len(channels))]
            lengths = {len(values) for values in chosen}
            if len(lengths) > 1:
                raise fb.Unreadable(
                    f"{where}: the channels of stream {stream!r} are {min(lengths)} to {max(lengths)} values "
                    "long. Make streams of channels of one length"
                )
            streams[stream] = np.stack(chosen, axis=1)
        return streams


def _header(file: Path) -> Mapping[str, str]:
    """What the lines before ``@data`` say, in lower case."""
    found: dict[str, str] = {}
    with fb.reading("series", file, "Expected is a .ts file of the UEA archive."):
        for _, line in lines_of(file, "#"):
            if line.lower() == "@data":
                if found.get("timestamps") == "true":
                    raise fb.Unreadable(
                        "its values carry time stamps, which are not read; write plain values"
                    )
                return found
            key, _, said = line.lower().removeprefix("@").partition(" ")
            if not line.startswith("@"):
                raise fb.Unreadable(f"a line before @data begins with {line[:20]!r}")
            found[key] = said.strip()
        raise fb.Unreadable("it has no line @data")


def _series(file: Path) -> Iterator[tuple[int, str]]:
    data = False
    for number, line in lines_of(file, "#"):
        if data:
            yield number, line
        data = data or line.lower() == "@data"


def _values(channel: str, where: str) -> np.ndarray:
    texts = channel.split(",")
    try:
        return np.array([np.nan if text.strip() == "?" else float(text) for text in texts])
    except ValueError as error:
        raise fb.Unreadable(f"{where}: {error}") from error


@fb.hookimpl
def importers() -> list[type[fb.Importer]]:
    return [TimeSeries]
