"""Training that goes wrong says what went wrong first, where, and what can help."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import fusionbench as fb
from fusionbench.catalog.run_config import TrainingOptions
from fusionbench.contract.judging import Judging
from fusionbench.data.loader import ClipLoader
from fusionbench.data.store import StoreIndex
from fusionbench.learn.fit import fit, predict
from fusionbench.learn.front_end import Model, StoredStreams
from fusionbench.learn.losses import criterion
from fusionbench.learn.objective import Objective

SPEC = fb.StreamSpec({"audio": 3}, 2, 6)
PLAIN = Objective(criterion("cross_entropy"))


class Linear(fb.FusionHead):
    """The mean over time, then one layer; the faulty heads below are this one with a fault."""

    name = "linear"

    def __init__(self, spec, config=None):
        super().__init__()
        self.classify = nn.Linear(3, spec.classes)
        self.calls = 0

    def forward(self, streams: fb.Streams) -> Tensor:
        self.calls += self.training
        return self.classify(fb.masked_mean(streams["audio"], streams.mask))


def loaders() -> tuple[ClipLoader, ClipLoader]:
    """Four clips of 3 to 6 frames to train on in two batches, two to select on."""
    rows = np.array([3, 4, 5, 6, 4, 5])
    clips = tuple(fb.Clip(f"c{k}", "ab"[k % 2], "train") for k in range(6))
    index = StoreIndex(clips, np.cumsum(rows) - rows, rows)
    audio = np.random.default_rng(0).normal(size=(rows.sum(), 3)).astype(np.float32)
    ids = [clip.id for clip in clips]
    arrays = {"audio": audio}
    return (
        ClipLoader(index, arrays, ids[:4], "ab", None, 2, seed=0),
        ClipLoader(index, arrays, ids[4:], "ab", None, 2),
    )


def train(head: type[fb.FusionHead], objective: Objective = PLAIN, **options):
    torch.manual_seed(0)
    model = Model(StoredStreams(SPEC.dims), head(SPEC), SPEC)
    training = TrainingOptions(**{"epochs": 2, "batch_size": 2, **options})
    return fit(
        model,
        *loaders(),
        training,
        objective,
        "cpu",
        lambda epoch, metrics: None,
    )


def why(head: type[fb.FusionHead], **options) -> str:
    with pytest.raises(fb.UserError) as caught:
        train(head, **options)
    return str(caught.value)


class MaskedRow(Linear):
    """A frame may look two frames back, and beyond a clip's end there is nothing to look at."""

    name = "masked_row"

    def forward(self, streams):
        x, time = streams["audio"], streams.mask.shape[1]
        apart = torch.arange(time)[:, None] - torch.arange(time)
        shut = (apart < 0) | (apart > 2) | ~streams.mask[:, None]
        scores = self.classify.weight.sum() * x @ x.transpose(1, 2)
        weights = (scores + torch.zeros(()).masked_fill(shut, -torch.inf)).softmax(-1)
        return self.classify(fb.masked_mean(weights @ x.nan_to_num(), streams.mask))


@pytest.mark.parametrize("lr", [1e-3, 1e-6])
def test_a_masked_row_is_named_and_no_learning_rate_is_advised(lr):
    said = why(MaskedRow, lr=lr)
    assert "fusion 'masked_row', epoch 2, batch 1: the gradients became NaN" in said  # the first such batch
    assert "a row of the softmax (test_fit.py, line" in said.lower() and "is masked as a whole" in said
    assert "No learning rate helps." in said and "training.lr" not in said


class RootOfNothing(Linear):
    """The root of what is zero before the first step."""

    name = "root"

    def forward(self, streams):
        return super().forward(streams) + (self.classify.bias * 0).square().sum().sqrt()


def test_gradients_are_told_apart_by_parameter_and_before_the_first_step_no_rate_is_advised():
    said = why(RootOfNothing)
    assert (
        "epoch 1, batch 1: the gradients became NaN or infinite, of a loss that is finite: head.classify"
        in said
    )
    assert "No step was taken yet" in said and "training.lr" not in said
    assert "the gradient of div (test_fit.py, line" in said.lower()


class LogitsLater(Linear):
    """Infinite logits from the third batch on."""

    name = "later"

    def forward(self, streams):
        return super().forward(streams) * (torch.inf if self.calls >= 3 else 1)


def test_logits_of_a_later_batch_name_it_and_a_smaller_rate_may_help():
    said = why(LogitsLater, clip_norm=None)
    assert "epoch 2, batch 1: the logits became NaN or infinite, of parameters that are finite." in said
    assert "--set training.lr (it is 0.001), or --set training.clip_norm=1" in said


class LossOnly(Linear):
    """Finite logits, and a loss that is not."""

    name = "loss_only"

    def training_loss(self, streams, labels, criterion):
        logits = self(streams)
        return logits.sum() * 0 + torch.inf, logits


def test_a_loss_is_told_apart_from_the_logits():
    assert "epoch 1, batch 1: the training loss became inf, of logits that are finite." in why(LossOnly)


