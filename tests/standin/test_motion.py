"""Clips are short, their expression is brief, and the upper face leads or follows as the class says."""

import numpy as np
import pytest

from fusionbench.standin.action_units import COLUMN, PROTOTYPES
from fusionbench.standin.motion import Brief, perform, swell

ALONE = Brief(drop=0, faint_share=0, bursts=0, speech=0, blinks=0)
"""nothing but the expression itself"""


def test_swell_is_a_raised_cosine_on_both_sides():
    time = np.arange(9.0)
    curve = swell(time, start=1, onset=2, apex=1, offset=4)
    np.testing.assert_allclose(curve, [0, 0, 0.5, 1, 1, 0.853553, 0.5, 0.146447, 0], atol=1e-6)


def test_an_expression_raises_its_own_units_and_no_others():
    for expression, parts in PROTOTYPES.items():
        units = perform(expression, np.random.default_rng(3), ALONE).units
        moved = np.flatnonzero(units.max(axis=(0, 2)) > 0.01)
        assert set(moved) == {COLUMN[part] for part in parts}


@pytest.mark.parametrize(("expression", "first", "second"), [("fear", 1, 20), ("surprise", 26, 1)])
def test_fear_starts_above_and_surprise_below(expression, first, second):
    for seed in range(10):
        units = perform(expression, np.random.default_rng(seed), ALONE).units.mean(axis=2)
        peaks = [units[:, COLUMN[part]].argmax() for part in (first, second)]
        assert peaks[0] < peaks[1]


def test_most_frames_of_a_clip_show_nothing():
    motions = [perform("fear", np.random.default_rng(seed)) for seed in range(300)]
    lengths = [len(motion.units) for motion in motions]
    assert (min(lengths), max(lengths)) == (24, 32)
    assert 0.18 < np.mean([motion.active.mean() for motion in motions]) < 0.28


def test_neutral_is_never_active_but_not_still():
    motions = [perform("neutral", np.random.default_rng(seed)) for seed in range(50)]
    assert not any(motion.active.any() for motion in motions)
    assert any(motion.units.max() > 0.5 for motion in motions)


def test_some_movements_are_one_sided():
    setting = Brief(bursts=5, one_sided=1, speech=0)
    units = perform("neutral", np.random.default_rng(0), setting).units
    left, right = units[..., 0].max(axis=0), units[..., 1].max(axis=0)
    assert ((left > 0.1) & (right == 0)).any()
