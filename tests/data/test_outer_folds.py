"""Folds that are made: whole subjects, stratified, every class trained on wherever that can be had."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings, strategies as st

from fusionbench.contract.dataset import Clip
from fusionbench.contract.errors import UserError
from fusionbench.data.outer_folds import make_folds, subjects_of


def clips(count: int = 60, subjects: int = 12, labels: str = "ab") -> list[Clip]:
    """Clips of people in turns, each of every label in turns; of nobody where there are no subjects."""
    return [
        Clip(
            f"c{k:03d}",
            labels[k // max(1, subjects) % len(labels)],
            "",
            f"s{k % subjects + 1}" if subjects else None,
        )
        for k in range(count)
    ]


def reported(folds) -> list[str]:
    return sorted(clip for fold in folds for clip in fold.report)


def test_each_subject_is_left_out_once_and_gives_the_fold_its_name():
    folds = make_folds(clips(), "loso", seed=1)
    assert [fold.name for fold in folds] == sorted(f"s{k}" for k in range(1, 13))
    of = {clip.id: clip.subject for clip in clips()}
    for fold in folds:
        assert {of[clip] for clip in fold.report} == {fold.name}
        assert set(fold.train) == {clip for clip, who in of.items() if who != fold.name}
        assert fold.selection == ()
    assert reported(folds) == sorted(of)


def test_subjects_that_are_numbers_are_in_their_order():
    some = [Clip(f"c{k}", "ab"[k % 2], "", str(k % 11)) for k in range(44)]
    assert subjects_of(some) == tuple(str(k) for k in range(11))
    assert [fold.name for fold in make_folds(some, "loso", seed=1)] == [str(k) for k in range(11)]


def test_parts_are_of_whole_subjects_stratified_and_of_one_size():
    some = clips()
    of = {clip.id: clip for clip in some}
    folds = make_folds(some, 4, seed=1)
    assert [fold.name for fold in folds] == ["f1", "f2", "f3", "f4"]
    for fold in folds:
        assert not {of[i].subject for i in fold.train} & {of[i].subject for i in fold.report}
        assert len(fold.report) == 15 and len(fold.train) == 45
        assert Counter(of[i].label for i in fold.report) == {"a": 9, "b": 6}  # as in all: 36 and 24
    assert reported(folds) == sorted(of)


def test_the_seed_decides_and_the_order_of_clips_does_not():
    some = clips()
    assert make_folds(some, 4, seed=1) == make_folds(some[::-1], 4, seed=1)
    assert make_folds(some, 4, seed=1) != make_folds(some, 4, seed=2)


def test_repeated_folds_part_anew_and_are_named_after_their_round():
    some = clips()
    folds = make_folds(some, 3, seed=1, repeat=2)
    assert [fold.name for fold in folds] == ["r1-f1", "r1-f2", "r1-f3", "r2-f1", "r2-f2", "r2-f3"]
    assert [fold.report for fold in folds[:3]] == [fold.report for fold in make_folds(some, 3, seed=1)]
    assert [fold.report for fold in folds[3:]] == [fold.report for fold in make_folds(some, 3, seed=2)]
    assert Counter(reported(folds)) == {clip.id: 2 for clip in some}


def test_without_any_subject_clips_are_parted_and_stratified():
    some = clips(subjects=0, labels="aab")
    of = {clip.id: clip.label for clip in some}
    for fold in make_folds(some, 5, seed=1):
        assert Counter(of[clip] for clip in fold.report) == {"a": 8, "b": 4}


def test_a_clip_without_a_subject_is_a_group_of_its_own_in_parts():
    some = [Clip(c.id, c.label, "", None if k % 5 == 0 else c.subject) for k, c in enumerate(clips())]
    folds = make_folds(some, 4, seed=1)
    of = {clip.id: clip.subject for clip in some}
    for fold in folds:
        assert not {of[i] for i in fold.train} & {of[i] for i in fold.report} - {None}
    assert sum(any(of[i] is None for i in fold.report) for fold in folds) > 1
    assert reported(folds) == sorted(of)


def test_clips_without_a_subject_are_one_fold_where_subjects_are_left_out():
    some = [*clips(24, subjects=3), Clip("x1", "a", ""), Clip("x2", "b", "")]
    *people, nobody = make_folds(some, "loso", seed=1)
    assert [fold.name for fold in people] == ["s1", "s2", "s3"]
    assert nobody.name == "no subject" and nobody.report == ("x1", "x2")


def test_a_class_of_two_subjects_is_in_every_training_part():
    """Three people show contempt; whoever is left out, another is trained on."""
    some = [
        Clip(
            f"c{k:03d}", "contempt" if k % 20 in (3, 4, 5) and k >= 20 else "np"[k % 2], "", f"p{k % 20:02d}"
        )
        for k in range(100)
    ]
    of = {clip.id: clip for clip in some}
    for seed in range(30):
        for fold in make_folds(some, 10, seed=seed):
            assert {of[i].label for i in fold.train} == {"contempt", "n", "p"}


@pytest.mark.parametrize(
    ("some", "folds", "message"),
    [
        (clips(), 13, "13 folds need at least 13 subjects; there are 12. Choose fewer folds, or loso."),
        (clips(4, subjects=0), 5, "5 folds need at least 5 clips; there are 4. Choose fewer folds."),
        (clips(subjects=0), "loso", "of 60 clips none is known. Name the subject of each clip, or choose"),
        (clips(subjects=1), "loso", "of 60 clips 1 is known"),
        (clips(), "lso", "folds is 'lso'; give loso, or a number of folds"),
    ],
)
def test_folds_that_cannot_be_made_are_refused(some, folds, message):
    with pytest.raises(UserError) as caught:
        make_folds(some, folds, seed=1)
    assert message in str(caught.value)


def test_leaving_subjects_out_cannot_be_repeated():
    with pytest.raises(UserError, match="nothing to repeat"):
        make_folds(clips(), "loso", seed=1, repeat=2)


def test_labelled_frames_are_what_is_stratified_and_clips_are_never_parted():
    """Six videos of ten frames, all of two classes but one; a video without a judged frame goes somewhere."""
    some = [Clip(f"v{k}", "", "", None, (), ("a",) * (9 - k) + ("b",) * k + ("",)) for k in range(1, 7)]
    some.append(Clip("v7", "", "", None, (), ("",) * 4))
    folds = make_folds(some, 3, seed=1)
    assert reported(folds) == [f"v{k}" for k in range(1, 8)]
    of = {clip.id: clip for clip in some}
    counts = [Counter(label for i in fold.report for label in of[i].judged) for fold in folds]
    assert all(count["a"] + count["b"] == 18 for count in counts)


@st.composite
def people(draw: st.DrawFn) -> tuple[list[Clip], int]:
    """Up to 40 clips of 2 to 8 subjects and 5 classes, and a number of folds that can be made of them."""
    subjects = draw(st.integers(2, 8))
    who = [*range(subjects), *(draw(st.integers(0, subjects - 1)) for _ in range(draw(st.integers(0, 32))))]
    some = [Clip(f"c{k:02d}", f"l{draw(st.integers(0, 4))}", "", f"s{who[k]}") for k in range(len(who))]
    return some, draw(st.integers(2, min(subjects, 5)))


@pytest.mark.slow
@settings(max_examples=200, deadline=None, derandomize=True)
@given(people())
def test_whatever_the_clips_each_is_reported_once_and_folds_are_never_empty(drawn):
    some, count = drawn
    of = {clip.id: clip for clip in some}
    shown_by = {label: {c.subject for c in some if c.label == label} for label in {c.label for c in some}}
    folds = make_folds(some, count, seed=3)
    assert reported(folds) == sorted(of)
    for fold in folds:
        assert fold.train and fold.report
        assert not {of[i].subject for i in fold.train} & {of[i].subject for i in fold.report}
        lost = shown_by.keys() - {of[i].label for i in fold.train}
        if count > 2:  # of two parts it cannot always be had
            assert all(len(shown_by[label]) == 1 for label in lost)
