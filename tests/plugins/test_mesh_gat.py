"""The relation encoder on the mesh: its graph and its measures by hand."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from fusionbench_relations.face_mesh_parts import EYES, MIRRORED, PARTS, STEADY
from fusionbench_relations.mesh_gat import MeshGAT, measures, part_graph, steadied

import fusionbench as fb
from fusionbench.bench.front_end import build_front_end
from fusionbench.catalog.plugins import collect
from fusionbench.catalog.resolve import Request, resolve_component

MESH = torch.from_numpy(
    np.load(Path(__file__).parents[1] / "aligners" / "mesh_of_a_face.npy").astype(np.float32)
)
"""``(468, 3)``, points that FaceMesh found on a face"""
NAMES = list(PARTS)


def neighbours(name: str) -> set[str]:
    return {NAMES[k] for k in part_graph()[NAMES.index(name)].nonzero().flatten()}


def turned(degrees: float, axis: int) -> torch.Tensor:
    """A rotation about one axis: 0 nods, 1 shakes, 2 tilts the head."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    turn = torch.eye(3)
    i, j = (k for k in range(3) if k != axis)
    turn[i, i], turn[i, j], turn[j, i], turn[j, j] = cos, -sin, sin, cos
    return turn


def face(mesh: torch.Tensor) -> torch.Tensor:
    """One frame's points, its clip's median at rest."""
    return torch.stack([mesh, MESH])[None]


def build(**options) -> MeshGAT:
    torch.manual_seed(0)
    return MeshGAT((256, 7, 7), MeshGAT.Config(**options)).eval()


# The graph: parts are joined where they touch or mirror each other (Eq. 1)


def test_an_eye_reads_itself_its_brow_its_cheek_the_nose_and_the_other_eye():
    assert neighbours("left eye") == {"left eye", "left brow", "left cheek", "nose", "right eye"}


def test_the_jaw_reads_itself_the_mouth_and_both_cheeks():
    assert neighbours("jaw") == {"jaw", "mouth", "left cheek", "right cheek"}


def test_every_part_is_joined_both_ways_and_as_its_mirror_image_is():
    graph = part_graph()
    assert graph.equal(graph.T) and bool(graph.diagonal().all()) and int(graph.sum()) == 9 + 2 * 19
    other = [
        NAMES.index(n.replace("left", "?").replace("right", "left").replace("?", "right")) for n in NAMES
    ]
    assert graph[other][:, other].equal(graph)


def test_points_of_the_left_half_are_where_those_of_the_right_half_are_in_a_mirror():
    middle = MESH[[168, 6, 197, 195, 5, 4, 1, 2, 0, 17, 152], 0].mean()
    eyes = [MESH[list(corners)].mean(0) for corners in EYES]
    for right, left in MIRRORED.items():
        mirrored = torch.stack([2 * middle - MESH[right, 0], MESH[right, 1]])
        assert (mirrored - MESH[left, :2]).norm() < 0.08 * (eyes[0] - eyes[1]).norm(), (right, left)


# Measures


def test_a_face_that_stands_as_it_mostly_does_measures_zero():
    for part in PARTS.values():
        assert measures(part, MESH[None], MESH[None]).abs().max() == 0


def test_an_opening_of_a_tenth_of_the_eye_distance_measures_one():
    eyes = [MESH[list(corners)].mean(0) for corners in EYES]
    distance = float((eyes[0] - eyes[1]).norm())
    mesh = MESH.clone()
    along = (MESH[14] - MESH[13]) / (MESH[14] - MESH[13]).norm()
    mesh[14] += 0.1 * distance * along  # the lower lip goes straight away from the upper one
    found = measures(PARTS["mouth"], mesh[None], MESH[None])[0]
    points, pairs = PARTS["mouth"].points, PARTS["mouth"].pairs
    went = found[: 3 * len(points)].view(-1, 3)
    opened = found[3 * len(points) :]
    assert opened[pairs.index((13, 14))] == pytest.approx(1, abs=1e-4)
    assert opened[pairs.index((61, 291))] == 0
    assert went[points.index(14)].norm() == pytest.approx(1, abs=1e-4)
    assert went[points.index(14), 1] > 0.9  # down
    assert went[points.index(13)].abs().max() == 0


