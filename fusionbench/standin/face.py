"""Draws a face: skin, hair, wrinkles, eyes, brows, nose and mouth, back to front."""

from __future__ import annotations

import numpy as np

from fusionbench.standin.canvas import Canvas, Patch, below, between, blob, stroke
from fusionbench.standin.geometry import BROW_END, LEFT, RIGHT, SIGN, Geometry

WHITE = np.array([0.95, 0.94, 0.92])
TEETH = np.array([0.93, 0.91, 0.85])
CAVITY = np.array([0.22, 0.06, 0.07])
BLACK = np.array([0.05, 0.04, 0.04])


def draw_face(canvas: Canvas, face: Geometry) -> None:
    """Paint one person on every frame of the canvas."""
    _head(canvas.whole(), face)
    _forehead(canvas.patch((-0.6, 0.6), (-0.85, -0.3)), face)
    for side in (LEFT, RIGHT):
        reach = sorted((SIGN[side] * 0.08, SIGN[side] * 0.75))
        _cheek(canvas.patch((reach[0], reach[1]), (-0.25, 0.75)), face, side)
        _eye(canvas.patch((reach[0], reach[1]), (-0.45, 0.0)), face, side)
        _brow(canvas.patch((reach[0], reach[1]), (-0.75, -0.2)), face, side)
    _nose(canvas.patch((-0.3, 0.3), (-0.4, 0.35)), face)
    _chin(canvas.patch((-0.35, 0.35), (0.55, 1.15)), face)
    _mouth(canvas.patch((-0.5, 0.5), (0.3, 0.95)), face)
    if face.identity.glasses:
        _glasses(canvas.patch((-0.75, 0.75), (-0.5, 0.05)), face)


def _head(patch: Patch, face: Geometry) -> None:
    who, u, v = face.identity, patch.u, patch.v
    patch.image[...] = who.background.reshape(3, 1, 1)
    skull = below(np.sqrt((u / 1.0) ** 2 + ((v + 0.1) / 1.15) ** 2) - 1, 0.05)
    patch.paint(skull * below(v - 0.55, 0.4), who.hair)
    edge = np.abs(u) - face.half_width(v)
    skin = below(edge, 0.04) * below(v - face.chin, 0.04) * below(who.hairline + 0.25 * u * u - v, 0.06)
    patch.paint(skin, who.skin)
    patch.shade(skin * 0.28 * np.clip(1 + edge / 0.35, 0, 1) ** 2)
    if who.beard:
        stubble = below(0.3 + 0.35 * np.cos(2.2 * u) - v, 0.25) * skin
        patch.paint(who.beard * stubble, who.hair)


def _forehead(patch: Patch, face: Geometry) -> None:
    """Lines across where brows rise, furrows between them where they are drawn together."""
    who, u, v = face.identity, patch.u, patch.v
    outer = np.where(u < 0, face.unit(2, LEFT), face.unit(2, RIGHT))
    raised = face.unit(1) * blob(u, 0 * u, 0.22, 1) + outer * blob(np.abs(u) - 0.36, 0 * u, 0.2, 1)
    level = who.brow_height - 0.1 + 0.1 * u * u
    lines = sum(stroke(v - level + rise, 0.012, 0.035) for rise in (0.07, 0.14, 0.21))
    patch.shade(who.folds * np.clip(0.04 + 0.4 * raised, 0, 0.5) * lines)
    drawn = face.unit(4)
    furrows = stroke(np.abs(u) - 0.055 + 0.01 * drawn, 0.014, 0.04)
    furrows *= blob(0 * u, v - who.brow_height - 0.03, 1, 0.1)
    patch.shade(who.folds * np.clip(0.03 + 0.55 * drawn, 0, 0.6) * furrows)


def _cheek(patch: Patch, face: Geometry, side: int) -> None:
    """The nasolabial fold, the raised cheek and its crow's feet."""
    who, x, v = face.identity, SIGN[side] * patch.u, patch.v
    smile, wrinkled, cheek = face.unit(12, side), face.unit(9), face.unit(6, side)
    corner_x, corner_v = face.corner(side)
    top = face.nose_wings
    along = np.clip((v - top) / (corner_v - top), 0, 1)
    start = who.nose_width + 0.03
    fold = start + (corner_x + 0.05 - start) * along + (0.05 + 0.05 * smile) * along * (1 - along)
    reach = between(v, top - 0.02, corner_v + 0.05, 0.1)
    depth = who.folds * np.clip(0.10 + 0.4 * smile + 0.35 * wrinkled + 0.15 * face.unit(20, side), 0, 0.7)
    patch.shade(depth * reach * stroke(x - fold, 0.012, 0.05))
    patch.shade(-0.14 * (cheek + 0.5 * smile) * blob(x - 0.42, v - 0.12 + 0.05 * cheek, 0.16, 0.12))
    under_eye = who.eye_height + 0.11 - 0.03 * cheek + 0.9 * (x - who.eye_spacing) ** 2
    patch.shade(
        who.folds * (0.07 + 0.25 * cheek) * stroke(v - under_eye, 0.012, 0.04) * blob(x - 0.38, 0 * v, 0.2, 1)
    )
    for slope in (-0.35, 0.05, 0.45):
        foot = v - who.eye_height - slope * (x - 0.58)
        patch.shade(who.folds * 0.4 * cheek * stroke(foot, 0.008, 0.03) * blob(x - 0.66, 0 * v, 0.07, 1))


