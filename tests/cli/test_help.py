"""``--help`` answers: every command has an example that is right, every option says what it is by default."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import pytest
import typer
from rich.text import Text

from fusionbench.catalog.resolve import DEFAULT_NAMES
from fusionbench.catalog.run_config import RunOptions, flatten
from fusionbench.cli.help import formatted
from fusionbench.cli.main import app
from fusionbench.cli.options import FLAGS
from fusionbench.track.view import USUAL_PORT

ROOT = typer.main.get_command(app)
SCHEMA = {**flatten(RunOptions().model_dump(mode="json")), **DEFAULT_NAMES}
IN_WORDS = {
    "--fold": "all",
    "--data-root": "$FUSIONBENCH_DATA/DATASET, else data/DATASET",
    "--epochs": f"{SCHEMA['training.epochs']}, unless the dataset wants otherwise",
    "--port": str(USUAL_PORT),
}


def commands(command=ROOT, name: str = "fusionbench") -> Iterator[tuple[str, object]]:
    """Every command and group, by what one types."""
    yield name, command
    for each, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, f"{name} {each}")


COMMANDS = dict(commands())
AS_IT_WAS = "as it was"
"""what a run that is done over takes instead of a default"""
OPTIONS = [
    pytest.param(option, id=f"{name} {option.opts[0]}")
    for name, command in COMMANDS.items()
    for option in command.params
    if "completion" not in option.name
]


def examples(command) -> list[str]:
    """The commands that a help shows, continued lines joined."""
    shown = Text.from_markup(command.help).plain.replace("\\\n", " ").splitlines()
    return [line.strip() for line in shown if line.startswith("  ")]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_an_example_of_itself_that_it_would_take(name):
    found = examples(COMMANDS[name])
    assert any(f"{example} ".startswith(f"{name} ") for example in found), found
    for example in found:
        words = shlex.split(example)
        while "=" in words[0]:  # a variable of the environment
            words.pop(0)
        assert words[0] == "fusionbench"
        ROOT.make_context("fusionbench", list(words[1:]))  # an unknown command ends here
        command, path = ROOT, words[1:]
        while path and path[0] in getattr(command, "commands", {}):
            command = command.commands[path.pop(0)]
        command.make_context(name, list(path))  # an unknown option, a missing argument


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_stand_below_their_heading_one_a_line(cli, name):
    shown = cli(*name.split()[1:], "--help").out.splitlines()
    lines = [line.strip() for line in shown]
    start = next(k for k, line in enumerate(lines) if line in ("Example", "Examples", "First steps"))
    expected = Text.from_markup(COMMANDS[name].help).plain.splitlines()
    example = [line for line in expected if line.startswith("  ")]
    assert [line.rstrip()[1:] for line in shown[start + 1 : start + 1 + len(example)]] == example
    assert "[/" not in "".join(shown)


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_says_what_it_is_and_what_it_is_by_default(option):
    assert option.help and option.help.endswith((".", "]")), option.help
    if getattr(option, "is_flag", False):
        assert option.metavar == "", "a flag takes no value"
        assert option.default is False and "Default" not in option.help
        return
    said = re.search(r"Default: (.+)\.$", option.help)
    assert option.required or said or "Required, unless" in option.help
    assert not option.show_default or option.default is None, "the text says it"
    if option.default is not None and said:
        assert said[1] == str(option.default)
    key = next((key for key, flag in FLAGS.items() if flag in option.opts), None)
    expected = IN_WORDS.get(option.opts[0], str(SCHEMA.get(key)) if SCHEMA.get(key) is not None else None)
    if said and expected and option.default is None and said[1] != AS_IT_WAS:
        assert said[1] == expected


def test_indented_paragraphs_become_lines_of_one_block():
    help = """Say it.

    [bold]Examples[/bold]

      one --set a=[1, 2]

      two \\
        --more
    """
    plain = Text.from_markup(formatted(help)).plain
    assert plain == "Say it.\n\nExamples\n  one --set a=[1, 2]\n  two \\\n    --more"
    assert Text.from_markup(formatted(formatted(help))).plain == plain, "said twice it is the same"
