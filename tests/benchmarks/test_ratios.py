"""The measuring itself: medians of ratios, memory that is really seen, a table and its JSON."""

from __future__ import annotations

import json

import pytest
import torch

from tests.benchmarks import ratios, starts
from tests.benchmarks.interleave import CLEAR, in_turns, peak_bytes, ratio, seconds_in_turns, summary


def test_ratios_are_taken_round_by_round() -> None:
    """The machine gets three times slower in the last round; the ratio does not notice."""
    seconds = [{"pyg": 6.0, "ours": 2.0}, {"pyg": 8.0, "ours": 2.0}, {"pyg": 18.0, "ours": 6.0}]
    found = ratio(seconds, "pyg", "ours")
    assert (found.median, found.spread) == (3.0, 0.5)


def test_runs_take_turns_after_a_warm_up() -> None:
    order: list[str] = []
    rows = in_turns(2, ours=lambda: order.append("ours"), peer=lambda: order.append("peer"))
    assert order == ["ours", "peer"] * 3
    assert [set(row) for row in rows] == [{"ours", "peer"}] * 2


def test_a_process_is_timed_by_who_starts_it_and_not_by_how_long_this_one_waits() -> None:
    told = iter([9.0, 9.0, 1.0, 2.0, 3.0, 4.0])  # the first of each warms up
    rows = seconds_in_turns(2, ours=lambda: next(told), peer=lambda: next(told))
    assert rows == [{"ours": 1.0, "peer": 2.0}, {"ours": 3.0, "peer": 4.0}]


@pytest.mark.parametrize(("name", "taken"), [("p7b", 2.5), ("p11", 3.5)])
def test_rows_of_whole_processes_are_of_what_the_processes_took(monkeypatch, name, taken) -> None:
    monkeypatch.setattr(starts, "write_store", lambda folder: None)
    for method, seconds in (("imports", 1.0), ("loops", 1.0)):
        monkeypatch.setattr(starts.World, method, lambda self, seconds=seconds: seconds)
    for method in ("run", "compare"):
        monkeypatch.setattr(starts.World, method, lambda self: lambda: 3.5 if name == "p7b" else 7.0)
    (row,) = getattr(ratios, name)()
    assert row.ratio == taken and not row.met


@pytest.mark.skipif(not CLEAR.exists(), reason="only Linux tells the peak of resident memory")
def test_a_tensor_that_lives_only_during_the_call_counts() -> None:
    peak = peak_bytes(lambda: torch.ones(8, 1024, 1024).sum())
    assert peak is not None
    assert 30e6 < peak < 60e6  # 33.6 MB and what the allocator rounds up


def test_a_row_is_met_only_if_fast_and_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ratios, "in_turns", lambda rounds, **runs: [{"ours": 1, "pyg": 8, "floor": 0.8}] * 3)
    peaks = iter([10, 100, 10, 100])
    monkeypatch.setattr(ratios, "peak_bytes", lambda run: next(peaks))
    work = ratios.w.Workload(ratios.w.fb.ParallelGraph(2, 1), in_dim=4)
    monkeypatch.setattr(ratios.w.Workload, "pyg", lambda self: None)
    small = ratios.against_pyg("P", "tiny", work, rounds=3, faster=7, smaller=10)
    large = ratios.against_pyg("P", "tiny", work, rounds=3, faster=7, smaller=20)
    assert (small.ratio, small.memory_ratio, small.limit, small.met) == (8, 0.1, 10, True)
    assert not large.met


def test_json_lists_what_the_table_shows(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    row = ratios.at_most("P2 floor", "tiny", summary([1.0, 1.1, 1.2]), 1.2, "x")
    monkeypatch.setattr(ratios, "GOALS", {"P2": lambda: iter([row])})
    monkeypatch.setattr("sys.argv", ["ratios", "--json", "--only", "P2"])
    ratios.main()
    (printed,) = json.loads(capsys.readouterr().out)
    assert printed["met"] is True
    assert set(printed) == {"name", "shape", "ratio", "spread", "memory_ratio", "limit", "goal", "met"}
    assert "P2 floor" in str(row) and "met" in str(row)
