"""``fb.testing``: how the kit is asked, and how it answers."""

from __future__ import annotations

import subprocess
import sys

import pytest
from torch import nn

import fusionbench as fb


class Faulty(fb.FusionHead):
    """Averages the padding too, and has a layer that nothing uses."""

    name = "faulty"

    class Config(fb.Config):
        hidden: int

    def __init__(self, spec, config):
        super().__init__()
        self.classify = nn.Linear(next(iter(spec.dims.values())), spec.classes)
        self.idle = nn.Linear(config.hidden, 1)

    @classmethod
    def reads(cls, spec, config):
        return tuple(spec.dims)[:1]

    def forward(self, streams):
        return self.classify(next(iter(streams.values())).mean(dim=1))


def test_every_broken_rule_is_told_at_once_with_its_fix():
    with pytest.raises(AssertionError) as told:
        fb.testing.check(Faulty, Faulty.Config(hidden=3), compile=False)
    message = str(told.value)
    assert message.startswith("Faulty breaks 3 of 19 rules:")
    assert "- gradients reach every parameter\n    2 parameter(s) get no gradient" in message
    assert "- padded frames never change the logits" in message
    assert "likely fix: pool with fb.masked_mean" in message


def test_options_without_defaults_are_asked_for():
    with pytest.raises(fb.UserError, match=r"Give config=Faulty\.Config\(hidden=\.\.\.\)"):
        fb.testing.check(Faulty)


def test_only_the_five_roles_have_rules():
    with pytest.raises(fb.UserError, match="fills none of the five roles"):
        fb.testing.check(nn.Linear)


def test_a_dataset_is_judged_on_files():
    with pytest.raises(fb.UserError, match="give root=FOLDER"):
        fb.testing.check(type("Photos", (fb.Dataset,), {"name": "photos"}))


def test_a_findings_random_numbers_leave_the_generator_alone():
    import torch

    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    fb.testing.rules(Faulty, Faulty.Config(hidden=3), compile=False)
    assert torch.equal(torch.rand(1), expected)


def test_the_kit_is_imported_when_it_is_asked_for():
    code = (
        "import sys, fusionbench as fb; assert 'torch' not in sys.modules; "
        "assert 'testing' in dir(fb); print(fb.testing.__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "fusionbench.contract.testing"
