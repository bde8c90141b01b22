"""``--executor`` and ``--address``: refused before anything is read where they can't be meant."""

from __future__ import annotations

import sys

import pytest

COMPARE = ["compare", "smoke"]
TUNE = ["tune", "--fusion", "arpg", "--dataset", "afew", "--stand-in"]


@pytest.mark.parametrize("command", [COMPARE, TUNE], ids=["compare", "tune"])
@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--executor", "rai"], "no --executor 'rai'. Did you mean 'ray'? Allowed: local, ray."),
        (["--address", "10.0.0.1:6379"], "--address is of a Ray cluster; add --executor ray"),
    ],
)
def test_what_names_no_executor_is_refused(cli, command, flags, message):
    ended = cli(*command, *flags)
    assert ended.code == 2 and message in ended.err


@pytest.mark.parametrize("command", [COMPARE, TUNE], ids=["compare", "tune"])
def test_without_ray_its_extra_is_named(cli, command, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    ended = cli(*command, "--executor", "ray")
    assert ended.code == 2 and "pip install 'fusionbench[cluster]'" in ended.err and not ended.out
