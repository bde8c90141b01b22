"""How ``--help`` looks: examples stand one a line below their heading, indented, ready to be copied."""

from __future__ import annotations

import inspect

import typer


def show_examples(app: typer.Typer) -> None:
    """Formats the examples in the help of every command of ``app`` and of its groups."""
    if isinstance(app.info.help, str):
        app.info.help = formatted(app.info.help)
    for command in app.registered_commands:
        command.help = formatted(command.help or getattr(command.callback, "__doc__", None) or "")
    for group in app.registered_groups:
        if group.typer_instance is not None:
            show_examples(group.typer_instance)


def formatted(text: str) -> str:
    """Help with its indented paragraphs as lines of one block.

    Typer cuts indentation off where it can; what follows a tag of markup is safe from it.
    """
    parts: list[str] = []
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        if not paragraph.startswith("  "):
            parts += ["\n\n", paragraph]
            continue
        for line in paragraph.splitlines():
            command = line.removeprefix("  ").replace("[", r"\[")
            command += "\\" * command.endswith("\\")  # markup takes one
            parts += ["\n", f"[cyan]  {command}[/cyan]"]
    return "".join(parts).strip()
