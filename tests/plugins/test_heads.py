"""The sizes of the built-in heads, and what order, padding and stream mean to each."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from fusionbench_fusions.arpg import ARPG
from fusionbench_fusions.cmha import CMHA
from fusionbench_fusions.concat import Concat
from fusionbench_fusions.concat_mlp import ConcatMLP
from fusionbench_fusions.est import EST
from fusionbench_fusions.former_dfer import FormerDFER
from fusionbench_fusions.late import Late
from fusionbench_fusions.mult import MulT
from fusionbench_fusions.multi_attention import MultiAttention
from fusionbench_fusions.recurrent import BLSTM, GRU
from fusionbench_fusions.single import Single
from fusionbench_fusions.temma import TEMMA

import fusionbench as fb

PAPER = fb.StreamSpec({"appearance": 512, "relation": 512}, classes=7, max_time=16)
CNN = fb.StreamSpec({"cnn": 512}, classes=7, max_time=16)


def build(head: type[fb.FusionHead], spec: fb.StreamSpec = PAPER, **options: Any) -> Any:
    """A head in evaluation mode, its weights drawn from a fixed seed."""
    torch.manual_seed(0)
    config = head.Config(**options)
    assert head.supports(spec, config) is None
    return head(spec, config).eval()


def streams(time: int = 6, batch: int = 3, seed: int = 1, **dims: int) -> fb.Streams:
    """Random streams, 8 channels each unless said otherwise."""
    generator = torch.Generator().manual_seed(seed)
    sizes = dims or {"appearance": 8, "relation": 8}
    return fb.Streams({n: torch.randn(batch, time, d, generator=generator) for n, d in sizes.items()})


@pytest.mark.parametrize(
    ("head", "options", "parameters"),
    [
        (ARPG, {}, 1_581_575),
        (ARPG, {"hidden": 256}, 1_053_184 + 264_199),
        (BLSTM, {}, 2_625_536 + 3_591),
        (BLSTM, {"bidirectional": False}, 1_312_768 + 1_799),
        (CMHA, {}, 2 * 3_152_384 + 3_591),
        (Concat, {}, 528_391),
        (Concat, {"classifier": "linear"}, 7_175),
        (ConcatMLP, {}, 528_391),
        (GRU, {}, 3 * (256 * (1024 + 256) + 2 * 256) + 1_799),
        (Late, {}, 7_182),
        (Late, {"weighting": "learned"}, 7_184),
        (MulT, {}, 262_507),
        (MulT, {"dim": 40, "heads": 8, "layers": 4}, 370_327),
        (MulT, {"dim": 128, "heads": 4, "layers": 4}, 3_437_831),
        (MultiAttention, {}, 200_967),
        (MultiAttention, {"combine": "concat"}, 204_551),
        (Single, {}, 512 * 512 + 512 + 3_591),
        (TEMMA, {}, 3_038_983),
    ],
)
def test_parameters_at_the_papers_sizes(
    head: type[fb.FusionHead], options: dict[str, Any], parameters: int
) -> None:
    assert sum(weight.numel() for weight in build(head, **options).parameters()) == parameters


@pytest.mark.slow
@pytest.mark.parametrize(
    ("head", "options", "spec", "parameters"),
    [
        (TEMMA, {"dim": 512, "heads": 8, "ffn": 1024}, PAPER, 41_515_015),
        # The authors' code makes a projection even where the width fits, and never uses it.
        (MulT, {"dim": 512, "heads": 8, "layers": 4}, PAPER, 53_072_903 - 2 * 512 * 512),
        # EST's published total counts its fixed table of 7 positions among the parameters.
        (EST, {"snippets": 7, "frames": 5}, CNN, 31_602_833 - 7 * 512),
        (FormerDFER, {}, CNN, 6_312_960 + 3_591),
    ],
)
def test_parameters_of_the_large_ones(
    head: type[fb.FusionHead], options: dict[str, Any], spec: fb.StreamSpec, parameters: int
) -> None:
    assert sum(weight.numel() for weight in build(head, spec, **options).parameters()) == parameters


@pytest.mark.parametrize("head", [Concat, ConcatMLP, Late, MultiAttention, Single])
def test_heads_without_positions_are_blind_to_order(head: type[fb.FusionHead]) -> None:
    given = streams()
    shuffled = fb.Streams({name: x[:, [3, 0, 5, 1, 4, 2]] for name, x in given.items()})
    built = build(head, given.spec(4))
    torch.testing.assert_close(built(shuffled), built(given))


@pytest.mark.parametrize("head", [ARPG, BLSTM, GRU, MulT, TEMMA, FormerDFER])
def test_heads_with_positions_are_not(head: type[fb.FusionHead]) -> None:
    given = streams()
    backwards = fb.Streams({name: x.flip(1) for name, x in given.items()})
    built = build(head, given.spec(4))
    assert (built(backwards) - built(given)).abs().max() > 1e-3


@pytest.mark.parametrize("head", [Concat, ConcatMLP])
def test_concatenation_by_hand(head: type[fb.FusionHead]) -> None:
    """Averaging before or after the classifier differs only by the classifier's non-linearity."""
    given = streams()
    built = build(head, given.spec(4))
    side_by_side = torch.cat([given["appearance"], given["relation"]], dim=-1)
    expected = {
        Concat: lambda: built.classify(side_by_side.mean(dim=1)),
        ConcatMLP: lambda: built.classify(side_by_side).mean(dim=1),
    }
    torch.testing.assert_close(built(given), expected[head]())


