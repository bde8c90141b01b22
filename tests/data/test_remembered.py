"""Arrays are looked through once; a damaged memory costs time and nothing else."""

from __future__ import annotations

from fusionbench.data.cache import cache_root
from fusionbench.data.findings import Finding
from fusionbench.data.remembered import remembered

FOUND = [Finding("padding", "10 frames are zero"), Finding("outlier", "frame 7", wrong=True)]


def test_what_was_found_is_not_looked_for_again():
    looked = []

    def look():
        looked.append(1)
        return FOUND

    assert remembered("key", look) == remembered("key", look) == FOUND
    assert remembered("other", look) == FOUND and len(looked) == 2


def test_a_damaged_memory_is_replaced_and_one_that_cannot_be_written_is_done_without(monkeypatch, tmp_path):
    remembered("key", lambda: FOUND)
    file = cache_root() / "findings" / "key.json"
    file.write_text('[{"kind": "padding"}]')
    assert remembered("key", lambda: FOUND[:1]) == FOUND[:1]
    assert remembered("key", lambda: FOUND) == FOUND[:1]
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FUSIONBENCH_CACHE", str(tmp_path / "file"))
    assert remembered("key", lambda: FOUND) == FOUND
