"""Child processes: none of them finds a module or a program in the working directory.

Whoever unpacks a stranger's archive and works in its folder must not run what lies in it:
``python -c`` and ``python -m`` look for modules there before they look anywhere else.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sys
from collections.abc import Mapping
from multiprocessing.context import SpawnContext
from pathlib import Path

_OWN = str(Path(__file__).resolve().parents[2])
"""where this package lies"""
_SAFE_PATH = "PYTHONSAFEPATH"
"""keeps Python itself from putting the working directory on a child's path"""


def leave_working_directory() -> None:
    """Take the working directory off the paths of this process and of all it starts.

    Stays: what ``PYTHONPATH`` names by a whole path, and what an editable install put there.
    Relative and empty entries of ``PYTHONPATH`` and ``PATH`` go, since what they mean depends
    on where one stands. For the command line; a program that imports the package keeps its path.
    """
    asked = os.environ["PYTHONPATH"].split(os.pathsep) if os.environ.get("PYTHONPATH") else []
    whole = [entry for entry in asked if os.path.isabs(entry)]
    relative = {os.path.abspath(entry) for entry in asked} - set(whole)
    gone = set(relative)
    if not sys.flags.safe_path and sys.path and (sys.path[0] == "" or _is_here(sys.path[0])):
        gone.add(os.path.abspath(sys.path.pop(0)))
    kept = [entry for entry in sys.path if os.path.isabs(entry) and entry not in relative]
    back = [folder for folder in sorted(gone) if folder == _OWN or _is_installed(folder)]
    sys.path[:] = kept + [folder for folder in back if folder not in kept]
    os.environ.update(child_environment())
    if not whole:
        os.environ.pop("PYTHONPATH", None)


def child_environment(**settings: str) -> dict[str, str]:
    """This process's environment for a child, without the working directory on any path.

    Args:
        **settings: laid over it.
    """
    environment = {**os.environ, _SAFE_PATH: "1"}
    for name in ("PYTHONPATH", "PATH"):
        if name in environment:
            environment[name] = os.pathsep.join(_absolute(environment, name))
    return {**environment, **settings}


def spawn_context() -> SpawnContext:
    """For pools of processes. Spawned, not forked: a forked copy of a process that has threads can hang."""
    os.environ[_SAFE_PATH] = "1"  # inherited: multiprocessing lets nobody choose a child's environment
    return multiprocessing.get_context("spawn")


def find_program(name: str) -> str | None:
    """Where ``PATH`` has a program, the working directory left out."""
    places = [entry for entry in _absolute(os.environ, "PATH") if not _is_here(entry)]
    return shutil.which(name, path=os.pathsep.join(places)) if places else None


def _absolute(environment: Mapping[str, str], name: str) -> list[str]:
    return [entry for entry in environment.get(name, "").split(os.pathsep) if os.path.isabs(entry)]


def _is_here(folder: str) -> bool:
    try:
        return os.path.samefile(folder, os.getcwd())
    except OSError:  # one of them is gone
        return False


def _is_installed(folder: str) -> bool:
    """Whether a ``.pth`` file of this environment names the folder, as editable installs do."""
    places = [Path(entry) for entry in sys.path if entry.endswith(("site-packages", "dist-packages"))]
    files = [file for place in places for file in place.glob("*.pth")]
    return any(folder in file.read_text(errors="replace").splitlines() for file in files)
