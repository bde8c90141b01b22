"""Sampling: one frame a segment, rising, in range; short clips whole."""

from __future__ import annotations

import numpy as np
from hypothesis import given, strategies as st

from fusionbench.data.sampling import segment_centres, segment_random


def test_centres_by_hand():
    assert segment_centres(32, 16).tolist() == list(range(0, 32, 2))
    assert segment_centres(48, 16).tolist() == list(range(1, 48, 3))
    assert segment_centres(5, 2).tolist() == [0, 3]  # segments 0-1 and 2-4


def test_short_clips_give_each_frame_once():
    assert segment_centres(3, 16).tolist() == [0, 1, 2]
    assert segment_random(3, 16, np.random.default_rng(0)).tolist() == [0, 1, 2]


@given(length=st.integers(1, 500), frames=st.integers(1, 40), seed=st.integers(0, 5))
def test_one_frame_from_each_segment(length, frames, seed):
    chosen = segment_random(length, frames, np.random.default_rng(seed))
    assert len(chosen) == min(length, frames)
    if length > frames:
        edges = [k * length // frames for k in range(frames + 1)]
        assert all(low <= frame < high for frame, low, high in zip(chosen, edges, edges[1:], strict=False))
