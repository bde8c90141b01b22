"""A command's start is not collected, what comes after it is, and nobody else notices."""

from __future__ import annotations

import gc

import pytest

from fusionbench.contract.starting import started, starting


@pytest.fixture(autouse=True)
def thawed():
    yield
    gc.unfreeze()
    gc.enable()


def test_what_is_loaded_is_set_aside_and_what_follows_is_collected():
    with starting():
        assert not gc.isenabled()
        loaded = [[] for _ in range(1000)]
        started()
        assert gc.isenabled() and gc.get_freeze_count() > 1000
        set_aside = gc.get_freeze_count()
        started()
        assert gc.get_freeze_count() == set_aside
    assert gc.isenabled() and len(loaded) == 1000


def test_a_command_that_fails_before_it_has_started_leaves_the_collector_on():
    with pytest.raises(ValueError), starting():
        raise ValueError
    assert gc.isenabled() and gc.get_freeze_count() == 0


def test_outside_of_a_command_nothing_changes():
    started()
    assert gc.isenabled() and gc.get_freeze_count() == 0
    gc.disable()
    started()
    assert not gc.isenabled()  # whoever switched it off had a reason
