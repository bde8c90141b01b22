"""Equal descriptions have equal keys, and no two different ones share a key."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fusionbench.contract.hashing import digest


def test_the_order_of_keys_does_not_count_that_of_values_does():
    assert digest({"a": 1, "b": [2, 3]}) == digest({"b": (2, 3), "a": 1})
    assert digest([1, 2]) != digest([2, 1])


def test_a_known_key():
    """The first 24 digits of the SHA-256 of ``{"a": [1, null]}``."""
    assert digest({"a": [1, None]}) == "937f1a6767d9081f59ffdda2"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1", 1),
        (1, 1.0),
        (None, "null"),
        (["a,b"], ["a", "b"]),
        (["a\tb"], ["a", "b"]),
        (True, 1),
        ("", None),
    ],
)
def test_what_differs_never_shares_a_key(one, other):
    assert digest(one) != digest(other) and digest({"x": one}) != digest({"x": other})


@pytest.mark.parametrize(
    "other",
    [Path("a"), {"a"}, b"a", np.float32(1), np.dtype("f4"), object(), {1: "a"}, {None: 1}, [{"x": {2.0: 1}}]],
)
def test_what_would_count_as_its_text_is_refused(other):
    """A path as its text would be the key of that text, an object's address another key each time."""
    with pytest.raises(TypeError):
        digest({"x": other})
