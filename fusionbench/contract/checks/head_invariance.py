"""The rules on what must never change a fusion head's logits."""

from __future__ import annotations

import torch

from fusionbench.contract.checks import networks
from fusionbench.contract.checks.findings import (
    SEED,
    Broken,
    Rule,
    Skipped,
    difference,
    differs,
    expect_tensor,
    percent,
)
from fusionbench.contract.checks.head_trial import CLASSES, HeadTrial, logits
from fusionbench.contract.samples import labels_steps
from fusionbench.contract.types import Streams

LOUD = 1000.0
"""standard deviation of what is put in the padding; real frames have 1"""


def is_deterministic(trial: HeadTrial) -> None:
    head, streams = trial.trained(trial.main), trial.batch(trial.main)
    networks.gives_the_same_twice(lambda: logits(head, streams))


def ignores_padding(trial: HeadTrial) -> None:
    head, streams = trial.trained(trial.main), trial.batch(trial.main)
    quiet = logits(head, streams)
    noise = {
        name: stream + LOUD * torch.randn_like(stream) * ~streams.mask.unsqueeze(-1)
        for name, stream in streams.items()
    }
    loud = logits(head, Streams(noise, streams.mask))
    if differs(loud, quiet):
        raise Broken(
            f"noise in place of the zeros in padded frames moved the logits by "
            f"{percent(difference(loud, quiet))}; expected no change"
        )


def follows_permutations(trial: HeadTrial) -> None:
    head, streams = trial.trained(trial.main), trial.batch(trial.main)
    order = torch.tensor([2, 0, 3, 1])
    shuffled = Streams({name: stream[order] for name, stream in streams.items()}, streams.mask[order])
    found, expected = logits(head, shuffled), logits(head, streams)[order]
    if differs(found, expected):
        raise Broken(
            f"clips in another order have logits that are off by {percent(difference(found, expected))}; "
            "expected the same logits in that order"
        )


def judges_alone(trial: HeadTrial) -> None:
    head, streams = trial.trained(trial.main), trial.batch(trial.main)
    together = logits(head, streams)
    for clip, length in enumerate(trial.lengths):
        cut = {name: stream[clip : clip + 1, :length] for name, stream in streams.items()}
        alone = logits(head, Streams(cut))[0]
        if differs(alone, together[clip]):
            raise Broken(
                f"a clip of {length} frames alone has logits that are "
                f"{percent(difference(alone, together[clip]))} off those it has in a batch of "
                f"{len(together)}, padded to {trial.time} frames; expected the same"
            )


def labels_each_step(trial: HeadTrial) -> None:
    if not labels_steps(trial.cls):
        raise Skipped("it labels whole clips")
    head, streams = trial.trained(trial.main), trial.batch(trial.main)
    together = head.each_step(streams)
    expected = (*streams.mask.shape, CLASSES)
    expect_tensor(together, expected, "what each_step() returns", "(batch, time, classes)")
    for clip, length in enumerate(trial.lengths):
        alone = head.each_step(Streams({n: s[clip : clip + 1, :length] for n, s in streams.items()}))[0]
        if differs(alone, together[clip, :length]):
            raise Broken(
                f"the steps of a clip of {length} frames alone have logits that are "
                f"{percent(difference(alone, together[clip, :length]))} off those they have in a batch of "
                f"{len(together)}, padded to {trial.time} frames; expected the same"
            )


def survives_saving(trial: HeadTrial) -> None:
    streams = trial.batch(trial.main)
    networks.keeps_outputs_when_saved(
        trial.trained(trial.main),
        lambda: trial.build(trial.main, seed=SEED + 1),
        lambda head: logits(head, streams),
    )


INVARIANCE: list[Rule[HeadTrial]] = [
    Rule(
        "eval mode is deterministic",
        is_deterministic,
        "use nn.Dropout, or pass self.training to F.dropout; draw and update nothing in eval mode",
        essential=True,
    ),
    Rule(
        "padded frames never change the logits",
        ignores_padding,
        "pool with fb.masked_mean, mask attention with streams.mask, "
        "and apply fb.zero_padding before anything that mixes frames",
    ),
    Rule(
        "permuting the batch permutes the logits",
        follows_permutations,
        "let nothing depend on a clip's place in the batch",
    ),
    Rule(
        "a clip alone has the logits it has in a batch",
        judges_alone,
        "let no clip see another, nor the length the batch was padded to: "
        "no statistics over the batch in eval mode, no layer sized by time",
    ),
    Rule(
        "each_step() labels every step, alone as in a batch",
        labels_each_step,
        "return logits (batch, time, classes), and let no real step see padding or another clip",
    ),
    Rule(
        "saving and loading keeps the logits",
        survives_saving,
        "register what is drawn or learnt with nn.Parameter or register_buffer",
    ),
]
