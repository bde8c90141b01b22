"""What heads explain becomes maps and lines that say who reads what."""

from __future__ import annotations

import numpy as np
import pytest

from fusionbench.bench.attention_views import most_read, views
from fusionbench.contract.errors import UserError

STREAMS = ("audio", "text")


def test_nodes_of_several_streams_part_into_pairs_averaged_over_heads():
    nodes = np.arange(2 * 36, dtype=float).reshape(1, 2, 6, 6)  # 2 heads, 2 streams of 3 frames
    (view,) = views({"layer 1": (("batch", "head", "target", "source"), nodes)}, STREAMS, 3)
    assert list(view.maps) == [f"{a} reads {b}" for a in STREAMS for b in STREAMS]
    mean = nodes[0].mean(axis=0)
    assert view.maps["audio reads text"].tolist() == mean[:3, 3:].tolist()
    assert view.maps["text reads audio"].tolist() == mean[3:, :3].tolist()
    assert view.frames and not view.lines


@pytest.mark.parametrize(
    ("name", "label"),
    [("layer 2, audio reads text", "audio reads text"), ("block 1, memory", "memory"), ("own", "own")],
)
def test_frames_of_one_sequence_are_one_map_under_its_name(name, label):
    weights = np.eye(3)[None, None]
    (view,) = views({name: (("batch", "head", "target", "source"), weights)}, STREAMS, 3)
    assert list(view.maps) == [label] and view.frames


def test_a_map_a_stream_and_a_map_a_snippet():
    axes = ("batch", "head", "stream", "target", "source")
    (view,) = views({"over time": (axes, np.ones((1, 4, 2, 3, 3)))}, STREAMS, 3)
    assert list(view.maps) == ["audio", "text"] and view.frames
    axes = ("batch", "head", "snippet", "target", "source")
    (view,) = views({"within": (axes, np.ones((1, 4, 2, 3, 3)))}, STREAMS, 3)
    assert list(view.maps) == ["snippet 1", "snippet 2"] and not view.frames


def test_a_token_before_the_frames_gets_a_line_of_its_own():
    weights = np.arange(16, dtype=float).reshape(1, 1, 4, 4)
    axes = ("batch", "head", "token and targets", "token and sources")
    (view,) = views({"layer 1": (axes, weights)}, STREAMS, 3)
    assert view.lines["class token"].tolist() == [1, 2, 3] and view.along == "frame"
    assert view.maps["frames"].tolist() == weights[0, 0, 1:, 1:].tolist()


def test_other_axes_are_drawn_along():
    found = {
        "intra": (("batch", "stream", "time"), np.array([[[0.2, 0.8], [0.5, 0.5]]])),
        "inter": (("batch", "stream"), np.array([[0.3, 0.7]])),
        "across": (("batch", "head", "target stream", "source stream", "time"), np.ones((1, 1, 2, 2, 2))),
    }
    intra, inter, across = views(found, STREAMS, 2)
    assert {name: line.tolist() for name, line in intra.lines.items()} == {
        "audio": [0.2, 0.8], "text": [0.5, 0.5],
    }  # fmt: skip
    assert (intra.along, inter.along) == ("frame", "stream")
    assert inter.lines["inter"].tolist() == [0.3, 0.7]
    assert list(across.lines) == [f"{a} reads {b}" for a in STREAMS for b in STREAMS]


def test_of_several_layers_the_last_is_shown():
    one = (("batch", "target", "source"), np.ones((1, 2, 2)))
    found = {f"layer {k}, {what}": one for what in ("own", "other") for k in (1, 2, 3)}
    assert [view.name for view in views(found, STREAMS, 2)] == ["layer 3, own", "layer 3, other"]


def test_axes_that_do_not_fit_are_told():
    with pytest.raises(UserError, match=r"'layer 1' of shape \(1, 2, 2\) with the axes target, source"):
        views({"layer 1": (("target", "source"), np.ones((1, 2, 2)))}, STREAMS, 2)


def test_the_frame_that_is_read_most():
    weights = np.array([[[0.1, 0.2, 0.7], [0.1, 0.8, 0.1], [0.0, 0.9, 0.1]]])
    found = views({"own": (("batch", "target", "source"), weights)}, ("audio",), 3)
    assert most_read(found, 3) == 1
    assert most_read(views({"inter": (("batch", "stream"), np.ones((1, 2)))}, STREAMS, 5), 5) == 2
