"""The tutorial, the scaffold and the stranger's distribution are one and the same text."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import fusionbench as fb
import pytest
from fusionbench.authoring.new import new_fusion
from fusionbench.catalog.plugins import collect
from fusionbench.contract.checks.heads import RULES

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "write-a-head.md"
GATED = HERE / "gated"


def files() -> dict[str, str]:
    """The files that the page shows whole."""
    shown = re.findall(r'^```\w+ title="(.+?)"\n(.*?)^```', PAGE.read_text(encoding="utf-8"), re.S | re.M)
    return {path.removeprefix("gated-fusion/"): text for path, text in shown}


def test_the_page_shows_the_distribution_whole():
    installed = [path for path in GATED.rglob("*") if path.suffix in (".py", ".toml")]
    assert files() == {str(path.relative_to(GATED)): path.read_text(encoding="utf-8") for path in installed}
    assert len(installed) == 3


def test_the_page_lists_the_rules_in_their_order():
    listed = re.findall(r"^\d+\. (.+)$", PAGE.read_text(encoding="utf-8"), re.M)
    assert listed == [rule.name for rule in RULES]


def test_the_page_names_nothing_that_is_not_there():
    page = PAGE.read_text(encoding="utf-8")
    toolkit = re.findall(r"^\| (`.+?`) \| .+$", page.partition("And a toolkit")[2], re.M)
    names = re.findall(r"\bfb\.(\w+)", page) + re.findall(r"`(\w+)`", " ".join(toolkit))
    assert len(names) > 20
    assert [name for name in names if name not in dir(fb)] == []
    described = re.findall(r"^\| `(\w+)[ (]", page.partition("What else")[2].partition("And a")[0], re.M)
    assert described and all(hasattr(fb.FusionHead, name) for name in described)


def test_the_scaffold_writes_what_the_page_shows(tmp_path):
    root, *files = new_fusion("gated", tmp_path / "gated-fusion", collect())
    written = {file.relative_to(root): file.read_text(encoding="utf-8") for file in files}
    assert written == {path: (GATED / path).read_text(encoding="utf-8") for path in written}
    assert len(written) == 3


@pytest.mark.slow
def test_a_new_heads_own_test_passes_as_written(tmp_path, monkeypatch):
    root, head, test, _ = new_fusion("word_gate", tmp_path / "mine", collect())
    assert "class WordGateFusion(fb.FusionHead)" in head.read_text(encoding="utf-8")
    monkeypatch.syspath_prepend(root)
    runpy.run_path(str(test))["test_it_keeps_every_rule"]()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Gated", "cannot name a fusion head"),
        ("my-head", "Use small letters and digits"),
        ("arpg", "is there already, brought by fusionbench"),
        ("arpg-no-scope", "cannot name a fusion head"),
    ],
)
def test_names_that_cannot_be_used_are_refused(tmp_path, name, said):
    with pytest.raises(fb.UserError, match=said):
        new_fusion(name, tmp_path / "new", collect())
    assert not (tmp_path / "new").exists()


def test_the_name_of_a_preset_is_refused(tmp_path):
    (tmp_path / "registry.yaml").write_text("fusion:\n  slim: {plugin: concat, options: {hidden: 8}}\n")
    with pytest.raises(fb.UserError, match="'slim' is the name of a preset"):
        new_fusion("slim", None, collect())


def test_nothing_is_written_over(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(fb.UserError, match="exists and is not empty"):
        new_fusion("gated", tmp_path, collect())
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]
