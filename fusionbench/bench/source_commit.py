"""Which commit of this project's own source tree is running; no other repository is looked at."""

from __future__ import annotations

import os
import subprocess
from functools import cache
from pathlib import Path

from fusionbench.contract.processes import child_environment, find_program

PACKAGE = Path(__file__).resolve().parents[1]
_SECONDS = 10
_OWN_SETTINGS = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
}
_RUNS_NOTHING = ("core.fsmonitor=false", f"core.hooksPath={os.devnull}", "core.pager=cat", "diff.external=")


@cache
def git_commit() -> str | None:
    """The commit that the code is at, ``+`` where files differ from it; None for an installed package.

    The working directory is never asked: its commit says nothing about the code that ran.
    """
    return commit_of(PACKAGE.parent)


def commit_of(tree: Path) -> str | None:
    """The commit of the repository whose top is ``tree``, read without running what it configures."""
    git = find_program("git")
    if git is None or not (tree / ".git").exists():  # else git would look for one further up
        return None
    try:
        top, head = _git(git, tree, "rev-parse", "--show-toplevel", "HEAD").splitlines()
        if Path(top).resolve() != tree.resolve():
            return None
        changed = _git(git, tree, "status", "--porcelain", "--untracked-files=no", "--ignore-submodules=all")
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return head + ("+" if changed else "")


def _git(git: str, tree: Path, *arguments: str) -> str:
    settings = [*_RUNS_NOTHING, f"safe.directory={tree}"]  # whose code runs is trusted, whoever owns it
    command = [git, *(word for setting in settings for word in ("-c", setting)), *arguments]
    inherited = {k: v for k, v in child_environment().items() if not k.startswith("GIT_")}
    return subprocess.run(
        command,
        cwd=tree,
        env={**inherited, **_OWN_SETTINGS, "GIT_CEILING_DIRECTORIES": str(tree.parent)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
        timeout=_SECONDS,
    ).stdout.strip()
