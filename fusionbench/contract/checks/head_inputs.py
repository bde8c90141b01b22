"""The rules on what a fusion head does with what it is given: tensors, names, and what it keeps of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from fusionbench.contract.blame import IN_PLACE, MODULE_LIST, where
from fusionbench.contract.checks.findings import Broken, Rule, Skipped
from fusionbench.contract.checks.head_trial import HeadTrial, labels, logits
from fusionbench.contract.roles import FusionHead
from fusionbench.contract.types import Streams

HOSTILE = ("keys", "type", "1")
"""names that a store may give its streams, and that trip what takes them for names of attributes"""


def leaves_streams_alone(trial: HeadTrial) -> None:
    for case in trial.cases:
        given = trial.batch(case)
        logits(trial.build(case), given)
        _refuse_changes(trial, case, given, "forward()")
        if not trial.cls.solved:
            classes = labels(len(given.mask))
            trial.build(case).train().training_loss(given, classes, nn.functional.cross_entropy)
            _refuse_changes(trial, case, given, "training_loss()")
        trial.build(case).eval().explain(given)
        _refuse_changes(trial, case, given, "explain()")


def _refuse_changes(trial: HeadTrial, case: str, given: Streams, method: str) -> None:
    expected = trial.batch(case)
    if not torch.equal(given.mask, expected.mask):
        raise Broken(f"{method} changed the mask of {case} in place; expected it as it came", IN_PLACE)
    for name, stream in given.items():
        if not torch.equal(stream, expected[name]):
            line = _line_that_changes(trial.build(case), expected)
            raise Broken(
                f"{method} changed stream {name!r} of {case} in place{line}; expected it as it came", IN_PLACE
            )


def _line_that_changes(head: FusionHead, streams: Streams) -> str:
    """Where autograd notices the change, which it does for most of them."""
    for stream in streams.values():
        stream.requires_grad_()
    try:
        head.eval()(streams)
    except RuntimeError as error:
        return f" ({where(error)})" if where(error) else ""
    return ""


def keeps_no_graph(trial: HeadTrial) -> None:
    head = trial.trained(trial.main).train()
    trial.backward(head, trial.batch(trial.main))
    kept = [
        f"{path}.{name}".lstrip(".")
        for path, part in head.named_modules()
        for name, value in vars(part).items()
        if not name.startswith("_") and not _is_normed_weight(part, name)
        if any(tensor.grad_fn is not None for tensor in _tensors(value))
    ]
    if kept:
        raise Broken(
            f"{', '.join(kept)} keeps the graph of a batch, and so its memory; expected nothing",
            "detach() what is kept, or return it from explain()",
        )


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (list, tuple, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _tensors(item)


def _is_normed_weight(part: nn.Module, name: str) -> bool:
    """Whether torch itself computes an attribute from parameters beside it (weight and spectral norm)."""
    return any(f"{name}_{suffix}" in part._parameters for suffix in ("v", "orig"))


def takes_any_name(trial: HeadTrial) -> str:
    case = max(trial.cases, key=lambda case: len(trial.streams[case]))
    widths = list(trial.streams[case].values())
    for first in range(0, len(HOSTILE), len(widths)):
        names = [*HOSTILE[first:], *HOSTILE[:first], *(f"s-{k}" for k in range(len(widths)))]
        renamed = HeadTrial(trial.cls, trial.config, dict(zip(names, widths, strict=False)))
        (reason,) = renamed.answers.values()
        if reason is not None:
            raise Skipped(f"supports() takes certain names only: {reason}")
        logits(renamed.trained(renamed.main), renamed.batch(renamed.main))
    return ", ".join(HOSTILE)


UNTOUCHED: Rule[HeadTrial] = Rule(
    "leaves its streams as they came", leaves_streams_alone, IN_PLACE, essential=True
)
NO_GRAPH: Rule[HeadTrial] = Rule(
    "keeps no graph of a batch", keeps_no_graph, "detach() what is kept from one batch for the next"
)
ANY_NAME: Rule[HeadTrial] = Rule(
    "takes streams of any name",
    takes_any_name,
    f"{MODULE_LIST}; a stream's name is a key of spec.dims and of streams, and nothing else",
)
