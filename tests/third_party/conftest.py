"""Strangers' distributions, installed into a folder of their own, and commands that see them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from fusionbench.authoring.check import small
from fusionbench.catalog.plugins import collect
from fusionbench.data.generate import generate

HERE = Path(__file__).parent
collect_ignore = ["gated", "misfits"]

RUN_ALL = """
import contextlib, io, json, sys
from fusionbench.cli.main import main

ended = []
for arguments in json.loads(sys.argv[1]):
    sys.argv = ["fusionbench", *arguments]
    out, err, code = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
    ended.append([code, out.getvalue(), err.getvalue()])
print(json.dumps(ended))
"""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both distributions as pip installs them, outside this environment."""
    target = tmp_path_factory.mktemp("third_party")
    sources = tmp_path_factory.mktemp("sources")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    pip += ["--no-deps", "--no-build-isolation", "--no-index", "--target", str(target)]
    subprocess.run([*pip, str(HERE / "gated"), str(HERE / "misfits")], check=True, cwd=sources)
    return target


@pytest.fixture
def commands(installed: Path, tmp_path: Path) -> Callable[..., list[Ended]]:
    """``commands(["list"], ["plugins"])``: all of them in one process that sees the strangers."""

    def call(*lines: list[object]) -> list[Ended]:
        done = subprocess.run(
            [sys.executable, "-c", RUN_ALL, json.dumps([[str(word) for word in line] for line in lines])],
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(installed), *sys.path]), "COLUMNS": "200"},
            capture_output=True,
            text=True,
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stderr
        return [Ended(*one) for one in json.loads(done.stdout.splitlines()[-1])]

    return call


@pytest.fixture(scope="session")
def few_clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """28 short generated clips in AFEW's layout."""
    root = tmp_path_factory.mktemp("few") / "afew"
    generate(small(collect().get("dataset", "afew").cls), root, workers=1)
    return root
