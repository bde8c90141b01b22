"""Progress in a log: a line at the end of a task, and one now and then while it lasts."""

from __future__ import annotations

import pytest

from fusionbench.cli import screen


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time in seconds, in a list of one."""
    now = [0.0]
    monkeypatch.setattr(screen.time, "monotonic", lambda: now[0])
    return now


def test_a_log_is_told_every_half_minute_and_at_the_end(clock, capsys):
    with screen.Screen() as shown:
        for done in range(11):
            clock[0] = 10.0 * done
            shown.progress("comparing (epochs)", done, 10)
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(",")[0] for line in lines] == [
        "comparing (epochs): 3 of 10",
        "comparing (epochs): 6 of 10",
        "comparing (epochs): 9 of 10",
        "comparing (epochs): 10 done",
    ]
    assert lines[0].endswith("0:01:10 left")


def test_frames_are_told_with_how_many_are_done_in_a_second(clock, capsys):
    with screen.Screen() as shown:
        for done in range(11):
            clock[0] = 10.0 * done
            shown.progress("preparing (frames)", 520 * done, 5200)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "preparing (frames): 1560 of 5200, 0:01:10 left  52 frames/s"
    assert lines[-1] == "preparing (frames): 5200 done  52 frames/s"


def test_short_work_is_one_line(clock, capsys):
    with screen.Screen() as shown:
        for epoch in (1, 2, 3):
            shown.epoch(epoch, 3, {"train/loss": 1 / epoch, "selection/accuracy": epoch / 4})
    assert capsys.readouterr().err == "training (epochs): 3 done  loss 0.333  selection accuracy 75.0 %\n"


def test_an_epoch_is_told_by_the_metric_that_chooses(clock, capsys):
    """The first of the selection's."""
    with screen.Screen() as shown:
        shown.epoch(1, 1, {"train/loss": 1.0, "selection/f1": 0.5, "selection/accuracy": 0.75})
    assert capsys.readouterr().err == "training (epochs): 1 done  loss 1.000  selection macro F1 50.0 %\n"
