"""The graphs of Table 6: other regions and edges, the same attention and the same mean."""

import numpy as np
import pytest
import torch
from fusionbench_relations.chang import PARTS, FaceParts
from fusionbench_relations.ddrgcn import POINTS, ActionUnitPoints, WeightedGraphAttention
from fusionbench_relations.ra_uwml import FaceThirds
from fusionbench_relations.region_gat import RegionGAT
from fusionbench_relations.regions import Grid, crop

import fusionbench as fb

MAP = (4, 12, 12)
GRAPHS = ["grid", "ra_uwml", "ddrgcn", "chang"]


def face() -> torch.Tensor:
    """68 landmarks ``(1, 68, 2)`` of a plain frontal face that mirrors itself across x = 0.5."""
    x, y = np.empty(68), np.empty(68)
    angle = np.linspace(np.pi, 0, 17)
    x[:17], y[:17] = 0.5 + 0.4 * np.cos(angle), 0.45 + 0.45 * np.sin(angle)
    x[17:27], y[17:27] = [*np.linspace(0.2, 0.42, 5), *np.linspace(0.58, 0.8, 5)], 0.25
    x[27:31], y[27:31] = 0.5, np.linspace(0.35, 0.5, 4)
    x[31:36], y[31:36] = np.linspace(0.42, 0.58, 5), 0.55
    for start, centre in ((36, 0.3), (42, 0.7)):
        x[start : start + 6] = centre + np.array([-0.06, -0.02, 0.02, 0.06, 0.02, -0.02])
        y[start : start + 6] = 0.35 + np.array([0, -0.03, -0.03, 0, 0.03, 0.03])
    turn = np.linspace(np.pi, -np.pi, 12, endpoint=False)
    x[48:60], y[48:60] = 0.5 + 0.12 * np.cos(turn), 0.7 - 0.06 * np.sin(turn)
    turn = np.linspace(np.pi, -np.pi, 8, endpoint=False)
    x[60:68], y[60:68] = 0.5 + 0.08 * np.cos(turn), 0.7 - 0.02 * np.sin(turn)
    return torch.tensor(np.stack([x, y], axis=1), dtype=torch.float32).unsqueeze(0)


def position_map(side: int = 12) -> torch.Tensor:
    """``(1, 2, side, side)``: each cell holds its own x and y, so a pooled region says where it lies."""
    along = (torch.arange(side) + 0.5) / side
    return torch.stack([along.expand(side, side), along[:, None].expand(side, side)]).unsqueeze(0)


# Where the regions lie


def test_patches_are_numbered_row_by_row():
    centres = Grid((2, 12, 12), patches=3)(position_map(), None)[0]
    torch.testing.assert_close(centres[5], torch.tensor([5 / 6, 1 / 2]))  # row 1, column 2


def test_a_map_that_does_not_divide_is_warned_about():
    with pytest.warns(UserWarning, match="8 x 8 cells does not divide into 6 patches"):
        Grid((4, 8, 8), patches=6)


def test_thirds_are_averaged_as_the_crops_of_the_official_code():
    # theta rows [sx, 0, tx; 0, sy, ty]; averaging cells of a map that holds y gives the middle's y
    thirds = FaceThirds((2, 12, 12), patches=6)(position_map(), None)[0]
    upper, middle, lower = (-13 / 20 + 1) / 2, (-1 / 10 + 1) / 2, (1 / 2 + 1) / 2
    torch.testing.assert_close(thirds[:, 1], torch.tensor([upper, middle, lower]), rtol=0, atol=0.02)
    assert FaceThirds(MAP, patches=6).graph.sum() == 9


def test_crops_read_the_box_and_nothing_else():
    maps = torch.zeros(1, 1, 12, 12)
    maps[..., 6:, :6] = 1.0  # lower left quarter
    boxes = torch.tensor([[[0.5, 0, -0.5], [0, 0.5, 0.5]], [[0.5, 0, 0.5], [0, 0.5, -0.5]]])
    crops = crop(maps, boxes.unsqueeze(0), (6, 6), outside="zeros")
    assert crops.shape == (1, 2, 1, 6, 6)
    assert crops[0, 0].min() == 1 and crops[0, 1].max() == 0


