"""A head that brings its process down as memory that runs out would."""

import os
import signal

import fusionbench as fb
from torch import nn


class Deadly(fb.FusionHead):
    """Dies in training."""

    name = "deadly"

    def __init__(self, spec, config):
        super().__init__()
        self.classify = nn.Linear(next(iter(spec.dims.values())), spec.classes)

    def forward(self, streams):
        return self.classify(fb.masked_mean(next(iter(streams.values())), streams.mask))

    def training_loss(self, streams, labels, criterion):
        os.kill(os.getpid(), signal.SIGKILL)


@fb.hookimpl
def fusion_heads():
    return [Deadly]
