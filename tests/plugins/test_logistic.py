"""``logistic`` is scikit-learn's regression on means and deviations, its C chosen on the selection split."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from fusionbench_fusions.logistic import ABSENT, GRID, Logistic
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import recall_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import fusionbench as fb

SELECTION = 3
"""a seed by which accuracy and UAR choose another C"""


def clips(classes: int, count: int = 60, time: int = 6, seed: int = 0, signal: float = 0.6):
    """Two streams of clips of 1 to ``time`` frames; class 0 is as frequent as all others together."""
    g = torch.Generator().manual_seed(seed)
    number = torch.arange(count)
    labels = torch.where(number % 2 == 0, 0, 1 + number // 2 % (classes - 1))
    mask = torch.arange(time) < torch.randint(1, time + 1, (count, 1), generator=g)
    drawn = {n: torch.randn(count, time, dim, generator=g) for n, dim in (("keys", 3), ("1", 2))}
    streams = {n: (x + signal * labels[:, None, None]) * mask[..., None] for n, x in drawn.items()}
    return fb.Streams(streams, mask), labels


def described(streams: fb.Streams, names=("keys", "1")) -> np.ndarray:
    """Mean and deviation of the real frames, clip by clip in numpy."""
    rows = []
    for k, real in enumerate(streams.mask):
        real = [streams[n][k][real].double().numpy() for n in names]
        rows.append(np.concatenate([*(x.mean(0) for x in real), *(x.std(0) for x in real)]))
    return np.array(rows)


def reference(c: float, **values):
    return make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=10_000, **values))


def solved(classes: int, weights=None, **options) -> Logistic:
    """On two batches."""
    streams, labels = clips(classes)
    head = Logistic(streams.spec(classes), Logistic.Config(**options)).eval()
    halves = [slice(0, 25), slice(25, 60)]
    head.solve([(part(streams, half), labels[half]) for half in halves], weights)
    return head


def part(streams: fb.Streams, some: slice) -> fb.Streams:
    return fb.Streams({name: x[some] for name, x in streams.items()}, streams.mask[some])


@pytest.mark.parametrize("classes", [2, 4])
def test_its_probabilities_are_those_of_scikit_learn(classes):
    streams, labels = clips(classes)
    found = solved(classes, c=0.3)(streams).softmax(-1).numpy()
    machine = reference(0.3).fit(described(streams), labels.numpy())
    assert np.abs(found - machine.predict_proba(described(streams))).max() < 1e-5


@pytest.mark.parametrize("count", [1, 4, 9])
def test_segments_are_those_of_adaptive_pooling(count):
    streams, _ = clips(3)
    head = Logistic(streams.spec(3), Logistic.Config(segments=count, stream="keys"))
    found = head.describe(streams)[:, : 3 * count]  # the means
    for k, real in enumerate(streams.mask):  # clips of 1 to 6 frames: 9 segments overlap
        frames = streams["keys"][k][real].T
        expected = torch.nn.functional.adaptive_avg_pool1d(frames, count).T.flatten()
        torch.testing.assert_close(found[k], expected)


def test_segments_tell_what_a_mean_over_time_cannot():
    sign = torch.tensor([1.0, -1.0]).repeat(10)
    ramp = sign[:, None, None] * torch.linspace(-1, 1, 6)[:, None]
    streams, labels = fb.Streams({"x": ramp}), (sign > 0).long()
    right = {}
    for count in (1, 2):
        head = Logistic(streams.spec(2), Logistic.Config(segments=count)).eval()
        head.solve([(streams, labels)])
        right[count] = (head(streams).argmax(-1) == labels).float().mean().item()
    assert right == {1: 0.5, 2: 1.0}


def test_one_stream_alone_is_read_alone():
    streams, labels = clips(3)
    head = solved(3, stream="1", c=1.0)
    found = head(streams).softmax(-1).numpy()
    machine = reference(1.0).fit(described(streams, ["1"]), labels.numpy())
    assert np.abs(found - machine.predict_proba(described(streams, ["1"]))).max() < 1e-5
    assert Logistic.reads(streams.spec(3), Logistic.Config(stream="1")) == ("1",)
    refused = Logistic.supports(streams.spec(3), Logistic.Config(stream="text"))
    assert refused == "there is no stream 'text'; the data have keys, 1"


def uar(logits: torch.Tensor, truth: torch.Tensor) -> float:
    return recall_score(truth.numpy(), logits.argmax(-1).numpy(), average="macro")


def test_c_is_the_best_by_the_runs_metric_on_the_selection_split_the_smaller_of_equals():
    train, labels = clips(4, signal=0.3)
    selection = clips(4, count=40, seed=SELECTION, signal=0.3)
    machines = [reference(c).fit(described(train), labels.numpy()) for c in GRID]
    said = [torch.from_numpy(machine.predict_proba(described(selection[0]))) for machine in machines]
    best = {}
    for score in (fb.accuracy, uar):
        merits = [score(each, selection[1]) for each in said]
        best[score] = merits.index(max(merits))
        head = Logistic(train.spec(4), Logistic.Config()).eval()
        head.solve([(train, labels)])
        head.calibrate([selection], score)
        expected = machines[best[score]].predict_proba(described(train))
        assert np.abs(head(train).softmax(-1).numpy() - expected).max() < 1e-3
        assert head.solutions == [], "what was not chosen is not kept"
    assert best[fb.accuracy] != best[uar]


def test_weights_of_classes_are_scikit_learns():
    streams, labels = clips(4)
    weights = torch.tensor([0.5, 1.0, 2.0, 3.0])
    found = solved(4, c=1.0, weights=weights)(streams).softmax(-1).numpy()
    weigh = dict(enumerate(weights.tolist()))
    machine = reference(1.0, class_weight=weigh).fit(described(streams), labels.numpy())
    assert np.abs(found - machine.predict_proba(described(streams))).max() < 1e-5


def test_clips_of_one_frame_and_streams_that_stand_still_are_no_trouble():
    """Their deviation over time is rounding, which is not scaled up to a signal."""
    streams, labels = clips(2, time=1)
    head = Logistic(streams.spec(2), Logistic.Config(c=1.0))
    head.solve([(streams, labels)])
    assert torch.isfinite(head(streams)).all() and (head.scale[5:] == 1).all()
    still = {n: (100 * x.mean(1, keepdim=True)).expand(-1, 50, -1).contiguous() for n, x in streams.items()}
    still = fb.Streams(still)
    head.solve([(still, labels)])
    assert (head.scale[5:] == 1).all() and head.classify.weight[:, 5:].abs().max() < 1e-5


def test_a_class_without_a_clip_is_never_chosen():
    streams, labels = clips(2)
    head = Logistic(streams.spec(3), Logistic.Config())
    head.solve([(streams, labels)])
    assert head.classify.bias[2] == ABSENT and set(head(streams).argmax(-1).tolist()) == {0, 1}