@pytest.mark.parametrize("head", [BLSTM, GRU])
def test_recurrent_heads_read_each_clip_to_its_own_end(head: type[fb.FusionHead]) -> None:
    """Against torch's own cell, run on one clip without padding."""
    given = streams(batch=1, time=4)
    built = build(head, given.spec(4), bidirectional=True)
    y, _ = built.read(torch.cat(list(given.values()), dim=-1))
    h = built.read.hidden_size
    last = torch.cat([y[:, -1, :h], y[:, 0, h:]], dim=-1)  # last forward, first backward
    torch.testing.assert_close(built(given), built.classify(last))
    padded = fb.Streams(
        {name: torch.nn.functional.pad(x, (0, 0, 0, 3), value=7.0) for name, x in given.items()},
        torch.arange(7)[None] < 4,
    )
    torch.testing.assert_close(built(padded), built(given))


def test_single_reads_the_stream_it_is_told() -> None:
    given = streams(appearance=8, relation=5)
    spec = given.spec(4)
    assert Single.reads(spec, Single.Config()) == ("appearance",)
    told = build(Single, spec, stream="relation")
    other = fb.Streams({"appearance": given["appearance"] + 1, "relation": given["relation"]})
    assert told(other).equal(told(given))
    why = Single.supports(spec, Single.Config(stream="audio"))
    assert why == "there is no stream 'audio'; the data have appearance, relation"


@pytest.mark.parametrize(
    ("head", "options", "dims", "why"),
    [
        (MulT, {}, {"face": 8}, "two or more streams"),
        (MulT, {"heads": 7}, {"a": 8, "b": 8}, "does not divide"),
        (TEMMA, {"stream_heads": 3}, {"a": 8, "b": 8}, "stream_heads=3 does not divide dim=128"),
        (TEMMA, {"past": (5, 6, 7)}, {"a": 8, "b": 8}, "for 2 streams"),
        (CMHA, {}, {"a": 12, "b": 3}, "set fusion.width"),
        (EST, {"snippets": 3}, {"a": 8}, "fewer than orders=10"),
        (EST, {"heads": 3}, {"a": 8}, "does not divide"),
        (Late, {"weights": (0.3, 0.3, 0.4)}, {"a": 8, "b": 8}, "for 2 streams"),
        (Late, {"weights": (0.0, 0.0)}, {"a": 8, "b": 8}, "nothing to weigh"),
    ],
)
def test_what_does_not_fit_says_why(
    head: type[fb.FusionHead], options: dict[str, Any], dims: dict[str, int], why: str
) -> None:
    assert why in (head.supports(fb.StreamSpec(dims, 7, 16), head.Config(**options)) or "")


