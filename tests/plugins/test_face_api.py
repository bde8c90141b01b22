"""face-api's networks: whole outputs against a reading in numpy of the published format."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from fusionbench_backbones.expression_net import EXPRESSIONS, ExpressionNet
from fusionbench_backbones.face_net import FaceNet
from safetensors.numpy import save_file

import fusionbench as fb
from fusionbench.data.cache import cache_root
from fusionbench.weights.face_api import tensors
from tests.plugins import face_api_numpy as reference

SAYS = {
    "neutral": 0.391424,
    "happy": 0.057011,
    "sad": 0.204619,
    "angry": 0.223209,
    "fearful": 0.064786,
    "disgusted": 0.014689,
    "surprised": 0.044262,
}
"""what the released network says of ``tiles()``: the reading in numpy on the released manifest and bytes"""
RELEASED = cache_root() / "weights" / "expression_net" / "expression_net.safetensors"
"""in the cache of whoever runs the tests, looked up before a test has its own"""
WIDTHS = {"dense0": (3, 32), "dense1": (32, 64), "dense2": (64, 128), "dense3": (128, 256)}


def expression_shapes() -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for block, (width_in, width) in WIDTHS.items():
        for number in range(4):
            name, before = f"{block}/conv{number}", width_in if number == 0 else width
            if name == "dense0/conv0":
                shapes[f"{name}/filters"] = (3, 3, before, width)
            else:
                shapes[f"{name}/depthwise_filter"] = (3, 3, before, 1)
                shapes[f"{name}/pointwise_filter"] = (1, 1, before, width)
            shapes[f"{name}/bias"] = (width,)
    return {**shapes, "fc/weights": (256, 7), "fc/bias": (7,)}


def recognition_shapes() -> dict[str, tuple[int, ...]]:
    convs = {"conv32_down": (7, 3, 32)}
    before = 32
    for unit in reference.UNITS:
        width = int(unit.removeprefix("conv").split("_")[0])
        convs |= {f"{unit}/conv1": (3, before, width), f"{unit}/conv2": (3, width, width)}
        before = width
    shapes: dict[str, tuple[int, ...]] = {}
    for name, (kernel, width_in, width) in convs.items():
        shapes[f"{name}/conv/filters"] = (kernel, kernel, width_in, width)
        shapes |= {f"{name}/{rest}": (width,) for rest in ("conv/bias", "scale/weights", "scale/biases")}
    return {**shapes, "fc": (256, 128)}


def published(shapes: dict[str, tuple[int, ...]]) -> tuple[list[dict], bytes]:
    """A manifest and its bytes with drawn weights, in the published form: uint8 with scale and min."""
    draw = np.random.default_rng(12)
    entries, content = [], b""
    for name, shape in shapes.items():
        q = draw.integers(0, 256, shape, dtype=np.uint8)
        reach = 2.4 / np.sqrt(np.prod(shape[:-1]) or 1)
        low = 0.5 if name.endswith("scale/weights") else -reach
        how = {"dtype": "uint8", "scale": (0.5 if low > 0 else 2 * reach) / 255, "min": low}
        entries.append({"name": name, "shape": list(shape), "dtype": "float32", "quantization": how})
        content += q.tobytes()
    return [{"weights": entries, "paths": ["shard"]}], content


def loaded(cls: type[fb.Backbone], manifest: list[dict], content: bytes, folder: Path) -> fb.Backbone:
    file = folder / "weights.safetensors"
    save_file(tensors(json.dumps(manifest).encode(), content), file)
    return cls(cls.Config(weights=file)).eval()


def as_frames(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(image.transpose(2, 0, 1)[None].copy()).float() / 255


def close(ours: torch.Tensor, theirs: np.ndarray) -> None:
    scale = np.abs(theirs).max()
    assert scale > 0
    np.testing.assert_allclose(ours.numpy() / scale, theirs / scale, atol=2e-5)


def noise(side: int) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (side, side, 3), dtype=np.uint8)


def tiles() -> np.ndarray:
    """7 x 7 tiles of one colour each, 112 x 112: an image that every machine makes alike."""
    colours = np.random.default_rng(2).integers(0, 256, (7, 7, 3), dtype=np.uint8)
    return np.kron(colours, np.ones((16, 16, 1), np.uint8))


def test_the_expression_network_is_the_published_arithmetic(tmp_path):
    manifest, content = published(expression_shapes())
    net, image = loaded(ExpressionNet, manifest, content, tmp_path), noise(112)
    maps, embedding, said = reference.expression(image.astype(float), reference.weights(manifest, content))
    with torch.inference_mode():
        found = net(as_frames(image))
        close(found.map[0].permute(1, 2, 0), maps)
        close(found.embedding[0], embedding)
        close(net.logits(found.embedding).softmax(-1)[0], said)


def test_the_recognition_network_is_the_published_arithmetic(tmp_path):
    manifest, content = published(recognition_shapes())
    net, image = loaded(FaceNet, manifest, content, tmp_path), noise(150)
    maps, embedding = reference.recognition(image.astype(float), reference.weights(manifest, content))
    with torch.inference_mode():
        found = net(as_frames(image))
        close(found.map[0].permute(1, 2, 0), maps)
        close(found.embedding[0], embedding)


@pytest.mark.skipif(not RELEASED.is_file(), reason="fusionbench weights get expression_net")
def test_the_released_weights_say_what_the_published_arithmetic_says():
    net = ExpressionNet(ExpressionNet.Config(weights=RELEASED)).eval()
    with torch.inference_mode():
        said = net.logits(net(as_frames(tiles())).embedding).softmax(-1)[0]
    assert dict(zip(EXPRESSIONS, said.tolist(), strict=True)) == pytest.approx(SAYS, abs=1e-4)


@pytest.mark.parametrize(
    ("cls", "parameters"),
    # 0.33 M and 5.6 M, as their manifests list them
    [(ExpressionNet, 323_687), (FaceNet, 5_614_592)],
)
def test_sizes_are_those_of_the_manifests(cls, parameters):
    shapes = expression_shapes() if cls is ExpressionNet else recognition_shapes()
    assert sum(int(np.prod(shape)) for shape in shapes.values()) == parameters
    net = cls(cls.Config(weights=None))
    assert sum(p.numel() for p in net.parameters()) == parameters


def test_without_released_weights_it_is_said_how_to_get_them():
    with pytest.raises(fb.UserError, match="fusionbench weights get expression_net"):
        ExpressionNet(ExpressionNet.Config())


def test_the_classifier_is_no_part_of_what_learns():
    net = ExpressionNet(ExpressionNet.Config(weights=None))
    assert not any(p.requires_grad for p in net.fc.parameters())
