"""Every command and snippet on README, CONTRIBUTING and the pages under docs/ is tried, page by page.

A page's blocks run in their order, in one folder and one Python namespace:

* ``bash``, ``console``: ``fusionbench`` commands run in this process and must end with 0, or with 2
  where the page shows an ``error:``. What a ``console`` block shows below a command must be among
  what it printed, numbers aside. ``make`` targets must exist; ``pip install -e FOLDER`` of a folder
  that the page made is imitated, other ``pip`` and ``git`` lines are not run; ``ui`` and
  ``pretrain`` have their options looked up. The word ``RUN_ID`` stands for the run printed last.
* ``python``: run. ``yaml``, ``toml``: read; experiments and presets are resolved.
* A block with ``title="PATH"`` becomes that file, for commands to use, and is no more than compiled
  or read here.
* Other blocks show something and are not tried.

The commands are run as they stand, but for two things that keep this short: ``--stand-in`` means 28
clips of 4 people (``conftest.py``), and commands that train get ``--epochs 1``, comparisons also
``--seeds 1 --workers 1``, searches two trials; ``compare smoke`` is short as it is. The terminal is
100 columns wide.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from fusionbench.catalog.plugins import KINDS, collect
from fusionbench.catalog.presets import read_presets
from fusionbench.catalog.resolve import Request
from fusionbench.study.experiment import members, read_experiment
from tests.docs.messages import is_printed
from tests.docs.pages import PAGES, ROOT, Block, Step, blocks, steps
from tests.docs.terminal import Terminal

TRIED = {"bash", "console", "python", "yaml", "toml"}
SHOWN = {"", "text"}
WITH_BLOCKS = [page for page in PAGES if any(block.language in TRIED for block in blocks(page))]


@pytest.mark.slow
@pytest.mark.parametrize("page", WITH_BLOCKS, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_the_page_says_works(page: Path, terminal: Terminal):
    namespace = {"__name__": "page"}
    for block in blocks(page):
        if block.title:
            file = Path(block.title)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text, encoding="utf-8")
        if block.language in ("bash", "console"):
            for step in steps(block):
                try_step(step, block, terminal)
        elif block.language == "python":
            code = compile(block.text, block.place, "exec")
            if not block.title:
                exec(code, namespace)
        elif block.language == "toml":
            tomllib.loads(block.text)
        elif block.language == "yaml":
            try_yaml(block)


def try_step(step: Step, block: Block, terminal: Terminal) -> None:
    ended = terminal.run(step.command)
    expected = 2 if any(line.startswith("error:") for line in step.shown) else 0
    assert ended.code == expected, f"{block.place}: {step.command}\n{ended.printed}"
    printed = comparable(ended.printed)
    for line in step.shown:
        assert comparable(line) in printed, f"{block.place}: {step.command} does not print {line!r}"


def comparable(text: str) -> str:
    """Text without its numbers, run ids, rules and spacing, which differ with data and time."""
    for pattern in (r"\b[0-9a-f]{32}\b", r"\d[\d.,:]*"):
        text = re.sub(pattern, "#", text)
    return " ".join(text.replace("─", " ").split())


def try_yaml(block: Block) -> None:
    content = yaml.safe_load(block.text)
    if block.title:
        return
    file = Path("snippet.yaml")
    file.write_text(block.text, encoding="utf-8")
    if "vary" in content:
        assert members(read_experiment(file, Request()), collect())
    elif set(content) <= set(KINDS):
        read_presets(collect(), file)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_blocks_are_of_a_kind_that_is_tried_or_only_shown(page: Path):
    assert {block.language for block in blocks(page)} <= TRIED | SHOWN


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("1  arpg   33.9 ± 6.9", "2 arpg 50.1 ± 0.2"),
        ("196 clips judged; 25,991 trained parameters", "14 clips judged; 7 trained parameters"),
        ("MLflow run 2324d497240b4e22987931b2168868e1", "MLflow run 99d4f11be0aa4e22987931b2168868e1"),
    ],
)
def test_numbers_are_set_aside_when_outputs_are_compared(text: str, same: str):
    assert comparable(text) == comparable(same)


def test_words_are_not_set_aside():
    assert comparable("chosen on the selection split") != comparable("chosen on the report split")


QUOTED = ROOT / "docs" / "when-something-goes-wrong.md"


def quotes() -> list[str]:
    """The messages on the page: lines of its text blocks, and what its tables have under ``message``."""
    shown = [line for block in blocks(QUOTED) if block.language == "text" for line in block.text.splitlines()]
    rows, in_table = [], False
    for line in QUOTED.read_text(encoding="utf-8").splitlines():
        in_table = line.startswith("| message |") or (in_table and line.startswith("|"))
        if in_table and (first := re.match(r"\| `([^`]+)`", line)):
            rows.append(first[1])
    return [quote for quote in (*shown, *rows) if quote.strip()]


@pytest.mark.parametrize("quote", quotes())
def test_messages_on_the_page_are_those_of_the_code(quote: str):
    assert is_printed(quote), f"no message reads {quote!r}"


def test_a_message_that_nothing_prints_is_noticed():
    assert is_printed("the cache … cannot be written")
    assert not is_printed("the cache … cannot be read")
    assert len(quotes()) > 15
