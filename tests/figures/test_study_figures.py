"""What the figures of a study say, read from their texts and marks; how they look was judged by eye."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from fusionbench.figures.option_importance import option_importance
from fusionbench.figures.option_map import option_map
from fusionbench.figures.style import PAGE, TALLEST, printing
from fusionbench.figures.trial_history import Tried, trial_history
from tests.figures.test_report_figures import texts

HOSTILE = ["$x_{$", "a" * 90, "<b>&", "null"]


def a_map(rows=2, columns=3, **more):
    means = np.linspace(0.3, 0.5, rows * columns).reshape(rows, columns)
    names = [f"{HOSTILE[k % 4]}{k}" for k in range(max(rows, columns))]
    options = {"row_option": "relation.patches", "column_option": "fusion.trs"}
    spreads = more.pop("spreads", means * np.nan)
    return option_map(means, spreads, names[:rows], names[:columns], **options, **more)


@pytest.mark.parametrize("stand_in", [True, False])
def test_nothing_is_cut_and_generated_data_is_marked(stand_in):
    shares = {name: 1 / (k + 2) for k, name in enumerate(HOSTILE)}
    history = [Tried(k, 0.3 + 0.01 * k, (0.3, 0.4), k == 3) for k in range(40)]
    for figure in (
        trial_history(history, 39, stand_in=stand_in),
        option_importance(shares, stand_in=stand_in),
        a_map(stand_in=stand_in),
        a_map(1, 1, stand_in=stand_in),
        a_map(24, 24, stand_in=stand_in),
    ):
        figure.set_dpi(300)
        said = texts(figure)
        assert ("stand-in data" in said) is stand_in
        width, height = figure.get_size_inches()
        assert width <= PAGE + 1e-9 and height <= TALLEST
        with printing():
            drawn = figure.get_tightbbox()
        assert drawn.x0 > 0 and drawn.y0 > 0 and drawn.x1 < width and drawn.y1 < height, figure


def test_the_history_draws_the_best_so_far_and_rings_the_chosen():
    tried = [Tried(0, 0.3), Tried(1, 0.5), Tried(2, 0.4), Tried(3, 0.2, pruned=True)]
    (axes,) = trial_history(tried, 2).axes
    lines = [np.asarray(line.get_xydata()).tolist() for line in axes.lines]
    assert [[0, 0.3], [1, 0.5], [2, 0.5]] in lines and [[3, 0.2]] in lines and [[2, 0.4]] in lines


def test_a_cell_says_its_score_and_its_spread_and_the_chosen_is_framed():
    spreads = [[0.012, np.nan, np.nan], [np.nan] * 3]
    figure = a_map(spreads=spreads, chosen=(1, 2))
    said = texts(figure)
    assert "30.0\n± 1.2" in said and "34.0" in said and "50.0" in said
    (frame,) = [p for p in figure.axes[0].patches if isinstance(p, Rectangle)]
    assert frame.get_xy() == (1.5, 0.5)
    assert "framed: chosen" in " ".join(said)


def test_the_most_important_stands_on_top():
    (axes,) = option_importance({"a": 0.25, "b": 0.75}).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["b", "a"]
    assert [bar.get_width() for bar in axes.patches] == [0.75, 0.25]


def test_nothing_to_draw_is_an_error():
    with pytest.raises(ValueError, match="at least one trial"):
        trial_history([], 0)
    with pytest.raises(ValueError, match="no option"):
        option_importance({})
    with pytest.raises(ValueError, match="both must be"):
        option_map([[np.nan]], [[0.1]], ["a"], ["b"], row_option="x", column_option="y")
