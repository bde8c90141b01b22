"""HSE-NN is scikit-learn's machine on four statistics of the clip."""

import numpy as np
import pytest
import torch
from sklearn.svm import LinearSVC

import fusionbench as fb
from fusionbench.catalog.plugins import collect

HseNN = collect().get("fusion", "hse_nn").cls


def clips(classes: int, seed: int = 0):
    g = torch.Generator().manual_seed(seed)
    labels = torch.arange(30) % classes
    frames = torch.randn(30, 6, 5, generator=g) + labels[:, None, None] * 0.7
    mask = torch.arange(6) < torch.randint(2, 7, (30, 1), generator=g)
    return fb.Streams({"appearance": frames}, mask), labels


@pytest.mark.parametrize("classes", [2, 3])
def test_solved_head_chooses_as_the_machine_does(classes):
    streams, labels = clips(classes)
    head = HseNN(streams.spec(classes), HseNN.Config())
    head.solve([(streams, labels)])
    rows = []
    for x, m in zip(streams["appearance"], streams.mask, strict=True):
        x = x[m].numpy()
        row = np.concatenate([x.mean(0), x.std(0), x.min(0), x.max(0)])
        rows.append(row / np.linalg.norm(row))
    machine = LinearSVC(C=1.1, max_iter=10_000, random_state=0).fit(np.array(rows), labels.numpy())
    assert head(streams).argmax(1).tolist() == machine.predict(np.array(rows)).tolist()
