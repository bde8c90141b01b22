"""Kills of whoever writes stores, caches and stand-ins, and crowds that want the same; the modules assert.

The long form (``FUSIONBENCH_LONG=200``) kills so many times; the short one a few.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LONG = int(os.environ.get("FUSIONBENCH_LONG", "0"))
pytestmark = [pytest.mark.reliability, pytest.mark.slow]


def counts(*command: object) -> dict[str, int]:
    """What a campaign saw."""
    done = subprocess.run(
        [sys.executable, "-m", *map(str, command)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_killed_writer_of_a_store_leaves_the_old_or_the_new_one():
    seen = counts("tests.reliability.kills", "store", "--count", LONG or 20)
    whole = seen.get("old store found", 0) + seen.get("newer store found", 0)
    assert whole == seen["kills"] == (LONG or 20)


def test_after_a_kill_in_reading_or_extracting_the_next_run_has_the_same_streams():
    assert counts("tests.reliability.kills", "cache", "--count", LONG or 4)["kills"] == (LONG or 4)


def test_a_stopped_stand_in_leaves_no_process_and_nothing_that_the_next_does_not_clear_away():
    seen = counts("tests.reliability.kills", "stand-in", "--count", LONG or 4)
    assert seen["SIGKILL"] + seen["SIGINT"] == (LONG or 4)


def test_eight_processes_on_one_fresh_cache():
    rounds = max(1, LONG // 10)
    seen = counts("tests.reliability.crowd", "--rounds", rounds)
    assert 2 * rounds <= seen["passes_over_the_frames"] <= 3 * rounds  # the missing ones in one pass
    assert seen["openings"] > 0
