"""Trials as Optuna keeps them: one process draws at a time, and what was killed is gone on with.

The same laws hold in a journal file and in a PostgreSQL database.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from fusionbench.contract.errors import UserError
from fusionbench.study.ledger import ENOUGH, Ledger
from fusionbench.study.search import Search
from fusionbench.study.space import Axis, Space
from fusionbench.study.storage import Journal, Postgres, Storage, open_storage

SPACE = Space((Axis("trs", (0, 1, 2, 3, None)), Axis("heads", (1, 2))))


@pytest.fixture(scope="module")
def template(postgres) -> str:
    """Name of a database that Optuna has filled with its tables."""
    address = postgres.database()
    Postgres("template", address).close()
    return address.rpartition("/")[2]


_place: str | None = None
"""address of the test's database; None: a journal in the cache"""


@pytest.fixture(autouse=True, params=["journal", "postgres"])
def place(request, monkeypatch) -> Iterator[None]:
    address = None
    if request.param == "postgres":
        template = request.getfixturevalue("template")
        address = request.getfixturevalue("postgres").database(like=template)
    monkeypatch.setattr(sys.modules[__name__], "_place", address)
    opened.clear()
    yield
    for storage in opened:
        storage.close()


opened: list[Storage] = []


def ledger(sampler="random", name="a", **definition) -> Ledger:
    """As another process would open it."""
    search = Search(SPACE, sampler, 1, lambda point: str(sorted(point.items())))
    made = {"epochs": 2, "space": SPACE.plain(), **definition}
    opened.append(open_storage(name, _place))
    return Ledger(opened[-1], name, made, search, {"trs": 3, "heads": 1})


def end(book: Ledger, trial, score=0.5, **more) -> None:
    book.tell(trial.number, replace(trial, state="finished", score=score, scores=(score,), **more), [score])


def kill(book: Ledger) -> None:
    """What the system does to the locks of a process that is killed."""
    if isinstance(book.storage, Postgres):
        book.storage._connection.close()
        return
    for number in list(book._mine):
        book.storage.leave(book._seat(number))


def test_two_processes_never_draw_the_same_and_together_draw_what_one_would():
    alone = ledger(name="alone")
    whole = [alone.draw(7).point for _ in range(7)]
    assert alone.draw(7) is None
    one, two = ledger(), ledger()
    found = [book.draw(7) for book in (one, two, two, one, two, one, one)]
    assert [trial.number for trial in found] == list(range(7))
    assert [trial.point for trial in found] == whole
    assert one.draw(7) is None and two.draw(7) is None and not two.is_full(7)


def test_a_killed_trial_is_failed_in_optuna_and_gone_on_with_under_its_number():
    first = ledger()
    end(first, first.draw(3), 0.25)
    lost = first.draw(3)
    assert ledger().draw(3).number == 2, "a living one is left alone"
    kill(first)
    second = ledger()
    again = second.draw(3)
    assert (again.number, again.point, again.killed) == (1, lost.point, 1)
    states = [kept.state.name for kept in second._study.get_trials()]
    assert states == ["COMPLETE", "FAIL", "RUNNING", "RUNNING"]
    end(second, again, 0.75)
    (one, two, _) = second.trials()
    assert (one.score, two.score, two.killed) == (0.25, 0.75, 1)


def test_a_kill_between_failing_and_drawing_again_loses_nothing():
    import optuna

    first = ledger()
    first.draw(2)
    kill(first)
    between = ledger()
    (kept,) = between._study.get_trials()
    between._say(kept, killed_by="a kill")
    between._study.tell(kept.number, state=optuna.trial.TrialState.FAIL)
    assert not between.is_full(1)
    again = ledger().draw(1)
    assert again is not None and (again.number, again.killed) == (0, 1)


def test_a_trial_that_failed_is_tried_once_more_by_the_next_command_only():
    first = ledger()
    trial = first.draw(1)
    first.tell(trial.number, replace(trial, state="failed", reason="disk full"))
    assert first.draw(1) is None and first.is_full(1)
    assert first.trials()[0].reason == "disk full"
    second = ledger()
    again = second.draw(1)
    assert again is not None and again.number == 0 and again.state == "running"
    end(second, again)
    assert [trial.state for trial in second.trials()] == ["finished"]


def test_trials_that_do_not_fit_are_not_counted():
    book = ledger()
    unfit = book.draw(2)
    book.tell(unfit.number, replace(unfit, state="unfit", reason="no landmarks"))
    for _ in range(2):
        end(book, book.draw(2))
    assert book.draw(2) is None and book.is_full(2)
    assert [trial.state for trial in book.trials()] == ["unfit", "finished", "finished"]
    assert ledger().draw(2) is None, "nor tried again"


def test_a_space_that_ends_before_the_budget_is_full():
    book = ledger("grid")
    while (trial := book.draw(40)) is not None:
        end(book, trial)
    assert len(book.trials()) == 10 and book.exhausted and book.is_full(40)


def test_the_same_name_for_another_search_is_refused_with_the_difference():
    ledger()
    ledger()
    with pytest.raises(UserError, match=r"study 'a' is another one: epochs was 2 and is 9 now\. .*--name"):
        ledger(epochs=9)


def test_the_median_of_the_others_is_the_floor():
    book = ledger()
    curves = [[0.1, 0.3, 0.2], [0.2, 0.2, 0.6], [0.3, 0.1, 0.1], [0.1, 0.1, 0.9], [0.5, 0.4, 0.4]]
    for number, curve in enumerate(curves):
        assert (book.floors(3) == ()) and number < ENOUGH
        trial = book.draw(10)
        book.tell(trial.number, replace(trial, state="finished", score=max(curve)), curve)
    assert book.floors(3) == (0.0, 0.3, 0.5), "the first third is let be; best so far, by hand"
    early = book.draw(10)
    book.tell(early.number, replace(early, state="pruned", score=0.2, pruned_at=2), [0.1, 0.2])
    assert book.trials()[-1].pruned_at == 2 and book.trials()[-1].score == 0.2
    assert book.floors(3) == (0.0, 0.3, 0.5), "what was ended early sets no floor"


def test_a_journal_whose_last_line_was_torn_by_a_kill_is_read():
    book = ledger()
    end(book, book.draw(3), 0.5)
    if not isinstance(book.storage, Journal):
        pytest.skip("a database tears no line")
    path = book.storage.path
    path.write_bytes(path.read_bytes() + b'{"op_code": 4, "wor')
    later = ledger()
    assert [trial.score for trial in later.trials()] == [0.5]
    end(later, later.draw(3), 0.75)
    assert [trial.score for trial in ledger().trials()] == [0.5, 0.75]


def test_importance_needs_trials_that_differ():
    book = ledger("grid")
    assert book.importance() == {}
    while (trial := book.draw(10)) is not None:
        end(book, trial, 0.9 if trial.point["heads"] == 2 else 0.1 + 0.01 * (trial.point["trs"] or 4))
    shares = book.importance()
    assert set(shares) == {"trs", "heads"} and shares["heads"] > 0.8


@pytest.mark.parametrize("address", ["sqlite:///x.db", "mysql://u:secret@h/d", "here.journal"])
def test_other_addresses_are_refused_without_their_secrets(address):
    with pytest.raises(UserError, match=r"is no address of a PostgreSQL database") as refused:
        open_storage("a", address)
    assert "secret" not in str(refused.value)
