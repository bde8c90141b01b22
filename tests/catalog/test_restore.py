"""A recorded config comes back as it was, with the components of today."""

from __future__ import annotations

import json

import pytest

from fusionbench.catalog.plugins import collect
from fusionbench.catalog.resolve import Request, resolve
from fusionbench.catalog.restore import restore
from fusionbench.contract.errors import UserError


def recorded(**values):
    config = resolve(Request({"fusion": "arpg", "dataset": "afew", **values}), collect())
    return config, json.loads(json.dumps(config.plain(), default=str))


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"fusion.trs": 4, "threads": 3, "seed": 2**31, "data.root": "/data/afew", "sampling.frames": None},
        {"relation": "none", "front_end.trainable": "all"},
        {"dataset": "streams", "fusion": "late"},
    ],
)
def test_what_was_resolved_comes_back_whole(values):
    config, plain = recorded(**values)
    back = restore(plain, config.origins, {}, collect(), "run x")
    assert back == config


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        ("fusion", {"plugin": "agpr"}, r"run x needs fusion head 'agpr', version not known: .*mean 'arpg'"),
        (
            "fusion",
            {"lambda": 1},
            r"run x: fusion head 'arpg' no longer takes its .*: lambda: .*version 0.1",
        ),
        ("training", {"warmup": 3}, r"run x: fusionbench no longer takes its options: training.warmup: "),
    ],
)
def test_what_is_gone_is_named(kind, change, message):
    config, plain = recorded()
    plain[kind] |= change
    with pytest.raises(UserError, match=message):
        restore(plain, config.origins, {"arpg": "0.1"}, collect(), "run x")


def test_an_option_that_is_new_gets_its_default():
    config, plain = recorded()
    del plain["fusion"]["trs"], plain["training"]["schedule"]
    assert restore(plain, config.origins, {}, collect(), "run x") == config
