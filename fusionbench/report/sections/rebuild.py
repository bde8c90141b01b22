"""How to make all of this again: the experiment as a file, and the commands."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

import yaml

from fusionbench.catalog.documents import plain
from fusionbench.report.document import Code, Section, Words
from fusionbench.report.evidence import Evidence
from fusionbench.study.terms import Terms

FILE = "experiment.yaml"


def rebuild(evidence: Evidence) -> Section:
    """The commands, and what stands in the file they name."""
    made = evidence.made
    if made.files:
        return _judged(made.files, made.experiment.terms)
    commands = [
        "fusionbench compare experiment.yaml --report report",
        f"fusionbench report {shlex.quote(made.run_id)} --out report",
    ]
    return Section(
        "rebuild",
        "How to rebuild it",
        (
            Words(
                "The first command runs what is not finished and judges; the second makes this page again "
                "from finished runs. The same runs give the same bytes."
            ),
            Code("\n".join(commands), "commands"),
            Words(f"{FILE}, beside this page:"),
            Code(experiment_file(evidence), FILE),
        ),
    )


def _judged(files: Sequence[str], terms: Terms) -> Section:
    """Of predictions that were made elsewhere: the files are all there is."""
    words = ["fusionbench", "judge", *files, "--margin", f"{100 * terms.margin:g}"]
    words += ["--metric", terms.metric] if terms.metric else []
    words += ["--against", terms.against] if terms.against else []
    command = shlex.join([*words, "--report", "report"])
    said = "The predictions were made elsewhere; how, these files don't tell. This judges them again."
    return Section("rebuild", "How to rebuild it", (Words(said), Code(command, "commands")))


def experiment_file(evidence: Evidence) -> str:
    """The experiment as ``fusionbench compare`` reads it, command-line options laid over its base."""
    asked = evidence.made.experiment
    question = " ".join(asked.question.split()) or "?"
    content: dict[str, Any] = {"base": {key: plain(value) for key, value in asked.base.items()}}
    content["vary"] = {key: [plain(value) for value in values] for key, values in asked.vary.items()}
    terms = asked.terms
    content["compare"] = {"margin": round(100 * terms.margin, 6), "family": terms.family}
    content["compare"] |= {"metric": terms.metric} if terms.metric else {}
    content["compare"] |= {"against": terms.against} if terms.against else {}
    written = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100, default_flow_style=None)
    return f"# {question}\n{written}"
