"""Late fusion: probabilities are averaged, and the weights come from where they should."""

from __future__ import annotations

import pytest
import torch
from fusionbench_fusions.late import Late, tenths
from torch.nn import functional as F

import fusionbench as fb
from tests.plugins.test_heads import build, streams


def test_the_logits_are_the_log_of_the_mean_probability() -> None:
    x = streams()
    head = build(Late, x.spec(4), weights=(1, 3))
    p = head.scores(x).softmax(dim=-1)
    torch.testing.assert_close(head(x).exp(), 0.25 * p[0] + 0.75 * p[1])
    torch.testing.assert_close(head(x).softmax(dim=-1), head(x).exp())


def test_cross_entropy_on_them_is_the_likelihood_of_the_mean() -> None:
    x, labels = streams(), torch.tensor([2, 0, 1])
    head = build(Late, x.spec(4))
    p = head.scores(x).softmax(dim=-1).mean(dim=0)
    expected = -p[torch.arange(3), labels].log().mean()
    torch.testing.assert_close(F.cross_entropy(head(x), labels), expected)


def test_each_stream_learns_from_its_own_loss() -> None:
    x, labels = streams(), torch.tensor([2, 0, 1])
    head = build(Late, x.spec(4))
    loss, _ = head.training_loss(x, labels, F.cross_entropy)
    torch.testing.assert_close(loss, sum(F.cross_entropy(s, labels) for s in head.scores(x)))


def test_learned_weights_follow_the_combined_output_and_move_nothing_else() -> None:
    x, labels = streams(), torch.tensor([2, 0, 1])
    learned, fixed = build(Late, x.spec(4), weighting="learned"), build(Late, x.spec(4))
    for head in (learned, fixed):
        head.training_loss(x, labels, F.cross_entropy)[0].backward()
    assert learned.log_weights.grad.abs().max() > 0
    torch.testing.assert_close(learned.classify[0].weight.grad, fixed.classify[0].weight.grad)


def informative(stream: int, clips: int = 12) -> tuple[fb.Streams, torch.Tensor]:
    """Clips whose class only one stream knows; the other one misleads."""
    labels = torch.arange(clips) % 3
    right, wrong = 4 * F.one_hot(labels, 3).float(), 4 * F.one_hot((labels + 1) % 3, 3).float()
    x = [right, wrong] if stream == 0 else [wrong, right]
    return fb.Streams({n: v.unsqueeze(1) for n, v in zip("ab", x, strict=True)}), labels


@pytest.mark.parametrize("stream", [0, 1])
def test_the_grid_finds_the_stream_that_knows(stream: int) -> None:
    x, labels = informative(stream)
    head = build(Late, x.spec(3), weighting="grid")
    for linear in head.classify:
        torch.nn.init.eye_(linear.weight)
    assert (head(x).argmax(dim=-1) == labels).float().mean() < 1
    head.calibrate([(x, labels)])
    assert (head(x).argmax(dim=-1) == labels).all()
    assert head.log_weights.exp()[stream] > head.log_weights.exp()[1 - stream]
    again = build(Late, x.spec(3), weighting="grid")
    again.load_state_dict(head.state_dict())
    assert again(x).equal(head(x))  # what was found is saved with the weights


def test_only_the_grid_looks_at_the_selection_split() -> None:
    x, labels = informative(0)
    head = build(Late, x.spec(3))
    before = head.log_weights.clone()
    head.calibrate([(x, labels)])
    assert head.log_weights.equal(before)


def test_the_grid_holds_every_split_of_ten_tenths() -> None:
    assert list(tenths(2, 10)) == [(i, 10 - i) for i in range(11)]
    three = list(tenths(3, 10))
    assert len(three) == len(set(three)) == 66
    assert {sum(weights) for weights in three} == {10}
