"""HSE-NN's clip classifier: four statistics of a stream over time, and a linear support vector machine.

Numbers: av-savchenko/face-emotion-recognition (mean, standard deviation, minimum and
maximum over frames, L2-normalised, scikit-learn's ``LinearSVC(C=1.1)``). Its stream is
EfficientNet-b0's 1280 features: preset ``efficientnet-b0-hse``.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

import fusionbench as fb


class HseNN(fb.FusionHead):
    """HSE-NN: mean, deviation, minimum and maximum over time of one stream, and a linear SVM.

    The machine is solved for, not trained; its solution is a linear layer as any other.
    """

    name = "hse_nn"
    solved = True

    class Config(fb.Config):
        stream: str | None = Field(None, description="name of the stream to read; null = the first")
        c: float = fb.tunable(1.1, low=0.01, high=100.0, log=True, gt=0, description="C of the machine")

    @classmethod
    def supports(cls, spec: fb.StreamSpec, config: Config) -> str | None:
        if config.stream is None or config.stream in spec.dims:
            return None
        return f"there is no stream {config.stream!r}; the data have {', '.join(spec.dims)}"

    @classmethod
    def reads(cls, spec: fb.StreamSpec, config: Config) -> tuple[str, ...]:
        return (config.stream or next(iter(spec.dims)),)

    def __init__(self, spec: fb.StreamSpec, config: Config):
        super().__init__()
        (self.stream,) = self.reads(spec, config)
        self.c = config.c
        self.classify = nn.Linear(4 * spec.dims[self.stream], spec.classes).requires_grad_(False)

    def describe(self, streams: fb.Streams) -> Tensor:
        """``(batch, 4 * dim)``: mean, standard deviation, minimum, maximum; of length one."""
        x, mask = streams[self.stream], streams.mask
        mean = fb.masked_mean(x, mask)
        std = fb.masked_mean((x - mean.unsqueeze(1)) ** 2, mask).sqrt()
        return F.normalize(torch.cat([mean, std, -fb.masked_max(-x, mask), fb.masked_max(x, mask)], dim=-1))

    def forward(self, streams: fb.Streams) -> Tensor:
        return self.classify(self.describe(streams))

    def solve(self, train: Iterable[tuple[fb.Streams, Tensor]], class_weights: Tensor | None = None) -> None:
        from sklearn.svm import LinearSVC

        seen = [(self.describe(streams).cpu(), labels.cpu()) for streams, labels in train]
        described, labels = (torch.cat(parts).numpy() for parts in zip(*seen, strict=True))
        weigh = None if class_weights is None else dict(enumerate(class_weights.tolist()))
        machine = LinearSVC(C=self.c, class_weight=weigh, max_iter=10_000, random_state=0)
        machine.fit(described, labels)
        planes, offsets = torch.as_tensor(machine.coef_), torch.as_tensor(machine.intercept_)
        if len(machine.classes_) == 2:  # one plane between two classes
            planes, offsets = torch.cat([-planes, planes]), torch.cat([-offsets, offsets])
        found = torch.as_tensor(machine.classes_)
        self.classify.weight.zero_()
        self.classify.bias.fill_(-1e3)  # a class without training clips is never chosen
        self.classify.weight[found] = planes.to(self.classify.weight)
        self.classify.bias[found] = offsets.to(self.classify.bias)


@fb.hookimpl
def fusion_heads() -> list[type[fb.FusionHead]]:
    return [HseNN]
