"""Experiments from their files: a product or rows listed one by one, on equal terms; what ships resolves."""

from __future__ import annotations

import pytest

from fusionbench.catalog import documents
from fusionbench.catalog.plugins import collect
from fusionbench.catalog.presets import shipped
from fusionbench.catalog.resolve import Request
from fusionbench.contract.errors import UserError
from fusionbench.study.budgets import budgets
from fusionbench.study.experiment import Experiment, members, read_experiment
from fusionbench.study.plan import Plan
from tests import fakes

BASE = {"dataset": "squares", "fold": "s0", "training.epochs": 2, "training.batch_size": 4}


@pytest.fixture(scope="module")
def catalog():
    return fakes.catalog()


SHIPPED = sorted(shipped("experiments").glob("*.yaml"))
COMPARED = [file for file in SHIPPED if {"vary", "rows"} & set(documents.read(file)[0])]


@pytest.mark.parametrize("stand_in", [False, True])
@pytest.mark.parametrize("file", COMPARED, ids=lambda p: p.stem)
def test_shipped_experiments_resolve_on_equal_terms(file, stand_in):
    experiment = read_experiment(file, Request({"data.stand_in": stand_in}))
    assert experiment.question.endswith((")", ".", "?"))
    made = members(experiment, collect())
    assert len(made) == experiment.size >= 6
    assert {member.config.options.data.stand_in for member in made} == {stand_in}
    found = budgets(experiment, Plan(made, [None] * len(made), {}, {}, [], []), collect())
    assert {one.configurations for one in found} == ({20} if experiment.tuning else set())


def test_shipped_experiments_are_compared_or_searched():
    assert [file.stem for file in SHIPPED if file not in COMPARED] == ["afew_trs_patches"]
    assert {"afew_fusions_tuned", "afew_patches", "afew_graphs", "afew_cost"} <= {f.stem for f in COMPARED}


ROWS = """# What does each whole model give?
base: {dataset: squares, training: {epochs: 2}}
rows:
  - {fusion: arpg, fusion.trs: 1}
  - {fusion: {name: single, stream: appearance}, relation: none}
  - {fusion: concat, front_end: {standardise: false}}
vary: {seed: [3, 4]}
"""


def test_rows_that_are_listed_declare_what_they_set(tmp_path, catalog):
    file = tmp_path / "x.yaml"
    file.write_text(ROWS)
    asked = read_experiment(file, Request())
    assert asked.row_keys == ("fusion", "fusion.trs", "relation", "front_end.standardise")
    made = members(asked, catalog)
    assert [(member.label, member.seed) for member in made] == [
        ("arpg, 1", 3),
        ("arpg, 1", 4),
        ("single (stream=appearance), none", 3),
        ("single (stream=appearance), none", 4),
        ("concat, False", 3),
        ("concat, False", 4),
    ]
    assert made[0].config.fusion.options.trs == 1 and made[2].config.relation is None
    assert [m.config.options.front_end.standardise for m in made[::2]] == [True, True, False]
    fixed = read_experiment(file, Request({"front_end.standardise": True, "fusion.trs": 3}))
    assert fixed.row_keys == ("fusion", "relation") and dict(fixed.rows[0]) == {"fusion": "arpg"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rows: {fusion: arpg}", "line 2: rows needs a list of mappings, one a row"),
        ("rows: []", "rows needs a list of mappings"),
        ("rows: [arpg, mult]", "rows needs a list of mappings"),
        ("rows: [{}]", "rows needs a list of mappings"),
        (
            "rows: [{fusion: arpg}]\nvary: {fusion.trs: [1, 2]}",
            "rows are listed and vary fusion.trs makes rows too",
        ),
        ("rows: [{fusion: arpg, seed: 1}]", "every row has the same seeds; give them under vary: seed"),
        ("rows: [{fusion: arpg}, {fusion: arpg}]", r"two rows are the same: \{'fusion': 'arpg'\}"),
        ("rows: [{fusion: arpg}]\ntune: 20", "line 3: tune needs a mapping, as in {trials: 20}; got 20"),
        ("rows: [{fusion: arpg}]\ntunes: 20", "is no experiment: it needs `vary`.* or `rows`"),
        ("tune: {trials: 3}", "fusionbench tune x"),
    ],
)
def test_rows_and_budgets_that_are_none_are_refused(tmp_path, text, message):
    file = tmp_path / "x.yaml"
    file.write_text(f"# Q?\n{text}\n")
    with pytest.raises(UserError, match=message):
        read_experiment(file, Request())


def test_rows_differ_in_nothing_but_what_one_of_them_sets(catalog):
    encoders = [{"fusion": "arpg"}, {"fusion": "concat", "relation.patches": 4}]
    with pytest.raises(UserError, match=r"relation.patches varies, but front_end.trainable is none"):
        members(Experiment("x", "?", BASE, {}, {}, rows=encoders), catalog)
    without = [{"fusion": "arpg"}, {"fusion": "hse_nn", "relation": "none"}]
    assert len(members(Experiment("x", "?", BASE, {}, {}, rows=without), catalog)) == 2
    with pytest.raises(UserError, match="metric varies, but all rows"):
        members(Experiment("x", "?", BASE, {}, {}, rows=[{"fusion": "arpg", "metric": "uar"}]), catalog)
