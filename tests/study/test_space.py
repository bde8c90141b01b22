"""What a study searches: declared options or a user's own, each value held to its schema."""

from __future__ import annotations

import math

import pytest

from fusionbench.catalog.resolve import Request, resolve
from fusionbench.contract.errors import UserError
from fusionbench.study.design import design
from fusionbench.study.space import Axis, Space
from fusionbench.study.tuning import Tuning, options_of, read_tuning, with_space
from tests import fakes

BASE = {"dataset": "squares", "fusion": "arpg"}


@pytest.fixture(scope="module")
def catalog():
    return fakes.catalog()


def made(catalog, tuning=None, **values):
    return design(Request({**BASE, **values}), tuning or Tuning(), catalog)


def space(catalog, content, **values):
    return made(catalog, Tuning(space=content), **values).space


def test_all_that_is_declared_and_learns_is_searched_by_default(catalog):
    assert made(catalog).space.keys == (
        "fusion.trs",
        "fusion.heads",
        "fusion.dropout",
        "training.lr",
        "training.weight_decay",
    )
    trained = {"front_end.trainable": "relation", "relation.weights": None}
    assert "relation.patches" in made(catalog, **trained).space.keys
    assert "training.lr" not in made(catalog, fusion="hse_nn", relation="none").space.keys


def test_what_is_set_is_not_searched_and_that_is_told(catalog):
    planned = made(catalog, **{"fusion.trs": 5})
    assert "fusion.trs" not in planned.space.keys
    assert planned.notes == ["fusion.trs is 5 () and is not searched"]
    of_preset = made(catalog, fusion="arpg-no-scope")
    assert "fusion.trs" not in of_preset.space.keys and "registry.yaml" in of_preset.notes[0]


def test_a_space_of_ones_own_is_read_as_the_schema_reads_it(catalog):
    found = space(
        catalog,
        {"fusion.trs": [0, "3", 3.0, None], "training.lr": {"low": "1e-4", "high": "1e-2", "log": True}},
    )
    assert found.axes == (
        Axis("fusion.trs", (0, 3, None)),
        Axis("training.lr", None, 1e-4, 1e-2, True),
    )
    assert found.size == math.inf and not found.listed
    assert space(catalog, {"fusion.heads": {"low": 1, "high": 3}}).axes[0].values == (1, 2, 3)
    assert space(catalog, {"fusion.dropout": {"low": 0, "high": 0.5}}).axes[0].values is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"fusion.trss": [1]}, r"no option 'fusion.trss'\. Did you mean 'fusion.trs'\?"),
        ({"fusoin.trs": [1]}, r"Did you mean 'fusion.trs'\?"),
        ({"fusion.trs": [-1]}, "option trs = -1 .*greater than or equal to 0"),
        ({"fusion.dropout": {"low": 0.0, "high": 1.5}}, "option dropout = 1.5"),
        ({"fusion.heads": {"low": 0.5, "high": 3}}, "option heads = 0.5"),
        ({"fusion.trs": []}, "no value to try"),
        ({"fusion.trs": 3}, "needs a list of values"),
        ({"training.lr": {"low": 0.1, "high": 0.01}}, "low < high"),
        ({"training.lr": {"low": 0.1}}, "needs low and high"),
        ({"training.lr": {"low": 0.001, "hihg": 0.1}}, "no 'hihg'. Did you mean 'high'"),
        ({"training.weight_decay": {"low": 0, "high": 0.1, "log": True}}, "low must be above 0"),
        ({"seed": [1, 2]}, "seed is the same for all trials"),
        ({"training.epochs": [1, 2]}, "training.epochs is the same for all trials"),
        ({"dataset.clips": [8]}, "dataset.clips is the same for all trials"),
        ({"fusion": ["arpg", "concat"]}, "fusion is the same .*`fusionbench compare` varies it"),
        ({"fusion.name": ["arpg"]}, "fusion.name is the same"),
        ({}, "the space is empty"),
    ],
)
def test_what_can_not_be_searched_is_refused_by_name(catalog, content, message):
    with pytest.raises(UserError, match=message):
        space(catalog, content)


def test_an_option_is_set_or_searched(catalog):
    with pytest.raises(UserError, match=r"fusion\.trs is searched, and set to 5"):
        space(catalog, {"fusion.trs": [1]}, **{"fusion.trs": 5})


