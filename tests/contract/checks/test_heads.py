"""The kit, on heads with one planted fault each: it names the rule that is broken, and no other."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import fusionbench as fb
from tests.contract.checks.sound import (
    ALONE,
    BFLOAT16,
    BUILDS,
    DETERMINISTIC,
    EXPLAINED,
    LENGTHS,
    LONG,
    PADDING,
    PARAMETERS,
    PERMUTED,
    SAVED,
    SHAPES,
    STEPS,
    STREAMS,
    TRAINS,
    WEIGHTS,
    Sound,
    broken,
)


class PaddingLeak(Sound):
    """The padding is averaged too."""

    def forward(self, streams):
        return self.classify(self.frames(streams).mean(dim=1))


class BatchCoupling(Sound):
    """The batch's mean is taken off each clip."""

    def forward(self, streams):
        pooled = fb.masked_mean(self.frames(streams), streams.mask)
        return self.classify(pooled - pooled.mean(dim=0))


class DropoutInEval(Sound):
    """F.dropout drops whether the head is in training or not."""

    def forward(self, streams):
        return self.classify(F.dropout(fb.masked_mean(self.frames(streams), streams.mask), 0.5))


class StreamIgnored(Sound):
    """The first two streams only, however many there are; the third is read as zeros."""

    def frames(self, streams):
        read = [x if k < 2 else torch.zeros_like(x) for k, x in enumerate(streams.values())]
        return torch.cat(read, dim=-1)


class TimeHardCoded(Sound):
    """One weight a frame: a layer as long as the longest clip."""

    def __init__(self, spec, config):
        super().__init__(spec, config)
        self.over_time = nn.Linear(spec.max_time, 1)

    def forward(self, streams):
        frames = fb.zero_padding(self.frames(streams), streams.mask)
        return self.classify(self.over_time(frames.transpose(1, 2)).squeeze(-1))


class StateNotSaved(Sound):
    """Drawn at random and kept as a plain attribute."""

    def __init__(self, spec, config):
        super().__init__(spec, config)
        self.scale = torch.rand(sum(spec.dims.values()))

    def frames(self, streams):
        return super().frames(streams) * self.scale


class PlaceInBatch(Sound):
    """Clips further back in the batch count for more."""

    def forward(self, streams):
        place = torch.arange(len(streams.mask), dtype=torch.float32).unsqueeze(1)
        return super().forward(streams) + place


class NotPooled(Sound):
    """Logits for each frame."""

    def forward(self, streams):
        return self.classify(self.frames(streams))


class NoSingleClip(Sound):
    """Batch normalisation cannot train on one clip."""

    def __init__(self, spec, config):
        super().__init__(spec, config)
        self.norm = nn.BatchNorm1d(sum(spec.dims.values()))

    def forward(self, streams):
        return self.classify(self.norm(fb.masked_mean(self.frames(streams), streams.mask)))


class CachedInEval(Sound):
    """What an evaluation computed, where gradients are off, is used again in training."""

    table = None

    def forward(self, streams):
        logits = super().forward(streams)
        if self.table is None or not self.training:
            self.table = torch.linspace(1, 2, logits.shape[1])
        return logits * self.table


class IdleParameters(Sound):
    """A layer that nothing uses."""

    def __init__(self, spec, config):
        super().__init__(spec, config)
        self.idle = nn.Linear(3, 3)


class SixteenFrames(Sound):
    """A table of positions for 16 frames, whatever the spec says."""

    def __init__(self, spec, config):
        super().__init__(spec, config)
        self.positions = nn.Parameter(torch.zeros(16, 1))

    def frames(self, streams):
        frames = super().frames(streams)
        return frames + self.positions[: frames.shape[1]]


class OverflowsInHalf(Sound):
    """Infinite wherever numbers have 16 bits."""

    def forward(self, streams):
        logits = super().forward(streams)
        if logits.dtype == torch.bfloat16:
            logits = logits + float("inf")
        return logits


