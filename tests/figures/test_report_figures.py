"""What the figures of a report say, read from their texts and lines; how they look was judged by eye."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from fusionbench.figures.differences import MOST, PairDifference, differences
from fusionbench.figures.dumbbells import Moved, dumbbells
from fusionbench.figures.files import save_figure
from fusionbench.figures.ranks import rank_intervals
from fusionbench.figures.recall import class_recall
from fusionbench.figures.seed_curves import Learned, seed_curves
from fusionbench.figures.selection import Chosen, selection_against_report
from fusionbench.figures.strips import strips
from fusionbench.figures.style import PAGE, TALLEST, printing
from fusionbench.figures.trade_off import Costed, pareto, trade_off

NAMES = ["arpg", "$x_{$", "Surprise" * 9, "a_b^c", "<b>&"]
PAIRS = [
    PairDifference("arpg − mult", 0.03, 0.01, 0.05, 0.028, "told"),
    PairDifference("arpg − gru", 0.001, -0.004, 0.006, 0.007, "equivalent"),
    PairDifference("mult − gru", -0.02, -0.06, 0.02, 0.055, "unknown"),
]


def every(count: int = 5, stand_in: bool = False) -> list[Figure]:
    """One of each, for so many heads with the names that data may bring."""
    names = [f"{NAMES[k % 5]}{k // 5 or ''}" for k in range(count)]
    share = np.linspace(0.9, 0.1, count)
    both = list(zip(names, share.tolist(), strict=True))
    pairs = [PairDifference(name, 0.1, -0.2, 0.4, 0.2, "unknown") for name in names[:MOST]]
    seven = [f"class {k}" for k in range(7)]
    costed = [Costed(name, 10.0 ** (k % 9), score, 0.05) for k, (name, score) in enumerate(both)]
    chosen = [Chosen(name, [score, score / 2], [score, score / 3]) for name, score in both]
    learned = [Learned(name, [[0.1, score], [0.2, score]], [2, 1]) for name, score in both]
    return [
        differences(pairs, margin=0.01, stand_in=stand_in),
        rank_intervals(names, [(1, count)] * count, stand_in=stand_in),
        class_recall(np.outer(share, np.ones(7)), names, seven, stand_in=stand_in),
        trade_off(costed, cost="ms a clip", stand_in=stand_in),
        strips(np.outer(share, np.ones(count)), names, names[0], what="persons", stand_in=stand_in),
        selection_against_report(chosen, stand_in=stand_in),
        seed_curves(learned, stand_in=stand_in),
        seed_curves(learned, words="in words that no narrow picture has room for, " * 2, stand_in=stand_in),
        dumbbells([Moved(n, v, 1 - v) for n, v in both], chance=0.1, stand_in=stand_in),
    ]


def texts(figure: Figure) -> list[str]:
    with printing():
        figure.canvas.draw()
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


@pytest.mark.parametrize(("stand_in", "heads"), [(True, 5), (False, 5), (False, 2)])
def test_nothing_is_cut_and_generated_data_is_marked(stand_in, heads):
    for figure in every(heads, stand_in):
        figure.set_dpi(300)
        with printing():
            drawn, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
        assert drawn.x0 > 0 and drawn.y0 > 0 and drawn.x1 < width and drawn.y1 < height, figure
        assert any("stand-in" in text for text in texts(figure)) == stand_in


@pytest.mark.slow
def test_a_hundred_heads_fit_a_page():
    for figure in every(100):
        width, height = figure.get_size_inches()
        assert width <= PAGE and height <= TALLEST + 1e-9


@pytest.mark.parametrize("form", ["svg", pytest.param("pdf", marks=pytest.mark.slow)])
def test_the_same_numbers_give_the_same_bytes(form):
    for number, pair in enumerate(zip(every(), every(), strict=True)):
        files = [Path(f"{number}-{k}.{form}") for k in range(2)]
        for figure, file in zip(pair, files, strict=True):
            save_figure(figure, file)
        assert files[0].read_bytes() == files[1].read_bytes()


def test_a_pair_is_its_difference_its_interval_and_what_could_not_be_found():
    figure = differences(PAIRS, margin=0.01)
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == [pair.name for pair in PAIRS]
    lines = [line.get_xdata() for line in axes.lines]
    for pair in PAIRS:
        assert [pair.low, pair.high] in [list(line) for line in lines]
        assert [pair.difference] in [list(line) for line in lines]
    bands = [band.get_paths()[0].get_extents() for band in axes.collections]
    assert [(band.x0, band.x1) for band in bands] == [(-pair.mdd, pair.mdd) for pair in PAIRS]
    markers = [line.get_marker() for line in axes.lines if len(line.get_xdata()) == 1]
    assert markers == ["o", "s", "D"], "told apart, equivalent, can't tell: not by colour alone"
    assert "difference in accuracy, points" in texts(figure) and "−4" in texts(figure)


def test_the_front_holds_who_is_not_beaten_by_a_cheaper_one():
    assert pareto([1, 2, 3, 4], [0.5, 0.4, 0.6, 0.6]) == [True, False, True, False]
    assert pareto([1, 1], [0.5, 0.5]) == [True, True], "two that are alike are both on it"
    assert pareto([1, 2], [float("nan"), 0.1]) == [False, True]


def test_a_head_without_cost_is_named_below():
    said = " ".join(
        texts(trade_off([Costed("solved", 0, 0.5), Costed("arpg", 1000, 0.6)], cost="parameters"))
    )
    assert "no cost of this kind: solved" in said.replace("\n", " ") and "arpg" in said
    with pytest.raises(ValueError, match="no head has a cost above 0"):
        trade_off([Costed("solved", 0, 0.5)], cost="parameters")


def test_names_cover_neither_points_nor_each_other():
    crowd = [Costed(f"head {k}", 1 + k / 100, 0.5 + k / 1000) for k in range(30)]
    figure = trade_off([*crowd, Costed("far", 100.0, 0.9)], cost="ms")
    figure.canvas.draw()
    (axes,) = figure.axes
    boxes = [text.get_window_extent() for text in axes.texts]
    assert 1 < len(boxes) < 31
    assert not any(a.overlaps(b) for k, a in enumerate(boxes) for b in boxes[:k])


def test_strips_go_from_the_hardest_to_the_easiest():
    figure = strips([[0.9, 0.1, 0.5], [0.8, 0.2, 0.4]], ["easy", "hard", "middle"], "arpg", what="persons")
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["hard", "middle", "easy"]
    assert [list(line.get_xdata()) for line in axes.lines] == [[0.2, 0.4, 0.8], [0.1, 0.5, 0.9]]


def test_a_class_without_clips_has_no_recall():
    said = texts(class_recall([[0.5, np.nan]], ["arpg"], ["calm", "upset"]))
    assert "50" in said and "nan" not in said and "0" not in said


def test_dumbbells_join_default_and_tuned_and_say_the_gain():
    rows = [Moved("up", 0.5, 0.75), Moved("down", 0.5, 0.4), Moved("same", 0.3, 0.3)]
    (axes,) = (figure := dumbbells(rows)).axes
    joins = [list(line.get_xdata()) for line in axes.lines]
    assert all([row.default, row.tuned] in joins for row in rows)
    assert {"+25.0", "-10.0", "0.0"} <= set(texts(figure))


def test_curves_mark_the_chosen_epochs():
    figure = seed_curves([Learned("arpg", [[0.2, 0.5, 0.4], [0.3, float("inf"), 0.6]], [2, 3])])
    (axes,) = figure.axes
    points = [tuple(line.get_xydata()[0]) for line in axes.lines if len(line.get_xdata()) == 1]
    assert points == [(2, 0.5), (3, 0.6)]


@pytest.mark.parametrize(
    "make",
    [
        lambda: differences([], margin=0.01),
        lambda: differences(PAIRS * 20, margin=0.01),
        lambda: rank_intervals(["a"], []),
        lambda: class_recall([[0.5]], ["a"], ["x", "y"]),
        lambda: strips([[0.5]], ["a", "b"], "x", what="persons"),
        lambda: selection_against_report([]),
        lambda: seed_curves([]),
        lambda: dumbbells([]),
        lambda: dumbbells([Moved("a", 0.5, float("nan"))]),
    ],
)
def test_what_cannot_be_drawn_is_refused(make):
    with pytest.raises(ValueError):
        make()
