"""The README's tree is complete, its links lead somewhere, and versions agree."""

from __future__ import annotations

import re
import subprocess

import pytest
import yaml

import fusionbench
from tests.docs.pages import PAGES, ROOT, blocks
from tests.test_layers import FLOORS

README = ROOT / "README.md"
TREE = next(b.text for b in blocks(README) if b.language == "text" and "fusionbench/" in b.text)


def entries() -> dict[str, str]:
    """Path -> caption of every line of the tree."""
    found: dict[str, str] = {}
    folder = ""
    for line in TREE.splitlines():
        name, _, caption = line.strip().partition(" ")
        folder = folder if line.startswith(" ") else name
        found[folder + name if line.startswith(" ") else name] = caption.strip()
    return found


def test_every_tracked_top_level_folder_stands_in_the_tree():
    if not (ROOT / ".git").exists():
        pytest.skip("no git here to say what is tracked")
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    folders = {f"{path.partition('/')[0]}/" for path in tracked if "/" in path}
    assert folders - set(entries()) == set()


@pytest.mark.parametrize("place", ["fusionbench", "plugins"])
def test_every_room_stands_in_the_tree(place: str):
    rooms = {f"{place}/{room.parent.name}/" for room in (ROOT / place).glob("*/__init__.py")}
    assert rooms - set(entries()) == set()


def test_what_stands_in_the_tree_is_there_and_has_a_caption():
    assert [name for name in entries() if not (ROOT / name).exists()] == []
    assert [name for name, caption in entries().items() if not caption] == []


def test_the_architecture_page_has_the_floors_that_imports_are_held_to():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = re.findall(r"^\| (\d) \| `(\w+)` \|", text, flags=re.MULTILINE)
    assert {room: int(floor) for floor, room in table} == FLOORS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_within_the_repository_lead_somewhere(page):
    prose = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", prose)
    local = [target for target in targets if "://" not in target]
    assert [target for target in local if not (page.parent / target).exists()] == []


def test_every_decision_is_listed():
    folder = ROOT / "docs" / "decisions"
    listed = set(re.findall(r"\]\(([\w-]+\.md)\)", (folder / "index.md").read_text(encoding="utf-8")))
    assert listed == {page.name for page in folder.glob("*.md")} - {"index.md"}


def test_the_answer_under_the_picture_is_the_measured_one():
    _, _, after = README.read_text(encoding="utf-8").partition("](docs/comparison.png)")
    answer = re.search(r"^> (.+)$", after, flags=re.MULTILINE)
    assert answer and answer[1] in (ROOT / "docs" / "results.md").read_text(encoding="utf-8")


def test_versions_agree():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == fusionbench.__version__
    assert citation["license"] == "Apache-2.0"


def test_the_changelog_keeps_its_form():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(r"^## \[Unreleased\]$", text, flags=re.MULTILINE)
    groups = set(re.findall(r"^### (\w+)$", text, flags=re.MULTILINE))
    assert groups <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
