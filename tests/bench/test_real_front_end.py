"""Where drawings would judge photographs, a front end that saw real faces is named, or how to get one."""

from __future__ import annotations

import pytest

from fusionbench.bench import front_end
from fusionbench.bench.front_end import real_front_end


@pytest.mark.parametrize(
    ("beside", "name"), [(["landmarks", "points"], "real"), (["landmarks"], "real-maps"), ([], "real-maps")]
)
def test_the_one_that_fits_the_faces_is_named_where_it_is_here(monkeypatch, beside, name):
    monkeypatch.setattr(front_end, "has_weights", lambda network: network == "expression_net")
    assert real_front_end(beside).endswith(f"--front-end {name}.") and "weights get" not in real_front_end(
        beside
    )


def test_else_it_is_said_what_to_get_first():
    assert "fusionbench weights get expression_net, then --front-end real-maps" in real_front_end([])
