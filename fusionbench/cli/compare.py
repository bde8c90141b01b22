"""``fusionbench compare``: many runs on equal terms, one table."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fusionbench.cli import executor as who, options as opt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fusionbench.catalog.resolve import Request
    from fusionbench.catalog.run_config import RunConfig
    from fusionbench.study.budgets import Budget
    from fusionbench.study.experiment import Experiment
    from fusionbench.study.forecast import Expectation
    from fusionbench.study.plan import Plan


def compare(
    experiment: Annotated[
        Path | None,
        typer.Argument(
            help="An experiment's YAML file, or the name of a shipped one. Default: none, flags say all."
        ),
    ] = None,
    fusion: Annotated[
        list[str] | None,
        typer.Option(
            "--fusion",
            help="A head or preset; repeat it. Default: those of the experiment.",
            rich_help_panel="What",
        ),
    ] = None,
    relation: opt.Relation = None,
    backbone: opt.Backbone = None,
    front_end: opt.FrontEnd = None,
    dataset: opt.Dataset = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            "--seeds",
            min=1,
            max=10_000,
            help="Seeds 0 to N-1 for each row. Default: those of the experiment, else --seed.",
            rich_help_panel="Training",
        ),
    ] = None,
    data_root: opt.DataRoot = None,
    stand_in: opt.StandIn = False,
    on_bad_clip: opt.OnBadClip = None,
    epochs: opt.Epochs = None,
    seed: opt.Seed = None,
    fold: opt.Fold = None,
    metric: opt.Metric = None,
    device: opt.Device = None,
    threads: opt.Threads = None,
    set_: opt.Set = None,
    config: opt.ConfigFile = None,
    registry: opt.Registry = None,
    against: Annotated[
        str | None,
        typer.Option(
            "--against",
            help="Judge every row against this one. Default: what the experiment declares, else all pairs.",
            rich_help_panel="Verdict",
        ),
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option(
            "--margin",
            help="Points within which rows are equivalent. Default: what the experiment declares, else 1.",
            rich_help_panel="Verdict",
        ),
    ] = None,
    tune: Annotated[
        int | None,
        typer.Option(
            "--tune",
            min=0,
            metavar="N",
            help="Also tune every row with N configurations each, the default among them; 0 = don't. "
            "Default: what the experiment declares, else 0.",
            rich_help_panel="Search",
        ),
    ] = None,
    workers: who.Workers = None,
    executor: who.Executor = "local",
    address: who.Address = "auto",
    figure: Annotated[
        Path | None,
        typer.Option(
            "--figure",
            help="Also draw the table into this file: .png, .svg or .pdf. Default: none.",
            rich_help_panel="Output",
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            help="Also leave the report page, its tables and figures in this folder. Default: none.",
            rich_help_panel="Output",
        ),
    ] = None,
    dry_run: opt.DryRun = False,
    upgrade_database: opt.UpgradeDatabase = False,
    as_json: opt.Json = False,
    debug: opt.Debug = False,
) -> None:
    """Run every combination of an experiment once, and rank what came out.

    Finished runs are not run again; interrupted ones go on at their last epoch.

    [bold]Examples[/bold]

      fusionbench compare smoke

      fusionbench compare afew_fusions --stand-in --workers 2

      fusionbench compare afew_fusions --stand-in --seeds 10 --figure heads.pdf

      fusionbench compare smoke --report smoke-report

      fusionbench compare smoke --tune 12

      fusionbench compare afew_fusions --executor ray --address auto

      fusionbench compare --fusion arpg --fusion mult --dataset afew --seeds 5
    """
    given = {
        "relation": relation,
        "backbone": backbone,
        "front_end": front_end,
        "dataset": dataset,
        "data.root": data_root,
        "data.stand_in": stand_in,
        "data.on_bad_clip": on_bad_clip,
        "training.epochs": epochs,
        "seed": seed,
        "fold": fold,
        "metric": metric,
        "device": device,
        "threads": threads,
    }
    opt.agree(upgrade_database)
    who.check_executor(executor, address)
    asked = _experiment(experiment, fusion, seeds, opt.request(given, set_, config, registry))
    asked = _tuned(_on_terms(asked, against, margin), tune)

    from fusionbench.catalog.plugins import collect
    from fusionbench.cli.screen import Screen
    from fusionbench.figures.files import check_figure_path, drawn
    from fusionbench.report.page import check_folder
    from fusionbench.report.publish import publish
    from fusionbench.study.budgets import budgets
    from fusionbench.study.compare import compare as run_all
    from fusionbench.study.comparison import comparison_figure
    from fusionbench.study.experiment import members
    from fusionbench.study.forecast import expect
    from fusionbench.study.plan import plan

    if figure:
        check_figure_path(figure)
    if report and not dry_run:
        check_folder(report)
    with Screen() as screen:
        if dry_run:
            planned = plan(asked, screen, dry=True)
            expected = expect(asked, planned)
            searches = budgets(asked, planned, collect())
        else:

            def configs() -> list[RunConfig]:
                return [member.config for member in members(asked, collect())]

            with who.cluster(executor, address, workers, configs, screen) as nodes:
                made = run_all(asked, workers or 1, screen, cluster=nodes)
            if figure:
                drawn(lambda: comparison_figure(made), screen.warn, figure)
            written = publish(made, report, screen.warn) if report else None
    if as_json:
        print(json.dumps(_planned(planned, expected, searches) if dry_run else made.plain()))
    else:
        from rich.console import Console

        from fusionbench.contract.addresses import shown
        from fusionbench.report.budget_table import budget_table
        from fusionbench.report.ranking_table import plan_table, ranking_table
        from fusionbench.track.connection import tracking_uri
        from fusionbench.track.view import page_of

        console = Console()
        console.print(plan_table(planned, expected) if dry_run else ranking_table(made))
        if dry_run and searches:
            console.print(budget_table(searches))
        console.print("next: fusionbench ui", highlight=False)
        if not dry_run:
            name = shlex.quote(asked.name)
            console.print(f"      fusionbench report {name} --out report", highlight=False, markup=False)
            if written:
                console.print(f"report: {written}", highlight=False, soft_wrap=True, markup=False)
            page = page_of(tracking_uri(), made.mlflow_experiment_id, made.run_id)
            console.print(f"its page there: {shown(page)}", highlight=False, soft_wrap=True)
    if not dry_run and made.failed:
        raise typer.Exit(1)


def _experiment(
    path: Path | None, fusions: list[str] | None, seeds: int | None, request: Request
) -> Experiment:
    """The experiment of a file, or the one that flags alone describe."""
    from dataclasses import replace

    from fusionbench.catalog.resolve import read_options
    from fusionbench.contract.errors import UserError
    from fusionbench.study.experiment import Experiment, read_experiment

    if path is not None:
        if request.file is not None:
            raise UserError(
                "give either an experiment or --config, not both; an experiment has its own base."
            )
        experiment = read_experiment(path, request)
    else:
        if not fusions:
            raise UserError("nothing to compare. Name an experiment, or --fusion twice or more.")
        base, origins = read_options(request)
        heads = f"Which of {len(fusions)} heads is best on the same terms?"
        experiment = Experiment(
            "heads",
            heads if len(fusions) > 1 else f"How good is {fusions[0]}?",
            base,
            origins,
            {},
            request.registry,
        )
    vary = dict(experiment.vary)
    if fusions and experiment.rows:
        raise UserError(
            f"{path} lists its rows one by one; --fusion can't replace them. Edit the file, or leave it out."
        )
    if fusions:
        vary = {key: values for key, values in vary.items() if not key.startswith("fusion")} | {
            "fusion": fusions
        }
    if seeds is not None:
        vary["seed"] = list(range(seeds))
    return replace(experiment, vary=vary)


def _on_terms(experiment: Experiment, against: str | None, margin: float | None) -> Experiment:
    """The experiment with the flags laid over what it declares."""
    from dataclasses import replace

    from fusionbench.study.terms import read_terms

    terms = experiment.terms
    given = {
        "metric": terms.metric,
        "against": against or terms.against,
        "family": "against" if against else terms.family,
        "margin": 100 * terms.margin if margin is None else margin,
    }
    return replace(experiment, terms=read_terms(given, "--against, --margin"))


def _tuned(experiment: Experiment, trials: int | None) -> Experiment:
    """The experiment with the budget of ``--tune``, if there is one."""
    from dataclasses import replace

    from fusionbench.study.tuning import read_budget

    if trials is None:
        return experiment
    if trials == 0:
        return replace(experiment, tuning=None)
    known = replace(experiment.tuning, trials=trials) if experiment.tuning else None
    return replace(experiment, tuning=known or read_budget({"trials": trials}, "--tune"))


def _planned(plan: Plan, expected: Expectation | None, searches: Sequence[Budget]) -> dict:
    return {
        "to_run": [
            {"label": plan.members[j.member].label, "seed": plan.members[j.member].seed, "fold": j.fold}
            for j in plan.pending
        ],
        "unread": [{"label": plan.members[k].label, "seed": plan.members[k].seed} for k in plan.unread],
        "finished": len(plan.folds) - len(plan.pending),
        "skipped": [absent.plain() for absent in plan.skipped],
        "could_show": expected.plain() if expected else None,
        "tune": [budget.plain() for budget in searches],
    }
