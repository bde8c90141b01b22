"""Trains a model and chooses the epoch on the selection split; the report split is out of reach here."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from fusionbench.catalog.run_config import TrainingOptions
from fusionbench.contract.blame import blaming
from fusionbench.contract.errors import UserError
from fusionbench.contract.roles import Criterion, takes
from fusionbench.contract.types import Streams
from fusionbench.data.loader import ClipLoader
from fusionbench.learn.checkpoint import Checkpoint
from fusionbench.learn.diverged import diverged
from fusionbench.learn.front_end import Model
from fusionbench.learn.metrics import Predictions, scores
from fusionbench.learn.objective import Objective
from fusionbench.learn.progress import Progress, snapshot

CHECKPOINT_SHARE = 0.05
"""largest share of the training time that goes into writing checkpoints"""

OnEpoch = Callable[[int, dict[str, float]], None]
"""epoch counted from 1, metrics ``train/*`` and ``selection/*``"""


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

    Raises:
        UserError: the head raises, or logits, loss or gradients became NaN or infinite.
    """
    if model.head.solved:
        return _solve(model, train, selection, objective, device, on_epoch)
    optimizer, progress = _begin(model, options, checkpoint)
    resumed_at = len(progress.history)
    since_save, save_cost = time.monotonic(), 0.0
    for epoch in range(resumed_at, options.epochs):
        train.epoch = epoch
        _set_learning_rates(optimizer, options, epoch)
        began = time.perf_counter()
        metrics = _train_epoch(model, train, optimizer, objective.criterion, options, device)
        progress.seconds.append(time.perf_counter() - began)
        _calibrate(model, selection, objective, device)
        judged = scores(predict(model, selection, device), objective.judging)
        metrics.update({f"selection/{name}": value for name, value in judged.items()})
        progress.add(metrics, judged[objective.judging.decides], judged["loss"])
        on_epoch(epoch + 1, metrics)
        started = time.monotonic()
        if checkpoint and (started - since_save) * CHECKPOINT_SHARE >= save_cost:
            checkpoint.save(
                {"model": model.state_dict(), "optimizer": optimizer.state_dict(), **progress.state()}
            )
            since_save = time.monotonic()
            save_cost = since_save - started
    last_state = snapshot(model)
    model.load_state_dict(progress.best_state)
    return Fitted(model, progress.best_epoch, last_state, progress.history, progress.seconds, resumed_at)


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
        optimizer, progress = _optimizer(model, options), Progress(model)
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
        return _optimizer(model, options), Progress(model)
    return resumed


def _optimizer(model: Model, options: TrainingOptions) -> torch.optim.Optimizer:
    """Adam with decoupled decay; betas 0.9 and 0.999, eps 1e-8 as the paper states (torch's defaults)."""
    small = {id(p) for p in model.front_end.pretrained()}
    learning = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in learning if id(p) not in small], "base_lr": options.lr},
        {"params": [p for p in learning if id(p) in small], "base_lr": options.lr_pretrained},
    ]
    return torch.optim.AdamW(
        [g for g in groups if g["params"]], lr=options.lr, weight_decay=options.weight_decay
    )


def _set_learning_rates(optimizer: torch.optim.Optimizer, options: TrainingOptions, epoch: int) -> None:
    factor = 1.0
    if options.schedule == "cosine":
        factor = 0.5 * (1 + math.cos(math.pi * epoch / options.epochs))
    for group in optimizer.param_groups:
        group["lr"] = group["base_lr"] * factor


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
    total, hits, seen = 0.0, 0, 0
    for number, batch in enumerate(loader, 1):
        batch = batch.to(device)
        streams = model.front_end(batch)
        with blaming(model.head, "training_loss", streams):
            loss, logits = model.head.training_loss(streams, batch.labels, criterion)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            norm = nn.utils.get_total_norm([p.grad for p in learning if p.grad is not None])
        if not math.isfinite(loss.item()) or not math.isfinite(norm.item()):
            raise diverged(model, batch, criterion, logits, loss, options, (loader.epoch + 1, number))
        if options.clip_norm is not None:
            nn.utils.clip_grads_with_norm_(learning, options.clip_norm, norm)
        optimizer.step()
        clips = len(batch.ids)
        total += loss.item() * clips
        hits += int((logits.argmax(-1) == batch.labels).sum())
        seen += clips
    return {"train/loss": total / seen, "train/accuracy": hits / seen}


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
            said = torch.log_softmax(model.head(streams).float(), dim=-1).cpu().numpy()
        unsaid = np.isnan(said).any(axis=1)
        if unsaid.any():
            clip = batch.ids[int(unsaid.argmax())]
            raise UserError(
                f"{type(model.head).__name__} returned NaN for {int(unsaid.sum())} clip(s) of a batch, "
                f"the first: {clip}. `fusionbench check fusion` looks for the cause."
            )
        here = slice(len(ids), len(ids) + len(batch.ids))
        found[here], labels[here] = said, batch.labels.numpy()
        ids.extend(batch.ids)
    return Predictions(tuple(ids), labels, found)


@torch.inference_mode()
def _labelled(model: Model, loader: ClipLoader, device: str) -> Iterator[tuple[Streams, Tensor]]:
    """Streams and labels of a split, for heads that calibrate on it."""
    model.eval()
    for batch in loader:
        batch = batch.to(device)
        yield model.front_end(batch), batch.labels
