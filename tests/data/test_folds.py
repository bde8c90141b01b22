"""The selection split: stratified, by subject where known, the same for every run."""

from __future__ import annotations

import warnings
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

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
    with pytest.raises(
        UserError, match=r"no selection split can be carved .* 1 clips in the .* class, 'rare'"
    ):
        carve_selection(few[:-1], 0.2, 1)


def test_clips_of_a_single_subject_are_parted_as_if_nobody_were_known():
    alone = [Clip(c.id, c.label, c.split, "s0") for c in clips(False)]
    assert carve_selection(alone, 0.2, 1) == carve_selection(clips(False), 0.2, 1)


def test_one_clip_without_a_subject_leaves_all_others_together():
    some = [Clip(c.id, c.label, c.split, None if c.id == "c017" else c.subject) for c in clips(True)]
    train, selection = carve_selection(some, 0.2, seed=1)
    subject = {c.id: c.subject for c in some if c.subject}
    assert not {subject.get(i) for i in train} & {subject.get(i) for i in selection} - {None}
    assert 18 <= len(selection) <= 22


@pytest.mark.parametrize("who", range(20))
def test_who_alone_shows_a_class_is_trained_on(who):
    """20 people; one of them shows contempt, in every second clip."""
    some = [
        Clip(f"c{k:03d}", "contempt" if k % 40 == who else "np"[k % 2], "train", f"p{k % 20}")
        for k in range(140)
    ]
    train, selection = carve_selection(some, 0.2, 2511)
    of = {c.id: c for c in some}
    assert {of[i].label for i in train} == {"contempt", "n", "p"}
    assert len(selection) == 28
    assert not {of[i].subject for i in train} & {of[i].subject for i in selection}


def test_where_each_subject_alone_shows_a_class_clips_are_parted():
    some = [Clip(c.id, c.subject, c.split, c.subject) for c in clips(True)]
    train, selection = carve_selection(some, 0.2, 1)
    of = {c.id: c for c in some}
    assert {of[i].label for i in train} == {of[i].label for i in selection} == {c.label for c in some}


def test_more_subjects_than_clips_of_any_class_is_no_riddle():
    some = [Clip(f"c{k:02d}", f"l{k % 6}", "train", f"s{k % 9}") for k in range(18)]
    train, _ = carve_selection(some, 0.1, 1)
    assert {int(i[1:]) % 6 for i in train} == set(range(6))


@st.composite
def training_parts(draw: st.DrawFn) -> list[Clip]:
    """Up to 40 clips, 5 classes and 8 subjects; a class may belong to one of them, a clip to nobody."""
    subjects, classes = draw(st.integers(1, 8)), draw(st.integers(1, 5))
    owner = [draw(st.none() | st.integers(0, subjects - 1)) for _ in range(classes)]
    known = draw(st.sampled_from(["all", "some", "none"]))
    made = []
    for number in range(draw(st.integers(2, 40))):
        label = draw(st.integers(0, classes - 1))
        subject = owner[label] if owner[label] is not None else draw(st.integers(0, subjects - 1))
        unknown = known == "none" or (known == "some" and draw(st.booleans()))
        made.append(Clip(f"c{number:02d}", f"l{label}", "train", None if unknown else f"s{subject}"))
    return made


def plainly(some: list[Clip], fraction: float, seed: int) -> list[str] | None:
    """The first part that scikit-learn makes, where every clip's subject is known or none is."""
    labels, groups = [c.label for c in some], [c.subject for c in some]
    parts = max(2, round(1 / fraction))
    people = len(set(groups)) if all(groups) else 0
    if any(groups) and not people:
        return None
    splitter, members = StratifiedKFold, min(Counter(labels).values())
    if people >= 2:
        splitter, members = StratifiedGroupKFold, people
    if min(parts, members) < 2:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = splitter(min(parts, members), shuffle=True, random_state=seed).split(
                labels, labels, groups
            )
            return [some[k].id for k in next(made)[1]]
    except ValueError:  # fewer clips in every class than parts
        return None


@pytest.mark.slow
@settings(max_examples=300, deadline=None, derandomize=True)
@given(training_parts(), st.sampled_from([0.5, 0.2, 0.1]), st.integers(0, 3))
def test_every_class_is_trained_on_whatever_the_clips(some, fraction, seed):
    of = {c.id: c for c in some}
    try:
        train, selection = carve_selection(some, fraction, seed)
    except UserError:
        rarest = min(Counter(c.label for c in some).values())
        assert rarest < 2  # clips could not be parted, and no subject held back
        return
    assert train and selection and sorted(train + selection) == sorted(of)
    assert {of[i].label for i in train} == {c.label for c in some}
    plain = plainly(some, fraction, seed)
    if plain is not None and {c.label for c in some if c.id not in plain} == {c.label for c in some}:
        assert selection == plain  # splits that lost no class are what they always were
    shared = {of[i].subject for i in train} & {of[i].subject for i in selection} - {None}
    shown = {(c.subject or c.id, c.label) for c in some}
    times = Counter(label for _, label in shown)
    alone = {who for who, label in shown if times[label] == 1}
    people = {c.subject for c in some if c.subject}
    if (
        len(people) >= 2
        and {who for who, _ in shown} - alone
        and max(Counter(c.label for c in some).values()) > 1
    ):
        assert not shared  # somebody could be held back


def test_labels_and_subjects_of_numpy_change_nothing():
    some = [Clip(c.id, np.str_(c.label), c.split, c.subject) for c in clips(True)]
    assert carve_selection(some, 0.2, 1) == carve_selection(clips(True), 0.2, 1)


def video(k: int, labels: str, subject: str | None) -> Clip:
    """A clip with a label a frame; a blank is a frame that is not judged."""
    return Clip(f"v{k}", "", "train", subject, labels=tuple(label.strip() for label in labels))


def test_labelled_frames_are_stratified_and_no_video_is_parted():
    clips = [video(k, "aab " * (k + 1) + " " * 9, f"p{k // 2}") for k in range(10)]
    train, selection = carve_selection(clips, 0.2, 2511)
    people = [{c.subject for c in clips if c.id in part} for part in (train, selection)]
    assert sorted(train + selection) == sorted(clip.id for clip in clips)
    assert selection and not people[0] & people[1]


def test_videos_without_subjects_are_held_back_whole():
    clips = [video(k, "ab", None) for k in range(5)]
    train, selection = carve_selection(clips, 0.2, 2511)
    assert (len(train), len(selection)) == (4, 1)


def test_one_video_can_hold_nothing_back():
    with pytest.raises(UserError, match="whole clips are held back"):
        carve_selection([video(0, "ab" * 50, "p")], 0.2, 2511)
