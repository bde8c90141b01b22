"""Ctrl-C at a bad moment comes after it, once, and by the handler that was there."""

from __future__ import annotations

import signal
import threading

import pytest

from fusionbench.contract.interrupts import interrupts_deferred


def test_ctrl_c_comes_at_the_end():
    done = []
    with pytest.raises(KeyboardInterrupt), interrupts_deferred():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        done.append("all of it")
    assert done == ["all of it"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_of_nested_ones_the_outer_lets_it_in():
    with pytest.raises(KeyboardInterrupt), interrupts_deferred():
        with interrupts_deferred():
            signal.raise_signal(signal.SIGINT)
        done = True
    assert done


def test_an_error_within_is_not_lost():
    with pytest.raises(KeyboardInterrupt) as told, interrupts_deferred():
        signal.raise_signal(signal.SIGINT)
        raise OSError("disk full")
    assert isinstance(told.value.__context__, OSError)


def test_what_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interrupts_deferred():
            signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_are_never_interrupted_and_may_use_it():
    came = []

    def work() -> None:
        with interrupts_deferred():
            came.append(threading.current_thread() is not threading.main_thread())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert came == [True]
