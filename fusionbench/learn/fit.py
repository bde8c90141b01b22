"""Trains a model and chooses the epoch on the selection split; the report split is out of reach here."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from fusionbench.catalog.run_config import TrainingOptions
from fusionbench.contract.blame import blaming
from fusionbench.contract.errors import UserError
from fusionbench.contract.roles import Criterion, takes
from fusionbench.contract.samples import logits_of, loss_of
from fusionbench.contract.types import Streams
from fusionbench.data.loader import ClipLoader
from fusionbench.learn.checkpoint import Checkpoint
from fusionbench.learn.diverged import diverged
from fusionbench.learn.front_end import Model
from fusionbench.learn.metrics import Predictions, scores
from fusionbench.learn.objective import Objective
from fusionbench.learn.optimizer import make_optimizer, set_learning_rates
from fusionbench.learn.progress import Progress, snapshot

CHECKPOINT_SHARE = 0.01
"""largest share of the training time that goes into writing checkpoints"""

OnEpoch = Callable[[int, dict[str, float]], None]
"""epoch counted from 1, metrics ``train/*`` and ``selection/*``"""
Stop = Callable[[Sequence[Mapping[str, float]]], bool]
"""metrics of every epoch so far -> whether to end here"""


@dataclass
class Fitted:
    """A finished fit. The model holds the selected weights."""

    model: Model
    selected_epoch: int
    """counted from 1"""
    last_state: dict[str, Tensor]
    history: list[dict[str, float]] = field(default_factory=list)
    """metrics of each epoch"""
    seconds: list[float] = field(default_factory=list)
    """wall time of each epoch's training steps, batches included, judging left out"""
    resumed_at: int = 0
    """epochs that were taken from a checkpoint"""

    def epochs(self) -> list[dict[str, float]]:
        """Each epoch's metrics, and ``seconds`` where they are known: older checkpoints hold no times."""
        untimed = len(self.history) - len(self.seconds)
        times: list[dict[str, float]] = [{} for _ in range(untimed)] + [
            {"seconds": seconds} for seconds in self.seconds
        ]
        return [{**metrics, **time} for metrics, time in zip(self.history, times, strict=True)]


def fit(
    model: Model,
    train: ClipLoader,
    selection: ClipLoader,
    options: TrainingOptions,
    objective: Objective,
    device: str,
    on_epoch: OnEpoch,
    checkpoint: Checkpoint | None = None,
    stop: Stop | None = None,
) -> Fitted:
    """Train, judge each epoch on the selection split, keep the best.

    Args:
        model: on ``device``.
        train: the training part, with a seed.
        selection: the selection split.
        options: epochs, learning rates and so on.
        objective: loss, and the metric that chooses; of equal epochs the one with the lower selection
            loss wins.
        device: where the model is.
        on_epoch: called after each epoch.
        checkpoint: where to go on after an interruption; removed at the end by the caller.
        stop: asked after each epoch whether to end here; None trains to the last.

    Raises:
        UserError: the head raises, or logits, loss or gradients became NaN or infinite.
    """
    if model.head.solved:
        return _solve(model, train, selection, objective, device, on_epoch)
    optimizer, progress = _begin(model, options, checkpoint)
    resumed_at = len(progress.history)
    saved, save_cost = -math.inf, 0.0
    for epoch in range(resumed_at, options.epochs):
        train.epoch = epoch
        set_learning_rates(optimizer, options, epoch)
        began = time.perf_counter()
        metrics = _train_epoch(model, train, optimizer, objective.criterion, options, device)
        progress.seconds.append(time.perf_counter() - began)
        _calibrate(model, selection, objective, device)
        judged = scores(predict(model, selection, device), objective.judging)
        metrics.update({f"selection/{name}": value for name, value in judged.items()})
        progress.add(metrics, judged[objective.judging.decides], judged["loss"])
        on_epoch(epoch + 1, metrics)
        if stop and stop(progress.history):
            break
        started = time.monotonic()
        if checkpoint and checkpoint_is_due(started - saved, save_cost):
            checkpoint.save(
                {"model": model.state_dict(), "optimizer": optimizer.state_dict(), **progress.state()}
            )
            saved = time.monotonic()
            save_cost = saved - started
    last_state = snapshot(model)
    model.load_state_dict(progress.best_state)
    return Fitted(model, progress.best_epoch, last_state, progress.history, progress.seconds, resumed_at)


def checkpoint_is_due(seconds: float, cost: float) -> bool:
    """Whether the last checkpoint is so old that its loss would be felt more than another one.

    Args:
        seconds: since the last one; infinite where there is none.
        cost: seconds that it took.
    """
    return seconds >= max(1.0, cost / CHECKPOINT_SHARE)


def _solve(
    model: Model,
    train: ClipLoader,
    selection: ClipLoader,
    objective: Objective,
    device: str,
    on_epoch: OnEpoch,
) -> Fitted:
    """The one epoch of a head whose parameters are solved for; the front end stays as it is."""
    began = time.perf_counter()
    weights = objective.class_weights
    asked = {} if weights is None else {"class_weights": weights.to(device)}
    with blaming(model.head, "solve"):
        model.head.solve(_labelled(model, train, device), **asked)
    seconds = time.perf_counter() - began
    _calibrate(model, selection, objective, device)
    metrics: dict[str, float] = {}
    for split, loader in (("train", train), ("selection", selection)):
        judged = scores(predict(model, loader, device), objective.judging)
        metrics |= {f"{split}/{name}": value for name, value in judged.items()}
    on_epoch(1, metrics)
    return Fitted(model, 1, snapshot(model), [metrics], [seconds])


def _calibrate(model: Model, selection: ClipLoader, objective: Objective, device: str) -> None:
    head = model.head
    asked = {"score": objective.score} if takes(head.calibrate, "score") else {}
    with blaming(head, "calibrate"):
        head.calibrate(_labelled(model, selection, device), **asked)


def _begin(
    model: Model, options: TrainingOptions, checkpoint: Checkpoint | None
) -> tuple[torch.optim.Optimizer, Progress]:
    """Optimizer and progress, gone on with where there is a checkpoint that fits, else fresh."""
    fresh = snapshot(model)

    def restore(saved: dict[str, Any]) -> tuple[torch.optim.Optimizer, Progress]:
        optimizer, progress = make_optimizer(model, options), Progress(model)
        progress.restore(saved, options.epochs)
        model.load_state_dict(progress.best_state)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        for parameter, kept in optimizer.state.items():
            wrong = [
                k for k, v in kept.items() if isinstance(v, Tensor) and v.dim() and v.shape != parameter.shape
            ]
            if wrong:
                raise ValueError(f"the optimizer's {wrong[0]} has another shape than its parameter")
        return optimizer, progress

    resumed = checkpoint.resume(restore) if checkpoint else None
    if resumed is None:
        model.load_state_dict(fresh)  # a checkpoint that fits in part may have been taken over in part
        return make_optimizer(model, options), Progress(model)
    return resumed


def _train_epoch(
    model: Model,
    loader: ClipLoader,
    optimizer: torch.optim.Optimizer,
    criterion: Criterion,
    options: TrainingOptions,
    device: str,
) -> dict[str, float]:
    model.train()
    learning = [p for p in model.parameters() if p.requires_grad]
    total, seen = 0.0, 0
    said: list[Tensor] = []
    asked: list[Tensor] = []
    for number, batch in enumerate(loader, 1):
        batch = batch.to(device)
        streams = model.front_end(batch)
        with blaming(model.head, "training_loss", streams):
            loss, logits = loss_of(model.head, streams, batch.labels, criterion)
            for parameter in learning:
                parameter.grad = None
            loss.backward()
            norm = nn.utils.get_total_norm([p.grad for p in learning if p.grad is not None])
        value = loss.item()
        if not math.isfinite(value) or not math.isfinite(norm.item()):
            raise diverged(model, batch, criterion, logits, loss, options, (loader.epoch + 1, number))
        if options.clip_norm is not None:
            nn.utils.clip_grads_with_norm_(learning, options.clip_norm, norm)
        optimizer.step()
        total += value * len(batch.ids)
        seen += len(batch.ids)
        said.append(logits.argmax(-1))
        asked.append(batch.labels)
    hits = (torch.cat(said) == torch.cat(asked)).sum()  # once an epoch: each step would feel it
    return {"train/loss": total / seen, "train/accuracy": hits.item() / seen}


@torch.inference_mode()
def predict(model: Model, loader: ClipLoader, device: str) -> Predictions:
    """What the model says of a split, in eval mode and the loader's order.

    Raises:
        UserError: the head raises, or says NaN of a clip.
    """
    model.eval()
    ids: list[str] = []
    labels = np.empty(len(loader.labels), dtype=np.int64)
    # One array, not one a batch: thousands of small ones between what is freed would tear memory to pieces.
    found = np.empty((len(labels), model.spec.classes), dtype=np.float32)
    for batch in loader:
        streams = model.front_end(batch.to(device))
        with blaming(model.head, "forward", streams):
            said = torch.log_softmax(logits_of(model.head, streams).float(), dim=-1)
        here = slice(len(ids), len(ids) + len(batch.ids))
        found[here], labels[here] = said.cpu().numpy(), batch.labels.numpy()
        ids.extend(batch.ids)
    unsaid = np.isnan(found).any(axis=1)
    if unsaid.any():
        raise UserError(
            f"{type(model.head).__name__} returned NaN for {int(unsaid.sum())} clip(s), "
            f"the first: {ids[int(unsaid.argmax())]}. `fusionbench check fusion` looks for the cause."
        )
    return Predictions(tuple(ids), labels, found)


@torch.inference_mode()
def _labelled(model: Model, loader: ClipLoader, device: str) -> Iterator[tuple[Streams, Tensor]]:
    """Streams and labels of a split, for heads that calibrate on it."""
    model.eval()
    for batch in loader:
        batch = batch.to(device)
        yield model.front_end(batch), batch.labels