class Overflows(Linear):
    """What a step of a huge rate leaves is not finite."""

    name = "overflows"

    def training_loss(self, streams, labels, criterion):
        if self.calls == 1:
            nn.init.constant_(self.classify.weight, torch.inf)
        return super().training_loss(streams, labels, criterion)


def test_parameters_that_a_step_left_are_named():
    assert "the step before left NaN or infinity in head.classify.weight" in why(Overflows, clip_norm=1.0)


@pytest.mark.parametrize("method", ["training_loss", "calibrate", "forward"])
def test_methods_are_blamed_like_constructors(method):
    def raises(self, *args):
        if method != "forward" or not self.training:
            raise IndexError("list index out of range")
        return Linear.forward(self, *args)

    faulty = type("Faulty", (Linear,), {method: raises})
    assert why(faulty).startswith(
        f"Faulty.{method} raised IndexError: list index out of range (test_fit.py, line"
    )


def test_a_head_that_is_solved_for_is_blamed_too():
    class Unsolvable(Linear):
        solved = True

        def solve(self, train):
            raise ZeroDivisionError("no clips")

    assert why(Unsolvable).startswith("Unsolvable.solve raised ZeroDivisionError: no clips")


def test_nan_in_an_evaluation_is_no_prediction():
    class Unsure(Linear):
        def forward(self, streams):
            return super().forward(streams).masked_fill(torch.tensor([[False], [True]]), torch.nan)

    model = Model(StoredStreams(SPEC.dims), Unsure(SPEC), SPEC)
    with pytest.raises(fb.UserError, match=r"Unsure returned NaN for 1 clip\(s\), the first: c5"):
        predict(model, loaders()[1], "cpu")


@pytest.mark.parametrize("clip_norm", [None, 0.1])
def test_the_gradient_is_clipped_as_torch_clips_it(clip_norm):
    fitted = train(Linear, clip_norm=clip_norm, epochs=1, lr=0.1)
    torch.manual_seed(0)
    model = Model(StoredStreams(SPEC.dims), Linear(SPEC), SPEC)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, weight_decay=TrainingOptions().weight_decay)
    for batch in loaders()[0]:
        loss = nn.functional.cross_entropy(model(batch), batch.labels)
        optimizer.zero_grad()
        loss.backward()
        if clip_norm:
            nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
        optimizer.step()
    assert torch.equal(fitted.last_state["head.classify.weight"], model.head.classify.weight)


class Scripted(Linear):
    """Says what it is told to say, epoch by epoch."""

    name = "scripted"
    said: list[list[int]] = []

    def __init__(self, spec, config=None):
        super().__init__(spec)
        self.judged = 0

    def calibrate(self, selection):
        self.judged += 1

    def forward(self, streams):
        if self.training:
            return super().forward(streams)
        return 3.0 * nn.functional.one_hot(torch.tensor(self.said[self.judged - 1]), 2).float()


def test_the_epoch_is_chosen_by_the_metric_that_decides():
    """Selection labels are a, b; the first epoch names b always, the second a always, the third has both."""
    torch.manual_seed(0)
    Scripted.said = [[1, 1], [0, 0], [0, 1]]
    assert train(Scripted, epochs=3).selected_epoch == 3
    Scripted.said = [[1, 1], [0, 0]]
    for positive, epoch in ((0, 2), (1, 1)):  # accuracy ties, F1 of one class does not
        judging = Judging(("positive_f1", "accuracy"), positive)
        fitted = train(Scripted, Objective(criterion("cross_entropy"), judging), epochs=2)
        assert fitted.selected_epoch == epoch
        assert fitted.history[epoch - 1]["selection/positive_f1"] == pytest.approx(2 / 3)
    first = next(name for name in fitted.history[0] if name.startswith("selection/"))
    assert first == "selection/positive_f1"


class Solved(Linear):
    """Keeps what it is handed."""

    name = "solved"
    solved = True

    def solve(self, train, class_weights=None):
        self.weights = class_weights

    def calibrate(self, selection, score=fb.accuracy):
        self.score = score(torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]]), torch.tensor([0, 0, 1]))


def test_a_head_that_is_solved_for_is_handed_weights_and_what_it_is_judged_by():
    fitted = train(Solved)
    assert fitted.model.head.weights is None and fitted.model.head.score == pytest.approx(2 / 3)
    weights = torch.tensor([0.5, 2.0])
    objective = Objective(criterion("cross_entropy"), Judging(("uar",)), weights)
    fitted = train(Solved, objective)
    assert torch.equal(fitted.model.head.weights, weights) and fitted.model.head.score == 0.5


def test_a_head_of_before_weights_and_scores_is_called_as_it_was_written():
    class Old(Linear):
        solved = True

        def solve(self, train):
            self.clips = sum(len(labels) for _, labels in train)

        def calibrate(self, selection):
            self.selected = sum(len(labels) for _, labels in selection)

    head = train(Old, Objective(criterion("cross_entropy"), Judging(("uar",)))).model.head
    assert (head.clips, head.selected) == (4, 2)
