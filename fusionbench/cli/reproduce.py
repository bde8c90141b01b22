"""``fusionbench reproduce``: a finished run done over, and one word on whether it gave the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fusionbench.cli import options as opt

if TYPE_CHECKING:
    from fusionbench.bench.outcome import FoldOutcome
    from fusionbench.bench.reproduce import Reproduced
    from fusionbench.bench.reproduction_plan import Plan


def reproduce(
    run_id: Annotated[str, typer.Argument(help="A finished run's id, or its first characters.")],
    data_root: Annotated[
        Path | None,
        typer.Option(
            "--data-root",
            help="Folder of the data, taken whatever it holds. Default: as it was.",
            rich_help_panel="Otherwise than it was",
        ),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(
            "--threads",
            min=1,
            max=1024,
            help="CPU threads of a training step. Default: as it was.",
            rich_help_panel="Otherwise than it was",
        ),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(
            "--device",
            help="cpu, cuda, cuda:1, mps. Default: as it was.",
            rich_help_panel="Otherwise than it was",
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            metavar=opt.FLAG,
            help="Say what differs here, and train nothing.",
            rich_help_panel="Output",
        ),
    ] = False,
    upgrade_database: opt.UpgradeDatabase = False,
    as_json: opt.Json = False,
    debug: opt.Debug = False,
) -> None:
    """Do a finished run over, and say whether it gives the same.

    First comes what is not as it was: torch, the processor, the code of a plugin, the data. Then it trains
    anew, with the options, seed, threads and device of then. The last line is one of: same digits,
    same predictions, within the spread of seeds, differs. The last of them ends with exit code 1.

    [bold]Examples[/bold]

      fusionbench reproduce 2324d497240b

      fusionbench reproduce 2324d497240b --dry-run

      fusionbench reproduce 2324d497240b --data-root data/afew --json
    """
    from rich.console import Console

    from fusionbench.bench.digits import DIFFERS
    from fusionbench.bench.reproduce import reproduce as do_over
    from fusionbench.bench.reproduction_plan import Wishes, plan
    from fusionbench.catalog.plugins import collect
    from fusionbench.cli.screen import Screen
    from fusionbench.report.reproduction_table import explanation, next_command, plan_table, result_table

    opt.agree(upgrade_database)
    out, told = Console(), Console(stderr=as_json)  # before it runs, also where stdout is for JSON alone
    wishes = Wishes(data_root, threads, device)
    with Screen() as screen:
        made = plan(run_id, screen, collect(), wishes, peek=dry_run)
    told.print(plan_table(made))
    if dry_run:
        told.print(made.refusal or next_command(made), markup=False, highlight=False, soft_wrap=True)
        if as_json:
            print(json.dumps(_plain(made, None)))
        return
    with Screen() as screen:
        reproduced = do_over(made, screen)
    if as_json:
        print(json.dumps(_plain(made, reproduced)))
    else:
        out.print(result_table(reproduced))
        out.print(explanation(reproduced), markup=False, highlight=False)
        print(reproduced.verdict)
    if reproduced.verdict == DIFFERS:
        raise typer.Exit(1)


def _plain(plan: Plan, made: Reproduced | None) -> dict[str, Any]:
    """The object that ``--json`` prints; of a dry run there is no verdict."""
    return {
        "run_id": plan.record.run_id,
        "reproduced_by": made.run_id if made else None,
        "verdict": made.verdict if made else None,
        "first_epoch_apart": made.first_epoch_apart if made else None,
        "differences": [each.plain() for each in plan.differences],
        "not_recorded": list(plan.not_recorded),
        "not_looked_at": list(plan.not_looked_at),
        "refusal": plan.refusal or None,
        "then": dict(plan.folds[0].then),
        "now": dict(plan.folds[0].now),
        "folds": [
            {
                "name": fold.fold,
                "verdict": fold.verdict,
                "first_epoch_apart": fold.first_epoch_apart,
                "then": _figures(fold.then),
                "now": _figures(fold.now),
            }
            for fold in (made.folds if made else ())
        ],
    }


def _figures(outcome: FoldOutcome) -> dict[str, Any]:
    return {"run_id": outcome.run_id, "metrics": outcome.metrics, "selected_epoch": outcome.selected_epoch}
