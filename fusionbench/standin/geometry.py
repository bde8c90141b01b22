"""Where everything on the face is: identity and action units to the curves of its features.

Coordinates are face units: the image spans [-1, 1] in u (right) and v (down).
Each side is described in its own ``x``, which grows outward from the nose
(``u = -x`` on the image-left side). Every quantity that changes over time is
``(frames, 1, 1)``, so that it broadcasts against pixels ``(frames, rows, cols)``.
"""

from __future__ import annotations

import numpy as np

from fusionbench.standin.action_units import COLUMN
from fusionbench.standin.identity import Identity

LEFT, RIGHT = 0, 1
SIGN = (-1.0, 1.0)
"""``u = SIGN[side] * x``"""
BROW_END = 0.63
"""x of every brow's outer end"""


class Geometry:
    """The moving shape of one person's face.

    Args:
        identity: whose face.
        units: ``(frames, 14, 2)`` action units as this face shows them.
        blink: ``(frames,)`` 1 = lids closed.
        gaze: ``(frames, 2)`` iris shift in eye widths.
    """

    def __init__(self, identity: Identity, units: np.ndarray, blink: np.ndarray, gaze: np.ndarray):
        self.identity = identity
        self._units = units.astype(np.float32)[..., None, None]
        self.blink = blink.astype(np.float32)[:, None, None]
        self.gaze = gaze.astype(np.float32)[..., None, None]
        self.mouth_curves = self._mouth()

    def unit(self, number: int, side: int | None = None) -> np.ndarray:
        """``(frames, 1, 1)`` one action unit on one side, or the mean of both."""
        both = self._units[:, COLUMN[number]]
        return both.mean(axis=1) if side is None else both[:, side]

    # Brows and eyes

    def brow(self, side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Inner end x, inner v, outer v and arch of a brow."""
        who = self.identity
        raised, lowered = self.unit(1, side), self.unit(4, side)
        inner_x = 0.17 - 0.045 * lowered
        inner_v = (
            who.brow_height - who.brow_slope - 0.11 * raised + 0.085 * lowered + 0.03 * self.unit(9, side)
        )
        outer_v = who.brow_height + who.brow_slope + 0.02 - 0.11 * self.unit(2, side) + 0.045 * lowered
        arch = who.brow_arch + 0.02 * self.unit(2, side) - 0.02 * lowered
        return inner_x, inner_v, outer_v, arch

    def brow_v(self, side: int, t: np.ndarray) -> np.ndarray:
        """Height of the brow's mid-line at t in [0, 1] from the inner to the outer end."""
        _, inner, outer, arch = self.brow(side)
        return inner + (outer - inner) * t - arch * 4 * t * (1 - t)

    def lids(self, side: int, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Height of upper and lower lid at t in [-1, 1] from the inner to the outer corner."""
        who = self.identity
        tight, cheek = self.unit(7, side), self.unit(6, side)
        upper = 0.078 * who.lid_opening + 0.05 * self.unit(5, side) - 0.026 * tight - 0.006 * cheek
        lower = 0.055 * who.lid_opening - 0.028 * tight - 0.026 * cheek - 0.01 * self.unit(9, side)
        closed = 0.9 * self.blink
        axis = who.eye_height - who.eye_tilt * t
        bow = 1 - t * t
        return (
            axis - bow * (np.maximum(upper, 0.006) * (1 - closed) - 0.035 * closed),
            axis + bow * np.maximum(lower, 0.004),
        )

    # Nose

    @property
    def nose_wings(self) -> np.ndarray:
        """``(frames, 1, 1)`` height of the nose's wings, which a wrinkled nose pulls up."""
        return self.identity.nose_length - 0.035 * self.unit(9)

    # Mouth and jaw

    def corner(self, side: int) -> tuple[np.ndarray, np.ndarray]:
        """x and v of a mouth corner."""
        who = self.identity
        smile, stretch = self.unit(12, side), self.unit(20, side)
        x = who.mouth_width + 0.06 * smile + 0.075 * stretch - 0.06 * self.unit(23, side)
        v = (
            who.mouth_height
            - who.mouth_curve
            - 0.095 * smile
            + 0.095 * self.unit(15, side)
            + 0.02 * stretch
            + 0.05 * self.unit(26)
        )
        return x, v

    def _mouth(self) -> tuple[np.ndarray, ...]:
        """Gap above and below the lips' mid-line, thickness of both lips, height of the mid-line's middle."""
        who = self.identity
        part, jaw = self.unit(25), self.unit(26)
        tight, stretch, smile = self.unit(23), self.unit(20), self.unit(12)
        nose, chin = self.unit(9), self.unit(17)
        above = 0.014 * part + 0.03 * jaw + 0.014 * nose
        below = 0.035 * part + 0.18 * jaw
        thin = np.clip(1 - 0.55 * tight - 0.25 * stretch - 0.2 * smile, 0.2, 1)
        upper = who.upper_lip * thin * (1 - 0.15 * nose)
        lower = who.lower_lip * thin * (1 + 0.15 * chin)
        middle = who.mouth_height + 0.02 * (smile - self.unit(15) - nose) - 0.05 * chin
        return above, below, upper, lower, middle

    def mouth_u(self, t: np.ndarray) -> np.ndarray:
        """u at t in [-1, 1] from the left to the right mouth corner."""
        left, right = self.corner(LEFT)[0], self.corner(RIGHT)[0]
        return (right - left) / 2 + (right + left) / 2 * t

    def lips(self, t: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Heights of the lips' four edges, from the top, at t in [-1, 1] from image left to right."""
        above, below, upper, lower, middle = self.mouth_curves
        left, right = self.corner(LEFT)[1], self.corner(RIGHT)[1]
        line = middle + ((left + right) / 2 - middle) * t * t + (right - left) / 2 * t
        bow = np.clip(1 - t * t, 0, 1)
        cupid = 1 - 0.22 * np.exp(-((t / 0.13) ** 2))
        top, bottom = line - above * bow, line + below * bow
        return top - upper * cupid * np.sqrt(bow), top, bottom, bottom + lower * np.sqrt(bow)

    @property
    def chin(self) -> np.ndarray:
        """``(frames, 1, 1)`` height of the chin's lowest point."""
        return self.identity.chin + 0.14 * self.unit(26) - 0.02 * self.unit(17)

    def half_width(self, v: np.ndarray) -> np.ndarray:
        """Half the face's width at height v, 0 below the chin."""
        who = self.identity
        fall = np.clip(np.where(v < 0, -v / 1.3, v / self.chin), 0, 1)
        return who.face_width * (1 - who.jaw_taper * np.clip(v, 0, 1)) * np.sqrt(1 - fall * fall * fall)
