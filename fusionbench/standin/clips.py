"""The two things the generator gives: labelled clips, and single frames with their action units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fusionbench.contract.dataset import StandInClip
from fusionbench.standin.action_units import ACTION_UNITS, expression_of
from fusionbench.standin.camera import expose, scatter, wander
from fusionbench.standin.canvas import Canvas, Pose, image_to_pixels
from fusionbench.standin.draws import draws_for
from fusionbench.standin.face import draw_face
from fusionbench.standin.geometry import Geometry
from fusionbench.standin.identity import Identity, draw_identity
from fusionbench.standin.landmarks import landmarks
from fusionbench.standin.motion import perform, walk

VERSION = 1
"""raised whenever the same key gives other bytes"""


@dataclass(frozen=True)
class Footage:
    """Drawn frames and everything that is known about them."""

    frames: np.ndarray
    """``(frames, 96, 96, 3)`` uint8, RGB"""
    units: np.ndarray
    """``(frames, 14, 2)`` action units as they show on this face, image left and right"""
    landmarks: np.ndarray
    """``(frames, 68, 2)`` float32, x and y in pixels, iBUG-68 order"""
    active: np.ndarray
    """``(frames,)`` bool, True where the clip's own expression is strong"""


def clip(label: str, split: str, subject: int, k: int, seed: int) -> StandInClip:
    """One labelled clip; the same bytes for the same arguments, whatever was drawn before.

    Args:
        label: the dataset's class name for one of the seven basic expressions.
        split: split the clip goes to. It changes nothing in the picture.
        subject: number of the person; one number, one face, in every clip of one seed.
        k: which clip of this person and class.
        seed: base seed of the stand-in.

    Raises:
        UserError: ``label`` means none of the seven expressions.
    """
    shot = film(label, subject, k, seed)
    person = f"{subject:03d}"
    name = f"{person}-{label}-{k}"
    return StandInClip(name, label, split, person, shot.frames, shot.landmarks, shot.active)


def film(label: str, subject: int, k: int, seed: int) -> Footage:
    """The footage of ``clip``, with its action units."""
    expression = expression_of(label)
    rng = draws_for(seed, "clip", subject, expression, k)
    motion = perform(expression, rng)
    who = draw_identity("subjects", subject, seed)
    pose = wander(len(motion.units), rng)
    return _draw(who, motion.units, motion.blink, motion.gaze, pose, motion.active, rng)


def practice(person: int, count: int, seed: int) -> Footage:
    """``count`` unrelated frames of one person, to learn action units from; no expression is played.

    The people are others than those of any stand-in, and each action unit comes
    and goes by itself, so that what learns from them has seen no class.
    """
    rng = draws_for(seed, "practice", person)
    shape = (count, len(ACTION_UNITS))
    present = rng.random(shape) < rng.uniform(0.05, 0.45, (count, 1))
    units = np.where(present, rng.uniform(0.15, 1.0, shape), 0.0)[..., None].repeat(2, axis=2)
    units *= np.where(rng.random((*shape, 2)) < 0.1, 0.0, 1.0)
    blink = np.where(rng.random(count) < 0.1, rng.random(count), 0.0)
    who = draw_identity("practice", person, seed)
    idle = np.zeros(count, dtype=bool)
    return _draw(who, units, blink, walk(count, 2, 0.08, rng, pull=1.0), scatter(count, rng), idle, rng)


def _draw(
    who: Identity,
    units: np.ndarray,
    blink: np.ndarray,
    gaze: np.ndarray,
    pose: Pose,
    active: np.ndarray,
    rng: np.random.Generator,
) -> Footage:
    sides = np.stack([1 + who.asymmetry, 1 - who.asymmetry], axis=-1)
    shown = units * who.gain[:, None] * sides
    face = Geometry(who, shown, blink, gaze)
    canvas = Canvas(pose)
    draw_face(canvas, face)
    points = landmarks(face)
    x, y = pose.to_image(points[:, None, :, 0], points[:, None, :, 1])
    in_pixels = image_to_pixels(np.stack([x[:, 0], y[:, 0]], axis=-1)).astype(np.float32)
    return Footage(expose(canvas, rng), shown.astype(np.float32), in_pixels, active)
