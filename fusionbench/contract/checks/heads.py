"""The rules for fusion heads."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from fusionbench.contract.blame import raised
from fusionbench.contract.checks import networks
from fusionbench.contract.checks.findings import (
    SEED,
    Broken,
    Finding,
    Rule,
    Skipped,
    difference,
    differs,
    expect_tensor,
    judge,
    percent,
)
from fusionbench.contract.checks.head_inputs import ANY_NAME, NO_GRAPH, UNTOUCHED
from fusionbench.contract.checks.head_invariance import INVARIANCE
from fusionbench.contract.checks.head_trial import (
    CLASSES,
    HeadTrial,
    labels,
    logits,
    not_finite,
    training_loss,
)
from fusionbench.contract.roles import FusionHead, takes

LONG = 200
"""frames of a long clip: eight seconds of video at 25 frames a second"""
HEAVY = 20.0
"""weight of a class whose weight must be felt"""


def head_findings(
    cls: type[FusionHead], config: Any, dims: Mapping[str, int] | None, compile: bool
) -> list[Finding]:
    """What became of every rule for a fusion head.

    Args:
        cls: the head.
        config: its ``Config``.
        dims: stream -> width, where the head fits certain streams only.
        compile: also try ``torch.compile``, which takes the longest.
    """
    rules = RULES if compile else [rule for rule in RULES if rule.look is not compiles]
    return judge(rules, HeadTrial(cls, config, dims))


def builds(trial: HeadTrial) -> str:
    shortest = trial.cls.min_time
    if not isinstance(shortest, int) or shortest < 1:
        raise Broken(f"min_time is {shortest!r}; expected a whole number of frames, 1 or more")
    refused = {case: reason for case, reason in trial.answers.items() if reason is not None}
    for case, reason in refused.items():
        if not isinstance(reason, str) or not reason.strip():
            raise Broken(f"supports() returned {reason!r} for {case}; expected a reason in words, or None")
    if not trial.cases:
        raise Broken(
            f"supports() refuses every set of streams tried, {case} because: {reason}",
            "name streams that it fits: --stream NAME=WIDTH, or dims={...} in fb.testing.check",
        )
    for case in trial.cases:
        trial.build(case)
        read = trial.cls.reads(trial.spec(case), trial.config)
        if not read or not set(read) <= set(trial.streams[case]):
            raise Broken(
                f"reads() returned {read!r} for {case}; expected names out of {tuple(trial.streams[case])}"
            )
    return "; ".join(f"not {case}: {reason}" for case, reason in refused.items())


def returns_logits(trial: HeadTrial) -> None:
    expected = (len(trial.lengths), CLASSES)
    for case in trial.cases:
        found = logits(trial.build(case), trial.batch(case))
        if isinstance(found, torch.Tensor) and found.dim() == 3:
            shape = tuple(found.shape)
            raise Broken(
                f"got {shape} from {case}; expected (batch, classes) = {expected}",
                "pool over time, with fb.masked_mean say",
            )
        if isinstance(found, torch.Tensor) and not torch.isfinite(found).all():
            streams, head = trial.batch(case), trial.build(case).eval()
            raise not_finite(f"logits from {case}", lambda: head(streams).sum())  # noqa: B023
        expect_tensor(found, expected, f"logits from {case}", "(batch, classes)")
        _refuse_probabilities(found, case)


def _refuse_probabilities(found: torch.Tensor, case: str) -> None:
    if (found >= 0).all() and not differs(found.sum(dim=-1), torch.ones(len(found))):
        raise Broken(
            f"each clip's logits from {case} lie in [0, 1] and sum to 1: they are probabilities already",
            "return what comes before the softmax, or its logarithm: the loss applies a softmax of its own",
        )


def trains(trial: HeadTrial) -> None:
    for case in trial.cases:
        trial.trained(case)
    if trial.cls.solved:
        return
    # An epoch's last batch may hold one clip, and a head is evaluated between epochs.
    head = trial.trained(trial.main).train()
    training_loss(head, trial.batch(trial.main, [trial.time])).backward()
    logits(head, trial.batch(trial.main))
    training_loss(head.train(), trial.batch(trial.main)).backward()


def reaches_streams(trial: HeadTrial) -> None:
    for case in trial.cases:
        read = trial.cls.reads(trial.spec(case), trial.config)
        for name, largest in trial.gradients(case).streams.items():
            if name in read and largest == 0.0:
                raise Broken(f"no gradient reaches stream {name!r} of {case}, which reads() names")
            if name in read and math.isinf(largest) and not trial.cls.solved:
                raise trial.not_finite_stream(case, name)
            if name not in read and largest > 0.0:
                raise Broken(
                    f"a gradient reaches stream {name!r} of {case}, which reads() leaves out",
                    "name every stream that the logits depend on in reads()",
                )


def reaches_parameters(trial: HeadTrial) -> None:
    if trial.cls.solved:
        raise Skipped("it is solved for")
    for case in trial.cases:
        networks.refuse_unreached(trial.gradients(case).unreached, f" from {case}")


def weighs_classes(trial: HeadTrial) -> str:
    weights = torch.ones(CLASSES)
    weights[0] = HEAVY
    if not trial.cls.solved:
        alike, weighed = (_loss_with(trial, of) for of in (torch.ones(CLASSES), weights))
        if not differs(weighed, alike):
            raise Broken(f"a class that weighs {HEAVY:g} times as much leaves the training loss as it is")
        return ""
    if not takes(trial.cls.solve, "class_weights"):
        return "its solve() takes none: a run that weighs classes leaves it out"
    without, alike, weighed = (trial.solved(of) for of in (None, torch.ones(CLASSES), weights))
    if differs(alike, without):
        raise Broken("class_weights of 1 change what solve() finds; expected the same as without any")
    if not differs(weighed, alike):
        raise Broken(f"a class that weighs {HEAVY:g} times as much leaves what solve() finds as it is")
    return "solve() takes them"


def _loss_with(trial: HeadTrial, weights: torch.Tensor) -> torch.Tensor:
    """The training loss of the same head on the same batch, its criterion weighed by class."""
    head, streams = trial.build(trial.main).train(), trial.batch(trial.main)

    def weighed(logits: torch.Tensor, of: torch.Tensor) -> torch.Tensor:
        return (weights[of] * torch.nn.functional.cross_entropy(logits, of, reduction="none")).mean()

    torch.manual_seed(SEED)  # dropout
    return head.training_loss(streams, labels(len(streams.mask)), weighed)[0].detach()


def takes_every_length(trial: HeadTrial) -> str:
    head, shortest = trial.trained(trial.main), trial.cls.min_time
    for time in sorted({shortest, shortest + 1, trial.time - 1, trial.time}):
        found = logits(head, trial.batch(trial.main, [time, time]))
        expect_tensor(found, (2, CLASSES), f"logits of clips of {time} frames", "(batch, classes)")
    return f"{shortest} to {trial.time} frames"


def takes_long_clips(trial: HeadTrial) -> str:
    longest = max(LONG, trial.time)
    head = trial.build(trial.main, longest)
    found = logits(head, trial.batch(trial.main, [longest, trial.cls.min_time]))
    expect_tensor(found, (2, CLASSES), f"logits of a clip of {longest} frames", "(batch, classes)")
    return f"{longest} frames"


def runs_in_bfloat16(trial: HeadTrial) -> None:
    head = trial.build(trial.main).train()
    try:
        trial.backward(head, trial.batch(trial.main), torch.bfloat16)
    except Broken as broken:
        raise Broken(str(broken)) from broken  # the likely fix is this rule's
    for name, parameter in head.named_parameters():
        if parameter.grad is not None and not torch.isfinite(parameter.grad).all():
            raise Broken(f"the gradient of {name} is NaN or infinite; expected finite numbers")


def explains(trial: HeadTrial) -> str:
    if trial.cls.explain is FusionHead.explain:
        raise Skipped("it offers no explain()")
    found = trial.trained(trial.main).explain(trial.batch(trial.main))
    for name, entry in found.items():
        if not (isinstance(entry, tuple) and len(entry) == 2):
            raise Broken(f"{name!r} is {type(entry).__name__}; expected a pair (axes, array)")
        axes, array = entry[0], np.asarray(entry[1])
        if len(axes) != array.ndim or not all(isinstance(axis, str) for axis in axes):
            raise Broken(f"{name!r} has shape {array.shape} and axes {axes!r}; expected one name an axis")
        if not np.isfinite(array).all():
            raise Broken(f"{name!r} holds NaN or infinite values; expected finite ones")
        sizes = dict(zip(axes, array.shape, strict=True))
        if sizes.get("batch", len(trial.lengths)) != len(trial.lengths):
            raise Broken(f"{name!r} has batch {sizes['batch']}; expected {len(trial.lengths)}")
    return ", ".join(f"{name} ({', '.join(axes)})" for name, (axes, _) in found.items())


def compiles(trial: HeadTrial) -> str:
    head, streams = trial.trained(trial.main), trial.batch(trial.main)
    expected = logits(head, streams)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # of torch's own making
            # Traced only: machine code takes a compiler and a minute.
            found = torch.compile(head, backend="eager", fullgraph=True)(streams)
    except Exception as error:  # whatever the tracer stumbles over is the finding
        raise Skipped(f"not traced as one graph: {raised(error)[:160]}") from error
    finally:
        torch.compiler.reset()
    if differs(found, expected):
        raise Skipped(f"traced, the logits are off by {percent(difference(found, expected))}")
    return "traced as one graph, the same logits"


RULES: list[Rule[HeadTrial]] = [
    Rule(
        "builds for one, two and three streams, equally wide or not, or supports() says why not",
        builds,
        "take sizes from spec.dims and spec.classes; let supports() return the reason where they do not fit",
        essential=True,
    ),
    Rule(
        "returns finite logits (batch, classes)",
        returns_logits,
        "take sizes from spec and pool over time, with fb.masked_mean say",
        essential=True,
    ),
    UNTOUCHED,
    Rule(
        "trains, also on one clip and after an evaluation",
        trains,
        "return (loss, logits) from training_loss; keep batch statistics away from a single clip, "
        "and nothing computed in eval mode for later",
        essential=True,
    ),
    Rule(
        "gradients reach every stream it reads, and no other",
        reaches_streams,
        "use the stream in forward, or leave it out of reads()",
    ),
    Rule(
        "follows class weights, or takes none",
        weighs_classes,
        "compute the loss by the criterion that training_loss() is given; hand class_weights on in solve()",
    ),
    Rule(
        "gradients reach every parameter",
        reaches_parameters,
        "remove what the loss does not use, or freeze it with requires_grad_(False)",
    ),
    NO_GRAPH,
    ANY_NAME,
    Rule(
        "takes clips from min_time frames on",
        takes_every_length,
        "read the time from the streams and use no layer sized by it, or declare min_time",
    ),
    Rule("takes long clips", takes_long_clips, "size tables by spec.max_time, not by a number"),
    Rule(
        "runs in autocast to bfloat16",
        runs_in_bfloat16,
        "follow the dtype of what comes in; fill masked scores with torch.finfo(scores.dtype).min",
    ),
    Rule("explain() names the axes of finite arrays", explains, "return {name: (axes, array)}"),
    *INVARIANCE,
    Rule("torch.compile traces it (not required)", compiles, ""),
]
