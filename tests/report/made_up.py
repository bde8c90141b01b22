"""A finished comparison made in memory: any number of heads, seeds, people and classes, none trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fusionbench.bench.outcome import FoldOutcome, Outcome
from fusionbench.contract.judging import USUAL, Judging
from fusionbench.learn.metrics import Predictions, scores
from fusionbench.study.comparison import Comparison
from fusionbench.study.experiment import Experiment, Slot
from fusionbench.study.judged_rows import scored
from fusionbench.study.plan import Absent
from fusionbench.study.ranking import rank
from fusionbench.study.terms import Terms
from fusionbench.study.verdict import judge_rows

CLASSES = ("Angry", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise")
HEADS = ("arpg", "mult", "temma", "gru", "blstm", "concat", "concat_mlp", "single", "late", "est", "cmha")
EPOCHS = 20


def comparison(
    heads: Sequence[str] = ("arpg", "mult", "concat"),
    seeds: int = 3,
    *,
    clips: int = 196,
    people: int | None = 28,
    classes: Sequence[str] = CLASSES,
    folds: int = 1,
    stand_in: bool = True,
    question: str = "Which head is best?",
    terms: Terms = Terms(),  # noqa: B008 (frozen)
    failed: Sequence[Absent] = (),
    dataset: str = "afew",
    judge: bool = True,
    judging: Judging = USUAL,
) -> Comparison:
    """Heads that are right on fewer clips the later they come; the last two are alike."""
    data = Data(clips, people, classes, judging)
    runs = []
    for number, head in enumerate(heads):
        rate = 0.6 - 0.03 * min(number, len(heads) - 2)
        for seed in range(seeds):
            names = [f"fold {k}" for k in range(folds)] if folds > 1 else ["official"]
            made = [_fold(name, head, (number, seed, k), rate, data) for k, name in enumerate(names)]
            runs.append((Slot((head,), seed), _outcome(head, seed, made, stand_in, dataset)))
    by_label = {head: [outcome for slot, outcome in runs if slot.label == head] for head in heads}
    ranking = rank(by_label, {head: {"fusion": head} for head in heads})
    verdicts = None
    if judge and len(heads) > 1:
        rows = scored([row.label for row in ranking], runs)
        said = next(iter(rows[0].predictions.values()))
        subjects = dict(zip(said.ids, said.subjects or (None,) * len(said.ids), strict=True))
        verdicts = judge_rows(rows, subjects, len(classes), terms, judging)
    return Comparison(
        experiment=Experiment(
            "heads",
            question,
            {"dataset": dataset, "training.epochs": EPOCHS},
            {},
            {"fusion": list(heads), "seed": list(range(seeds))},
            terms=terms,
        ),
        run_id="0123456789abcdef0123456789abcdef",
        mlflow_experiment=f"{dataset} (stand-in)" if stand_in else dataset,
        mlflow_experiment_id="1",
        stand_in=stand_in,
        ranking=ranking,
        runs=runs,
        failed=list(failed),
        verdicts=verdicts,
    )


@dataclass(frozen=True)
class Data:
    """What every fold is made of."""

    clips: int
    people: int | None
    classes: Sequence[str]
    judging: Judging


def _fold(fold: str, head: str, place: tuple[int, int, int], rate: float, data: Data) -> FoldOutcome:
    """The fold of a head; ``place`` is the number of the head, the seed, and the number of the fold."""
    clips, people, classes, judging = data.clips, data.people, data.classes, data.judging
    number, seed, part = place
    draw = np.random.default_rng(place)
    truth = np.arange(clips) % len(classes)
    hard = np.random.default_rng(part).normal(0, 0.1, clips)  # a clip is as hard for every head
    right = draw.random(clips) < rate + hard
    slip = (truth + 1 + draw.integers(0, max(1, len(classes) - 1), clips)) % len(classes)
    predicted = np.where(right, truth, slip)
    logits = np.where(np.eye(len(classes))[predicted] > 0, 0.7, 0.3 / max(1, len(classes) - 1))
    who = None if people is None else tuple(f"p{k % people:02d}" for k in range(clips))
    ids = tuple(f"{fold}/clip-{k:04d}" for k in range(clips))
    said = Predictions(ids, truth, np.log(logits).astype(np.float32), who)
    history = [
        {
            "train/loss": 2.0 / epoch,
            f"selection/{judging.decides}": float(rate * (1 - 0.8**epoch) + draw.normal(0, 0.01)),
            "seconds": 0.5,
        }
        for epoch in range(1, EPOCHS + 1)
    ]
    best = max(range(EPOCHS), key=lambda k: history[k][f"selection/{judging.decides}"])
    metrics = {
        **history[best],
        **{f"report/{name}": value for name, value in scores(said, judging).items()},
        **{f"report_last/{name}": value for name, value in scores(said, judging).items()},
    }
    return FoldOutcome(
        fold=fold,
        run_id=f"{number:08x}{seed:08x}{part:016x}",
        identity=f"{head}-{seed}-{part}",
        metrics=metrics,
        cost={
            "params": 10_000 * (number + 1),
            "head_params": 10_000 * (number + 1),
            "ms_per_clip": 0.02 * (len(head) + 3 * (number % 4)),
            "train_s_per_epoch": 0.5,
            "flops": 1e6 * (number + 1),
        },
        chance=1 / len(classes),
        selected_epoch=best + 1,
        report=said,
        report_last=said,
        epochs=EPOCHS,
        history=history,
        parts={
            "train": {"clips": 403, "subjects": people and 58, "name": "train"},
            "selection": {"clips": 101, "subjects": people and 14, "name": "carved out of train"},
            "report": {"clips": clips, "subjects": people, "name": "report"},
        },
        classes=list(classes),
        judging=judging,
    )


def _outcome(head: str, seed: int, folds: list[FoldOutcome], stand_in: bool, dataset: str) -> Outcome:
    return Outcome(
        name=f"{head}/{dataset}/s{seed}",
        run_id=folds[0].run_id,
        experiment=dataset,
        config={
            "fusion": {"name": head, "plugin": head, **({"trs": 3} if head == "arpg" else {})},
            "dataset": {"name": dataset, "plugin": dataset},
            "relation": {"name": "region_gat", "plugin": "region_gat", "graph": "grid", "patches": 6},
            "training": {"epochs": EPOCHS, "lr": 0.001},
            "seed": seed,
        },
        identity=folds[0].identity,
        stand_in=stand_in,
        folds=folds,
    )
