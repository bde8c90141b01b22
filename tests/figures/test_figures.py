"""What the figures say, read from their texts and lines; how they look was judged by eye."""

from __future__ import annotations

import math
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from fusionbench.figures.confusion import confusion_matrix
from fusionbench.figures.curves import learning_curves
from fusionbench.figures.files import save_figure
from fusionbench.figures.ranking import HeadScores, comparison
from fusionbench.figures.style import COLUMN, PAGE, TALLEST, share_colours

HISTORY = {
    1: {"train/loss": 2.0, "selection/accuracy": 0.25},
    2: {"train/loss": 1.0, "selection/accuracy": 0.5},
    3: {"train/loss": 0.5, "selection/accuracy": 0.375},
}
ROWS = [HeadScores("concat", [0.4, 0.5]), HeadScores("arpg", [0.5, 0.6, 0.7], interval=(0.55, 0.65))]


def texts(figure: Figure) -> list[str]:
    """Every text that is drawn, axis labels and ticks included."""
    figure.canvas.draw()
    return [text.get_text() for text in figure.findobj(Text)]


def test_a_confusion_matrix_shows_shares_of_the_true_class_and_its_clips():
    said = texts(confusion_matrix([[3, 1], [0, 5]], ("calm", "upset")))
    assert {"75", "25", "100", "calm (4)", "upset (5)", "calm", "upset", "true (clips)"} <= set(said)
    assert "predicted, % of the true class" in said
    assert "0" not in said, "empty cells stay empty"


def test_a_class_without_clips_is_an_empty_row():
    said = texts(confusion_matrix([[0, 0], [1, 1]], ("calm", "upset")))
    assert said.count("50") == 2 and "calm (0)" in said
    assert not any("nan" in text for text in said)


@pytest.mark.parametrize("classes", [1, 2, 7, 9, 20, 31, 100, 600])
def test_a_confusion_matrix_is_as_wide_as_a_column_or_a_page_whatever_it_holds(classes):
    figure = confusion_matrix(np.eye(classes), [f"class {k}" for k in range(classes)])
    width, height = figure.get_size_inches()
    assert width == (COLUMN if classes < 10 else PAGE) and height < TALLEST
    assert ("100" in texts(figure)) == (classes <= 20), "shares are written where they fit"
    assert ("100 %" in texts(figure)) == (classes > 20), "else there is a scale of colours"
    assert len(figure.findobj(Text)) < 800
    ticks = [label.get_window_extent() for label in figure.axes[0].get_yticklabels()]
    assert all(upper.y0 >= lower.y1 for upper, lower in pairwise(ticks)), "no label covers another"


def test_colours_of_a_confusion_matrix_darken_evenly_in_print():
    figure = confusion_matrix(
        np.diag(np.arange(11)) + np.diag(np.arange(10, -1, -1)), [str(k) for k in range(11)]
    )
    (image,) = figure.axes[0].images
    assert image.get_array()[0, 5].tolist() == [255, 255, 255, 255], "nothing is white"
    shares = np.linspace(0, 1, 30)
    grey = share_colours()(shares)[:, :3] @ [0.2126, 0.7152, 0.0722]  # luminance, ITU-R BT.709
    assert (np.diff(grey) < 0).all()


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
    figure = learning_curves({1: HISTORY[1]}, 1)
    assert [axes.lines[0].get_marker() for axes in figure.axes] == ["s", "o"]


def test_an_epoch_that_was_never_trained_cannot_be_selected():
    with pytest.raises(KeyError):
        learning_curves(HISTORY, 9)


def test_a_comparison_puts_the_best_mean_on_top_and_writes_it():
    figure = comparison(ROWS, chance=1 / 7, interval="95 % bootstrap")
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["arpg", "concat"]
    assert axes.yaxis_inverted()
    assert {"60.0%", "45.0%", "chance"} <= set(texts(figure))
    assert axes.get_xlabel() == "accuracy"
    assert "dots: mean; diamonds: 3 seeds; bars: 95 % bootstrap" in texts(figure)


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


def test_a_caution_stands_below_the_scores():
    caution = "Rows differ in fusion.heads: picking the best is tuning on the report split."
    said = texts(comparison(ROWS, caution=caution))
    assert caution in " ".join(said).replace("\n", " ")