def _eye(patch: Patch, face: Geometry, side: int) -> None:
    who, x, v = face.identity, SIGN[side] * patch.u, patch.v
    t = (x - who.eye_spacing) / np.float32(who.eye_width)
    upper, lower = face.lids(side, np.clip(t, -1, 1))
    within = below(np.abs(t) - 1, 0.15)
    patch.shade(0.2 * blob(t, v - who.eye_height + 0.03, 1.1, 0.13))
    opening = within * between(v, upper, lower)
    patch.paint(opening, WHITE)
    across, down = face.gaze[:, 0], face.gaze[:, 1]
    from_iris = np.hypot(
        x - who.eye_spacing - SIGN[side] * across * who.eye_width,
        v - who.eye_height + 0.008 - 0.3 * down * who.eye_width,
    )
    patch.paint(opening * below(from_iris - 0.078), who.iris)
    patch.paint(opening * below(from_iris - 0.036), BLACK)
    patch.paint(within * 0.85 * stroke(v - upper, 0.018), BLACK)
    patch.paint(within * 0.35 * stroke(v - lower, 0.01), who.skin * 0.4)
    crease = upper - 0.05 + 0.02 * face.unit(5, side)
    patch.shade(within * 0.3 * stroke(v - crease, 0.01))


def _brow(patch: Patch, face: Geometry, side: int) -> None:
    who, x, v = face.identity, SIGN[side] * patch.u, patch.v
    inner = face.brow(side)[0]
    t = (x - inner) / (BROW_END - inner)
    middle = face.brow_v(side, np.clip(t, 0, 1))
    width = who.brow_thickness * (1.1 - 0.6 * np.clip(t, 0, 1))
    patch.paint(0.9 * between(t, 0, 1, 0.1) * stroke(v - middle, width), who.hair * 0.8)


def _nose(patch: Patch, face: Geometry) -> None:
    who, u, v = face.identity, patch.u, patch.v
    wrinkled = face.unit(9)
    tip, wings = who.nose_length, face.nose_wings
    sides = stroke(np.abs(u) - 0.07 - 0.06 * np.clip(v - tip + 0.35, 0, 1), 0.02, 0.1) * between(
        v, -0.25, tip, 0.2
    )
    patch.shade(0.16 * sides)
    patch.shade(-0.12 * blob(u, v - tip + 0.04, 0.06, 0.08))
    patch.shade(0.3 * blob(np.abs(u) - who.nose_width, v - wings, 0.035, 0.06))
    patch.shade(0.75 * blob(np.abs(u) - 0.45 * who.nose_width, v - wings - 0.055, 0.04, 0.02))
    for height in (-0.2, -0.14, -0.08):
        wrinkle = stroke(v - height - who.eye_height - 0.22 - 0.8 * np.abs(u), 0.012, 0.035) * below(
            np.abs(u) - 0.11, 0.06
        )
        patch.shade(who.folds * 0.5 * wrinkled * wrinkle)


def _chin(patch: Patch, face: Geometry) -> None:
    """The dent under the lower lip, and the bulging chin of a pushed-up lip."""
    u, v = patch.u, patch.v
    lip = face.lips(np.zeros(1, np.float32))[3]
    raised = face.unit(17)
    patch.shade((0.12 + 0.2 * raised) * blob(u, v - lip - 0.05, 0.16, 0.035))
    patch.shade(
        raised
        * (
            0.2 * blob(np.abs(u) - 0.07, v - lip - 0.14, 0.03, 0.05)
            - 0.1 * blob(u, v - lip - 0.13, 0.12, 0.07)
        )
    )


def _mouth(patch: Patch, face: Geometry) -> None:
    who, v = face.identity, patch.v
    left, right = face.corner(LEFT)[0], face.corner(RIGHT)[0]
    t = (2 * patch.u - (right - left)) / (right + left)
    outer_top, inner_top, inner_bottom, outer_bottom = face.lips(np.clip(t, -1, 1))
    within = below(np.abs(t) - 1, 0.08)
    patch.paint(within * between(v, outer_top, inner_top), who.lips * 0.92)
    patch.paint(within * between(v, inner_bottom, outer_bottom), who.lips)
    cavity = within * between(v, inner_top, inner_bottom)
    patch.paint(cavity, CAVITY)
    biting_edge = inner_top + 0.055
    patch.paint(cavity * below(v - biting_edge) * below(np.abs(t) - 0.8, 0.2), TEETH)
    patch.paint(0.7 * within * stroke(v - np.minimum(inner_top, inner_bottom), 0.008), CAVITY)
    for side, x in ((LEFT, left), (RIGHT, right)):
        corner = face.corner(side)[1]
        patch.shade(0.35 * blob(patch.u - SIGN[side] * x, v - corner, 0.03, 0.025))


def _glasses(patch: Patch, face: Geometry) -> None:
    who = face.identity
    x, v = np.abs(patch.u), patch.v - who.eye_height - 0.01
    rim = np.sqrt(((x - who.eye_spacing) / 0.25) ** 2 + (v / 0.19) ** 2) - 1
    patch.paint(who.glasses * stroke(rim, 0.08, 0.15), BLACK)
    patch.paint(who.glasses * stroke(v, 0.02) * below(x - who.eye_spacing + 0.24), BLACK)
