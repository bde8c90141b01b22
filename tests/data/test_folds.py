"""The selection split: stratified, by subject where known, the same for every run."""

from __future__ import annotations

from collections import Counter

import pytest

from fusionbench.contract.dataset import Clip
from fusionbench.contract.errors import UserError
from fusionbench.data.folds import carve_selection


def clips(subjects: bool, count: int = 100) -> list[Clip]:
    return [
        Clip(f"c{k:03d}", "happy" if k % 2 else "sad", "train", f"s{k // 5}" if subjects else None)
        for k in range(count)
    ]


def test_parts_are_disjoint_whole_stratified_and_of_the_size_asked():
    train, selection = carve_selection(clips(False), 0.2, seed=1)
    assert sorted(train + selection) == [c.id for c in clips(False)]
    assert len(selection) == 20
    labels = {c.id: c.label for c in clips(False)}
    assert Counter(labels[i] for i in selection) == {"happy": 10, "sad": 10}


def test_no_subject_is_on_both_sides():
    train, selection = carve_selection(clips(True), 0.2, seed=1)
    subject = {c.id: c.subject for c in clips(True)}
    assert not {subject[i] for i in train} & {subject[i] for i in selection}
    assert len(selection) == 20


def test_the_order_of_clips_does_not_matter_the_seed_does():
    assert carve_selection(clips(False), 0.2, 1) == carve_selection(clips(False)[::-1], 0.2, 1)
    assert carve_selection(clips(False), 0.2, 1) != carve_selection(clips(False), 0.2, 2)


def test_small_classes_lower_the_number_of_parts_and_a_single_clip_is_an_error():
    few = [*clips(False, 10), Clip("x1", "rare", "train"), Clip("x2", "rare", "train")]
    _, selection = carve_selection(few, 0.2, 1)
    assert len(selection) == 6
    with pytest.raises(UserError, match="no selection split can be carved"):
        carve_selection(few[:-1], 0.2, 1)


def test_clips_of_a_single_subject_are_parted_as_if_nobody_were_known():
    alone = [Clip(c.id, c.label, c.split, "s0") for c in clips(False)]
    assert carve_selection(alone, 0.2, 1) == carve_selection(clips(False), 0.2, 1)
