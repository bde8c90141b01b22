"""Every kernel computes the same function, its gradients included; what the function is, by hand."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import Tensor

import fusionbench as fb
from fusionbench.nn.kernels import KERNELS, choose

FAST = sorted(set(KERNELS) - {"pyg"})


def layer(kernel: str = "auto", in_dim: int = 5, out_dim: int = 7, heads: int = 3, slope: float = 0.01):
    """A layer in double precision, the same weights for every kernel."""
    torch.manual_seed(3)
    built = fb.GraphAttention(in_dim, out_dim, heads, slope, kernel=kernel).double()
    torch.nn.init.normal_(built.bias)
    return built


def clips(batch: int, graph: fb.ParallelGraph, dim: int = 5, seed: int = 0) -> Tensor:
    """Random nodes ``(batch, nodes, dim)``."""
    return torch.randn(
        batch, graph.nodes, dim, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)
    )


def everything(built: fb.GraphAttention, x: Tensor, graph, mask: Tensor | None = None) -> list[Tensor]:
    """Output at real nodes, and the gradients of x and of every weight."""
    x = x.clone().requires_grad_()
    y = built(x, graph, mask)
    if mask is not None:
        y = y * mask.unsqueeze(-1)
    (y * torch.linspace(-1, 1, y.numel(), dtype=y.dtype).view_as(y)).sum().backward()
    return [y.detach(), x.grad, *(weight.grad for weight in built.parameters())]


@pytest.mark.parametrize("kernel", ["aggregate", "band", "sorted"])
@settings(deadline=None, max_examples=25)
@given(
    time=st.integers(1, 70),
    streams=st.integers(1, 3),
    trs=st.integers(0, 30),
    slope=st.sampled_from([0.0, 0.01, 0.2, 1.0]),
    shortest=st.integers(1, 70),
    seed=st.integers(0, 99),
)
def test_kernels_agree_with_the_dense_sum(
    kernel: str, time: int, streams: int, trs: int, slope: float, shortest: int, seed: int
) -> None:
    graph = fb.ParallelGraph(time, None if kernel == "sorted" else trs, streams)
    lengths = torch.tensor([time, min(shortest, time)])
    mask = (torch.arange(time) < lengths[:, None]).repeat(1, streams)
    x = clips(2, graph, seed=seed)
    ours = everything(layer(kernel, slope=slope), x, graph, mask)
    dense = everything(layer("dense", slope=slope), x, graph, mask)
    for got, expected in zip(ours, dense, strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")  # PyG's own, at its first import
@pytest.mark.parametrize("kernel", FAST)
@pytest.mark.parametrize("masked", [False, True])
def test_kernels_agree_with_pytorch_geometric(kernel: str, masked: bool) -> None:
    graph = fb.ParallelGraph(40, None if kernel == "sorted" else 4)
    mask = (torch.arange(40) < torch.tensor([[40], [23]])).repeat(1, 2) if masked else None
    x = clips(2, graph)
    ours, reference = everything(layer(kernel), x, graph, mask), everything(layer("pyg"), x, graph, mask)
    for got, expected in zip(ours, reference, strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kernel", FAST)
def test_gradients_by_finite_differences(kernel: str) -> None:
    graph = fb.ParallelGraph(4, None if kernel == "sorted" else 1)
    built = layer(kernel, in_dim=2, out_dim=2, heads=2, slope=0.2)
    torch.autograd.gradcheck(lambda x: built(x, graph), clips(1, graph, dim=2).requires_grad_())


@pytest.mark.parametrize("kernel", FAST)
def test_scores_far_apart_neither_overflow_nor_vanish(kernel: str) -> None:
    """exp(1000) does not exist in float32; attention between such scores does."""
    graph = fb.ParallelGraph(30, None if kernel == "sorted" else 2)
    x = 1000 * clips(1, graph).float()
    y = layer(kernel).float()(x, graph)
    torch.testing.assert_close(y.double(), layer("dense")(x.double(), graph), rtol=1e-4, atol=0.05)


@pytest.mark.parametrize("kernel", FAST)
def test_padded_nodes_are_never_read(kernel: str) -> None:
    graph = fb.ParallelGraph(20, None if kernel == "sorted" else 3)
    mask = (torch.arange(20) < 11).repeat(1, 2)
    x, built = clips(1, graph), layer(kernel)
    dirty = x.masked_fill(~mask.unsqueeze(-1), math.nan)
    assert built(dirty, graph, mask)[mask].equal(built(x, graph, mask)[mask])


def test_a_node_with_one_neighbour_returns_its_projection() -> None:
    built = layer()
    x = torch.randn(1, 4, 5, dtype=torch.float64)
    alone = built(x, torch.eye(4, dtype=torch.bool))
    z = built.lin(x).unflatten(-1, (3, 7)).mean(dim=-2)
    torch.testing.assert_close(alone, z + built.bias)


def test_a_node_without_any_gets_the_bias() -> None:
    built = layer()
    y = built(torch.randn(1, 4, 5, dtype=torch.float64), torch.zeros(4, 4, dtype=torch.bool))
    assert y.equal(built.bias.expand(1, 4, 7))


def test_attention_sums_to_one_over_the_sources_of_a_target() -> None:
    graph = fb.ParallelGraph(6, 1)
    attention = layer().attention(clips(2, graph), graph)
    assert attention.shape == (2, 3, 12, 12)
    torch.testing.assert_close(attention.sum(dim=-1), torch.ones(2, 3, 12, dtype=torch.float64))
    assert not attention[:, :, ~graph.adjacency()].any()


def test_by_hand() -> None:
    """Two nodes, W = 1, att = 1: node 0 weighs itself e^2 and node 1 e^(slope * -1)."""
    built = fb.GraphAttention(1, 1, heads=1, slope=0.5, bias=False).double()
    for weight in built.parameters():
        torch.nn.init.ones_(weight)
    x = torch.tensor([[[1.0], [-2.0]]], dtype=torch.float64)
    own, other = math.exp(2.0), math.exp(0.5 * (1 - 2))
    y = built(x, torch.ones(2, 2, dtype=torch.bool))
    assert y[0, 0, 0].item() == pytest.approx((own * 1 + other * -2) / (own + other))


def test_heads_are_averaged() -> None:
    graph, built = fb.ParallelGraph(5, 1), layer()
    x = clips(2, graph)
    torch.testing.assert_close(built.by_head(x, graph).mean(dim=1), built(x, graph))


def test_permuting_the_batch_permutes_the_output() -> None:
    graph, built = fb.ParallelGraph(6, 2), layer()
    x = clips(4, graph)
    order = torch.tensor([2, 0, 3, 1])
    torch.testing.assert_close(built(x[order], graph), built(x, graph)[order])


@pytest.mark.parametrize(
    ("heads", "parameters"), [(1, 263_680), (2, 526_848), (4, 1_053_184), (8, 2_105_856)]
)
def test_parameters_of_one_layer(heads: int, parameters: int) -> None:
    assert sum(w.numel() for w in fb.GraphAttention(512, 512, heads).parameters()) == parameters


def test_state_dict_keys_are_those_of_gatconv() -> None:
    shapes = {key: tuple(value.shape) for key, value in layer().state_dict().items()}
    assert shapes == {"att_src": (1, 3, 7), "att_dst": (1, 3, 7), "bias": (7,), "lin.weight": (21, 5)}


@pytest.mark.parametrize(
    ("graph", "in_dim", "kernel"),
    [
        (fb.ParallelGraph(16, 3), 512, "aggregate"),
        (fb.ParallelGraph(16, None), 512, "aggregate"),
        (fb.ParallelGraph(48, 4), 512, "aggregate"),
        (fb.ParallelGraph(48, 4), 1024, "dense"),
        (fb.ParallelGraph(64, 4), 512, "band"),
        (fb.ParallelGraph(4096, 4), 512, "band"),
        (fb.ParallelGraph(4096, None), 512, "sorted"),
        (fb.ParallelGraph(100, 90), 512, "aggregate"),
        (fb.region_graph(6), 256, "aggregate"),
        (fb.region_graph(6), 1024, "dense"),
    ],
)
def test_the_shape_chooses_the_kernel(graph, in_dim: int, kernel: str) -> None:
    x = torch.zeros(1, 1, in_dim, requires_grad=True)
    assert choose(x, fb.GraphAttention(in_dim, 512).weights(), graph) == kernel


@pytest.mark.slow
@pytest.mark.parametrize("trs", [4, None])
def test_a_sequence_of_4096_frames_trains_in_little_memory(trs: int | None) -> None:
    """All pairs of 8192 nodes and 2 heads would take 537 MB; no tensor on the way is even 10 MB."""
    graph, built = fb.ParallelGraph(4096, trs), fb.GraphAttention(16, 16, heads=2)
    x = torch.randn(1, graph.nodes, 16, requires_grad=True)
    with torch.profiler.profile(profile_memory=True) as profile:
        built(x, graph).sum().backward()
    largest = max(event.self_cpu_memory_usage for event in profile.events())
    assert largest < 10e6
    assert x.grad is not None and x.grad.isfinite().all()


@pytest.mark.parametrize(
    ("options", "message"), [({"kernel": "fast"}, "no kernel"), ({"slope": -1.0}, "slope")]
)
def test_wrong_options_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fb.GraphAttention(2, 2, **options)


@pytest.mark.parametrize("kernel", ["band", "sorted"])
def test_a_kernel_refuses_a_graph_it_is_not_for(kernel: str) -> None:
    with pytest.raises(ValueError, match="ParallelGraph"):
        layer(kernel)(torch.zeros(1, 4, 5, dtype=torch.float64), torch.ones(4, 4, dtype=torch.bool))


@pytest.mark.parametrize("kernel", FAST)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_autocast_changes_digits_only(kernel: str, dtype: torch.dtype) -> None:
    """In autocast to bfloat16, streams of either kind give what float32 gives, to bfloat16's digits."""
    graph = fb.ParallelGraph(40, None if kernel == "sorted" else 4)
    built = layer(kernel).float()
    x = clips(2, graph).float()
    exact = everything(built, x, graph)
    built.zero_grad()
    with torch.autocast("cpu", torch.bfloat16):
        rounded = everything(built, x.to(dtype), graph)
    assert rounded[0].dtype == torch.float32
    for got, expected in zip(rounded, exact, strict=True):
        torch.testing.assert_close(got.float(), expected, rtol=0.05, atol=0.05 * expected.abs().max().item())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")  # the compiler's own
@pytest.mark.parametrize("kernel", FAST)
def test_compiled_it_is_the_same(kernel: str) -> None:
    graph = fb.ParallelGraph(40, None if kernel == "sorted" else 4)
    built, x = layer(kernel), clips(2, graph)
    expected = everything(built, x, graph)
    built.zero_grad()
    compiled = torch.compile(built, backend="aot_eager")
    for got, wanted in zip(everything(compiled, x, graph), expected, strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-9, atol=1e-9)


def test_training_several_layers_at_once_under_vmap() -> None:
    """Seeds of a head may be trained side by side: the kernels of short clips are plain torch code."""
    graph, built = fb.ParallelGraph(8, 2), [layer(), layer()]
    x = clips(2, graph)
    params, _ = torch.func.stack_module_state(built)
    both = torch.func.vmap(lambda p: torch.func.functional_call(built[0], p, (x, graph)))(params)
    torch.testing.assert_close(both[1], built[1](x, graph))
