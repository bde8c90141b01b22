"""The optimizer is torch's AdamW without what only its compiler needs; a fused one is an option."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import nn

from fusionbench.catalog.run_config import TrainingOptions
from fusionbench.learn.front_end import Model, StoredStreams
from fusionbench.learn.optimizer import EagerAdamW, FusedAdamW, make_optimizer, set_learning_rates

SETTINGS = {"lr": 1e-2, "weight_decay": 1e-1}


def trained(make, steps: int = 20) -> tuple[list[torch.Tensor], torch.optim.Optimizer]:
    """A small network after some steps."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(7, 9), nn.Tanh(), nn.Linear(9, 3))
    optimizer = make(network.parameters(), **SETTINGS)
    for _ in range(steps):
        optimizer.zero_grad()
        network(torch.randn(5, 7)).square().mean().backward()
        optimizer.step()
    return [p.detach() for p in network.parameters()], optimizer


def test_digits_and_state_are_those_of_torch():
    ours, mine = trained(EagerAdamW)
    torchs, theirs = trained(torch.optim.AdamW)
    assert all(map(torch.equal, ours, torchs))
    for a, b in zip(mine.state_dict()["state"].values(), theirs.state_dict()["state"].values(), strict=True):
        assert all(torch.equal(a[name], b[name]) for name in ("step", "exp_avg", "exp_avg_sq"))


def test_what_was_saved_goes_on_as_if_nothing_had_happened():
    _, optimizer = trained(EagerAdamW, steps=10)
    fresh = EagerAdamW(optimizer.param_groups[0]["params"], **SETTINGS)
    fresh.load_state_dict(optimizer.state_dict())
    kept = [s["exp_avg"] for s in fresh.state.values()]
    assert all(map(torch.equal, kept, [s["exp_avg"] for s in optimizer.state.values()]))


@pytest.mark.parametrize("name", ["adamw", "adamw_fused"])
@pytest.mark.slow
def test_a_step_does_not_load_the_compiler(name):
    code = f"""
import sys, torch
from fusionbench.learn.optimizer import EagerAdamW, FusedAdamW
weight = torch.nn.Parameter(torch.ones(3))
made = {{"adamw": EagerAdamW, "adamw_fused": FusedAdamW}}[{name!r}]
optimizer = made([weight], fused={name == "adamw_fused"})
weight.sum().backward()
optimizer.step()
optimizer.load_state_dict(optimizer.state_dict())
print("torch._dynamo" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_fused_steps_are_the_same_but_for_rounding():
    fused, _ = trained(lambda *a, **k: FusedAdamW(*a, fused=True, **k))
    plain, _ = trained(EagerAdamW)
    for a, b in zip(fused, plain, strict=True):
        assert torch.allclose(a, b, rtol=1e-5, atol=1e-6)


def test_a_gradient_that_lies_otherwise_in_memory_goes_to_its_own_place():
    """Adam's first step is lr times the sign of the gradient (Kingma & Ba 2015, section 2.1)."""
    weight = nn.Parameter(torch.zeros(2, 3))
    signs = torch.tensor([[1.0, -1.0, 1.0], [1.0, -1.0, -1.0]])
    weight.grad = signs.t().contiguous().t()
    assert weight.grad.stride() == (1, 2)
    FusedAdamW([weight], lr=0.5, weight_decay=0.0, fused=True).step()
    assert torch.allclose(weight.detach(), -0.5 * signs)


def test_the_option_chooses_and_the_rate_follows_the_schedule():
    head = nn.Linear(3, 2)
    model = Model(StoredStreams({"audio": 3}), head, None)
    for name, kind in (("adamw", EagerAdamW), ("adamw_fused", FusedAdamW)):
        options = TrainingOptions(optimizer=name, lr=0.1, epochs=4)
        made = make_optimizer(model, options)
        assert type(made) is kind
        set_learning_rates(made, options, 2)  # half of a cosine
        assert made.param_groups[0]["lr"] == pytest.approx(0.05)
