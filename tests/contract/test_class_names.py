"""Classes are kept by whatever spelling a user knows them."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from fusionbench.contract.class_names import NamedClasses, kept_classes, named_class
from fusionbench.contract.errors import UserError

AFEW = ("Angry", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise")


def kept(asked, classes=AFEW) -> tuple[str, ...]:
    return kept_classes(NamedClasses(classes=asked), classes)


@pytest.mark.parametrize(
    "asked",
    [["Happy", "Sad"], ["sad", "HAPPY"], "sad, happiness", ("SAD", "hap"), ["sadness", "ha", "Happy"]],
)
def test_spellings_mean_the_same_and_the_order_is_the_datasets(asked):
    assert kept(asked) == ("Happy", "Sad")


def test_all_are_kept_where_none_is_chosen():
    assert kept(None) == AFEW and kept_classes(None, AFEW) == AFEW


def test_names_that_are_no_expressions_are_found_without_case_and_signs():
    assert kept(["walking_upstairs", 3], ("Walking Upstairs", "Sitting", "3")) == ("Walking Upstairs", "3")


@pytest.mark.parametrize(
    ("asked", "classes", "message"),
    [
        (
            ["happy", "suprise"],
            AFEW,
            "no class is called 'suprise'. Did you mean 'Surprise'? Classes: Angry,",
        ),
        (["happy"], AFEW, "dataset.classes keeps Happy; at least two are needed"),
        (["happy", "Happiness"], AFEW, "dataset.classes keeps Happy; at least two"),
        (["x", "HAPPY"], ("x", "Happy", "happy"), "'HAPPY' may mean 'Happy' or 'happy'. Write it so."),
    ],
)
def test_names_that_mean_none_or_several_are_refused(asked, classes, message):
    with pytest.raises(UserError) as caught:
        kept(asked, classes)
    assert message in str(caught.value)


def test_an_exact_name_is_never_ambiguous():
    assert named_class("happy", ("Happy", "happy"), "here") == "happy"


@pytest.mark.parametrize("asked", [[True, "happy"], [0.5, "happy"], 7])
def test_what_is_no_name_is_refused(asked):
    with pytest.raises(ValidationError):
        NamedClasses(classes=asked)
