"""What a head does with its streams, their names and their graphs: planted faults are named."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import nn

import fusionbench as fb
from tests.contract.checks.sound import ANY_NAME, NO_GRAPH, TRAINS, UNTOUCHED, Sound, broken


class InPlace(Sound):
    """Scales what it is given where it lies."""

    def frames(self, streams):
        for x in streams.values():
            x *= 2
        return super().frames(streams)


class InPlaceInTraining(Sound):
    """Drops frames of the batch itself, in training only."""

    def training_loss(self, streams, labels, criterion):
        streams["relation" if "relation" in streams else "appearance"][:, 0] = 0
        return super().training_loss(streams, labels, criterion)


class GraphKept(Sound):
    """Keeps the last batch's logits in a list, for nobody."""

    def forward(self, streams):
        logits = super().forward(streams)
        self.seen = {"last": [logits]}
        return logits


class GraphUsedAgain(Sound):
    """Adds what it said of the batch before."""

    before = None

    def forward(self, streams):
        logits = super().forward(streams)
        if self.training:
            logits = logits + (0 if self.before is None else self.before.mean())
            self.before = logits
        return logits


class NamesAsKeys(Sound):
    """A module dictionary by the streams' names."""

    def __init__(self, spec, config):
        super().__init__(spec, config)
        self.each = nn.ModuleDict({name: nn.Linear(dim, dim) for name, dim in spec.dims.items()})

    def frames(self, streams):
        return torch.cat([self.each[name](x) for name, x in streams.items()], dim=-1)


class NamesAsAttributes(Sound):
    """Modules as attributes that are called as the streams are."""

    def __init__(self, spec, config):
        super().__init__(spec, config)
        for name, dim in spec.dims.items():
            setattr(self, name, nn.Linear(dim, dim))

    def frames(self, streams):
        return torch.cat([getattr(self, name)(x) for name, x in streams.items()], dim=-1)


class NamesAsBuffers(Sound):
    """Buffers that are called as the streams are."""

    def __init__(self, spec, config):
        super().__init__(spec, config)
        for name, dim in spec.dims.items():
            self.register_buffer(name, torch.ones(dim))


class WeightNormed(Sound):
    """Torch's own weight norm keeps a computed tensor, which is no fault of the head's."""

    def __init__(self, spec, config):
        super().__init__(spec, config)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            nn.utils.weight_norm(self.classify)


@pytest.mark.parametrize(
    ("head", "rules", "said"),
    [
        (InPlace, {UNTOUCHED}, "forward() changed stream 'appearance' of two streams of unequal width in"),
        (InPlaceInTraining, {UNTOUCHED}, "training_loss() changed stream 'relation'"),
        (GraphKept, {NO_GRAPH}, "seen keeps the graph of a batch"),
        (GraphUsedAgain, {TRAINS}, "backward through the graph a second time"),
        (NamesAsKeys, {ANY_NAME}, "attribute 'keys' already exists"),
        (NamesAsAttributes, {ANY_NAME}, "raised"),
        (NamesAsBuffers, {ANY_NAME}, "attribute 'type' already exists"),
    ],
)
def test_a_planted_fault_is_named(head, rules, said):
    found = broken(head)
    assert set(found) == rules
    assert said in " ".join(finding.detail for finding in found.values())


@pytest.mark.parametrize(
    ("head", "fix"),
    [
        (InPlace, "write x = x + y where x += y"),
        (GraphKept, "detach() what is kept"),
        (GraphUsedAgain, "detach() what is kept from one batch for the next"),
        (NamesAsKeys, "keep one module a stream in an nn.ModuleList, in the order of spec.dims"),
        (NamesAsAttributes, "keep one module a stream in an nn.ModuleList, in the order of spec.dims"),
    ],
)
def test_the_likely_fix_is_that_of_the_fault(head, fix):
    first = next(iter(broken(head).values()))
    assert fix in first.fix


def test_what_torch_itself_computes_is_no_fault():
    assert broken(WeightNormed) == {}


def test_a_change_in_place_is_told_with_its_line():
    assert "in place (test_head_inputs.py, line " in broken(InPlace)[UNTOUCHED].detail


def test_a_head_of_certain_names_need_take_no_others():
    class Speech(Sound):
        @classmethod
        def supports(cls, spec, config):
            return None if set(spec.dims) == {"audio", "text"} else "it reads audio and text"

    dims = {"audio": 74, "text": 300}
    found = {f.rule: f for f in fb.testing.rules(Speech, dims=dims, compile=False)}
    assert found[ANY_NAME].state == "skipped"
    assert found[ANY_NAME].detail == "supports() takes certain names only: it reads audio and text"