class ExplainsBadly(Sound):
    """Three axes, two names."""

    def explain(self, streams):
        return {"weights": (("batch", "time"), torch.ones(4, 3, 2).numpy())}


class ReadsLess(Sound):
    """Says that it reads the first stream, and reads them all."""

    @classmethod
    def reads(cls, spec, config):
        return tuple(spec.dims)[:1]


class NoSuper(Sound):
    """Forgets to make a module of itself."""

    def __init__(self, spec, config):
        self.drop = nn.Dropout(0.5)


class NoSuperLate(Sound):
    """The same, and holds no module that would tell at once."""

    def __init__(self, spec, config):
        self.width = sum(spec.dims.values())


class WindowAndPadding(Sound):
    """A window and a padding mask leave padded frames far from the end nothing to look at."""

    def __init__(self, spec, config):
        super().__init__(spec, config)
        width = sum(spec.dims.values())
        self.attention = nn.MultiheadAttention(width, 1, batch_first=True)

    def frames(self, streams):
        x = super().frames(streams)
        apart = torch.arange(x.shape[1])[:, None] - torch.arange(x.shape[1])
        window = (apart < 0) | (apart > 2)
        read, _ = self.attention(x, x, x, key_padding_mask=~streams.mask, attn_mask=window)
        return fb.zero_padding(read, streams.mask)


class RootOfNothing(Sound):
    """The deviation over time of a clip of one frame is the root of nothing."""

    def forward(self, streams):
        x, mask = self.frames(streams), streams.mask
        mean = fb.masked_mean(x, mask)
        return self.classify(mean + fb.masked_mean((x - mean.unsqueeze(1)) ** 2, mask).sqrt())


class Logarithm(Sound):
    """The logarithm of what is nothing."""

    def forward(self, streams):
        return super().forward(streams) + (0 * streams.mask.sum()).log() * 0


class Probabilities(Sound):
    """Applies the softmax that the loss applies."""

    def forward(self, streams):
        return super().forward(streams).softmax(dim=-1)


class Sigmoids(Sound):
    """Positive numbers that do not sum to one are logits like any."""

    def forward(self, streams):
        return super().forward(streams).sigmoid()


class SortedOnly(Sound):
    """Packs clips as if the longest came first."""

    def __init__(self, spec, config):
        super().__init__(spec, config)
        self.read = nn.GRU(sum(spec.dims.values()), sum(spec.dims.values()), batch_first=True)

    def forward(self, streams):
        packed = nn.utils.rnn.pack_padded_sequence(self.frames(streams), streams.lengths, batch_first=True)
        return self.classify(self.read(packed)[1][0])


class StepsOfTheBatch(Sound):
    """Takes the batch's mean off every step, padding and all."""

    def each_step(self, streams):
        x = self.frames(streams)
        return self.classify(x - x.mean(dim=(0, 1)))


class PooledSteps(Sound):
    """One answer a clip, where one a step was asked for."""

    def each_step(self, streams):
        return self(streams)


class LabelsSteps(Sound):
    """Every step on its own."""

    def each_step(self, streams):
        return self.classify(self.frames(streams))


class Remembers(Sound):
    """A text beside its tensors, which no weights file can hold."""

    def get_extra_state(self):
        return {"note": "mine"}

    def set_extra_state(self, state):
        pass