@pytest.mark.parametrize(
    ("groups", "values", "message"),
    [
        (("fusoin",), {}, r"no group 'fusoin' of options\. Did you mean 'fusion'"),
        (("relation",), {}, "relation.patches varies, but front_end.trainable is none"),
        (("relation",), {"relation": "none"}, "this run has no relation"),
        (("training",), {"fusion": "hse_nn", "relation": "none"}, "reads no option of the training"),
        (("fusion",), {"fusion": "per_frame"}, "nothing to search"),
    ],
)
def test_groups_are_refused_where_they_make_no_sense(catalog, groups, values, message):
    with pytest.raises(UserError, match=message):
        made(catalog, Tuning(space=groups), **values)


def test_a_small_list_of_points_is_a_grid_and_anything_else_is_for_tpe(catalog):
    grid = made(catalog, Tuning(space={"fusion.trs": [0, 1, 2], "fusion.heads": [1, 2]}))
    assert (grid.sampler, grid.total) == ("grid", 6)
    assert (made(catalog).sampler, made(catalog).total) == ("tpe", 40)
    large = {"fusion.trs": list(range(15)), "fusion.heads": list(range(1, 8))}
    assert made(catalog, Tuning(space=large)).sampler == "tpe"
    with pytest.raises(UserError, match=r"a grid goes through lists of values, but fusion\.dropout"):
        made(catalog, Tuning(sampler="grid"))


def test_the_last_option_of_a_grid_varies_fastest():
    both = Space((Axis("a", (1, 2)), Axis("b", (3, None))))
    assert [tuple(point.values()) for point in both.points()] == [(1, 3), (1, None), (2, 3), (2, None)]


def test_values_lie_between_their_ends_and_are_short():
    lr = Axis.between("training.lr", 1e-4, 1e-2, log=True, whole=False)
    assert (lr.at(0.0), lr.at(0.5), lr.at(1 - 1e-12)) == (1e-4, 1e-3, 1e-2)
    assert lr.at(0.3) == 0.0003981, "10 ** (-4 + 0.6), four digits"
    whole = Axis.between("n", 1, 1000, log=True, whole=True)
    assert whole.at(0.5) == 32 and whole.size == 1000
    assert Axis("trs", (0, 1, None)).at(0.99) is None


def test_a_section_says_what_it_may_hold():
    assert read_tuning({"trials": 20, "space": ["fusion"], "seeds": 2}, "x").trials == 20
    nested = {"fusion": {"trs": [1]}, "training.lr": {"low": 1, "high": 2}}
    assert options_of(nested) == {"fusion.trs": [1], "training.lr": {"low": 1, "high": 2}}
    for section, message in [
        ({"trails": 3}, r"tune has no 'trails'\. Did you mean 'trials'"),
        ({"trials": 0}, "tune.trials is 0; give a whole number from 1"),
        ({"confirm": -1}, "tune.confirm is -1"),
        ({"sampler": "gird"}, r"sampler 'gird' is none\. Did you mean 'grid'"),
        ({"space": 3}, "tune.space is 3"),
        ({"prune": "yes"}, "give true or false"),
    ]:
        with pytest.raises(UserError, match=message):
            read_tuning(section, "x")


def test_a_file_or_groups_between_commas(tmp_path, catalog):
    file = tmp_path / "space.yaml"
    file.write_text("fusion.trs: [0, null]\nfusion.heads:\n  low: 1\n  high: 2\n")
    asked = with_space(Tuning(), str(file))
    assert asked.space == {"fusion.trs": [0, None], "fusion.heads": {"low": 1, "high": 2}}
    assert with_space(Tuning(), "fusion, training").space == ("fusion", "training")
    file.write_text("\nfusion.trs: [0, x]\n")
    with pytest.raises(UserError, match=r"space.yaml, line 2"):
        made(catalog, with_space(Tuning(), str(file)))


def test_the_base_is_resolved_with_its_defaults(catalog):
    planned = made(catalog, Tuning(space={"fusion.trs": [0, 1]}, seeds=2), seed=5)
    assert planned.default == {"fusion.trs": 3} and planned.seeds == [5, 6]
    assert planned.fresh_seeds(3) == [7, 8, 9]
    assert planned.configured({"fusion.trs": 0}, 6) == resolve(
        Request({**BASE, "fusion.trs": 0, "seed": 6}), catalog
    )
