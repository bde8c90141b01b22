"""The classifier shared by the heads, so that a comparison is about fusion and nothing after it."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn


class Classifier(nn.Sequential):
    """Dropout - Linear(in, hidden) - LeakyReLU(0.01) - Dropout - Linear(hidden, classes).

    Takes ``(..., in_dim)`` to logits ``(..., classes)``. ARPGNet names an "MLP", a slope of
    0.01, a dropout of 0.25 and Kaiming initialisation (section 4.2.2), not the layers'
    sizes: one hidden layer of a stream's width, dropout before both layers, is our decision.

    Args:
        in_dim: channels of the fused vector.
        hidden: channels of the hidden layer; None leaves a single linear layer.
        classes: number of logits.
        dropout: share of channels dropped before each layer, in training.
    """

    def __init__(self, in_dim: int, hidden: int | None, classes: int, dropout: float = 0.25):
        layers: OrderedDict[str, nn.Module] = OrderedDict(drop_in=nn.Dropout(dropout))
        if hidden is not None:
            layers["hidden"] = nn.Linear(in_dim, hidden)
            layers["slope"] = nn.LeakyReLU(0.01)
            layers["drop_hidden"] = nn.Dropout(dropout)
        layers["out"] = nn.Linear(hidden or in_dim, classes)
        super().__init__(layers)
        for layer in self:
            if isinstance(layer, nn.Linear):
                kaiming_linear(layer)


def kaiming_linear(layer: nn.Linear) -> nn.Linear:
    """Kaiming-normal weight for a leaky slope of 0.01, zero bias; returns the layer."""
    nn.init.kaiming_normal_(layer.weight, a=0.01, mode="fan_in")
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
