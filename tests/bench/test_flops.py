"""Operations are counted by hand, whatever torch runs them by."""

from __future__ import annotations

import pytest
import torch

import fusionbench as fb
from fusionbench.bench.flops import flops_per_clip
from fusionbench.catalog.plugins import collect
from fusionbench.catalog.run_config import Chosen

CLIPS, TIME, DIM, CLASSES = 4, 16, 32, 7


def counted(cls: type[fb.FusionHead], time: int = TIME, **options) -> float:
    streams = fb.Streams({name: torch.randn(CLIPS, time, DIM) for name in ("face", "voice")})
    chosen = Chosen("fusion", cls.name, cls.name, "0", cls, cls.Config(**options))
    return flops_per_clip(chosen, streams.spec(CLASSES), streams)


def installed(name: str) -> type[fb.FusionHead]:
    return collect().get("fusion", name).cls


def classifier(width: int, hidden: int) -> int:
    return 2 * (width * hidden + hidden * CLASSES)


def test_linear_layers_of_trained_and_of_solved_heads():
    assert counted(installed("late")) == 2 * 2 * DIM * CLASSES
    assert counted(installed("hse_nn")) == 2 * 4 * DIM * CLASSES
    assert counted(installed("single")) == classifier(DIM, DIM)


def test_recurrent_cells_that_onednn_runs_as_one_operation():
    """An LSTM's step is eight products a direction, input and state by four gates."""

    class Plain(fb.FusionHead):
        name = "plain"

        def __init__(self, spec, config):
            super().__init__()
            self.cell = torch.nn.LSTM(DIM, 8, batch_first=True, bidirectional=True)
            self.classify = torch.nn.Linear(16, spec.classes)

        def forward(self, streams):
            return self.classify(self.cell(streams["face"])[0].mean(1))

    assert counted(Plain) == 2 * TIME * 2 * 4 * 8 * (DIM + 8) + 2 * 16 * CLASSES


@pytest.mark.parametrize("train_and_eval_differ", [True, False])
def test_attention_and_layers_that_torch_fuses(train_and_eval_differ):
    """A transformer's layer: four projections, two products of attention, two layers behind them."""

    class Encoder(fb.FusionHead):
        name = "encoder"

        def __init__(self, spec, config):
            super().__init__()
            self.layer = torch.nn.TransformerEncoderLayer(DIM, 4, 64, batch_first=True)
            self.classify = torch.nn.Linear(DIM, spec.classes)

        def forward(self, streams):
            if train_and_eval_differ and not self.training:
                return self.classify(streams["face"].mean(1))
            return self.classify(self.layer(streams["face"]).mean(1))

    layer = 4 * 2 * TIME * DIM * DIM + 2 * 2 * TIME * TIME * DIM + 2 * 2 * TIME * DIM * 64
    assert counted(Encoder) == layer + 2 * DIM * CLASSES


@pytest.mark.parametrize(("trs", "time"), [(3, 16), (3, 256), (None, 256)])
def test_graph_attention_by_every_kernel(trs, time):
    """dense, band, sorted: nodes are projected once a head, and no kernel does more than the dense sum."""
    heads, nodes = 4, 2 * time
    arpg = counted(installed("arpg"), time, trs=trs)
    projected = 2 * nodes * DIM * heads * DIM
    dense = projected + 2 * nodes * nodes * heads * DIM
    around = classifier(2 * DIM, DIM) + 2 * nodes * DIM * 2 * heads + 2 * 2 * heads * DIM * DIM / CLIPS
    if time == 16:
        assert arpg == dense + around
    else:
        assert projected < arpg < dense / 3


def test_a_head_that_cannot_be_called_in_training_is_counted_in_eval_mode():
    class Evaluated(fb.FusionHead):
        name = "evaluated"

        def __init__(self, spec, config):
            super().__init__()
            self.classify = torch.nn.Linear(DIM, spec.classes)

        def forward(self, streams):
            if self.training:
                raise RuntimeError("call training_loss")
            return self.classify(streams["face"].mean(1))

    assert counted(Evaluated) == 2 * DIM * CLASSES


def test_counting_draws_nothing_and_leaves_torch_as_it_was():
    state, by_onednn = torch.get_rng_state(), torch._C._get_mkldnn_enabled()
    torch.manual_seed(3)
    before = torch.get_rng_state()
    streams = fb.Streams({"face": torch.ones(2, 3, DIM), "voice": torch.ones(2, 3, DIM)})
    cls = installed("concat")
    flops_per_clip(Chosen("fusion", "c", "c", "0", cls, cls.Config()), streams.spec(3), streams)
    assert torch.equal(torch.get_rng_state(), before) and torch._C._get_mkldnn_enabled() is by_onednn
    torch.set_rng_state(state)
