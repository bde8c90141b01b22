"""What the figures say, read from their texts and lines; how they look was judged by eye."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure

from fusionbench.figures.confusion import confusion_matrix
from fusionbench.figures.curves import learning_curves
from fusionbench.figures.ranking import HeadScores, comparison

HISTORY = {
    1: {"train/loss": 2.0, "selection/accuracy": 0.25},
    2: {"train/loss": 1.0, "selection/accuracy": 0.5},
    3: {"train/loss": 0.5, "selection/accuracy": 0.375},
}
ROWS = [HeadScores("concat", [0.4, 0.5]), HeadScores("arpg", [0.5, 0.6, 0.7], interval=(0.55, 0.65))]


def texts(figure: Figure) -> list[str]:
    """Every text that is drawn, axis labels and ticks included."""
    figure.canvas.draw()
    return [t.get_text() for axes in figure.axes for t in axes.findobj(lambda a: hasattr(a, "get_text"))]


def test_a_confusion_matrix_shows_shares_of_the_true_class_and_its_clips():
    said = texts(confusion_matrix([[3, 1], [0, 5]], ("calm", "upset")))
    assert {"75%", "25%", "100%", "calm (4)", "upset (5)", "calm", "true (clips)", "predicted"} <= set(said)
    assert "0%" not in said, "empty cells stay empty"


def test_a_class_without_clips_is_an_empty_row():
    said = texts(confusion_matrix([[0, 0], [1, 1]], ("calm", "upset")))
    assert said.count("50%") == 2
    assert not any("nan" in text for text in said)


def test_a_confusion_matrix_refuses_another_number_of_classes():
    with pytest.raises(ValueError, match=r"counts have shape \(2, 2\); 3 classes need \(3, 3\)"):
        confusion_matrix([[1, 0], [0, 1]], ("a", "b", "c"))


def test_learning_curves_mark_the_epoch_that_was_selected():
    figure = learning_curves(HISTORY, 2)
    assert "epoch 2: 50.0%" in texts(figure)
    left, right = figure.axes
    np.testing.assert_array_equal(left.lines[0].get_xydata(), [(1, 2.0), (2, 1.0), (3, 0.5)])
    np.testing.assert_array_equal(right.lines[0].get_xydata(), [(1, 0.25), (2, 0.5), (3, 0.375)])


def test_learning_curves_of_one_epoch_are_a_point():
    (line,) = learning_curves({1: HISTORY[1]}, 1).axes[0].lines[:1]
    assert line.get_marker() == "o"


def test_an_epoch_that_was_never_trained_cannot_be_selected():
    with pytest.raises(KeyError):
        learning_curves(HISTORY, 9)


def test_a_comparison_puts_the_best_mean_on_top_and_writes_it():
    figure = comparison(ROWS, chance=1 / 7, interval="95 % bootstrap")
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["arpg", "concat"]
    assert axes.yaxis_inverted()
    assert {"60.0%", "45.0%", "chance"} <= set(texts(figure))
    assert axes.get_xlabel() == "accuracy\n(large dots: mean, small: 3 seeds, bars: 95 % bootstrap)"


def test_a_comparison_draws_every_seed():
    (axes,) = comparison(ROWS).axes
    drawn = [list(line.get_xdata()) for line in axes.lines]
    assert [0.5, 0.6, 0.7] in drawn
    assert [0.4, 0.5] in drawn
    assert [0.55, 0.65] in drawn, "the interval"


def test_a_comparison_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one head"):
        comparison([])
    with pytest.raises(ValueError, match="at least one score"):
        comparison([HeadScores("arpg", [])])


@pytest.mark.parametrize("stand_in", [True, False])
def test_generated_data_is_marked_and_real_data_is_not(stand_in):
    figures = [
        confusion_matrix([[1]], ("calm",), stand_in=stand_in),
        learning_curves(HISTORY, 2, stand_in=stand_in),
        comparison(ROWS, stand_in=stand_in),
    ]
    assert [any("stand-in" in text for text in texts(figure)) for figure in figures] == [stand_in] * 3


@pytest.mark.slow
def test_figures_leave_pyplot_alone():
    program = (
        "import sys, fusionbench.figures.confusion, fusionbench.figures.curves, fusionbench.figures.ranking;"
        "sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
