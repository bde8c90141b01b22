"""Heads are timed in turns on the same batch, and once: a comparison that is done keeps what it measured."""

from __future__ import annotations

import math

import pytest
import torch

import fusionbench as fb
from fusionbench.bench.cost import cost_of_model
from fusionbench.bench.source import open_data
from fusionbench.catalog.plugins import collect
from fusionbench.catalog.resolve import Request, resolve
from fusionbench.contract.watch import Watch
from fusionbench.study import row_costs
from fusionbench.study.compare import compare
from fusionbench.study.experiment import Experiment
from fusionbench.study.row_costs import (
    ROUNDS,
    RowCost,
    kept_or_measured,
    measure_rows,
    of_whole_models,
    with_front_end,
)
from fusionbench.track.records import read_json

HEADS = ("late", "concat", "hse_nn", "arpg")


@pytest.fixture
def store(tmp_path):
    g = torch.Generator().manual_seed(0)
    fb.write_stream_store(
        tmp_path / "store",
        (
            {
                "id": f"c{k}",
                "label": ("calm", "moving")[k % 2],
                "split": "train" if k < 20 else "test",
                "streams": {"face": torch.randn(5 + k % 4, 20, generator=g).numpy()},
            }
            for k in range(32)
        ),
    )
    return tmp_path / "store"


def rows(store, *heads, **values):
    made = {}
    for head in heads:
        config = resolve(
            Request({"fusion": head, "dataset": "streams", "data.root": store, **values}), collect()
        )
        made[head] = config, open_data(config, Watch())
    return made


@pytest.fixture
def called(monkeypatch):
    """(head, batch, threads) of every forward pass that is timed, in order."""
    passes = []
    forward = row_costs._forward

    def spied(head, streams):
        passes.append((head.name, streams, torch.get_num_threads(), head.training))
        return forward(head, streams)

    monkeypatch.setattr(row_costs, "_forward", spied)
    return passes


@pytest.mark.slow
def test_heads_are_timed_in_turns_on_one_batch_and_one_thread(store, called):
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        costs = measure_rows(rows(store, *HEADS), Watch())
        assert torch.get_num_threads() == 2, "as it was"
    finally:
        torch.set_num_threads(threads)
    assert [name for name, *_ in called] == list(HEADS) * (1 + ROUNDS) and ROUNDS >= 9
    assert {(used, training) for _, _, used, training in called} == {(1, False)}
    batch = {name: streams for name, streams, *_ in called}
    assert batch["late"] is batch["concat"] is batch["arpg"]
    assert batch["late"]["face"].shape == (8, 8, 64), "widened; the report split's first 8 of 12 clips"
    assert batch["late"].lengths.tolist() == [5 + k % 4 for k in range(20, 28)]
    assert batch["hse_nn"]["face"].shape == (8, 8, 20), "solved for, so not widened"
    assert all(cost.ms_per_clip > 0 for cost in costs.values())
    assert costs["late"].flops == 2 * 64 * 2 and costs["hse_nn"].flops == 2 * 4 * 20 * 2


def test_the_median_of_the_rounds_a_clip_is_told_and_the_first_pass_is_not_counted(store, monkeypatch):
    seconds = iter([9.0, 7.0, *(k / 1000 for k in range(1, ROUNDS + 1) for _ in range(2))])
    monkeypatch.setattr(row_costs, "_forward", lambda head, streams: next(seconds))
    costs = measure_rows(rows(store, "late", "concat"), Watch())
    assert costs["late"].ms_per_clip == costs["concat"].ms_per_clip == pytest.approx(5 / 8)


def test_measuring_draws_nothing_from_the_generator(store):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    measure_rows(rows(store, "concat"), Watch())
    assert torch.equal(torch.get_rng_state(), before)


def test_what_the_same_comparison_measured_before_is_taken(monkeypatch):
    kept = {"id-a": {"ms_per_clip": 0.5, "flops": 100.0}, "id-b": {"ms_per_clip": 2.0, "flops": 7.0}}
    monkeypatch.setattr(row_costs, "read_json", lambda run_id, path: kept)
    measured = {"a": RowCost(math.pi, 1.0)}
    monkeypatch.setattr(row_costs, "measure_rows", lambda rows, watch: measured)
    rows = {"a": None, "b": None}
    found = kept_or_measured(rows, {"a": "id-a", "b": "id-b"}, "run", Watch())
    assert found == {"a": RowCost(0.5, 100.0), "b": RowCost(2.0, 7.0)}
    assert kept_or_measured(rows, {"a": "id-a", "b": "id-new"}, "run", Watch()) is measured
    assert kept_or_measured(rows, {"a": "id-a", "b": "id-b"}, None, Watch()) is measured


def test_a_record_of_before_costs_were_kept_is_measured_now(monkeypatch):
    def absent(run_id, path):
        raise fb.UserError("no artifact")

    monkeypatch.setattr(row_costs, "read_json", absent)
    monkeypatch.setattr(row_costs, "measure_rows", lambda rows, watch: {"a": RowCost(1.0, 1.0)})
    assert kept_or_measured({"a": None}, {"a": "id"}, "run", Watch()) == {"a": RowCost(1.0, 1.0)}


class Notes(Watch):
    def __init__(self):
        self.notes: list[str] = []

    def note(self, message: str) -> None:
        self.notes.append(message)


@pytest.mark.slow
@pytest.mark.usefixtures("database")
def test_heads_that_are_solved_for_stand_beside_trained_ones_on_narrow_streams_and_it_is_told(store):
    base = {"dataset": "streams", "data.root": str(store), "training.epochs": 1}
    watch = Notes()
    vary = {"fusion": ["concat", "hse_nn", "logistic"], "seed": [0, 1]}
    made = compare(Experiment("heads", "Which?", base, {}, vary), watch=watch)
    assert {row.label for row in made.ranking} == {"concat", "hse_nn", "logistic"} and not made.skipped
    told = [note for note in watch.notes if "solved for" in note]
    assert [note.split("'")[1] for note in told] == ["hse_nn", "logistic"], "once a head, not once a seed"
    kept = read_json(made.run_id, row_costs.COSTS)
    assert {cost["ms_per_clip"] for cost in kept.values()} == {row.ms_per_clip for row in made.ranking}
    assert next(row.flops for row in made.ranking if row.label == "logistic") == 2 * 2 * 20 * 2
    model = fb.load_model(next(o.run_id for m, o in made.runs if m.label == "logistic"))
    assert model.streams == {"face": 20} and model.about.front_end.widen is None


def test_rows_with_backbones_of_their_own_cost_what_their_whole_models_do():
    def config(**values):
        return resolve(Request({"dataset": "afew", "relation": "none", **values}), collect())

    heads = [config(fusion="single"), config(fusion="hse_nn")]
    own = config(fusion="single", **{"backbone": "iresnet50"})
    assert not of_whole_models(heads) and of_whole_models([*heads, own])
    trunk, head = cost_of_model(heads[1], repeats=1)
    whole = with_front_end(RowCost(ms_per_clip=1.0, flops=10.0), heads[1])
    assert whole.params == trunk.params + head.params and whole.flops == 10.0 + trunk.flops
    assert whole.ms_per_clip > 1.0
    assert RowCost(1.0, 10.0).plain() == {"ms_per_clip": 1.0, "flops": 10.0}
    assert set(whole.plain()) == {"ms_per_clip", "flops", "params"}
