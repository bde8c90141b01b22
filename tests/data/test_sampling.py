"""Sampling: one frame a segment, rising, in range; short clips whole."""

from __future__ import annotations

import numpy as np
from hypothesis import given, strategies as st

from fusionbench.data.sampling import padded_frames, segment_centres, segment_random


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


@given(
    lengths=st.lists(st.integers(1, 60), min_size=1, max_size=9),
    frames=st.integers(1, 20),
    seed=st.none() | st.integers(0, 5),
)
def test_a_batch_is_drawn_as_its_clips_one_after_the_other(lengths, frames, seed):
    """Draw for draw, and the generator is left where it would have been."""
    drawn, expected = (None if seed is None else np.random.default_rng(seed) for _ in range(2))
    numbers, real = padded_frames(np.array(lengths), frames, frames, drawn)
    for length, mine, known in zip(lengths, numbers, real, strict=True):
        of_clip = (
            segment_centres(length, frames) if seed is None else segment_random(length, frames, expected)
        )
        assert mine[known].tolist() == of_clip.tolist()
        assert not mine[~known].any() and known.sum() == len(of_clip) and known[: len(of_clip)].all()
    if seed is not None:
        assert drawn.integers(2**63) == expected.integers(2**63)


def test_whole_sequences_are_padded_behind_their_end():
    numbers, real = padded_frames(np.array([3, 1]), None, 4, np.random.default_rng(0))
    assert numbers.tolist() == [[0, 1, 2, 0], [0, 0, 0, 0]]
    assert real.tolist() == [[True, True, True, False], [True, False, False, False]]
