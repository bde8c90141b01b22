"""The commit of this project's own tree, and of no other; git runs nothing that a repository configures."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from fusionbench.bench import source_commit
from fusionbench.bench.source_commit import commit_of, git_commit

GIT = shutil.which("git")
pytestmark = pytest.mark.skipif(GIT is None, reason="no git on this machine")


def git(tree: Path, *arguments: str) -> str:
    author = ["-c", "user.name=A", "-c", "user.email=a@b.c"]
    return subprocess.run(
        [str(GIT), *author, *arguments], cwd=tree, capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.fixture
def tree(tmp_path) -> Path:
    """A source tree with one commit."""
    tree = tmp_path / "tree"
    (tree / "fusionbench").mkdir(parents=True)
    (tree / "fusionbench" / "__init__.py").write_text("")
    git(tree, "init", "-q")
    git(tree, "add", ".")
    git(tree, "commit", "-q", "-m", "first")
    return tree


def test_the_commit_and_whether_files_differ_from_it(tree):
    head = git(tree, "rev-parse", "HEAD")
    assert commit_of(tree) == head
    (tree / "notes.txt").write_text("not tracked")
    assert commit_of(tree) == head
    (tree / "fusionbench" / "__init__.py").write_text("x = 1")
    assert commit_of(tree) == head + "+"


def test_a_folder_inside_a_repository_is_not_its_source_tree(tree):
    """A package that is installed below somebody's project has no commit."""
    assert commit_of(tree / "fusionbench") is None
    (tree / "fusionbench" / ".git").mkdir()  # nor has one with an empty .git, where git would look further up
    assert commit_of(tree / "fusionbench") is None


def test_the_working_directory_is_not_asked(tree, monkeypatch):
    monkeypatch.chdir(tree)
    monkeypatch.setattr(source_commit, "PACKAGE", tree.parent / "elsewhere" / "fusionbench")
    git_commit.cache_clear()
    assert git_commit() is None
    git_commit.cache_clear()


def test_nothing_that_a_repository_or_the_environment_configures_is_run(tree, tmp_path, monkeypatch):
    ran = tmp_path / "ran"
    hostile = tmp_path / "hostile.sh"
    hostile.write_text(f"#!/bin/sh\ntouch {ran}\n")
    hostile.chmod(0o755)
    for key in ("core.fsmonitor", "diff.external", "core.pager", "alias.status", "alias.rev-parse"):
        git(tree, "config", key, str(hostile) if key[:5] != "alias" else f"!{hostile}")
    for hook in ("post-index-change", "reference-transaction", "fsmonitor-watchman"):
        shutil.copy(hostile, tree / ".git" / "hooks" / hook)
    head = git(tree, "rev-parse", "HEAD")
    ran.unlink(missing_ok=True)
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.fsmonitor")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", str(hostile))
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", str(hostile))
    os.utime(tree / "fusionbench" / "__init__.py", (1, 1))
    assert commit_of(tree) == head
    assert not ran.exists()


def test_another_repository_in_the_environment_is_not_taken(tree, tmp_path, monkeypatch):
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q")
    git(other, "commit", "-q", "--allow-empty", "-m", "theirs")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    assert commit_of(tree) != git(other, "rev-parse", "HEAD")
    monkeypatch.delenv("GIT_DIR")
    monkeypatch.delenv("GIT_WORK_TREE")
    assert commit_of(tree) == git(tree, "rev-parse", "HEAD")


def test_a_program_called_git_in_the_working_directory_is_not_run(tree, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "git").write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f".:{tmp_path}:{os.environ['PATH']}")
    assert commit_of(tree) == git(tree, "rev-parse", "HEAD") if GIT else None
    assert not (tmp_path / "ran").exists()


def test_without_git_and_without_commits_there_is_none(tmp_path, tree, monkeypatch):
    empty = tmp_path / "empty"
    empty.mkdir()
    git(empty, "init", "-q")
    assert commit_of(empty) is None
    monkeypatch.setenv("PATH", "")
    assert commit_of(tree) is None