@pytest.mark.parametrize(
    ("head", "rules", "said"),
    [
        (PaddingLeak, {PADDING, ALONE}, "noise in place of the zeros in padded frames moved the logits by"),
        (BatchCoupling, {ALONE}, "a clip of 12 frames alone has logits that are"),
        (DropoutInEval, {DETERMINISTIC}, "the same input twice in eval mode: the outputs moved by"),
        (StreamIgnored, {STREAMS}, "no gradient reaches stream 'audio' of three streams of unequal width"),
        (TimeHardCoded, {ALONE, LENGTHS}, "shapes cannot be multiplied"),
        (StateNotSaved, {SAVED}, "(not in the state: scale)"),
        (PlaceInBatch, {PERMUTED, ALONE}, "clips in another order have logits that are off by"),
        (
            NotPooled,
            {SHAPES},
            "got (4, 12, 7) from two streams of unequal width; expected (batch, classes) =",
        ),
        (NoSingleClip, {TRAINS}, "Expected more than 1 value per channel when training"),
        (CachedInEval, {TRAINS}, "Inference tensors cannot be saved for backward"),
        (IdleParameters, {PARAMETERS}, "2 parameter(s) get no gradient from two streams"),
        (SixteenFrames, {LONG}, "raised RuntimeError"),
        (OverflowsInHalf, {BFLOAT16}, "holds NaN or infinite values"),
        (
            ExplainsBadly,
            {EXPLAINED},
            "has shape (4, 3, 2) and axes ('batch', 'time'); expected one name an axis",
        ),
        (NoSuper, {BUILDS}, "cannot assign module before Module.__init__() call"),
        (NoSuperLate, {SHAPES}, "has no attribute '_modules'"),
        (WindowAndPadding, {TRAINS}, "a row of the softmax (test_heads.py, line"),
        (RootOfNothing, {STREAMS}, "the gradient of div (test_heads.py, line"),
        (Logarithm, {SHAPES}, "NaN first arises in mul (test_heads.py, line"),
        (Probabilities, {SHAPES}, "they are probabilities already"),
        (SortedOnly, {PERMUTED}, "`enforce_sorted` is True"),
        (Remembers, {SAVED}, "'_extra_state' is dict; expected tensors"),
        (StepsOfTheBatch, {STEPS}, "the steps of a clip of 12 frames alone have logits that are"),
        (PooledSteps, {STEPS}, "expected (batch, time, classes) = (4, 12, 7)"),
        (ReadsLess, {STREAMS}, "a gradient reaches stream 'relation' of two streams of unequal width"),
    ],
)
def test_a_planted_fault_is_named(head, rules, said):
    found = broken(head)
    assert set(found) == rules
    assert said in " ".join(finding.detail for finding in found.values())
    assert all(finding.fix for finding in found.values())


@pytest.mark.parametrize("head", [Sound, Sigmoids, LabelsSteps])
def test_a_sound_head_breaks_nothing(head):
    assert broken(head) == {}


@pytest.mark.parametrize(
    ("head", "fix"),
    [
        (NoSuper, "call super().__init__() first"),
        (NoSuperLate, "call super().__init__() first"),
        (WindowAndPadding, "let every frame look at one frame at least, padded frames too"),
        (RootOfNothing, "add a small number under each root"),
        (Probabilities, "return what comes before the softmax"),
        (PlaceInBatch, "let nothing depend on a clip's place in the batch"),
        (SortedOnly, "pass enforce_sorted=False"),
        (TimeHardCoded, "use no layer sized by it"),
        (OverflowsInHalf, "follow the dtype of what comes in"),
    ],
)
def test_the_likely_fix_is_that_of_the_fault(head, fix):
    first = next(iter(broken(head).values()))
    assert fix in first.fix


def test_where_digits_are_drawn_anew_the_rules_after_it_wait():
    found = {finding.rule: finding for finding in fb.testing.rules(DropoutInEval, compile=False)}
    assert found[PADDING].state == "skipped" and found[PADDING].detail == f"mend first: {DETERMINISTIC}"


def test_supports_must_leave_something_and_give_reasons():
    class Nothing(Sound):
        supports = classmethod(lambda cls, spec, config: "it is Monday")

    class Wordless(Sound):
        supports = classmethod(lambda cls, spec, config: len(spec.dims) == 2)

    (refuses,) = broken(Nothing).values()
    assert refuses.detail.startswith("supports() refuses every set of streams") and "Monday" in refuses.detail
    (wordless,) = broken(Wordless).values()
    assert "supports() returned True for two streams" in wordless.detail