def test_action_unit_points_are_8_mirrored_pairs_and_4_on_the_mid_line():
    points = ActionUnitPoints(MAP, patches=6).points(face())[0]
    mirrored = points * torch.tensor([-1.0, 1.0]) + torch.tensor([1.0, 0.0])
    partner = torch.cdist(points, mirrored).min(dim=1)
    assert len(POINTS) == 20
    assert partner.values.max() < 1e-5
    assert (partner.indices == torch.arange(20)).sum() == 4


def test_action_unit_points_move_by_the_distance_of_the_eyes():
    points = ActionUnitPoints(MAP, patches=6).points(face())[0]
    inner_brow, chin = face()[0, 21], face()[0, 8]
    torch.testing.assert_close(points[0], inner_brow - torch.tensor([0.0, 0.15 * 0.4]))
    torch.testing.assert_close(points[17], chin - torch.tensor([0.0, 0.25 * 0.4]))


def test_action_unit_regions_are_the_map_at_their_points():
    points = ActionUnitPoints((2, 12, 12), patches=6)
    torch.testing.assert_close(points(position_map(), face()), points.points(face()))


def test_face_parts_lie_where_their_names_say():
    where = dict(zip(PARTS, FaceParts((2, 12, 12), patches=6)(position_map(), face())[0], strict=True))
    x = {part: place[0].item() for part, place in where.items()}
    y = {part: place[1].item() for part, place in where.items()}
    for part in ("brows", "nose", "mouth", "chin"):
        assert x[part] == pytest.approx(0.5, abs=1e-3)
    for part in ("eye", "cheek"):
        assert x[f"left {part}"] + x[f"right {part}"] == pytest.approx(1, abs=1e-3)
        assert x[f"left {part}"] < 0.4
    assert y["brows"] < y["left eye"] < y["nose"] < y["mouth"] < y["chin"]
    assert y["left eye"] < y["left cheek"] < y["mouth"]


def test_face_parts_are_joined_alike_on_both_sides():
    parts = FaceParts(MAP, patches=6)
    names = list(PARTS)
    swap = {"left": "right", "right": "left"}
    mirror = [names.index(" ".join(swap.get(word, word) for word in name.split())) for name in names]
    assert torch.equal(parts.graph, parts.graph.T)
    assert torch.equal(parts.graph, parts.graph[mirror][:, mirror])
    assert parts.graph.sum() == 8 + 2 * 15


def test_regions_beyond_the_frame_stay_finite():
    beyond = face() * 1.3 - 0.1
    for regions in (ActionUnitPoints(MAP, patches=6), FaceParts(MAP, patches=6)):
        assert regions(torch.rand(1, *MAP), beyond).isfinite().all()


# The attention over them


def test_learnt_edges_start_as_a_complete_graph():
    weighted = WeightedGraphAttention(4, 6, heads=2)
    plain = fb.GraphAttention(4, 6, heads=2)
    plain.load_state_dict(weighted.state_dict())
    x = torch.randn(3, 5, 4)
    complete = torch.ones(5, 5, dtype=torch.bool)
    torch.testing.assert_close(weighted(x, torch.zeros(5, 5)), plain(x, complete))


def test_a_strong_learnt_edge_is_the_only_one_read():
    layer = WeightedGraphAttention(4, 6, heads=1)
    x, edges = torch.randn(2, 5, 4), torch.zeros(5, 5)
    edges[0, 3] = 50.0
    torch.testing.assert_close(layer(x, edges)[:, 0], layer.lin(x)[:, 3])


@pytest.mark.parametrize("graph", GRAPHS)
def test_every_graph_feeds_the_same_layers(graph):
    torch.manual_seed(0)
    encoder = RegionGAT(MAP, RegionGAT.Config(graph=graph, width=8, weights=None))
    landmarks = face().expand(3, -1, -1) if encoder.needs_landmarks else None
    relation = encoder(torch.randn(3, *MAP), landmarks)
    assert relation.shape == (3, 8)
    relation.sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in encoder.parameters())
    assert sum(p.numel() for p in encoder.layers.parameters()) == 4 * 4 * 8 + 2 * (4 * 8 * 8) + 3 * (
        2 * 32 + 8
    )


