"""The ``fusionbench`` command: registers the commands, turns errors into messages and exit codes."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import traceback
from typing import Any

import typer
from typer.core import TyperGroup

from fusionbench import __version__
from fusionbench.cli import (
    check,
    compare,
    components,
    cost,
    data,
    explain,
    judge,
    new,
    predict,
    predictions,
    prepare,
    pretrain,
    report,
    reproduce,
    run,
    runs,
    tune,
    ui,
    weights,
)
from fusionbench.cli.help import show_examples
from fusionbench.cli.options import FLAG
from fusionbench.contract.addresses import scrub_stderr
from fusionbench.contract.errors import FusionBenchError, UserError
from fusionbench.contract.processes import leave_working_directory
from fusionbench.contract.starting import starting

INTERRUPTED = "interrupted. The same command goes on where it stopped."


class Commands(TyperGroup):
    """The commands; Ctrl-C ends each of them with a sentence instead of typer's ``Aborted``."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            _end(INTERRUPTED, 130)
        except EOFError as error:  # typer takes it for the end of what a user typed
            raise FusionBenchError(f"something ended too early: {error or 'EOFError'}") from error


app = typer.Typer(
    name="fusionbench",
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help=(
        "Which way of fusing feature streams is better, all else equal?\n\n"
        "[bold]First steps[/bold]\n\n"
        "  fusionbench run --fusion arpg --dataset afew --stand-in\n\n"
        "  fusionbench compare smoke\n\n"
        "  fusionbench list fusion\n\n"
        "  fusionbench ui"
    ),
)
app.command("run")(starting()(run.run))
app.command("compare")(starting()(compare.compare))
app.command("tune")(starting()(tune.tune))
app.command("report")(report.report)
app.command("runs")(runs.runs)
app.command("run-info")(runs.run_info)
app.command("predict")(predict.predict)
app.command("predictions")(predictions.predictions)
app.command("judge")(judge.judge)
app.command("reproduce")(reproduce.reproduce)
app.command("explain")(explain.explain)
app.command("cost")(cost.cost)
app.command("list")(components.list_components)
app.command("show")(components.show)
app.command("plugins")(components.plugins)
app.command("check")(check.check)
app.add_typer(new.app, name="new")
app.add_typer(data.app, name="data")
app.command("prepare")(prepare.prepare)
app.add_typer(weights.app, name="weights")
app.command("pretrain")(pretrain.pretrain)
app.command("ui")(ui.ui)
show_examples(app)


@app.callback(invoke_without_command=True)
def _root(
    version: bool = typer.Option(False, "--version", metavar=FLAG, help="Print the version.", is_eager=True),
) -> None:
    if version:
        print(__version__)
        raise typer.Exit


def main() -> None:
    """Run the command line; 0 done, 1 a run failed, 2 the user can mend it, 130 interrupted."""
    leave_working_directory()
    with contextlib.suppress(AttributeError):
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # names of files
    signal.signal(signal.SIGTERM, _interrupt)
    before = scrub_stderr()
    try:
        _run()
    finally:
        sys.stderr = before


def _run() -> None:
    debug = "--debug" in sys.argv
    try:
        app()
    except UserError as error:
        if debug:
            traceback.print_exc()
        _end(f"error: {error}", 2)
    except KeyboardInterrupt:
        _end(INTERRUPTED, 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:
        if debug:
            traceback.print_exc()
        _end(f"failed: {type(error).__name__}: {error}\nAdd --debug to see where.", 1)


def _interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt


def _end(message: str, code: int) -> None:
    print(message, file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
