"""The order that points are tried in: the same for whoever draws; a model once."""

from __future__ import annotations

from itertools import islice

import pytest

from fusionbench.contract.errors import NotSupported
from fusionbench.study.points import points
from fusionbench.study.search import Search, decoded, encoded
from fusionbench.study.space import Axis, Space

GRID = Space((Axis("trs", (0, 1, 15, None)), Axis("heads", (1, 2))))
ENDLESS = Space((Axis("lr", None, 1e-4, 1e-2, True), Axis("trs", (0, 1, 2))))


def test_every_search_but_a_grid_begins_with_the_default():
    assert next(points(GRID, "random", 1)) == {} == next(points(ENDLESS, "tpe", 1))
    assert next(points(GRID, "grid", 1)) == {"trs": 0, "heads": 1}


def test_random_points_of_a_list_come_once_each_in_an_order_of_chance():
    drawn = list(points(GRID, "random", 1))[1:]
    listed = list(GRID.points())
    assert drawn != listed and sorted(map(str, drawn)) == sorted(map(str, listed))
    assert drawn == list(points(GRID, "random", 1))[1:] != list(points(GRID, "random", 2))[1:]


def test_heads_that_are_tuned_side_by_side_try_the_same_learning_rates():
    other = Space((Axis("dropout", None, 0.0, 0.5), Axis("lr", None, 1e-4, 1e-2, True)))
    rates = [
        [point["lr"] for point in islice(points(space, "random", 7), 1, 6)] for space in (ENDLESS, other)
    ]
    assert rates[0] == rates[1] and len(set(rates[0])) == 5


def test_random_numbers_are_spread_evenly():
    drawn = [p["lr"] for p in islice(points(ENDLESS, "random", 3), 1, 1001)]
    assert 450 < sum(lr < 1e-3 for lr in drawn) < 550, "half of them lie below the geometric mean"


def key_of(point):
    """A scope of 15 reaches as far as none; three heads fit nowhere."""
    if point.get("heads") == 3:
        raise NotSupported("heads=3 does not divide 128")
    trs = point.get("trs", 3)
    return f"{'all' if trs in (15, None) else trs} {point.get('heads', 1)} {point.get('lr')}"


def drawn(search: Search, count: int) -> list:
    taken: list[str] = []
    found = []
    while len(found) < count and (one := search.next(taken, [], len(taken))) is not None:
        taken.append(one.key)
        found.append(dict(one.point))
    return found


def test_the_same_model_is_run_once_and_a_grid_ends():
    search = Search(GRID, "grid", 1, key_of)
    found = drawn(search, 99)
    assert [point["trs"] for point in found] == [0, 0, 1, 1, 15, 15] and search.same == 2
    assert drawn(Search(GRID, "grid", 1, key_of), 3) == found[:3], "fewer trials: its first points"


def test_points_that_do_not_fit_are_drawn_again_and_told():
    space = Space((Axis("heads", (1, 2, 3)), Axis("trs", (0, 1))))
    search = Search(space, "random", 1, key_of)
    assert len(drawn(search, 5)) == 5 and search.unfit
    assert all('"heads": 3' in point for point in search.unfit)
    assert all("does not divide" in reason for reason in search.unfit.values())
    assert len(drawn(Search(space, "random", 1, key_of), 99)) == 5, "the default and four points"


def test_another_process_goes_on_where_one_stopped():
    whole = drawn(Search(ENDLESS, "random", 1, key_of), 8)
    first = Search(ENDLESS, "random", 1, key_of)
    taken = {key_of(point) for point in drawn(first, 3)}
    later = Search(ENDLESS, "random", 1, key_of).next(taken, [], 3)
    assert later is not None and later.point == whole[3]


def history(search: Search, found: list, score) -> list:
    import optuna

    from fusionbench.study.search import distribution

    ranges = {axis.key: distribution(axis) for axis in search.space.axes}
    return [
        optuna.trial.create_trial(
            value=score(point),
            params=encoded(search.space, point),
            distributions=ranges,
            user_attrs={"key": key_of(point)},
        )
        for point in found
    ]


def test_tpe_learns_from_what_was_tried_and_never_repeats_itself():
    search = Search(ENDLESS, "tpe", 1, key_of)
    found = drawn(Search(ENDLESS, "random", 1, key_of), 25)[1:]
    known = history(search, found, lambda point: 1.0 - abs(point["lr"] - 9e-3) * 100)
    taken = {key_of(point) for point in found}
    proposed = []
    for draw in range(30, 40):
        one = search.next(taken, known, draw)
        assert one is not None and one.key not in taken
        proposed.append(one.point["lr"])
    assert sum(lr > 3e-3 for lr in proposed) >= 8, proposed
    again = Search(ENDLESS, "tpe", 1, key_of).next(taken, known, 30)
    assert again is not None and again.point["lr"] == proposed[0], "whoever draws it"


def test_tpe_on_few_points_takes_each_once():
    search = Search(GRID, "tpe", 1, key_of)
    taken: list[str] = []
    found: list = []
    while (one := search.next(taken, history(search, found, lambda _: 0.5), len(taken))) is not None:
        taken.append(one.key)
        found += [one.point] if one.point else []
    assert len(taken) == len(set(taken)) == 7, "the default's scope of 3 is none of the list"


@pytest.mark.parametrize("value", [None, 3, "x", (1, 2), True])
def test_optuna_keeps_any_value(value):
    axis = Axis("a", (0.5, value))
    kept = encoded(Space((axis,)), {"a": value})["a"]
    assert decoded(axis, kept) == value
    assert encoded(Space((axis,)), {"a": 7}) == {}, "a default outside the space"