@pytest.mark.parametrize("graph", ["ddrgcn", "chang"])
def test_graphs_on_landmarks_say_that_they_need_them(graph):
    config = RegionGAT.Config(graph=graph, weights=None)
    assert "68 facial landmarks" in RegionGAT.supports(MAP, config, landmarks=False)
    assert RegionGAT.supports(MAP, config, landmarks=True) is None
    with pytest.raises(fb.NotSupported, match="needs landmarks"):
        RegionGAT(MAP, config)(torch.randn(1, *MAP))


@pytest.mark.parametrize("heads, parameters", [(1, 659_968), (2, 1_318_400), (4, 2_635_264), (8, 5_268_992)])
def test_the_papers_encoder_has_three_layers_of_512(heads, parameters):
    config = RegionGAT.Config(width=512, heads=heads, weights=None)
    with torch.device("meta"):
        encoder = RegionGAT((256, 12, 12), config)
    assert sum(p.numel() for p in encoder.parameters()) == parameters


@pytest.mark.parametrize("graph", GRAPHS)
def test_an_encoder_shows_which_regions_read_which_and_where_they_lie(graph):
    torch.manual_seed(0)
    encoder = RegionGAT(MAP, RegionGAT.Config(graph=graph, width=8, layers=2, weights=None)).eval()
    landmarks = face().expand(3, -1, -1) if encoder.needs_landmarks else None
    found = encoder.explain(torch.randn(3, *MAP), landmarks)
    assert list(found) == ["layer 1", "layer 2", "regions"]
    regions = encoder.regions.graph.shape[0]
    for axes, weights in (found["layer 1"], found["layer 2"]):
        assert axes == ("frame", "head", "target", "source") and weights.shape == (3, 4, regions, regions)
        assert weights.sum(axis=-1) == pytest.approx(1.0, abs=1e-5)
        if encoder.regions.graph.dtype == torch.bool:
            assert not weights[:, :, ~encoder.regions.graph.numpy()].any(), "only what is joined is read"
    axes, boxes = found["regions"]
    assert axes == ("frame", "region", "box") and boxes.shape == (3, regions, 4)
    assert (boxes[..., :2] < boxes[..., 2:]).all() and (boxes >= 0).all() and (boxes <= 1).all()


def test_patches_lie_where_their_cells_are():
    config = RegionGAT.Config(patches=3, weights=None)
    _, boxes = RegionGAT((4, 6, 6), config).explain(torch.zeros(1, 4, 6, 6))["regions"]
    assert boxes[0, [0, 1, 3, 8]] == pytest.approx(
        np.array([[0, 0, 1, 1], [1, 0, 2, 1], [0, 1, 1, 2], [2, 2, 3, 3]]) / 3
    )
    with pytest.warns(UserWarning, match="share cells"):
        shared = RegionGAT((4, 5, 5), RegionGAT.Config(patches=2, weights=None))
    _, boxes = shared.explain(torch.zeros(1, 4, 5, 5))["regions"]
    assert boxes[0, 0] == pytest.approx([0, 0, 0.6, 0.6]) and boxes[0, 3] == pytest.approx([0.4, 0.4, 1, 1])


def test_upper_middle_and_lower_face_lie_where_they_are_cropped():
    encoder = RegionGAT(MAP, RegionGAT.Config(graph="ra_uwml", weights=None))
    _, boxes = encoder.explain(torch.zeros(1, *MAP))["regions"]
    assert boxes[0, 1] == pytest.approx([1 / 8, 0.325, 7 / 8, 0.575])  # 3/4 wide, centre -1/10, 1/4 high
    assert boxes[0, 0, 1] == pytest.approx((1 - 13 / 20 - 1 / 3) / 2, abs=1e-6)
