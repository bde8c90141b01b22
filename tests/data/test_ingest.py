"""Clips are decoded a few ahead: many short ones, few long ones, always in order."""

from __future__ import annotations

import numpy as np

from fusionbench.contract.dataset import Clip, ClipFrames, Dataset, Inventory
from fusionbench.contract.watch import Watch
from fusionbench.data.ingest import _windows, cached_frames, frame_store


def clips(*files: int) -> list[Clip]:
    return [Clip(f"c{k}", "x", "train", files=("f.jpg",) * count) for k, count in enumerate(files)]


def test_short_clips_wait_by_the_dozen_and_long_ones_one_a_thread():
    assert [len(window) for window in _windows(clips(*[20] * 150))] == [64, 64, 22]
    assert [len(window) for window in _windows(clips(*[9000] * 10))] == [4, 4, 2]
    assert [c.id for window in _windows(clips(1, 9000, 1)) for c in window] == ["c0", "c1", "c2"]


class Still(Dataset):
    """Frames that come from nowhere."""

    name = "still"

    def read(self, clip):
        return ClipFrames(np.zeros((len(clip.labels), 3, 4, 4), np.uint8))


def test_labels_of_frames_are_kept_and_other_labels_are_another_store(tmp_path, monkeypatch):
    monkeypatch.setenv("FUSIONBENCH_CACHE", str(tmp_path))
    dataset = Still(tmp_path, None)
    one, other = (Inventory((Clip("c", "", "train", labels=labels),)) for labels in (("a", ""), ("b", "")))
    store = frame_store(dataset, one, 4, "fail", False, Watch())
    assert store.index.clips[0].labels == ("a", "")
    assert cached_frames(dataset, one, 4, "fail", False).content_hash == store.content_hash
    assert cached_frames(dataset, other, 4, "fail", False) is None
