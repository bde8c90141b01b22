"""What a user asked of a study: an experiment's ``base`` and ``tune`` with the command line laid over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fusionbench.catalog.documents import read
from fusionbench.catalog.resolve import Request
from fusionbench.catalog.run_config import flatten
from fusionbench.contract.errors import UserError
from fusionbench.study.experiment import experiment_file, question_of
from fusionbench.study.tuning import Tuning, dotted, read_tuning, with_space


@dataclass(frozen=True)
class Asked:
    """A search before it is resolved."""

    request: Request
    """the run that trials start from"""
    tuning: Tuning
    question: str = ""
    """the first comment line of its file"""


def asked_of(
    path: Path | None, request: Request, flags: Mapping[str, Any], space: str | None = None
) -> Asked:
    """A search from its file, or from flags alone.

    Args:
        path: YAML with ``base`` and ``tune``; a name alone means a shipped one; None: there is none.
        request: flags and ``--set``.
        flags: ``trials``, ``sampler`` and so on, as ``read_tuning`` takes them; None: not given.
        space: ``--space``.

    Raises:
        UserError: the file asks no such thing, or a value is none.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    if path is None:
        return Asked(request, with_space(read_tuning(given, "tune"), space))
    if request.file is not None:
        raise UserError("give either an experiment or --config, not both; an experiment has its own base.")
    path = experiment_file(path)
    content, lines = read(path)
    section, base = content.get("tune"), content.get("base") or {}
    strange = set(content) - {"base", "tune"}
    if strange or not isinstance(section, dict) or not isinstance(base, dict):
        hint = " What varies is compared: `fusionbench compare`." if "vary" in content else ""
        raise UserError(
            f"{path} is no search: it needs `tune` (a mapping with space, trials, sampler, ...) and may have "
            f"`base`; it holds {', '.join(content) or 'nothing'}.{hint}"
        )
    where = f"{path}, line {lines['tune',]}"
    tuning = read_tuning({**section, **given}, where, dotted(lines, path, ("tune", "space")))
    origins = {".".join(keys[1:]): f"{path}, line {n}" for keys, n in lines.items() if keys[0] == "base"}
    whole = replace(
        request,
        values={**flatten(base), **request.values},
        origins={**origins, **request.origins},
    )
    return Asked(whole, with_space(tuning, space), question_of(path))
