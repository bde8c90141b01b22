"""What the machines of a cluster must share before any of them trains: code, tracker, cache, files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from fusionbench.bench.machine import machine
from fusionbench.bench.source import RunData
from fusionbench.catalog.identity import harness_hash, source_hash
from fusionbench.catalog.plugins import collect
from fusionbench.contract.addresses import scrub_stderr
from fusionbench.contract.errors import UserError
from fusionbench.data.cache import cache_root
from fusionbench.track.connection import get_client, tracking_uri

_SHOWN_HASH = 12
_OWN = ("FUSIONBENCH_", "MLFLOW_")
"""beginnings of the environment variables that this package and its tracker read"""


@dataclass(frozen=True)
class Terms:
    """What a job must find around it wherever it runs, as it is where the command was given.

    They travel with the jobs, not by Ray's runtime environment: Ray writes that into its logs and
    shows it on its page, and the address of a tracker may hold a password.
    """

    environment: Mapping[str, str]
    folder: str
    """what relative paths start from"""
    marker: str
    """a file in the cache"""
    code: Mapping[str, str]
    """as of ``code_here``"""

    @classmethod
    def here(cls, marker: str) -> Terms:
        """Those of this process, which has just written ``marker`` into its cache."""
        own = {name: value for name, value in os.environ.items() if name.startswith(_OWN)}
        cache = str(cache_root().absolute())
        environment = {**own, "FUSIONBENCH_CACHE": cache, "MLFLOW_TRACKING_URI": tracking_uri()}
        return cls(environment, os.getcwd(), marker, code_here())

    def entered(self) -> list[str]:
        """Make them those of this process; what keeps it from taking part, nothing where all is well."""
        os.environ.update(self.environment)
        if os.path.isdir(self.folder):
            os.chdir(self.folder)
        scrub_stderr()
        if not (cache_root() / self.marker).is_file():
            return [
                f"it does not see the cache {cache_root()}, where checkpoints and claims of runs lie: "
                "put FUSIONBENCH_CACHE on a disk that all nodes share"
            ]
        try:
            get_client()
        except UserError as error:
            return [str(error)]
        return differences(self.code, code_here())


def code_here() -> dict[str, str]:
    """Versions and source hashes that a node must have just so: digits depend on them, and run identities."""
    catalog = collect()
    return {
        **machine("cpu")["versions"],
        "source of fusionbench": harness_hash(".")[:_SHOWN_HASH],
        **{plugin.distribution: plugin.version for plugin in catalog.plugins},
        **{
            f"source of {kind} {name}": source_hash(component.cls)[:_SHOWN_HASH]
            for kind, named in catalog.components.items()
            for name, component in named.items()
        },
    }


def differences(mine: Mapping[str, str], theirs: Mapping[str, str]) -> list[str]:
    """What is not the same there; what only they have does no harm."""
    return [
        f"{name} is {theirs.get(name, 'missing')}, and {own} where the command was given"
        for name, own in mine.items()
        if theirs.get(name) != own
    ]


def refuse_unfit(faults: Mapping[str, list[str]]) -> None:
    """A node with other code would train other models under the same name; one without the cache, alone.

    Args:
        faults: node -> what keeps it from taking part.

    Raises:
        UserError: with the first of each.
    """
    told = [
        f"{node}: {found[0]}{f' (and {len(found) - 1} more)' if len(found) > 1 else ''}"
        for node, found in faults.items()
        if found
    ]
    if told:
        more = f". And {len(told) - 6} more nodes" if len(told) > 6 else ""
        raise UserError(
            f"nodes of the cluster are not as this machine is. {'. '.join(told[:6])}{more}. "
            "Nothing was run. Mend these nodes, or stop Ray there."
        )


@dataclass(frozen=True)
class MappedFile:
    """An array in a file, as it can be mapped again wherever the same file is seen."""

    path: str
    size: int
    changed: int
    """time of its last change (ns)"""
    dtype: str
    offset: int
    shape: tuple[int, ...]

    @classmethod
    def of(cls, array: np.ndarray) -> MappedFile | None:
        """Where an array is mapped from; None for one in memory."""
        name = getattr(array, "filename", None)
        if not isinstance(array, np.memmap) or name is None:
            return None
        found = os.stat(name)
        return cls(
            os.path.abspath(name),
            found.st_size,
            found.st_mtime_ns,
            array.dtype.str,
            array.offset,
            array.shape,
        )

    def is_here(self) -> bool:
        """Whether this machine sees the same file."""
        try:
            found = os.stat(self.path)
        except OSError:
            return False
        return (found.st_size, found.st_mtime_ns) == (self.size, self.changed)

    def opened(self) -> np.memmap:
        """The array, read-only.

        Raises:
            UserError: the file is not that file here.
        """
        if not self.is_here():
            raise UserError(f"{self.path} is not here, or is not the same file.")
        return np.memmap(self.path, np.dtype(self.dtype), "r", self.offset, self.shape)


@dataclass(frozen=True)
class Parcel:
    """What a run reads from, on its way to a node: arrays as files where these are shared, else whole."""

    data: RunData
    """without arrays"""
    arrays: Mapping[str, MappedFile | np.ndarray]

    @classmethod
    def of(cls, data: RunData, shared: Mapping[str, MappedFile]) -> Parcel:
        """Pack; ``shared`` has the arrays that every node can map."""
        whole = {n: np.asarray(array) for n, array in data.arrays.items() if n not in shared}
        arrays: dict[str, MappedFile | np.ndarray] = {**shared, **whole}
        return cls(replace(data, arrays={}), {name: arrays[name] for name in data.arrays})

    def opened(self) -> RunData:
        """Unpack; errors as ``MappedFile.opened``."""
        arrays = {n: a.opened() if isinstance(a, MappedFile) else a for n, a in self.arrays.items()}
        return replace(self.data, arrays=arrays)


def files_of(data: RunData) -> dict[str, MappedFile]:
    """The arrays of a run that are mapped from files."""
    found = {name: MappedFile.of(array) for name, array in data.arrays.items()}
    return {name: file for name, file in found.items() if file is not None}