def test_what_a_head_does_not_support_is_a_remark():
    class Pairs(Sound):
        @classmethod
        def supports(cls, spec, config):
            return None if len(spec.dims) == 2 else "it fuses pairs"

    first = fb.testing.rules(Pairs, compile=False)[0]
    assert first.state == "passed" and "not three streams of equal width: it fuses pairs" in first.detail


def test_a_head_may_be_zero_before_training():
    class StartsAtZero(Sound):
        def __init__(self, spec, config):
            super().__init__(spec, config)
            nn.init.zeros_(self.classify.weight)

    assert broken(StartsAtZero) == {}


def test_an_error_is_told_with_the_place_in_the_heads_own_file():
    class Raises(Sound):
        def forward(self, streams):
            return streams["pose"]

    (finding,) = broken(Raises).values()
    assert finding.rule == SHAPES and "raised KeyError: 'pose' (test_heads.py, line " in finding.detail


@pytest.mark.slow
def test_compiling_is_reported_and_never_required():
    class Untraceable(Sound):
        def forward(self, streams):
            torch._dynamo.graph_break()
            return super().forward(streams)

    found = {head: fb.testing.rules(head)[-1] for head in (Sound, Untraceable)}
    assert found[Sound].state == "passed" and found[Sound].detail == "traced as one graph, the same logits"
    assert found[Untraceable].state == "skipped" and "not traced as one graph" in found[Untraceable].detail


def test_a_head_for_certain_streams_is_tried_on_those():
    class Speech(Sound):
        @classmethod
        def supports(cls, spec, config):
            return None if set(spec.dims) == {"audio", "text"} else "it reads audio and text"

    assert "--stream NAME=WIDTH" in next(iter(broken(Speech).values())).fix
    fb.testing.check(Speech, dims={"audio": 74, "text": 300}, compile=False)


class NearestMean(Sound):
    """Solved for: each class's weight is the mean of its clips; the last batch's, to be short."""

    solved = True

    def __init__(self, spec, config):
        super().__init__(spec, config)
        self.classify.requires_grad_(False)

    def solve(self, train):
        for streams, labels in train:
            self.classify.weight[labels] = fb.masked_mean(self.frames(streams), streams.mask)


def test_a_head_that_is_solved_for_needs_no_gradient():
    found = {finding.rule: finding for finding in fb.testing.rules(NearestMean, compile=False)}
    assert found[PARAMETERS].state == "skipped"
    assert {
        finding.state for rule, finding in found.items() if rule not in (PARAMETERS, EXPLAINED, STEPS)
    } == {"passed"}
    assert found[WEIGHTS].detail == "its solve() takes none: a run that weighs classes leaves it out"


class Weighs(NearestMean):
    """A class's weight is as long as the class is heavy."""

    def solve(self, train, class_weights=None):
        super().solve(train)
        if class_weights is not None:
            self.classify.weight.mul_(class_weights[:, None])


class WeighsNothing(NearestMean):
    """Takes weights and forgets them."""

    def solve(self, train, class_weights=None):
        super().solve(train)


class WeighsOnes(Weighs):
    """Weights of 1 count as 2."""

    def solve(self, train, class_weights=None):
        super().solve(train, None if class_weights is None else class_weights + 1)


class OwnLoss(Sound):
    """A cross-entropy of its own in place of the criterion."""

    def training_loss(self, streams, labels, criterion):
        logits = self(streams)
        return F.cross_entropy(logits, labels), logits


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (WeighsNothing, "leaves what solve() finds as it is"),
        (WeighsOnes, "class_weights of 1 change what solve() finds"),
        (OwnLoss, "leaves the training loss as it is"),
    ],
)
def test_class_weights_that_are_lost_or_made_up_are_told(head, said):
    (finding,) = broken(head).values()
    assert finding.rule == WEIGHTS and said in finding.detail


def test_class_weights_that_are_followed_are_well():
    assert broken(Weighs) == {}
