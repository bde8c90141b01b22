"""A disk without room is told before the hours are spent."""

from __future__ import annotations

import shutil

import pytest
from torch import nn

from fusionbench.bench.disk import refuse_full_disk
from fusionbench.contract.errors import UserError


@pytest.mark.parametrize(("free", "refused"), [(50_000_000, True), (50_000_000 + 6 * 4 * 110, False)])
def test_a_run_needs_six_copies_of_its_parameters_and_a_little_more(monkeypatch, free, refused):
    usage = type(shutil.disk_usage("/"))
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(10**12, 10**12 - free, free))
    model = nn.Linear(10, 10)  # 110 parameters of 4 bytes
    if not refused:
        refuse_full_disk(model)
        return
    with pytest.raises(UserError, match=r"has 50 MB left; this run may need 50 MB.*FUSIONBENCH_CACHE"):
        refuse_full_disk(model)
