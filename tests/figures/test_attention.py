"""Figures of attention say what is marked, what a line is, and which face and region is seen."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from fusionbench.figures.attention import attention_along, attention_maps, frame_attention
from fusionbench.figures.faces import Sample, contact_sheet, region_neighbours
from fusionbench.figures.style import PAGE

OWN, OTHER = np.array([[0.5, 0.5], [0.25, 0.75]]), np.array([[1.0, 0.0], [0.0, 1.0]])
MAPS = {"audio reads audio": OWN, "audio reads text": OTHER}
FACE = np.zeros((8, 8, 3), dtype=np.uint8)
BOXES = np.array([[0, 0, 0.5, 0.5], [0.5, 0, 1, 0.5], [0, 0.5, 0.5, 1], [0.5, 0.5, 1, 1]])
SAMPLES = [
    Sample("c/1", np.zeros((20, 8, 8, 3), np.uint8), "Happy", "Happy", 0.9),
    Sample("c/2", np.zeros((3, 8, 8, 3), np.uint8), "Sad", "Fear", 0.5),
]


def texts(figure: Figure) -> set[str]:
    figure.canvas.draw()
    return {text.get_text() for text in figure.findobj(Text)}


def drawn(figure: Figure) -> list[list[float]]:
    """Heights of every line of data."""
    return [
        [float(y) for y in line.get_ydata()]
        for axes in figure.axes
        for line in axes.lines
        if len(line.get_ydata()) == 2 and line.get_transform() == axes.transData
    ]


def test_maps_share_one_scale_and_mark_a_frame():
    figure = attention_maps(MAPS, 1, "a title")
    assert {"audio reads audio", "audio reads text", "target frame", "source frame", "a title"} <= texts(
        figure
    )
    first, second = (axes.images[0].get_array() for axes in figure.axes[1:3])
    assert first[0, 0].tolist() == first[0, 1].tolist() == first[0].tolist()[0]
    assert second[0, 1].tolist() == [255, 255, 255, 255], "what is not read is white"
    assert first[0, 0].tolist() != second[0, 0].tolist(), "0.5 and 1.0 differ on the shared scale"
    assert [line.get_ydata()[0] for line in figure.axes[1].lines[:2]] == [1.5, 2.5], "around frame 2"
    assert not attention_maps(MAPS, None).axes[1].lines


def test_a_frame_gives_its_row_and_gets_its_column():
    figure = frame_attention(MAPS, 1)
    assert {"weight that frame 2 gives", "weight that frame 2 gets", "audio reads text"} <= texts(figure)
    assert drawn(figure) == [[0.25, 0.75], [0.0, 1.0], [0.5, 0.75], [0.0, 1.0]]


def test_weights_along_streams_stand_above_their_names():
    figure = attention_along({"inter-modal": np.array([0.25, 0.75])}, "stream", names=("audio", "text"))
    assert {"audio", "text", "stream", "weight"} <= texts(figure)
    assert drawn(figure) == [[0.25, 0.75]]
    assert figure.axes[1].lines[0].get_linestyle() == "None", "nothing lies between two streams"


def test_one_frame_is_frame_1():
    one = {"own": np.ones((1, 1))}
    for figure in (attention_maps(one, 0), frame_attention(one, 0)):
        figure.canvas.draw()
        assert [label.get_text() for label in figure.axes[1].get_xticklabels()] == ["1"]


@pytest.mark.parametrize("streams", [1, 3, 6])
@pytest.mark.parametrize("time", [1, 16, 300])
def test_any_number_of_streams_and_frames_fits_a_page(streams, time):
    weights = np.full((time, time), 1 / time)
    maps = {f"stream {i} reads stream {j}": weights for i in range(streams) for j in range(streams)}
    for figure in (attention_maps(maps, 0), frame_attention(maps, 0)):
        assert figure.get_figwidth() <= PAGE + 0.01
        box = figure.get_tightbbox()
        width, height = figure.get_size_inches()
        assert box.x0 > 0 and box.y0 > 0 and box.x1 < width and box.y1 < height, (streams, time)
    if streams == 6:
        assert "and 8 more, which are not drawn" in texts(frame_attention(maps, 0))


def test_a_region_is_drawn_with_what_it_reads():
    figure = region_neighbours(FACE, BOXES, np.array([0.5, 0.5, 0.0, 0.0]), 0)
    axes = figure.axes[0]
    corners = {(patch.get_x(), patch.get_y()) for patch in axes.patches if isinstance(patch, Rectangle)}
    assert corners == {(0.0, 0.0), (0.5, 0.0)}, "what is not read is left alone"
    assert axes.lines[0].get_xdata().tolist() == [0.25, 0.75]
    with pytest.raises(ValueError, match="4 boxes and 3 weights"):
        region_neighbours(FACE, BOXES, np.ones(3), 0)


def test_a_sheet_says_what_was_right_and_what_is_true():
    figure = contact_sheet(SAMPLES, most=4)
    assert {"right: Happy (90%); c/1", "wrong: Fear (50%), true: Sad; c/2"} <= texts(figure)
    assert sum(len(axes.images) for axes in figure.axes) == 4 + 3
    assert {"1", "7", "14", "20"} <= texts(figure), "frames over the whole clip"


def test_nothing_to_show_is_refused():
    for make in (
        lambda: attention_maps({}, 0),
        lambda: frame_attention(MAPS, 2),
        lambda: attention_along({}, "frame"),
        lambda: contact_sheet([]),
    ):
        with pytest.raises(ValueError):
            make()


@pytest.mark.parametrize("stand_in", [True, False])
def test_generated_data_is_marked(stand_in):
    made = [
        attention_maps(MAPS, 0, stand_in=stand_in),
        frame_attention(MAPS, 0, stand_in=stand_in),
        attention_along(dict(a=OWN[0]), "frame", stand_in=stand_in),
        region_neighbours(FACE, BOXES, np.ones(4) / 4, 0, stand_in=stand_in),
        contact_sheet(SAMPLES, stand_in=stand_in),
    ]
    assert [any("stand-in" in text for text in texts(figure)) for figure in made] == [stand_in] * 5
