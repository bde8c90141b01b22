"""Who is drawn: the geometry, colours and habits of one invented person."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fusionbench.standin.action_units import ACTION_UNITS
from fusionbench.standin.draws import draws_for

Colour = np.ndarray
"""``(3,)`` RGB in [0, 1]"""

SKIN_TONES = np.array([[0.97, 0.82, 0.72], [0.90, 0.72, 0.58], [0.76, 0.57, 0.43], [0.52, 0.36, 0.27]])
HAIR_TONES = np.array([[0.10, 0.08, 0.07], [0.32, 0.20, 0.12], [0.62, 0.45, 0.24], [0.58, 0.57, 0.56]])
IRIS_TONES = np.array([[0.25, 0.15, 0.08], [0.28, 0.42, 0.62], [0.33, 0.45, 0.28]])


@dataclass(frozen=True)
class Identity:
    """One person. Lengths are in face units: the image is 2 x 2, centred, v points down.

    The resting curvatures make a single frame ambiguous: a resting mouth that
    droops is no sadness, a low resting brow no anger.
    """

    skin: Colour
    hair: Colour
    iris: Colour
    lips: Colour
    background: Colour
    face_width: float
    jaw_taper: float
    chin: float
    hairline: float
    eye_spacing: float
    eye_height: float
    eye_width: float
    lid_opening: float
    eye_tilt: float
    brow_height: float
    brow_slope: float
    brow_arch: float
    brow_thickness: float
    nose_length: float
    nose_width: float
    mouth_height: float
    mouth_width: float
    mouth_curve: float
    upper_lip: float
    lower_lip: float
    folds: float
    """how visible wrinkles are at rest and in motion"""
    beard: float
    glasses: float
    """0 = none, else how dark the frame is"""
    gain: np.ndarray
    """``(14,)`` how far this face goes for an intensity of 1"""
    asymmetry: np.ndarray
    """``(14,)`` surplus of the image-left side over the right"""


def draw_identity(population: str, number: int, seed: int) -> Identity:
    """The person of this number.

    Args:
        population: ``subjects`` of a stand-in dataset, or ``practice`` for pre-training.
            The two never share a person: their draws have different keys.
        number: which person of the population.
        seed: base seed of the population.
    """
    rng = draws_for(seed, "identity", population, number)

    def spread(centre: float, sd: float) -> float:
        return float(centre + sd * np.clip(rng.standard_normal(), -2, 2))

    def mix(tones: np.ndarray) -> Colour:
        weights = rng.dirichlet(np.full(len(tones), 0.5))
        return np.clip(weights @ tones + rng.normal(0, 0.02, 3), 0.02, 1)

    skin = mix(SKIN_TONES)
    units = len(ACTION_UNITS)
    return Identity(
        skin=skin,
        hair=mix(HAIR_TONES),
        iris=mix(IRIS_TONES),
        lips=np.clip(skin * [0.88, 0.62, 0.62] + rng.normal(0, 0.03, 3), 0.05, 1),
        background=rng.uniform(0.2, 0.8) + rng.uniform(-0.15, 0.15, 3),
        face_width=spread(0.82, 0.05),
        jaw_taper=spread(0.16, 0.07),
        chin=spread(0.95, 0.04),
        hairline=spread(-0.86, 0.06),
        eye_spacing=spread(0.39, 0.022),
        eye_height=spread(-0.22, 0.025),
        eye_width=spread(0.175, 0.015),
        lid_opening=spread(1.0, 0.15),
        eye_tilt=spread(0.0, 0.015),
        brow_height=spread(-0.44, 0.03),
        brow_slope=spread(0.0, 0.03),
        brow_arch=spread(0.045, 0.02),
        brow_thickness=spread(0.06, 0.015),
        nose_length=spread(0.19, 0.025),
        nose_width=spread(0.16, 0.02),
        mouth_height=spread(0.52, 0.025),
        mouth_width=spread(0.29, 0.025),
        mouth_curve=spread(0.0, 0.028),
        upper_lip=spread(0.055, 0.015),
        lower_lip=spread(0.075, 0.017),
        folds=float(rng.uniform(0.3, 1.0)),
        beard=float(rng.uniform(0.3, 0.8)) if rng.random() < 0.2 else 0.0,
        glasses=float(rng.uniform(0.5, 1.0)) if rng.random() < 0.2 else 0.0,
        gain=rng.uniform(0.65, 1.25, units),
        asymmetry=np.clip(rng.normal(0, 0.12, units), -0.3, 0.3),
    )
