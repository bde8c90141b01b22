"""Which of the mesh's 468 points belong to which part of a face, and what is measured of a part.

Numbers are FaceMesh's (Kartynnik et al. 2019, arXiv 1907.06724). Parts of the left half are the
mirror images of those of the right half; right and left are the person's.
"""

from __future__ import annotations

from dataclasses import dataclass

MIRRORED = {
    **{33: 263, 133: 362, 160: 387, 159: 386, 158: 385, 144: 373, 145: 374, 153: 380},  # eye
    **{70: 300, 63: 293, 105: 334, 66: 296, 107: 336},  # brow
    **{117: 346, 123: 352, 50: 280, 36: 266, 205: 425, 187: 411, 61: 291},  # cheek, corner of the mouth
}
"""point of the right half -> its mirror image"""


@dataclass(frozen=True)
class Part:
    """One node of the graph."""

    kind: str
    """what it is measured as: both eyes are measured alike"""
    points: tuple[int, ...]
    """whose places count"""
    pairs: tuple[tuple[int, int], ...]
    """whose distances count: openings among them"""
    left: bool = False
    """True on the person's left, where x points the other way"""


def _mirrored(part: Part) -> Part:
    return Part(
        part.kind,
        tuple(MIRRORED[point] for point in part.points),
        tuple((MIRRORED[a], MIRRORED[b]) for a, b in part.pairs),
        left=True,
    )


_EYE = Part(
    "eye",
    (33, 133, 160, 159, 158, 144, 145, 153),
    ((33, 133), (160, 144), (159, 145), (158, 153)),  # width, three openings of the lids
)
_BROW = Part(
    "brow",
    (70, 63, 105, 66, 107),
    ((70, 33), (105, 159), (107, 133), (70, 107)),  # over the eye: outside, middle, inside; length
)
_CHEEK = Part(
    "cheek",
    (117, 123, 50, 36, 205, 187),
    ((117, 145), (50, 33), (205, 61)),  # to the lower lid, the eye's corner, the mouth's corner
)
PARTS: dict[str, Part] = {
    "right brow": _BROW,
    "left brow": _mirrored(_BROW),
    "right eye": _EYE,
    "left eye": _mirrored(_EYE),
    "nose": Part(
        "nose",
        (168, 5, 1, 2, 64, 294, 98, 327),
        ((64, 294), (98, 327), (2, 0), (168, 1)),  # wings, nostrils, to the upper lip, length
    ),
    "right cheek": _CHEEK,
    "left cheek": _mirrored(_CHEEK),
    "mouth": Part(
        "mouth",
        (61, 291, 0, 17, 13, 14, 39, 269, 181, 405),
        ((61, 291), (0, 17), (13, 14), (82, 87), (312, 317)),  # width, height, three openings of the lips
    ),
    "jaw": Part(
        "jaw",
        (152, 176, 400, 172, 397, 58, 288),
        ((152, 1), (152, 17), (172, 397)),  # chin to nose tip, chin to lower lip, width
    ),
}
JOINED = (
    "right brow-right eye, left brow-left eye, right brow-nose, left brow-nose, "
    "right eye-nose, left eye-nose, right eye-right cheek, left eye-left cheek, "
    "nose-right cheek, nose-left cheek, nose-mouth, "
    "right cheek-mouth, left cheek-mouth, mouth-jaw, right cheek-jaw, left cheek-jaw, "
    "right brow-left brow, right eye-left eye, right cheek-left cheek"  # mirror images
)
"""parts that touch or mirror each other: Eq. 1 of ARPGNet over parts in place of patches"""
STEADY = (33, 133, 362, 263, 168, 6, 197, 195, 4, 127, 356)
"""points that move with the head and hardly with the face: corners of the eyes, nose, temples"""
EYES = ((33, 133), (362, 263))
"""corners of the person's right and left eye: between their middles lies the unit of all measures"""
