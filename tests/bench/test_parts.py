"""The parts of a fold, and what a reader of its number is told about them."""

from __future__ import annotations

import pytest

from fusionbench.bench.parts import Parts, fold_findings, leak, part_fold, parts_line, unused
from fusionbench.contract.dataset import Clip, Fold, Protocol
from fusionbench.contract.errors import UserError


def people(split: str, first: int, last: int, classes: int = 2) -> list[Clip]:
    """One clip of each class of persons ``first`` to ``last`` (left out)."""
    return [
        Clip(f"{split}/{person:02d}/{label}", f"l{label}", split, f"p{person:02d}")
        for person in range(first, last)
        for label in range(classes)
    ]


def parts_of(train: list[Clip], report: list[Clip], selection: list[Clip] | None = None) -> Parts:
    clips = {clip.id: clip for clip in (*train, *report, *(selection or []))}
    fold = Fold("official", *(tuple(c.id for c in part) for part in (train, report, selection or [])))
    return part_fold(fold, clips, Protocol())


def kinds(parts: Parts) -> list[str]:
    return [finding.kind for finding in parts.findings()]


def test_a_part_is_carved_where_the_dataset_brings_none():
    parts = parts_of(people("train", 0, 10), people("test", 10, 13))
    assert parts.sizes() == {
        "train": {"clips": 16, "subjects": 8, "name": "train"},
        "selection": {"clips": 4, "subjects": 2, "name": "carved out of train"},
        "report": {"clips": 6, "subjects": 3, "name": "test"},
    }
    assert parts.findings() == [] and parts.subject_leak() is None
    assert parts_line(parts.sizes()) == (
        "trained on 16 clips of 8 subjects, selected on 4 clips of 2 subjects (carved out of train), "
        "reported on 6 clips of 3 subjects (test)"
    )


def test_a_part_of_its_own_is_the_selection_split():
    parts = parts_of(people("train", 0, 3), people("report", 5, 7), people("selection", 3, 5))
    assert not parts.carved and {c.split for c in parts.selection} == {"selection"}
    assert [(size["clips"], size["name"]) for size in parts.sizes().values()] == [
        (6, "train"),
        (4, "selection"),
        (4, "report"),
    ]
    assert parts.findings() == []


def test_a_validation_part_that_is_reported_on_is_called_so():
    assert parts_of(people("train", 0, 5), people("selection", 5, 7)).sizes()["report"]["name"] == "val"


def test_parts_that_folds_cut_out_of_one_split_have_no_name_of_their_own():
    assert parts_of(people("train", 0, 5), people("train", 5, 7)).sizes()["report"]["name"] == "report"
    assert parts_of(people("", 0, 5), people("", 5, 7)).sizes()["report"]["name"] == "report"


def test_who_is_trained_and_reported_on_is_named_and_counted():
    parts = parts_of(people("train", 0, 12), people("test", 0, 14))
    assert parts.subject_leak() == {"subjects": [f"p{k:02d}" for k in range(12)], "count": 12, "of": 14}
    (finding,) = parts.findings()
    assert finding.wrong and finding.message == (
        "subject leak: 12 of 14 reported subjects are also trained on: p00, p01, p02, p03, p04 and 7 more."
    )


def test_who_is_reported_and_selects_is_a_leak_as_well():
    parts = parts_of(people("train", 0, 3), people("test", 4, 7), people("selection", 3, 5))
    (finding,) = parts.findings()
    assert "1 of 3 reported subjects are also trained or selected on: p04." in finding.message


def test_a_long_list_of_people_is_cut():
    shared = leak(people("train", 0, 50), people("test", 0, 50))
    assert shared is not None and len(shared["subjects"]) == 20 and shared["count"] == shared["of"] == 50


def test_a_selection_split_of_known_people_is_told():
    own = parts_of(people("train", 0, 4), people("test", 6, 8), people("selection", 3, 5))
    (finding,) = own.findings()
    assert (
        not finding.wrong
        and "1 of 2 subjects of the selection split are also trained on: p03." in finding.message
    )
    alone = [Clip(f"{k:02d}", f"l{k % 2}", "train", "p00") for k in range(10)]
    assert kinds(parts_of(alone, people("test", 6, 8))) == ["selection subjects"]


def test_clips_without_a_subject_are_counted_where_others_have_one():
    some = [Clip("x", "l0", "train"), Clip("y", "l1", "train")]
    (finding,) = parts_of([*people("train", 0, 10), *some], people("test", 10, 12)).findings()
    assert finding.message.startswith("2 of 26 clips have no subject.") and not finding.wrong
    nobody = [Clip(f"{s}{k}", f"l{k % 2}", s) for s in ("train", "test") for k in range(10)]
    parts = parts_of(nobody[:10], nobody[10:])
    assert parts.findings() == [] and parts.sizes()["train"]["subjects"] is None


def test_a_class_that_is_not_selected_on_is_told():
    parts = parts_of(people("train", 0, 4, 3), people("test", 6, 8), people("selection", 4, 6))
    (finding,) = parts.findings()
    assert "the selection split has no clip of 1 class(es): l2." in finding.message


@pytest.mark.parametrize("part", ["selection", "report"])
def test_a_class_with_none_to_train_on_is_an_error_that_names_it(part):
    given = {"train": people("train", 0, 4), "report": people("test", 4, 6), "selection": people("val", 6, 8)}
    given[part] = [*given[part], Clip("odd", "contempt", part, "p99")]
    with pytest.raises(
        UserError, match=f"class 'contempt' has no clip to train on, but 1 in the {part} split"
    ):
        parts_of(**given)


def test_a_clip_in_two_parts_is_an_error():
    train = people("train", 0, 4)
    with pytest.raises(UserError, match=r"2 clip\(s\) in more than one place, such as 'train/00/0'"):
        parts_of(train, train[:2])


def test_what_is_true_of_several_folds_is_told_once():
    clips = {clip.id: clip for clip in (*people("a", 0, 9), *people("b", 0, 9), *people("c", 20, 29))}
    ids = {split: tuple(i for i in clips if i.startswith(split)) for split in "abc"}
    folds = [
        Fold("one", ids["a"], ids["b"]),
        Fold("two", ids["b"], ids["a"]),
        Fold("three", ids["c"], ids["a"]),
    ]
    parts, (finding,) = fold_findings(folds, clips, Protocol())
    assert list(parts) == ["one", "two", "three"]
    assert finding.message.endswith("p04 and 4 more. (2 of 3 folds; this is fold 'one')")
    assert unused(folds[:1], list(clips.values())) == {"c": 18}
