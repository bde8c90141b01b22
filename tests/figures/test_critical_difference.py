"""The picture of ranks over data sets, read from its texts and lines."""

from __future__ import annotations

import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from fusionbench.figures.critical_difference import critical_difference
from fusionbench.figures.style import COLUMN, TALLEST


def texts(figure: Figure) -> list[str]:
    figure.canvas.draw()
    return [text.get_text() for text in figure.findobj(Text)]


def test_heads_stand_at_their_ranks_and_bars_join_the_cliques():
    figure = critical_difference(["late", "arpg", "single"], [2.0, 1.25, 2.75], [(1, 0), (0, 2)], datasets=8)
    assert {"arpg  1.25", "late  2.00", "single  2.75"} <= set(texts(figure))
    (axes,) = figure.axes
    dots = [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "o"]
    assert dots == [1.25, 2.0, 2.75], "best first"
    bars = [tuple(line.get_xdata()) for line in axes.lines if line.get_linewidth() == 3]
    assert bars == [pytest.approx((1.21, 2.04)), pytest.approx((1.96, 2.79))]
    assert axes.get_xlabel() == "mean rank"
    assert any(text.startswith("over 8 data sets; 1 is best") for text in texts(figure))


def test_no_bar_without_a_clique_and_a_mark_for_generated_data():
    figure = critical_difference(["a", "b"], [1, 2], [], datasets=6, stand_in=True)
    assert [line for line in figure.axes[0].lines if line.get_linewidth() == 3] == []
    assert any("stand-in" in text for text in texts(figure))


@pytest.mark.parametrize(("names", "ranks"), [(["a"], [1.0]), (["a", "b"], [1.0])])
def test_names_without_ranks_are_refused(names, ranks):
    with pytest.raises(ValueError, match="needs both"):
        critical_difference(names, ranks, [], datasets=6)


@pytest.mark.parametrize("heads", [2, 5, 40])
def test_it_fits_a_column_and_no_name_is_cut_off_or_read_as_a_formula(heads):
    names = [
        "$x_{$",
        "a very long name of a head with many options",
        *(f"head {k}" for k in range(heads - 2)),
    ]
    figure = critical_difference(names, range(1, heads + 1), [(0, 1)], datasets=9)
    figure.set_dpi(300)
    drawn, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    assert width == COLUMN and height < TALLEST
    assert drawn.x0 > 0 and drawn.y0 > 0 and drawn.x1 < width and drawn.y1 < height
    assert "$x_{$  1.00" in texts(figure)
