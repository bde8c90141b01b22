"""One stream alone, averaged over time: rows 1 and 2 of ARPGNet's Table 4."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor

import fusionbench as fb


class Single(fb.FusionHead):
    """No fusion: the mean over time of a single stream, then the classifier."""

    name = "single"

    class Config(fb.Config):
        stream: str | None = Field(None, description="name of the stream to read; null = the first")
        hidden: int | None = Field(
            None, ge=1, description="hidden width of the classifier; null = the stream's width"
        )
        dropout: float = fb.tunable(
            0.25, low=0.0, high=0.6, ge=0, lt=1, description="on the pooled vector and the hidden layer"
        )

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
        width = spec.dims[self.stream]
        self.classify = fb.Classifier(width, config.hidden or width, spec.classes, config.dropout)

    def forward(self, streams: fb.Streams) -> Tensor:
        return self.classify(fb.masked_mean(streams[self.stream], streams.mask))


@fb.hookimpl
def fusion_heads() -> list[type[fb.FusionHead]]:
    return [Single]
