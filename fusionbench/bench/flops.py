"""Floating-point operations of a head's forward pass, counted while torch runs it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from fusionbench.bench.build import build_head
from fusionbench.catalog.run_config import Chosen
from fusionbench.contract.samples import logits_of
from fusionbench.contract.types import Streams, StreamSpec


def flops_per_clip(chosen: Chosen, spec: StreamSpec, streams: Streams) -> float:
    """Products of a forward pass (a multiplication and an addition are two), over the clips of a batch.

    A head of its own is built for it: in training mode a forward pass may change what it holds. That mode
    is chosen because torch counts nothing in the fused layers it has for the other; a head that cannot be
    called in it, on a single clip say, is counted in eval mode.

    Args:
        chosen: the head.
        spec: the sizes it is built for.
        streams: a batch, on the device it is to run on.
    """
    with torch.random.fork_rng(devices=[]):
        head = build_head(chosen, spec, str(streams.mask.device)).requires_grad_(False)
        try:
            counted = flops_of(lambda: logits_of(head.train(), streams))
        except Exception:  # a stranger's code may raise anything
            counted = flops_of(lambda: logits_of(head.eval(), streams))
    return counted / streams.samples


def flops_of(call: Callable[[], object]) -> float:
    """Products of whatever torch does in a call."""
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    _without_compiler()
    with _countable(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        call()
    return float(counter.get_total_flops())


def _without_compiler() -> None:
    """Take a guard off torch's counter that imports ``torch._dynamo``, a second and a half, for nothing."""
    from torch.utils import flop_counter

    mode = getattr(flop_counter, "_FlopCounterMode", None)  # another torch may call it otherwise
    if mode is not None:
        mode.__torch_dispatch__ = inspect.unwrap(mode.__torch_dispatch__)


@contextmanager
def _countable() -> Iterator[None]:
    """Without oneDNN: its products and recurrent cells are operations that no count is known of."""
    enabled = torch._C._get_mkldnn_enabled()
    torch._C._set_mkldnn_enabled(False)  # torch.backends.mkldnn.flags warns of GPUs where there is none
    try:
        yield
    finally:
        torch._C._set_mkldnn_enabled(enabled)
