"""The three released backbones: every weight by the formula, maps and embeddings against the references."""

from __future__ import annotations

import re
from collections.abc import Callable

import torch
from fusionbench_backbones.efficientnet_b0 import EfficientNetB0
from fusionbench_backbones.inception_resnet_v1 import InceptionResNetV1
from fusionbench_backbones.iresnet50 import IResNet50
from torch import Tensor, nn

from tests.parity.fixture import Fixture

Pairs = dict[str, tuple[Tensor, Tensor]]


def filled_trunk(trunk: nn.Module, fixture: Fixture, dtype: torch.dtype) -> nn.Module:
    """The trunk in eval mode, its weights drawn by the fixture's formula."""
    shapes = {key: tuple(value.shape) for key, value in trunk.state_dict().items()}
    trunk = trunk.to(dtype).eval()
    trunk.load_state_dict(fixture.filled(shapes.items(), dtype))
    return trunk


def stored(trunk: nn.Module, image: Tensor, wanted: dict[str, Tensor]) -> Pairs:
    """What the fixture stores of one image size, ours beside it.

    ``out.*`` is the embedding; ``mid.NAME`` the output of submodule NAME, ``mid.NAME_mean``
    its mean over rows and columns; ``NAME_96`` says the image's side.
    """
    seen: dict[str, Tensor] = {}
    for name, module in trunk.named_modules():
        module.register_forward_hook(lambda _module, _args, output, name=name: seen.update({name: output}))
    embedding = trunk(image)[0]
    pairs = {}
    for label, reference in wanted.items():
        if label.startswith("out."):
            pairs[label] = (embedding, reference)
            continue
        name = re.sub(r"_\d+(_mean)?$|_mean$", "", label.removeprefix("mid."))
        value = seen[re.sub(r"^blocks(\d)$", r"blocks.\1", name)]
        pairs[label] = (value.mean((2, 3)) if label.endswith("_mean") else value, reference)
    return pairs


def iresnet50(fixture: Fixture, dtype: torch.dtype) -> Pairs:
    (image,) = fixture.declared_inputs(dtype).values()
    trunk = filled_trunk(IResNet50(image.shape[-1] // 16), fixture, dtype)
    return stored(trunk, image, fixture.tensors(dtype))


def every_size(make: Callable[[], nn.Module]) -> Callable[[Fixture, torch.dtype], Pairs]:
    """A check over the image sizes that a fixture's tensors name: ``out.embedding160``."""

    def check(fixture: Fixture, dtype: torch.dtype) -> Pairs:
        trunk = filled_trunk(make(), fixture, dtype)
        by_side: dict[int, dict[str, Tensor]] = {}
        for label, reference in fixture.tensors(dtype).items():
            side = int(re.findall(r"(\d+)(?:_mean)?$", label)[0])
            by_side.setdefault(side, {})[label] = reference
        pairs: Pairs = {}
        for side, wanted in by_side.items():
            frames = next(iter(wanted.values())).shape[0]
            image = fixture.input(f"input{side}", (frames, 3, side, side), dtype)
            pairs |= stored(trunk, image, wanted)
        return pairs

    return check


def same_keys(make: Callable[[], nn.Module], left_out: str = "") -> Callable[[Fixture, torch.dtype], Pairs]:
    """A check of names, shapes, order and total of a state dict; ``left_out`` starts what we do not build."""

    def check(fixture: Fixture, dtype: torch.dtype) -> Pairs:
        trunk = make()
        listed = [(key, tuple(shape)) for key, shape, _ in fixture.json()]
        outside = [shape for key, shape in listed if left_out and key.startswith(left_out)]
        wanted = [(key, shape) for key, shape in listed if not left_out or not key.startswith(left_out)]
        ours = [(key, tuple(value.shape)) for key, value in trunk.state_dict().items()]
        total = sum(p.numel() for p in trunk.parameters()) + sum(torch.Size(s).numel() for s in outside)
        different = len(set(ours) ^ set(wanted)) + sum(a != b for a, b in zip(ours, wanted, strict=False))
        return {
            "entries that differ": (torch.tensor(different), torch.tensor(0)),
            "parameters": (torch.tensor(total), torch.tensor(fixture.entry["params"])),
        }

    return check


CHECKS = {
    "iresnet50": iresnet50,
    "iresnet50_keys": same_keys(IResNet50),
    "inception_resnet_v1": every_size(InceptionResNetV1),
    "inception_resnet_v1_keys": same_keys(InceptionResNetV1),
    "tf_efficientnet_b0": every_size(lambda: EfficientNetB0(tensorflow=True)),
    "efficientnet_b0": every_size(lambda: EfficientNetB0(tensorflow=False)),
    "efficientnet_b0_keys": same_keys(lambda: EfficientNetB0(tensorflow=True), left_out="classifier."),
}
RELATIVE = {"inception_resnet_v1", "tf_efficientnet_b0", "efficientnet_b0"}
"""their maps reach tens, where float32 itself is 1e-6 apart"""