def test_a_comparison_of_one_seed_and_of_rows_without_a_mean():
    rows = [HeadScores("lost", [0.9, math.nan]), HeadScores("wild", [math.inf]), HeadScores("arpg", [0.5])]
    figure = comparison([*rows, HeadScores("bare", [0.4], (math.nan, 0.5))], chance=math.nan)
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["arpg", "bare", "lost", "wild"]
    assert texts(figure).count("not finite") == 2 and "chance" not in texts(figure)
    assert comparison([HeadScores("a", [math.nan])]).axes


def test_a_comparison_of_500_heads_fits_a_page_and_says_what_it_leaves_out():
    figure = comparison([HeadScores(f"head {k}", [k / 1000]) for k in range(500)])
    assert figure.get_figheight() <= TALLEST
    (axes,) = figure.axes
    assert axes.get_yticklabels()[0].get_text() == "head 499"
    shown = len(axes.get_yticklabels())
    assert f"the first {shown} of 500 rows, the table has all" in " ".join(texts(figure)).replace("\n", " ")


def test_learning_curves_of_ten_thousand_epochs_and_of_any_metric():
    history = {e: {"train/loss": 3e6 / e, "selection/mae": 5 / e} for e in range(1, 10_001)}
    figure = learning_curves(history, 10_000, metric="mae")
    assert {"selection mae", "epoch 10000: 0.0005"} <= set(texts(figure))
    assert figure.axes[1].get_ylim()[1] > 5
    assert "selection UAR" in texts(
        learning_curves({1: {"train/loss": 1.0, "selection/uar": 0.5}}, 1, metric="uar")
    )


def test_what_is_not_finite_leaves_a_gap_and_is_counted():
    history = {
        1: {"train/loss": math.inf, "selection/accuracy": 0.5},
        2: {"train/loss": math.nan, "selection/accuracy": math.nan},
    }
    figure = learning_curves(history, 2)
    assert "epoch (not finite: loss in 2, score in 1)" in texts(figure)
    assert figure.axes[1].get_ylim() == (0, 1)


LONG = "A title " * 20
ODD = ["$x", "a_b^c", r"\alpha", "$x_{$", "two\nlines", "", "😀 特征", "فرح", "x" * 5000, "\udcff", "<b>&"]


@pytest.mark.parametrize("form", ["png", "svg", pytest.param("pdf", marks=pytest.mark.slow)])
def test_names_of_any_kind_are_drawn_as_they_are(form):
    """No mathematics, no markup, no warning: warnings are errors here."""
    figures = [
        confusion_matrix(np.eye(len(ODD)), ODD, ODD[3]),
        comparison([HeadScores(name, [0.5]) for name in ODD], ODD[3], metric="$m_{$", interval="$i_{$"),
        learning_curves({1: {"train/loss": 1.0, "selection/$m_{$": 0.5}}, 1, "$x_{$", metric="$m_{$"),
    ]
    for number, figure in enumerate(figures):
        save_figure(figure, Path(f"{number}.{form}"))
        assert not any(text.get_parse_math() for text in figure.findobj(Text) if text.get_text())
    labels = [label.get_text() for label in figures[1].axes[0].get_yticklabels()]
    assert labels[:6] == ["$x", "a_b^c", r"\alpha", "$x_{$", "two lines", "(no name)"]
    assert labels[8].startswith("xxx") and "…" in labels[8] and labels[8].endswith("xxx")


@pytest.mark.parametrize("stand_in", [True, False])
def test_nothing_is_cut_off_at_the_edge(stand_in):
    names = ["Surprise" * 9, *(f"class {k}" for k in range(6))]
    made = [
        confusion_matrix(np.full((7, 7), 12_345), names, LONG, stand_in=stand_in),
        confusion_matrix([[7]], ["a"]),
        confusion_matrix(np.eye(40), [f"class {k}" for k in range(40)]),
        learning_curves(HISTORY, 3, LONG, stand_in=stand_in),
        comparison([HeadScores(n, [0.5, 0.7], (0.4, 0.8)) for n in names], LONG, interval=LONG, caution=LONG),
    ]
    for figure in made:
        figure.set_dpi(300)  # as files have it: letters stand wider where pixels are coarse
        drawn, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
        assert drawn.x0 > 0 and drawn.y0 > 0 and drawn.x1 < width and drawn.y1 < height, figure


def test_every_letter_is_as_large_as_print_needs():
    for figure in (
        confusion_matrix([[1]], ("calm",)),
        learning_curves(HISTORY, 2, "title"),
        comparison(ROWS, "title"),
    ):
        figure.canvas.draw()
        assert {text.get_fontsize() for text in figure.findobj(Text) if text.get_text()} == {8}


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
