"""What lies between a face and its picture: pose, light, blur, grain and things in the way."""

from __future__ import annotations

import numpy as np

from fusionbench.standin.canvas import SIZE, Canvas, Pose, below
from fusionbench.standin.motion import walk

SPREAD = {"roll": 0.035, "shift_u": 0.02, "shift_v": 0.02, "scale": 0.02, "yaw": 0.15}
"""standard deviation of each part of the pose; what an imperfect alignment leaves over"""


def wander(frames: int, rng: np.random.Generator) -> Pose:
    """A pose that drifts through a clip."""
    paths = walk(frames, len(SPREAD), 1.0, rng, pull=0.06)
    parts = {
        name: spread * np.clip(paths[:, i], -2.5, 2.5) for i, (name, spread) in enumerate(SPREAD.items())
    }
    return Pose(**(parts | {"scale": 0.95 + parts["scale"]}))


def scatter(frames: int, rng: np.random.Generator) -> Pose:
    """A pose drawn anew for every frame, for pictures that are no clip."""
    parts = {
        name: spread * np.clip(rng.standard_normal(frames), -2.5, 2.5) for name, spread in SPREAD.items()
    }
    return Pose(**(parts | {"scale": 0.95 + parts["scale"]}))


def expose(canvas: Canvas, rng: np.random.Generator) -> np.ndarray:
    """Take the picture: ``(frames, 96, 96, 3)`` uint8 of the canvas under this clip's light and camera."""
    image = canvas.image
    _light(image, rng)
    if rng.random() < 0.25:
        _obstruct(image, rng)
    _blur(image, rng.uniform(0, 0.27))
    grain = rng.standard_normal((len(image), 1, SIZE, SIZE), np.float32)
    grain *= np.float32(rng.uniform(0.01, 0.035))
    image += grain
    image *= 255
    np.clip(image, 0, 255, out=image)
    return np.ascontiguousarray(np.rint(image, out=image).astype(np.uint8).transpose(0, 2, 3, 1))


def _light(image: np.ndarray, rng: np.random.Generator) -> None:
    """A light from one side, a tint and a contrast, all constant over the clip; brightness flickers."""
    axis = np.linspace(-1, 1, SIZE, dtype=np.float32)
    angle, strength = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.35)
    ramp = 1 + strength * (np.cos(angle) * axis[None, :] + np.sin(angle) * axis[:, None])
    tint = rng.normal(1, 0.03, (3, 1, 1)) * rng.uniform(0.75, 1.15)
    flicker = 1 + 0.02 * rng.standard_normal((len(image), 1, 1, 1))
    image *= (ramp * tint).astype(np.float32) * flicker.astype(np.float32)


def _obstruct(image: np.ndarray, rng: np.random.Generator) -> None:
    """Something passes in front of part of the face."""
    frames = len(image)
    axis = np.linspace(-1, 1, SIZE, dtype=np.float32)
    start, end = rng.uniform(-1.6, 1.6, 2), rng.uniform(-1.6, 1.6, 2)
    share = np.linspace(0, 1, frames)[:, None]
    centre = ((1 - share) * start + share * end).astype(np.float32)
    dx = axis[None, None, :] - centre[:, 0, None, None]
    dy = axis[None, :, None] - centre[:, 1, None, None]
    across, up = rng.uniform(0.2, 0.45, 2)
    mask = below((dx / np.float32(across)) ** 2 + (dy / np.float32(up)) ** 2 - 1, 0.2)[:, None]
    image += mask * (rng.uniform(0.1, 0.8, (3, 1, 1)).astype(np.float32) - image)


def _blur(image: np.ndarray, share: float) -> None:
    """Let every pixel give ``share`` of itself to each neighbour, along rows, then along columns."""
    for pixels in (image, image.swapaxes(2, 3)):
        given = pixels * np.float32(share)
        pixels -= given
        pixels[:, :, 1:] += given[:, :, :-1]
        pixels[:, :, :1] += given[:, :, :1]
        pixels -= given
        pixels[:, :, :-1] += given[:, :, 1:]
        pixels[:, :, -1:] += given[:, :, -1:]
