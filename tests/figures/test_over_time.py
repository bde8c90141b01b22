"""Courses of probabilities: a panel a clip, a line a class, a break where nothing was said."""

from __future__ import annotations

import numpy as np
import pytest

from fusionbench.figures.over_time import Told, over_time
from fusionbench.figures.style import PALE


def told(name: str, classes: int = 2, windows: int = 5) -> Told:
    said = np.full((windows, classes), 1 / classes)
    return Told(name, np.arange(windows, dtype=float), said)


def panels(figure):
    return [axes for axes in figure.axes if axes.axison]


def test_every_clip_has_a_panel_with_a_line_a_class_and_the_key_names_the_classes():
    figure = over_time([told("one"), told("two")], ["sad", "happy"], unit="seconds", caption="by a run")
    assert [len(axes.lines) for axes in panels(figure)] == [2, 2]
    assert {"sad", "happy", "by a run"} <= {text.get_text() for text in figure.texts}
    assert [axes.get_xlabel() for axes in panels(figure)] == ["", "seconds"]


def test_a_window_of_which_nothing_was_said_breaks_the_line():
    clip = told("one")
    clip.probabilities[2] = np.nan
    (axes,) = panels(over_time([clip], ["sad", "happy"]))
    assert np.isnan(axes.lines[0].get_ydata()[2]) and np.isfinite(axes.lines[0].get_ydata()[3])


def test_of_many_classes_those_that_were_likely_have_colours():
    clip = told("one", classes=9)
    clip.probabilities[:, [1, 4]] = 0
    (axes,) = panels(over_time([clip], [f"class {k}" for k in range(9)]))
    assert [line.get_color() for line in axes.lines].count(PALE) == 2


def test_clips_that_a_page_does_not_hold_are_counted():
    figure = over_time([told(f"clip {k}") for k in range(12)], ["sad", "happy"])
    said = " ".join(text.get_text() for text in figure.texts)
    assert f"the first {len(panels(figure))} of 12 clips" in said


def test_generated_data_are_marked_and_no_clip_is_no_figure():
    figure = over_time([told("one")], ["sad", "happy"], stand_in=True)
    assert "stand-in data" in {text.get_text() for text in panels(figure)[0].texts}
    with pytest.raises(ValueError, match="at least one clip"):
        over_time([], ["sad"])
