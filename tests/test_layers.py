"""The floors: imports point down, plugins see the public API only, the command line starts light."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FLOORS = {
    "contract": 0,
    "nn": 1,
    "figures": 1,
    "standin": 1,
    "statistics": 1,
    "data": 2,
    "catalog": 2,
    "exchange": 3,
    "learn": 3,
    "weights": 3,
    "prepare": 4,
    "track": 4,
    "bench": 5,
    "study": 6,
    "predict": 6,
    "authoring": 6,
    "report": 7,
    "cli": 8,
    "door": 8,
}
VAGUE = {"utils.py", "common.py", "helpers.py", "base.py", "misc.py"}


def imports(file: Path) -> Iterator[str]:
    """Absolute names of all modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module or ""


def sources(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def test_every_room_has_a_floor():
    rooms = {p.name for p in (ROOT / "fusionbench").iterdir() if p.is_dir() and list(p.glob("*.py"))}
    assert rooms == set(FLOORS)


@pytest.mark.parametrize("room", FLOORS)
def test_imports_point_down(room):
    wrong = []
    for file in sources(ROOT / "fusionbench" / room):
        for name in imports(file):
            parts = name.split(".")
            if parts[0] != "fusionbench":
                continue
            if len(parts) == 1:
                if room != "cli":
                    wrong.append(f"{file}: imports the package root")
            elif parts[1] != room and FLOORS[parts[1]] >= FLOORS[room]:
                wrong.append(f"{file.relative_to(ROOT)}: {room} imports {name}")
    assert wrong == []


def test_plugins_import_the_public_api_only():
    wrong = [
        f"{file.relative_to(ROOT)}: {name}"
        for file in sources(ROOT / "plugins")
        for name in imports(file)
        if name.startswith("fusionbench") and name != "fusionbench"
    ]
    assert wrong == []


def test_only_track_knows_mlflow():
    wrong = [
        str(file.relative_to(ROOT))
        for file in sources(ROOT / "fusionbench")
        if file.parent.name != "track" and any(name.partition(".")[0] == "mlflow" for name in imports(file))
    ]
    assert wrong == []


def test_no_file_is_a_drawer_or_runs_away():
    files = sources(ROOT / "fusionbench") + sources(ROOT / "plugins")
    assert [f for f in files if f.name in VAGUE] == []
    assert {str(f.relative_to(ROOT)): n for f in files if (n := len(f.read_text().splitlines())) > 300} == {}


def test_every_module_says_what_it_owns():
    files = sources(ROOT / "fusionbench") + sources(ROOT / "plugins")
    assert [str(f) for f in files if not ast.get_docstring(ast.parse(f.read_text(encoding="utf-8")))] == []


@pytest.mark.parametrize("command", [["--help"], ["run", "--help"], ["data", "--help"]])
def test_help_imports_nothing_heavy(command):
    code = (
        "import sys\n"
        f"sys.argv = ['fusionbench', *{command!r}]\n"
        "from fusionbench.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'mlflow', 'optuna', 'sklearn', 'cv2', 'matplotlib', 'numpy'} & set(sys.modules)\n"
        "print('heavy:', sorted(heavy))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("heavy: []"), done.stdout[-300:]
