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
