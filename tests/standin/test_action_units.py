"""Expressions are made of the action units that FACS names, under any dataset's spelling."""

import pytest

from fusionbench.contract.errors import UserError
from fusionbench.standin.action_units import ACTION_UNITS, DISTINCTIVE, LEAD, PROTOTYPES, expression_of

AFEW = ["Angry", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise"]
AFF_WILD2 = ["Anger", "Disgust", "Fear", "Happiness", "Neutral", "Sadness", "Surprise"]
RAVDESS = ["angry", "disgust", "fearful", "happy", "neutral", "sad", "surprised"]


def test_prototypes_are_those_of_emfacs():
    assert PROTOTYPES["happiness"] == (6, 12)
    assert PROTOTYPES["sadness"] == (1, 4, 15)
    assert PROTOTYPES["surprise"] == (1, 2, 5, 26)
    assert PROTOTYPES["fear"] == (1, 2, 4, 5, 20, 26)
    assert PROTOTYPES["anger"] == (4, 5, 7, 23)
    assert PROTOTYPES["disgust"] == (9, 15)
    assert PROTOTYPES["neutral"] == ()


def test_every_expression_is_fully_described():
    assert len(ACTION_UNITS) == 14
    assert set(PROTOTYPES) == set(DISTINCTIVE) == set(LEAD)
    for name, units in PROTOTYPES.items():
        assert set(units) <= set(ACTION_UNITS)
        assert set(DISTINCTIVE[name]) <= set(units)


@pytest.mark.parametrize("labels", [AFEW, AFF_WILD2, RAVDESS, [name.upper() for name in AFEW]])
def test_spellings_of_the_seven_expressions(labels):
    assert [expression_of(label) for label in labels] == sorted(PROTOTYPES)


def test_rml_abbreviations():
    assert expression_of("su") == "surprise"


def test_a_class_that_no_drawn_face_can_show():
    with pytest.raises(UserError, match=r"no basic expression named 'Contempt'.*Generated faces"):
        expression_of("Contempt")
