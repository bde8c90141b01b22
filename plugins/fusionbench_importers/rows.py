"""Tables of one row a frame, read batch by batch: ``.csv``, ``.tsv`` and ``.parquet``."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import fusionbench as fb

DELIMITERS = {".csv": ",", ".tsv": "\t"}
_NOTHING = ["", "?", "NA", "N/A", "NaN", "nan", "null", "None", "NULL"]
"""what people write where there is no number"""
_LONGEST_HEADER = 4_000_000
_BATCH_BYTES = 8_000_000


@dataclass(frozen=True)
class Rows:
    """An opened table: the names of its columns, without blanks around them."""

    path: Path
    names: tuple[str, ...]
    delimiter: str | None
    """None: parquet"""

    def batches(self, numbers: Sequence[str], texts: Sequence[str]) -> Iterator[Mapping[str, np.ndarray]]:
        """Some columns, batch by batch: numbers as float64 (NaN where there is none), texts as texts.

        Raises:
            fb.UserError: a value is no number, or the file is damaged.
        """
        advice = "Its columns of numbers hold numbers, or nothing where one is missing."
        with fb.reading("table", self.path, advice), fb.open_regular(self.path) as file:
            for batch in self._batches(file, [*numbers, *texts], set(numbers)):
                columns = dict(zip(batch.schema.names, batch.columns, strict=True))
                yield {
                    **{name: _floats(columns[name], name) for name in numbers},
                    **{name: _texts(columns[name]) for name in texts},
                }

    def _batches(self, file: Any, wanted: Sequence[str], numbers: set[str]) -> Iterator[Any]:
        import pyarrow as pa
        from pyarrow import csv as arrow_csv, parquet

        if self.delimiter is None:
            yield from parquet.ParquetFile(file).iter_batches(16_384, columns=list(wanted))
            return
        yield from arrow_csv.open_csv(
            file,
            arrow_csv.ReadOptions(
                column_names=list(self.names), skip_rows=1, block_size=_BATCH_BYTES, use_threads=False
            ),
            arrow_csv.ParseOptions(
                delimiter=self.delimiter, quote_char="'" if self._single_quotes() else '"'
            ),
            arrow_csv.ConvertOptions(
                column_types={name: pa.float64() if name in numbers else pa.string() for name in wanted},
                include_columns=list(wanted),
                null_values=_NOTHING,
                strings_can_be_null=True,
            ),
        )

    def _single_quotes(self) -> bool:
        return self.delimiter == ";"  # openSMILE writes 'name';0.01;...


def open_rows(path: Path, delimiter: str | None = None) -> Rows:
    """Read the names of a table's columns.

    Args:
        path: the file; its suffix says whether it is parquet.
        delimiter: what parts the columns of a text; None = by the suffix.

    Raises:
        Exception: it is no such table; with ``fb.Unreadable`` a name comes twice.
    """
    if path.suffix.lower() == ".parquet":
        from pyarrow import parquet

        with fb.open_regular(path) as file:
            names, delimiter = list(parquet.ParquetFile(file).schema_arrow.names), None
    else:
        delimiter = delimiter or DELIMITERS.get(path.suffix.lower(), ",")
        with fb.open_regular(path) as file:
            line = file.readline(_LONGEST_HEADER).decode("utf-8-sig")
        names = [name.strip() for name in next(csv.reader([line], delimiter=delimiter), [])]
    twice = [name for k, name in enumerate(names) if name in names[:k]]
    if twice or not any(names):
        raise fb.Unreadable(f"column {twice[0]!r} comes twice" if twice else "its first line names no column")
    return Rows(path, tuple(names), delimiter)


def _floats(column: Any, name: str) -> np.ndarray:
    import pyarrow as pa

    kind = column.type
    if not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
        raise fb.Unreadable(f"column {name!r} holds {kind}, not numbers")
    return column.cast(pa.float64()).to_numpy(zero_copy_only=False)


def _texts(column: Any) -> np.ndarray:
    import pyarrow as pa

    column = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
    return column.cast(pa.string()).to_numpy(zero_copy_only=False)
