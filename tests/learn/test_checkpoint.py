"""Where an interrupted fit goes on; what is of no use is put aside, and training begins anew."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import fusionbench as fb
import fusionbench.learn.fit as fit_module
from fusionbench.catalog.run_config import TrainingOptions
from fusionbench.data.loader import ClipLoader
from fusionbench.data.store import StoreIndex
from fusionbench.learn.checkpoint import Checkpoint
from fusionbench.learn.fit import Fitted, fit
from fusionbench.learn.front_end import Model, StoredStreams
from fusionbench.learn.losses import criterion
from fusionbench.learn.objective import Objective

SPEC = fb.StreamSpec({"audio": 3}, 2, 6)
EPOCHS = 4


class Linear(fb.FusionHead):
    """The mean over time through a layer with dropout, so that random generators count."""

    name = "linear"

    def __init__(self, spec, config=None, hidden=5):
        super().__init__()
        self.classify = nn.Sequential(nn.Linear(3, hidden), nn.Dropout(), nn.Linear(hidden, spec.classes))

    def forward(self, streams: fb.Streams) -> Tensor:
        return self.classify(fb.masked_mean(streams["audio"], streams.mask))


def loader(ids: range, seed: int | None = None) -> ClipLoader:
    """Clips of 3 to 6 frames."""
    rows = np.array([3, 4, 5, 6, 4, 5])
    clips = tuple(fb.Clip(f"c{k}", "ab"[k % 2], "train") for k in range(6))
    index = StoreIndex(clips, np.cumsum(rows) - rows, rows)
    audio = np.random.default_rng(0).normal(size=(rows.sum(), 3)).astype(np.float32)
    return ClipLoader(index, {"audio": audio}, [f"c{k}" for k in ids], "ab", None, 2, seed)


def train(checkpoint: Checkpoint | None = None, until: int = EPOCHS, hidden: int = 5) -> Fitted:
    """A fit that is killed after the epoch ``until`` was told."""

    def told(epoch: int, metrics: dict[str, float]) -> None:
        if epoch > until:
            raise KeyboardInterrupt

    torch.manual_seed(0)
    model = Model(StoredStreams(SPEC.dims), Linear(SPEC, hidden=hidden), SPEC)
    options = TrainingOptions(epochs=EPOCHS, batch_size=2, lr=0.01)
    loaders = loader(range(4), seed=0), loader(range(4, 6))
    return fit(model, *loaders, options, Objective(criterion("cross_entropy")), "cpu", told, checkpoint)


@pytest.fixture
def warnings() -> list[str]:
    """What the checkpoint tells."""
    return []


@pytest.fixture
def interrupted(tmp_path, monkeypatch, warnings) -> Checkpoint:
    """The checkpoint of a fit that was killed in its third epoch."""
    monkeypatch.setattr(fit_module, "checkpoint_is_due", lambda seconds, cost: True)
    checkpoint = Checkpoint(tmp_path / "state.pt", warnings.append)
    with pytest.raises(KeyboardInterrupt):
        train(checkpoint, until=2)
    return checkpoint


def same(one: Fitted, other: Fitted) -> bool:
    return one.history == other.history and all(
        torch.equal(value, other.last_state[name]) for name, value in one.last_state.items()
    )


def test_an_interrupted_fit_goes_on_with_the_same_digits(interrupted, warnings):
    resumed = train(interrupted)
    assert resumed.resumed_at == 2 and same(resumed, train()) and warnings == []


def damage(name: str, path: Path) -> None:
    """Make a checkpoint of no use, in one of the ways that happen."""
    data, state = bytearray(path.read_bytes()), torch.load(path, weights_only=True)
    if name == "empty":
        path.write_bytes(b"")
    elif name == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif name == "flipped":
        data[data.index(b"data/0") + 200] ^= 1
        path.write_bytes(data)
    elif name == "text":
        path.write_text("epoch 3")
    elif name == "folder":
        path.unlink()
        path.mkdir()
    elif name == "pipe":
        path.unlink()
        os.mkfifo(path)
    elif name == "foreign":
        torch.save({**state, "model": nn.Linear(1, 1)}, path)
    elif name == "a list":
        torch.save([1, 2], path)
    elif name == "of before times":
        torch.save({key: value for key, value in state.items() if key != "best_state"}, path)
    elif name == "no generators":
        del state["torch_rng"]
        torch.save(state, path)
    elif name == "short generator":
        torch.save({**state, "torch_rng": state["torch_rng"][:8]}, path)
    elif name == "more epochs":
        torch.save({**state, "history": state["history"] * 9}, path)
    elif name == "no history":
        torch.save({**state, "history": []}, path)
    elif name == "words":
        torch.save({**state, "history": [{"train/loss": "low"}]}, path)
    elif name == "another optimizer":
        torch.save({**state, "optimizer": torch.optim.SGD([torch.ones(1)], lr=1).state_dict()}, path)
    elif name == "optimizer of other shapes":
        for kept in state["optimizer"]["state"].values():
            kept["exp_avg"] = torch.zeros(7)
        torch.save(state, path)


@pytest.mark.parametrize(
    "name",
    ["empty", "cut", "flipped", "text", "folder", "pipe", "foreign", "a list", "of before times",
     "no generators", "short generator", "more epochs", "no history", "words", "another optimizer",
     "optimizer of other shapes"],
)  # fmt: skip
def test_a_checkpoint_of_no_use_is_put_aside_and_training_begins_anew(interrupted, warnings, name):
    damage(name, interrupted.path)
    fresh = train(interrupted)
    assert fresh.resumed_at == 0 and same(fresh, train())
    assert len(warnings) == 1
    assert f"the checkpoint {interrupted.path} cannot be used: " in warnings[0]
    assert "Training begins anew" in warnings[0]
    assert os.path.lexists(interrupted.path.with_name("state.pt.damaged"))


def test_a_checkpoint_of_another_model_changes_nothing(interrupted, warnings):
    """Where some shapes fit and others do not, torch takes over what fits before it says so."""
    fresh = train(interrupted, hidden=7)
    assert fresh.resumed_at == 0 and same(fresh, train(hidden=7))
    assert "size mismatch" in warnings[0]


def test_one_that_was_put_aside_before_is_replaced(interrupted):
    interrupted.path.with_name("state.pt.damaged").mkdir()
    damage("cut", interrupted.path)
    assert train(interrupted).resumed_at == 0
    assert interrupted.path.with_name("state.pt.damaged").is_file()
