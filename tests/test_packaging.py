"""The wheel holds everything: installed elsewhere, it lists every built-in and resolves a run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ASK = """
import json
import sys
from fusionbench.catalog.plugins import collect
from fusionbench.catalog.presets import shipped
from fusionbench.cli.main import main
import fusionbench
catalog = collect()
print(json.dumps({
    "file": fusionbench.__file__,
    "offering": [p.name for p in catalog.plugins if p.offers],
    "problems": [p.problems for p in catalog.plugins if p.problems],
    "experiments": sorted(p.name for p in shipped("experiments").iterdir()),
}))
sys.argv = ["fusionbench", "run", "--fusion", "arpg-no-scope", "--dataset", "afew", "--dry-run", "--json"]
main()
"""


@pytest.mark.slow
def test_a_wheel_works_from_another_folder(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path / "dist", ROOT],
        check=True,
        capture_output=True,
    )
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {"fusionbench/registry.yaml", "fusionbench/experiments/smoke.yaml"} <= set(names)
    assert "fusionbench/report/page.css" in names
    assert {"fusionbench_backbones/tiny.safetensors", "fusionbench_relations/region_gat.safetensors"} <= set(
        names
    )
    assert not [name for name in names if name.startswith("tests")]
    site = tmp_path / "site"
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--no-index",
            "--target",
            site,
            wheel,
        ],
        check=True,
        capture_output=True,
    )
    (tmp_path / "elsewhere").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", ASK],
        cwd=tmp_path / "elsewhere",
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    told, resolved = map(json.loads, done.stdout.splitlines())
    assert told["file"].startswith(str(site)) and told["problems"] == []
    assert set(_entry_points()) <= set(told["offering"])
    assert told["experiments"] == sorted(p.name for p in (ROOT / "experiments").iterdir())
    assert resolved["config"]["fusion"]["trs"] is None


def _entry_points() -> list[str]:
    """The built-ins, as pyproject.toml names them."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return list(project["entry-points"]["fusionbench"])
