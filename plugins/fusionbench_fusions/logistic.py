"""The baseline every table needs: logistic regression on the mean and the deviation of each stream.

Solved for by scikit-learn (``LogisticRegression``: L2 penalty, lbfgs); C is chosen on the selection split.
What a fusion method adds to fusing by a linear rule is what it gains over this.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from pydantic import Field
from torch import Tensor, nn

import fusionbench as fb

GRID = tuple(10.0 ** (half / 2) for half in range(-6, 5))
"""C from 1e-3 to 1e2 in half decades"""
ABSENT = -1e3
"""logit of a class without a training clip: it is never chosen"""


class Logistic(fb.FusionHead):
    """Logistic regression on each stream's mean and standard deviation over time, side by side.

    It is solved for, not trained; the solution is a linear layer as any other, behind a scaling of
    each feature to variance one on the training part.
    """

    name = "logistic"
    solved = True
    centre: Tensor
    scale: Tensor

    class Config(fb.Config):
        stream: str | None = Field(None, description="name of the one stream to read; null = all, fused")
        c: float | None = Field(
            None,
            gt=0,
            description="C of the regression; null = the best on the selection split of 1e-3 to 1e2, "
            "the smaller of equals",
        )
        segments: int = Field(
            1, ge=1, description="equal segments of a clip that are described one by one; 1 = the clip whole"
        )

    @classmethod
    def supports(cls, spec: fb.StreamSpec, config: Config) -> str | None:
        if config.stream is None or config.stream in spec.dims:
            return None
        return f"there is no stream {config.stream!r}; the data have {', '.join(spec.dims)}"

    @classmethod
    def reads(cls, spec: fb.StreamSpec, config: Config) -> tuple[str, ...]:
        return tuple(spec.dims) if config.stream is None else (config.stream,)

    def __init__(self, spec: fb.StreamSpec, config: Config):
        super().__init__()
        self.names = self.reads(spec, config)
        self.grid = GRID if config.c is None else (config.c,)
        self.solutions: list[tuple[Tensor, Tensor]] = []
        self.segments = config.segments
        width = 2 * config.segments * sum(spec.dims[name] for name in self.names)
        self.register_buffer("centre", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))
        self.classify = nn.Linear(width, spec.classes).requires_grad_(False)

    def describe(self, streams: fb.Streams) -> Tensor:
        """``(batch, 2 * segments * dims)``: the means of all streams, then their standard deviations."""
        means, deviations = [], []
        for segment in segments_of(streams.mask, self.segments):
            for name in self.names:
                x = streams[name]
                mean = fb.masked_mean(x, segment)
                means.append(mean)
                deviations.append(fb.masked_mean((x - mean.unsqueeze(1)) ** 2, segment).sqrt())
        return torch.cat([*means, *deviations], dim=-1)

    def forward(self, streams: fb.Streams) -> Tensor:
        return self.classify((self.describe(streams) - self.centre) / self.scale)

    def solve(self, train: Iterable[tuple[fb.Streams, Tensor]], class_weights: Tensor | None = None) -> None:
        """One solution for each C; ``calibrate`` chooses, and until then the middle one holds."""
        from sklearn.linear_model import LogisticRegression

        seen = [(self.describe(streams).cpu().double(), labels.cpu()) for streams, labels in train]
        described, labels = (torch.cat(parts) for parts in zip(*seen, strict=True))
        self.centre.copy_(described.mean(dim=0))
        self.scale.copy_(spread(described))
        scaled = ((described - described.mean(dim=0)) / spread(described)).numpy()
        weigh = None if class_weights is None else dict(enumerate(class_weights.tolist()))
        # Each C goes on from the solution for the one before.
        machine = LogisticRegression(class_weight=weigh, max_iter=10_000, warm_start=True)
        self.solutions = []
        for c in self.grid:
            machine.set_params(C=c).fit(scaled, labels.numpy())
            self.solutions.append(self._layer(machine.coef_, machine.intercept_, machine.classes_))
        self._take(self.solutions[len(self.solutions) // 2])

    def calibrate(
        self, selection: Iterable[tuple[fb.Streams, Tensor]], score: fb.Score = fb.accuracy
    ) -> None:
        """Take the C with the best score on the selection split, the smaller of equals."""
        if not self.solutions:
            return
        seen = [(self.describe(streams), labels) for streams, labels in selection]
        described, labels = (torch.cat(parts) for parts in zip(*seen, strict=True))

        def merit(solution: tuple[Tensor, Tensor]) -> float:
            self._take(solution)
            return score(self.classify((described - self.centre) / self.scale), labels)

        self._take(max(self.solutions, key=merit))  # the first of equals: the grid ascends
        self.solutions = []

    def _layer(self, coefficients: object, intercepts: object, classes: object) -> tuple[Tensor, Tensor]:
        """What scikit-learn found as weight and bias of the layer, every class in its place."""
        planes, offsets = torch.as_tensor(coefficients), torch.as_tensor(intercepts)
        found = torch.as_tensor(classes)
        if len(found) == 2:  # one plane between two classes
            planes, offsets = torch.cat([-planes, planes]) / 2, torch.cat([-offsets, offsets]) / 2
        weight = torch.zeros(self.classify.weight.shape, dtype=planes.dtype)
        bias = torch.full(self.classify.bias.shape, ABSENT, dtype=planes.dtype)
        weight[found], bias[found] = planes, offsets
        return weight, bias

    def _take(self, solution: tuple[Tensor, Tensor]) -> None:
        self.classify.weight.copy_(solution[0])
        self.classify.bias.copy_(solution[1])


def segments_of(mask: Tensor, count: int) -> Iterator[Tensor]:
    """The frames of each of ``count`` equal segments of a clip: ``(batch, time)`` bool, one by one.

    Segment k of n frames goes from ``floor(k n / count)`` to ``ceil((k + 1) n / count)``, as PyTorch's
    adaptive pooling has it: no segment is empty, and those of a short clip overlap.
    """
    frames = mask.sum(dim=1, keepdim=True)
    place = torch.arange(mask.shape[1], device=mask.device)
    for k in range(count):
        first, end = k * frames // count, -(-(k + 1) * frames // count)
        yield mask & (place >= first) & (place < end)


def spread(described: Tensor) -> Tensor:
    """Standard deviation of each feature over the clips; 1 where all there is is rounding.

    A stream that stands still has a deviation over time of rounding errors, and dividing by theirs
    would make them a signal.

    Args:
        described: ``(clips, 2 * segments * dims)``, means then deviations.
    """
    means = described[:, : described.shape[1] // 2].abs().amax(dim=0)
    rounding = torch.finfo(torch.float32).eps * torch.cat([means, means])
    found = described.std(dim=0, correction=0)
    return torch.where(found > rounding, found, 1.0)


@fb.hookimpl
def fusion_heads() -> list[type[fb.FusionHead]]:
    return [Logistic]
