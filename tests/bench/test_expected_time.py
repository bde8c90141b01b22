"""How long a training will take is told once, after its first epoch, where it is long."""

from __future__ import annotations

import pytest

from fusionbench.bench import expected_time
from fusionbench.bench.expected_time import ExpectedTime, spoken
from fusionbench.cli.screen import Screen
from fusionbench.contract.watch import Watch


class Listening(Watch):
    def __init__(self):
        self.notes: list[str] = []

    def note(self, message):
        self.notes.append(message)


def told(monkeypatch, epochs: int, first: int, seconds: float, watch: Watch | None = None) -> list[str]:
    """What is said in a training whose epochs from ``first`` on take so many seconds each."""
    now = [100.0]
    monkeypatch.setattr(expected_time.time, "monotonic", lambda: now[0])
    watch = watch or Listening()
    expected = ExpectedTime(epochs, watch)
    for epoch in range(first, epochs + 1):
        now[0] += seconds
        expected.epoch_ended(epoch)
    return getattr(watch, "notes", [])


@pytest.mark.parametrize(
    ("epochs", "first", "seconds", "notes"),
    [
        (40, 1, 4.5, ["training takes about 3 min for 40 epochs"]),
        (40, 1, 0.75, []),  # 30 s are not worth telling
        (40, 1, 0.76, ["training takes about 30 s for 40 epochs"]),
        (40, 31, 6.0, ["training takes about 60 s for the 10 epochs from here"]),  # gone on with
        (1, 1, 3600, []),  # all there is has ended
    ],
)
def test_what_is_told(monkeypatch, epochs, first, seconds, notes):
    assert told(monkeypatch, epochs, first, seconds) == notes


@pytest.mark.parametrize(
    ("seconds", "said"), [(31, "31 s"), (89, "89 s"), (95, "2 min"), (5000, "83 min"), (9000, "2.5 h")]
)
def test_durations_are_spoken(seconds, said):
    assert spoken(seconds) == said


def test_a_log_holds_it_too(monkeypatch, capsys):
    with Screen() as screen:
        told(monkeypatch, 40, 1, 10, screen)
    assert capsys.readouterr().err == "training takes about 7 min for 40 epochs\n"
