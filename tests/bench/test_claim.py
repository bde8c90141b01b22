"""Who owns a run: an identity, a lock and a recorded id, whatever MLflow says of its state."""

from __future__ import annotations

import threading

import pytest

from fusionbench.bench.claim import (
    CLAIM_TAG,
    COMPARISON,
    IDENTITY_TAG,
    KIND_TAG,
    RUN,
    Busy,
    claim,
    close_orphans,
    join,
)
from fusionbench.contract.watch import Watch
from fusionbench.data.cache import cache_root
from fusionbench.track.connection import experiment_id, get_client
from fusionbench.track.opening import open_run
from fusionbench.track.records import find_runs, get_run


class Notes(Watch):
    def __init__(self):
        self.notes = []

    def note(self, message):
        self.notes.append(message)


def opened(held, kind=RUN):
    tags = {IDENTITY_TAG: held.identity, KIND_TAG: kind}
    return open_run(experiment="afew", name="x", params={}, tags=tags, opening=held.opening())


def test_a_living_run_is_never_adopted_and_its_result_is_taken():
    inside, leave = threading.Event(), threading.Event()

    def train():
        with claim("one", Watch()) as held, opened(held):
            inside.set()
            leave.wait(30)

    worker = threading.Thread(target=train)
    worker.start()
    assert inside.wait(30)
    with pytest.raises(Busy), claim("one", Watch(), wait=False):
        pytest.fail("the block must not be entered")
    threading.Timer(0.3, leave.set).start()
    watch = Notes()
    with claim("one", watch) as held:
        (record,) = find_runs()
        assert held.finished == record.run_id and record.status == "FINISHED"
    worker.join()
    assert watch.notes == ["waiting: another process works on this very run; its result will be taken"]


def test_an_interrupted_run_goes_on_in_its_own_record_and_its_folder_ends_with_it():
    with pytest.raises(KeyboardInterrupt), claim("one", Watch()) as held, opened(held) as first:
        raise KeyboardInterrupt
    assert held.folder.is_dir() and get_run(first.run_id).status == "KILLED"
    with claim("one", Watch()) as held, opened(held) as second:
        assert held.finished is None
    assert second.run_id == first.run_id and get_run(first.run_id).status == "FINISHED"
    assert not held.folder.exists()


def made(place) -> str:
    """An MLflow run as it stands the moment after it was made."""
    return get_client().create_run(experiment_id("afew", {}), tags=dict(place.tags)).info.run_id


def test_a_kill_before_the_id_was_recorded_leaves_a_run_that_is_found_again():
    with pytest.raises(KeyboardInterrupt), claim("one", Watch()) as held, held.opening() as place:
        lost = made(place)
        raise KeyboardInterrupt
    assert get_run(lost).tags[CLAIM_TAG]
    with claim("one", Watch()) as held, opened(held) as again:
        assert again.run_id == lost


def test_a_kill_between_the_end_and_the_tidying_up_loses_nothing():
    with pytest.raises(RuntimeError), claim("one", Watch()) as held:
        with opened(held) as done:
            pass
        raise RuntimeError("killed here")
    assert held.folder.is_dir()
    with claim("one", Watch()) as held:
        assert held.finished == done.run_id
        assert not held.folder.exists()


def test_those_who_share_a_parent_share_its_record_whatever_its_state():
    with (
        join("many", COMPARISON) as one,
        opened(one, COMPARISON) as first,
        join("many", COMPARISON) as two,
        opened(two, COMPARISON) as second,
    ):
        assert second.run_id == first.run_id
    with join("many", COMPARISON) as held, opened(held, COMPARISON) as later:
        assert later.run_id == first.run_id
    assert [run.status for run in find_runs()] == ["FINISHED"]
    assert not list(cache_root().glob("unfinished/many.*[0-9a-f].lock"))


def test_runs_that_a_kill_left_open_are_ended_and_living_ones_are_left_alone():
    with pytest.raises(SystemExit), claim("dead", Watch()) as held, held.opening() as place:
        place.opened(dead := made(place))
        raise SystemExit
    with (
        claim("alive", Watch()) as held,
        opened(held) as alive,
        join("shared", COMPARISON) as parent,
        opened(parent, COMPARISON) as comparison,
    ):
        close_orphans()
        assert get_run(dead).status == "KILLED"
        assert get_run(alive.run_id).status == get_run(comparison.run_id).status == "RUNNING"


def test_a_damaged_record_begins_a_new_run():
    with pytest.raises(KeyboardInterrupt), claim("one", Watch()) as held, opened(held) as first:
        raise KeyboardInterrupt
    (held.folder / "run.json").write_text("[1,")
    with claim("one", Watch()) as held, opened(held) as second:
        assert second.run_id != first.run_id
