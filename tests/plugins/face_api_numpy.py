"""face-api's two networks in numpy, straight from a manifest and its bytes: nothing of the project is used.

The layout is that of ``@vladmandic/face-api`` 1.7.15, ``faceFeatureExtractor`` and ``faceRecognitionNet``;
arrays are ``(rows, cols, channels)`` and filters ``(rows, cols, in, out)``, as they are there.
"""

from __future__ import annotations

import numpy as np

MEAN = np.array([122.782, 117.001, 104.298])


def weights(manifest: list[dict], content: bytes) -> dict[str, np.ndarray]:
    """The tensors under the manifest's own names: ``q * scale + min``."""
    found, at = {}, 0
    for entry in (entry for group in manifest for entry in group["weights"]):
        how, count = entry.get("quantization"), int(np.prod(entry["shape"]))
        kind = np.dtype(how["dtype"] if how else "float32")
        values = np.frombuffer(content, kind, count, at).astype(np.float64)
        at += count * kind.itemsize
        found[entry["name"]] = (values * how["scale"] + how["min"] if how else values).reshape(entry["shape"])
    return found


def same(x: np.ndarray, kernel: int, stride: int) -> np.ndarray:
    """TensorFlow's SAME: as many outputs as ``ceil(side / stride)``, the odd zero below and to the right."""
    wanted = [max((-(-n // stride) - 1) * stride + kernel - n, 0) for n in x.shape[:2]]
    return np.pad(x, [(n // 2, n - n // 2) for n in wanted] + [(0, 0)])


def windows(x: np.ndarray, kernel: int, stride: int) -> np.ndarray:
    """``(rows, cols, channels, kernel, kernel)``"""
    seen = np.lib.stride_tricks.sliding_window_view(x, (kernel, kernel), (0, 1))
    return seen[::stride, ::stride]


def conv(x: np.ndarray, filters: np.ndarray, stride: int = 1, padding: str = "same") -> np.ndarray:
    kernel = filters.shape[0]
    x = same(x, kernel, stride) if padding == "same" else x
    return np.tensordot(windows(x, kernel, stride), filters, axes=([3, 4, 2], [0, 1, 2]))


def relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


def separable(x: np.ndarray, w: dict[str, np.ndarray], name: str, stride: int = 1) -> np.ndarray:
    depthwise = np.einsum(
        "rckij,ijk->rck", windows(same(x, 3, stride), 3, stride), w[f"{name}/depthwise_filter"][..., 0]
    )
    return depthwise @ w[f"{name}/pointwise_filter"][0, 0] + w[f"{name}/bias"]


def expression(image: np.ndarray, w: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Map ``(7, 7, 256)``, embedding ``(256,)`` and probabilities ``(7,)``.

    Args:
        image: ``(112, 112, 3)``, 0 to 255.
        w: the tensors.
    """
    x = (image - MEAN) / 255
    for block in range(4):
        name = f"dense{block}"
        if block == 0:
            out1 = relu(conv(x, w[f"{name}/conv0/filters"], 2) + w[f"{name}/conv0/bias"])
        else:
            out1 = relu(separable(x, w, f"{name}/conv0", 2))
        out2 = separable(out1, w, f"{name}/conv1")
        out3 = separable(relu(out1 + out2), w, f"{name}/conv2")
        out4 = separable(relu(out1 + out2 + out3), w, f"{name}/conv3")
        x = relu(out1 + out2 + out3 + out4)
    embedding = x.mean((0, 1))
    said = np.exp(embedding @ w["fc/weights"] + w["fc/bias"])
    return x, embedding, said / said.sum()


def scaled(x: np.ndarray, w: dict[str, np.ndarray], name: str, halves: bool = False) -> np.ndarray:
    stride, padding = (2, "valid") if halves else (1, "same")
    out = conv(x, w[f"{name}/conv/filters"], stride, padding) + w[f"{name}/conv/bias"]
    return out * w[f"{name}/scale/weights"] + w[f"{name}/scale/biases"]


def unit(x: np.ndarray, w: dict[str, np.ndarray], name: str) -> np.ndarray:
    halves = "_down" in name
    out = scaled(relu(scaled(x, w, f"{name}/conv1", halves)), w, f"{name}/conv2")
    if halves:
        rows, cols, channels = x.shape
        x = x[: rows // 2 * 2, : cols // 2 * 2].reshape(rows // 2, 2, cols // 2, 2, channels).mean((1, 3))
        if out.shape[0] != x.shape[0]:
            out = np.pad(out, [(0, 1), (0, 1), (0, 0)])
        if out.shape[2] != x.shape[2]:
            x = np.concatenate([x, np.zeros_like(x)], axis=2)
    return relu(x + out)


UNITS = (
    *("conv32_1", "conv32_2", "conv32_3", "conv64_down", "conv64_1", "conv64_2", "conv64_3"),
    *("conv128_down", "conv128_1", "conv128_2", "conv256_down", "conv256_1", "conv256_2", "conv256_down_out"),
)


def recognition(image: np.ndarray, w: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Map after ``conv128_2`` ``(8, 8, 128)`` and embedding ``(128,)``.

    Args:
        image: ``(150, 150, 3)``, 0 to 255.
        w: the tensors.
    """
    x = windows(relu(scaled((image - MEAN) / 255, w, "conv32_down", halves=True)), 3, 2).max((3, 4))
    maps = {}
    for name in UNITS:
        x = maps[name] = unit(x, w, name)
    return maps["conv128_2"], x.mean((0, 1)) @ w["fc"]
