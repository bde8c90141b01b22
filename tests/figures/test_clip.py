"""A picture of one clip: lines of few channels, an image of many, a strip of labels."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from fusionbench.figures.clip import FEW, clip_streams
from fusionbench.figures.style import PAGE, TALLEST

TIME = 30
STEPS = np.arange(TIME)[:, None]


def texts(figure: Figure) -> list[str]:
    figure.canvas.draw()
    return [text.get_text() for text in figure.findobj(Text)]


def test_few_channels_are_lines_over_steps_from_one():
    few = np.sin(STEPS / 4 + np.arange(3))
    figure = clip_streams({"audio": few, "text": few[:, :1]}, "clip-7")
    _, audio, text = figure.axes
    assert [len(axes.lines) for axes in (audio, text)] == [3, 1]
    np.testing.assert_array_equal(audio.lines[1].get_xdata(), np.arange(1, TIME + 1))
    np.testing.assert_array_equal(audio.lines[1].get_ydata(), few[:, 1])
    assert {"audio", "text", "step", "clip-7"} <= set(texts(figure))


def test_many_channels_are_an_image_each_on_its_own_scale_and_grey_where_nothing_changes():
    many = np.hstack([STEPS, 1000.0 * STEPS, np.full((TIME, 1), 5.0), np.tile(STEPS, FEW)])
    figure = clip_streams({"video": many})
    (image,) = figure.axes[1].images
    colours = image.get_array()
    assert colours.shape[:2] == (FEW + 3, TIME)
    np.testing.assert_array_equal(colours[0], colours[1])
    assert len(np.unique(colours[2], axis=0)) == 1 and len(np.unique(colours[0], axis=0)) == TIME
    assert any("each from its least value" in text for text in texts(figure))


def test_labels_of_steps_are_a_strip_with_their_names_and_white_where_nobody_judged():
    labels = ["calm"] * 12 + [""] * 3 + ["upset"] * 15
    figure = clip_streams({"audio": STEPS * 1.0}, labels=labels)
    strip = figure.axes[-1]
    edges = [(round(p.get_x(), 1), round(p.get_x() + p.get_width(), 1)) for p in strip.patches]
    assert edges == [(0.5, 12.5), (15.5, 30.5)]
    assert {"calm", "upset", "strip: the label of each step; white: not judged"} <= set(texts(figure))


@pytest.mark.parametrize("count", [1, 3, 20])
def test_it_fits_a_page_whatever_the_clip_holds(count):
    streams = {f"stream {k}": np.random.default_rng(k).normal(size=(1 + 40 * k % 90, 1)) for k in range(1)}
    streams = {f"stream {k}": next(iter(streams.values())) for k in range(count)}
    figure = clip_streams(streams, stand_in=True)
    width, height = figure.get_size_inches()
    assert width == PAGE and height < TALLEST
    assert "stand-in data" in texts(figure)
    assert any("not drawn: stream 6" in text for text in texts(figure)) == (count == 20)


def test_streams_of_several_times_are_refused():
    with pytest.raises(ValueError, match="streams of one time"):
        clip_streams({"a": STEPS, "b": STEPS[:4]})
    with pytest.raises(ValueError, match="as many labels"):
        clip_streams({"a": STEPS}, labels=["x"])
