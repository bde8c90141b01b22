"""Short campaigns of kills and crowds; their modules say how to run them at length."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.reliability, pytest.mark.slow]


def counts(*command: object) -> dict[str, int]:
    """What a campaign saw; it asserts by itself that all is well."""
    done = subprocess.run(
        [sys.executable, "-m", *map(str, command)], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_killed_writer_of_a_store_leaves_the_old_or_the_new_one():
    seen = counts("tests.reliability.kills", "store", "--count", 20)
    assert seen["old store found"] + seen["newer store found"] == seen["kills"] == 20


def test_after_a_kill_in_reading_or_extracting_the_next_run_has_the_same_streams():
    assert counts("tests.reliability.kills", "cache", "--count", 4)["kills"] == 4


def test_a_stopped_stand_in_leaves_no_process_and_nothing_that_the_next_does_not_clear_away():
    seen = counts("tests.reliability.kills", "stand-in", "--count", 4)
    assert seen["SIGKILL"] == seen["SIGINT"] == 2


def test_eight_processes_on_one_fresh_cache():
    seen = counts("tests.reliability.crowd", "--rounds", 1)
    assert 2 <= seen["passes_over_the_frames"] <= 3  # one for what the first wants, one for each thing more
    assert seen["openings"] > 0
