"""TEMMA, MulT, EST and Former-DFER: the pieces that their authors' code makes unusual."""

from __future__ import annotations

import pytest
import torch
from fusionbench_fusions.est import EST, some_orders
from fusionbench_fusions.former_dfer import FormerDFER
from fusionbench_fusions.mult import Encoder, MulT, causal
from fusionbench_fusions.temma import TEMMA, StreamNorm

import fusionbench as fb
from tests.plugins.test_heads import build, streams


def test_temma_norm_divides_by_the_unbiased_deviation() -> None:
    """On [1, 2, 3, 4]: deviation 1.290994, not torch's 1.118034."""
    y = StreamNorm(1, 4)(torch.tensor([[[[1.0, 2.0, 3.0, 4.0]]]]))
    assert y.flatten().tolist() == pytest.approx([v / 1.290994 for v in (-1.5, -0.5, 0.5, 1.5)], abs=1e-5)


def test_temma_band_of_the_official_windows() -> None:
    """At T = 16, windows 50 and 10: all of the past, nine frames ahead; 235 of 256 pairs."""
    band = build(TEMMA, streams().spec(4)).band(16)
    assert band.sum(dim=(1, 2)).tolist() == [235, 235]
    assert band[0, 0].sum() == 10


def test_temma_streams_may_see_differently_far() -> None:
    band = build(TEMMA, streams().spec(4), past=(1, 3), future=1).band(4)
    assert band[0].equal(torch.eye(4, dtype=torch.bool))
    assert band[1].sum() == 9


def test_temma_never_looks_ahead_in_its_embedding() -> None:
    x = streams(time=8)
    later = fb.Streams({name: v.clone() for name, v in x.items()})
    later["relation"][:, 5] += 1.0
    head = build(TEMMA, x.spec(4))
    moved = (head.embed(later) - head.embed(x)).abs().amax(dim=(0, 1, 3))
    assert (moved > 1e-6).tolist() == [False] * 5 + [True] * 3


def test_temma_mixes_streams_only_within_a_frame() -> None:
    """With windows of one frame and no convolution, a frame's output depends on that frame alone."""
    x = streams(time=4)
    changed = fb.Streams({name: v.clone() for name, v in x.items()})
    changed["relation"][:, 2] += 1.0
    head = build(TEMMA, x.spec(4), embed="spatial", past=1, future=1)
    moved = (head.encode(changed) - head.encode(x)).abs().amax(dim=-1)
    assert (moved > 1e-6)[0].tolist() == [False, False, True, False]


def test_mult_mask_between_sequences_of_unequal_length() -> None:
    long_to_short, short_to_long = causal(12, 7, torch.device("cpu")), causal(7, 12, torch.device("cpu"))
    assert long_to_short.sum(dim=1).tolist() == [6] + [7] * 11
    assert short_to_long.sum(dim=1).tolist() == [6, 7, 8, 9, 10, 11, 12]


def test_mult_reads_the_last_real_step() -> None:
    x = streams(time=5, batch=1)
    head = build(MulT, x.spec(4))
    first_three = fb.Streams({name: v[:, :3] for name, v in x.items()})
    masked = fb.Streams(dict(x.items()), torch.tensor([[True, True, True, False, False]]))
    torch.testing.assert_close(head(masked), head(first_three))
    assert (head(x) - head(first_three)).abs().max() > 1e-4


def test_mult_official_gives_no_position_to_a_step_that_starts_with_zero() -> None:
    x = torch.randn(1, 4, 6)
    x[0, 2, 0] = 0.0
    plain, quirky = (Encoder(6, 1, MulT.Config(dim=6, heads=2, official=o)).eval() for o in (False, True))
    difference = plain.embed(x) - quirky.embed(x)
    torch.testing.assert_close(difference[0, 2], fb.fairseq_sinusoid(4, 6)[3])
    assert not difference[0, [0, 1, 3]].any()


def test_mult_source_is_never_updated_and_dropped_twice() -> None:
    """In training, key and value are dropped independently: values may be kept where keys are not."""
    torch.manual_seed(0)
    encoder = Encoder(6, 1, MulT.Config(dim=6, heads=2, embedding_dropout=0.5)).train()
    seen: list[tuple[torch.Tensor, ...]] = []
    encoder.layers[0].register_forward_pre_hook(lambda module, args: seen.append(args))
    encoder(torch.ones(1, 9, 6), torch.ones(1, 9, 6), torch.ones(1, 9, dtype=torch.bool).unsqueeze(1))
    _, key, value, _ = seen[0]
    assert not (key == 0).equal(value == 0)


def test_mult_crosses_any_number_of_streams() -> None:
    x = streams(a=6, b=30, c=3)
    head = build(MulT, x.spec(4), layers=1)
    assert [len(encoders) for encoders in head.cross] == [2, 2, 2]
    assert head.proj1.in_features == 3 * 2 * 30
    assert head(x).shape == (3, 4)


def test_est_takes_the_frames_as_they_are_when_their_number_fits() -> None:
    """16 frames are 4 snippets of 4; 8 frames are each seen twice; 1 frame fills all."""
    head = build(EST, fb.StreamSpec({"cnn": 8}, 4, 16), dim=8, heads=2, ffn=8)
    head.describe = lambda frames: frames  # what reaches the snippets
    x = torch.arange(16.0).view(1, 16, 1).expand(1, 16, 8)
    assert head.snippets(fb.Streams({"cnn": x}))[0, ..., 0].flatten().tolist() == list(range(16))
    eight = fb.Streams({"cnn": x}, torch.arange(16)[None] < 8)
    assert head.snippets(eight)[0, ..., 0].flatten().tolist() == [i // 2 for i in range(16)]
    assert not head.snippets(fb.Streams({"cnn": x}, torch.arange(16)[None] < 1)).any()


def test_est_order_task_trains_the_query_but_not_the_snippets() -> None:
    head = build(EST, fb.StreamSpec({"cnn": 8}, 4, 16), dim=8, heads=2, ffn=8)
    snippets = torch.randn(3, 4, 8, requires_grad=True)
    feature = torch.randn(3, 8, requires_grad=True)
    head.order_logits(snippets, feature).sum().backward()
    assert snippets.grad is None
    assert feature.grad is not None


def test_est_loss_is_the_clips_loss_plus_a_share_of_the_order_tasks() -> None:
    x = streams(cnn=8)
    labels = torch.tensor([0, 1, 2])
    head = build(EST, x.spec(4), dim=8, heads=2, ffn=8, order_weight=0.0)
    torch.manual_seed(5)
    loss, logits = head.training_loss(x, labels, torch.nn.functional.cross_entropy)
    assert loss.item() == pytest.approx(torch.nn.functional.cross_entropy(logits, labels).item())
    weighted = build(EST, x.spec(4), dim=8, heads=2, ffn=8, order_weight=1.0)
    torch.manual_seed(5)
    more, _ = weighted.training_loss(x, labels, torch.nn.functional.cross_entropy)
    assert more > loss


def test_est_orders_are_permutations_and_begin_with_the_true_one() -> None:
    orders = some_orders(7, 10)
    assert orders.shape == (10, 7)
    assert orders[0].tolist() == list(range(7))
    assert orders.sort(dim=1).values.equal(torch.arange(7).expand(10, 7))
    assert len({tuple(order.tolist()) for order in orders}) == 10


def test_former_dfer_says_when_a_clip_is_too_long() -> None:
    head = build(FormerDFER, streams(time=4).spec(4), dim=16, heads=2, head_dim=8)
    with pytest.raises(fb.NotSupported, match="it has 4 and got 6 frames"):
        head(streams(time=6))