def test_multi_attention_explains_itself() -> None:
    """Moments sum to one within a stream, streams to one within a clip; padding gets nothing."""
    mask = torch.arange(6) < torch.tensor([[6], [4], [1]])
    given = fb.Streams(dict(streams().items()), mask)
    found = build(MultiAttention, given.spec(4)).explain(given)
    axes, alpha = found["intra-modal"]
    assert axes == ("batch", "stream", "time")
    assert alpha.sum(axis=-1) == pytest.approx(1.0)
    assert not alpha[1, :, 4:].any()
    assert found["inter-modal"][1].sum(axis=-1) == pytest.approx(1.0)


SMALL = {
    ARPG: {"layers": 2, "trs": None},
    CMHA: {"ffn": 16},
    EST: {"dim": 16, "ffn": 16, "layers": 2, "snippets": 2, "orders": 2},
    FormerDFER: {"dim": 16, "ffn": 16, "layers": 2, "heads": 2, "head_dim": 8},
    MulT: {"dim": 10, "layers": 2},
    MultiAttention: {},
    TEMMA: {"dim": 16, "ffn": 16, "blocks": 2},
}
NAMED = {
    ARPG: ["layer 1", "layer 2"],
    CMHA: ["block 1, audio reads pose", "block 2, text reads block 1", "block 3, pose reads block 2"],
    EST: ["within snippets", "layer 1, query", "layer 2, query"],
    FormerDFER: ["layer 1", "layer 2"],
    MulT: [
        f"layer {layer}, {target} reads {source}" if source else f"layer {layer}, memory of {target}"
        for target, sources in (
            ("audio", ("text", "pose")), ("text", ("audio", "pose")), ("pose", ("audio", "text")),
        )
        for source in (*sources, "")
        for layer in ((1, 2) if source else (1, 2, 3))
    ],
    MultiAttention: ["intra-modal", "inter-modal"],
    TEMMA: [
        f"layer {layer}, {what}" for layer in (1, 2) for what in ("across streams", "over time")
    ],
}  # fmt: skip
SOURCES = ("source", "token and sources", "source stream", "snippet", "time", "stream")
"""axes that are read, the first of them that an array has"""


@pytest.mark.parametrize("head", SMALL)
def test_heads_with_attention_show_whom_each_frame_reads(head: type[fb.FusionHead]) -> None:
    """What a target reads sums to one; padding is not read; looking does not change what is said."""
    mask = torch.arange(6) < torch.tensor([[6], [4], [1]])
    given = fb.Streams(dict(streams(audio=8, text=8, pose=8).items()), mask)
    made = build(head, given.spec(4), **SMALL[head])
    before = made(given)
    found = made.explain(given)
    assert list(found) == NAMED[head]
    assert torch.equal(made(given), before)
    for name, (axes, weights) in found.items():
        assert axes[0] == "batch" and weights.shape[0] == 3, name
        read = next(axes.index(axis) for axis in SOURCES if axis in axes)
        total = weights.sum(axis=read)
        assert total == pytest.approx(1.0, abs=1e-5), name
        padded = {6: [4, 5], 7: [5, 6], 18: [4, 5, 10, 11, 16, 17]}  # frames; a token first; nodes
        if weights.shape[read] in padded:
            unread = padded[weights.shape[read]]
            assert not weights.take(unread, axis=read)[1].any(), f"{name}: a padded frame is read"


def test_what_is_shown_is_what_the_logits_are_made_of() -> None:
    """The first block of CMHA by hand: softmax of q k / sqrt(d), over the frames of the last stream."""
    given = streams(audio=8, pose=8)
    made = build(CMHA, given.spec(4), heads=1, ffn=16)
    block, (_, weights) = made.blocks[0], made.explain(given)["block 1, audio reads pose"]
    scores = block.q(given["audio"]) @ block.k(given["pose"]).transpose(1, 2) / 8**0.5
    torch.testing.assert_close(torch.as_tensor(weights)[:, 0], scores.softmax(-1))