def test_both_corners_of_the_eyes_go_outwards_alike():
    mesh = MESH.clone()
    mesh[33, 0] -= 0.01  # the person's right is the viewer's left
    mesh[263, 0] += 0.01
    right, left = (measures(PARTS[f"{side} eye"], mesh[None], MESH[None])[0] for side in ("right", "left"))
    assert right[0] == pytest.approx(float(left[0]), abs=1e-4) and right[0] > 0


@pytest.mark.parametrize(("degrees", "axis"), [(25, 0), (-30, 1), (15, 2)])
def test_a_head_that_nods_shakes_or_tilts_comes_nearer_and_moves_changes_nothing(degrees, axis):
    moved = 1.3 * MESH @ turned(degrees, axis).T + torch.tensor([0.2, -0.1, 0.05])
    assert (steadied(moved[None], MESH[None])[0] - MESH).abs().max() < 1e-5
    encoder = build()
    with torch.inference_mode():
        assert torch.allclose(encoder(None, None, face(moved)), encoder(None, None, face(MESH)), atol=1e-4)


def test_a_mirrored_face_is_not_turned_inside_out():
    flat = MESH * torch.tensor([-1.0, 1.0, 1.0])
    found = steadied(flat[None], MESH[None])[0]
    here, there = (x[list(STEADY)] - x[list(STEADY)].mean(0) for x in (flat, found))
    # a rotation keeps the volume of three points with its sign; a mirror would change it
    assert torch.linalg.det(here[[0, 2, 4]]) * torch.linalg.det(there[[0, 2, 4]]) > 0


def test_a_smile_in_a_turned_head_is_the_smile():
    smile = MESH.clone()
    smile[[61, 291], 1] -= 0.03
    turned_smile = smile @ turned(20, 1).T
    with torch.inference_mode():
        encoder = build()
        still, here, there = (encoder(None, None, face(m)) for m in (MESH, smile, turned_smile))
    assert torch.allclose(here, there, atol=1e-4)
    assert (here - still).abs().max() > 100 * (here - there).abs().max()


# The encoder


def test_it_has_three_layers_of_four_heads_and_no_bias_for_what_is_still():
    encoder = build()
    assert len(encoder.layers) == 3 and encoder.dim == 96
    # six kinds of part: 3 places a point and 1 a pair, each with a bias; three layers of W, att, bias
    kinds = {part.kind: 3 * len(part.points) + len(part.pairs) for part in PARTS.values()}
    assert kinds == {"eye": 28, "brow": 19, "cheek": 21, "nose": 28, "mouth": 35, "jaw": 24}
    linear = sum((n + 1) * 96 for n in kinds.values())
    assert sum(p.numel() for p in encoder.parameters()) == linear + 3 * (4 * 96 * 96 + 2 * 4 * 96 + 96)


def test_padding_without_a_face_gives_finite_numbers():
    assert torch.isfinite(build()(None, None, torch.zeros(2, 2, 468, 3))).all()


def test_it_shows_which_part_reads_which_and_where_they_are():
    found = build().explain(None, None, face(MESH))
    axes, weights = found["layer 3"]
    assert axes == ("frame", "head", "target", "source") and weights.shape == (1, 4, 9, 9)
    assert np.allclose(weights.sum(-1), 1, atol=1e-6) and not weights[0, 0][~part_graph().numpy()].any()
    boxes = found["regions"][1]
    mouth, nose = boxes[0, NAMES.index("mouth")], boxes[0, NAMES.index("nose")]
    assert mouth[1] > nose[1] and mouth[0] < nose[0] < nose[2] < mouth[2]


def test_data_without_a_mesh_are_refused_with_the_way_to_get_one():
    chosen = [
        resolve_component(kind, name, Request(), collect())
        for kind, name in (("backbone", "tiny"), ("relation", "mesh_gat"))
    ]
    with pytest.raises(fb.NotSupported, match=r"468 points .*fusionbench prepare VIDEOS --aligner mesh"):
        build_front_end(*chosen, ["landmarks"])
    assert build_front_end(*chosen, ["landmarks", "points"])[1].dim == 96
