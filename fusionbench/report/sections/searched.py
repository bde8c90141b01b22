"""What a study declared before any score was seen, and how to make all of it again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

import yaml

from fusionbench.catalog.documents import plain
from fusionbench.catalog.run_config import flatten
from fusionbench.contract.judging import SPOKEN
from fusionbench.report.document import Block, Cell, Code, Column, Folded, Section, Table, Words
from fusionbench.report.durations import duration
from fusionbench.report.parts_caption import parts_caption
from fusionbench.report.sections.checklist import NOT_KEPT, environment
from fusionbench.report.study_words import axis_text, counted, option_text
from fusionbench.study.tuned import Tuned

SEARCH_FILE = "search.yaml"


def searched(made: Tuned, made_with: Mapping[str, Sequence[str]]) -> Section:
    """What a reviewer asks of a search, one line each, read from the study and its runs."""
    design, tuning = made.design, made.design.tuning
    seeds = ", ".join(map(str, design.seeds))
    lines = {
        "question": design.question or NOT_KEPT,
        "searched": "; ".join(f"{axis.key}: {axis_text(axis.plain())}" for axis in design.space.axes),
        "sampler": design.sampler,
        "budget": f"{counted(design.total, 'trial')} a fold, seeds {seeds} each, "
        f"{counted(design.epochs, 'epoch')} a run",
        "finished": f"{counted(made.trials, 'trial')} over {counted(len(made.folds), 'fold')}",
        "confirmed": f"the best {tuning.confirm} with fresh seeds" if tuning.confirm else "none",
        "ended early": "allowed, below the median of the others" if tuning.prune else "not allowed",
        "chosen by": f"{SPOKEN[made.metric]} on the selection split; of equals the earlier trial",
        "epoch chosen by": f"best {SPOKEN[made.metric]} on the selection split; of equals the lower loss",
        "report split": "judged once, for the chosen configuration, after the choice was written down"
        if made.outcomes
        else "not opened",
        "clips": "; ".join(parts_caption(made.outcomes)) or NOT_KEPT,
        "training time": _time(made),
        **environment(made_with),
    }
    columns = (Column("asked", heads=True), Column("answer"))
    rows = tuple((Cell(asked), Cell(told)) for asked, told in lines.items())
    blocks: list[Block] = [Table("checklist", "Filled in from the study and its runs.", columns, rows)]
    if made.outcomes:
        shared = {
            key: value
            for key, value in flatten(made.outcomes[0].config).items()
            if key not in made.design.space.keys and key != "seed"
        }
        listed = "\n".join(f"{key}: {option_text(value)}" for key, value in shared.items())
        summary = f"The {len(shared)} options that all trials share"
        blocks.append(Folded(summary, (Code(listed, "options that all trials share"),)))
    return Section("checklist", "Reproducibility checklist", tuple(blocks))


def _time(made: Tuned) -> str:
    every = [trial for fold in made.folds for trial in fold.trials]
    seconds = sum(trial.seconds for trial in every)
    if not seconds:
        return NOT_KEPT
    return f"{duration(seconds)} of training steps over {counted(len(every), 'trial')}, judging left out"


def search_again(made: Tuned) -> Section:
    """The commands, and what stands in the file they name."""
    name = shlex.quote(made.study)
    commands = [
        f"fusionbench tune {SEARCH_FILE} --name {name}",
        f"fusionbench report {shlex.quote(made.run_id)} --out report",
    ]
    return Section(
        "rebuild",
        "How to rebuild it",
        (
            Words(
                "The first command goes on with what is not finished and takes the rest as it is; "
                "the second makes this page again. The same runs give the same bytes."
            ),
            Code("\n".join(commands), "commands"),
            Words(f"{SEARCH_FILE}, beside this page:"),
            Code(search_file(made), SEARCH_FILE),
        ),
    )


def search_file(made: Tuned) -> str:
    """The search as ``fusionbench tune`` reads it, command-line options laid over its base."""
    design, tuning = made.design, made.design.tuning
    question = " ".join(design.question.split()) or f"Which configuration is best in study {made.study}?"
    content = {
        "base": plain(dict(design.request.values)),
        "tune": {
            "sampler": design.sampler,
            "trials": design.total,
            "seeds": len(design.seeds),
            "confirm": tuning.confirm,
            "prune": tuning.prune,
            "space": plain(design.space.plain()),
        },
    }
    written = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100, default_flow_style=None)
    return f"# {question}\n{written}"
