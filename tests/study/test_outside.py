"""CSV files of predictions made elsewhere: aligned on the same clips, or refused with file and line."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from fusionbench.contract.errors import UserError
from fusionbench.study import outside
from fusionbench.study.outside import OutsidePredictions, read_predictions

HEAD = "method,seed,clip,subject,truth,predicted\n"
A = "a,0,c2,bob,sad,sad\na,0,c1,ann,happy,sad\n"
B = "b,0,c1,ann,happy,happy\nb,0,c2,bob,sad,sad\n"


def read(*texts: str, **options) -> OutsidePredictions:
    """Each text as a file ``0.csv``, ``1.csv``, ..."""
    files = [Path(f"{number}.csv") for number in range(len(texts))]
    for file, text in zip(files, texts, strict=True):
        file.write_text(text, encoding="utf-8")
    return read_predictions(files, **options)


def test_methods_and_seeds_stand_in_one_order_of_clips():
    found = read(HEAD + A + B + B.replace("b,0", "b,10") + B.replace("b,0", "b,2"))
    assert found.ids == ("c1", "c2") and found.subjects == ("ann", "bob")
    assert found.classes == ("happy", "sad") and found.truth.tolist() == [0, 1]
    assert list(found.methods) == ["a", "b"] and list(found.methods["b"]) == ["0", "2", "10"]
    assert found.methods["a"]["0"].predicted.tolist() == [1, 1]
    assert found.methods["b"]["10"].predicted.tolist() == [0, 1]
    assert found.methods["a"]["0"].log_probabilities is None


def test_files_may_hold_any_share_of_the_lines():
    whole = read(HEAD + A + B)
    for parts in ([HEAD + A, HEAD + B], [HEAD + A[:19] + B[:23], HEAD + A[19:] + B[23:]]):
        found = read(*parts)
        assert (found.ids, found.subjects, found.truth.tolist()) == (whole.ids, whole.subjects, [0, 1])
        assert found.methods["a"]["0"].predicted.tolist() == [1, 1]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_what_programs_make_of_csv_is_read(delimiter):
    text = (HEAD + A + "\n" + B).replace(",", delimiter).replace("\n", "\r\n")
    Path("0.csv").write_bytes(b"\xef\xbb\xbf" + text.replace("ann", '" ann "').encode())
    found = read_predictions(["0.csv"])
    assert found.ids == ("c1", "c2") and found.subjects == ("ann", "bob")


def test_quotes_newlines_and_letters_of_any_kind_are_texts():
    odd = '"c,""1""\nx"'
    found = read(HEAD + (A + B).replace("c1", odd).replace("happy", "快乐"))
    assert found.ids == ('c,"1"\nx', "c2") and found.classes == ("sad", "快乐")


def test_without_subjects_none_is_known_and_one_file_may_tell_for_all():
    bare = "method,seed,clip,truth,predicted\na,0,c1,x,x\na,0,c2,y,y\nb,0,c1,x,x\nb,0,c2,y,y\n"
    assert read(bare).subjects == (None, None)
    told = "Method,Seed,ID,Subject,Truth,Prediction\nz,0,c1,ann,x,x\nz,0,c2,,y,y\n"
    assert read(bare, told).subjects == ("ann", None)


def test_probabilities_say_what_is_predicted_and_name_every_class():
    head = "method,seed,clip,truth,p(9),p(10),p(1)\n"
    rows = "".join(f"{m},0,c1,9,0.5,0.3,0.2\n{m},0,c2,10,0,1,0\n" for m in "ab")
    found = read(head + rows)
    assert found.classes == ("1", "9", "10"), "numbers in their order, with one that no clip is of"
    said = found.methods["a"]["0"]
    assert said.predicted.tolist() == [1, 2] and found.truth.tolist() == [1, 2]
    assert said.log_probabilities.dtype == np.float32
    np.testing.assert_allclose(np.exp(said.log_probabilities), [[0.2, 0.5, 0.3], [0, 0, 1]], rtol=1e-6)
    assert said.log_probabilities[1, 0] == -math.inf


@pytest.mark.parametrize("head", ["score_x,score_y", "x,y"])
def test_scores_that_are_no_probabilities_are_logits(head):
    rows = "".join(f"{m},0,c1,x,{math.log(3)},0\n{m},0,c2,y,-2,-inf\n" for m in "ab")
    said = read(f"method,seed,clip,truth,{head}\n{rows}").methods["b"]["0"]
    np.testing.assert_allclose(np.exp(said.log_probabilities), [[0.75, 0.25], [1, 0]], rtol=1e-6)
    assert said.predicted.tolist() == [0, 0]


def test_scores_that_add_up_to_one_are_probabilities():
    rows = "".join(f"{m};0;c1;x;0,75;0,25\n{m};0;c2;y;0,5;0,5\n" for m in "ab")
    said = read(f"method;seed;clip;truth;x;y\n{rows}").methods["a"]["0"]
    np.testing.assert_allclose(np.exp(said.log_probabilities), [[0.75, 0.25], [0.5, 0.5]], rtol=1e-6)


def test_predicted_stands_where_scores_say_otherwise():
    """A threshold of one's own is part of a method."""
    rows = "".join(f"{m},0,c1,x,y,0.9,0.1\n{m},0,c2,y,y,0.1,0.9\n" for m in "ab")
    said = read(f"method,seed,clip,truth,predicted,p(x),p(y)\n{rows}").methods["a"]["0"]
    assert said.predicted.tolist() == [1, 1] and said.log_probabilities.argmax(axis=1).tolist() == [0, 1]


def test_classes_may_be_named_by_the_caller():
    found = read(HEAD + A + B.replace("sad,sad", "sad,calm"), classes=["sad", "happy", "calm"])
    assert found.classes == ("calm", "happy", "sad")
    assert found.methods["b"]["0"].predicted.tolist() == [1, 0]


SCORES = "method,seed,clip,truth,p(x),p(y)\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"0\.csv is empty\. Its first line names the columns: method, seed, clip, truth, predicted"),
        (HEAD, r"0\.csv holds no line but that with the names"),
        ("methd,seed,clip,truth,predicted\n", r"line 1: column 'method' is missing\. Did you mean 'methd'\?"),
        (HEAD.replace("clip", "seed"), r"line 1: 1 column came twice: 'seed'"),
        ("method,seed,clip,truth\na,0,c,x\n", "a column is missing: predicted, or a column p"),
        ("method,seed,clip,truth,predcted\na,0,c,x,x\n",
         r"'predcted' is 'x', not a number\. There is no column 'predicted'\. Did you mean 'predc"),
        (HEAD + A + "b,0,c1,ann,happy\n", r"line 4: 5 values for 6 columns\. Quote texts"),
        (HEAD + "a,,c1,ann,happy,sad\n", r"line 2: seed is empty"),
        (HEAD + 'a,0,"c1"x,ann,happy,sad\n', r"line 2: .*expected after.*Quote texts with double quotes"),
        (HEAD + A + B + "b,0,c2,bob,sad,happy\n", r"line 6: method 'b', seed 0, clip 'c2' came before"),
        (HEAD + A + B.replace("ann,happy", "ann,sad"), r"line 4: the truth of clip 'c1' is 'sad', but 'hap"),
        (HEAD + A + B.replace("ann", "eve"), r"line 4: the subject of clip 'c1' is 'eve', but 'ann' before"),
        (HEAD + A + B.replace("sad,sad", "sad,sda"), r"line 5: predicted is 'sda', .* Did you mean 'sad'\?"),
        (HEAD + A + B + B[:23].replace("b,0,c1", "b,1,c9"),
         r"method 'b', seed 1 is judged on other clips than method 'a', seed 0: "
         r"2 clips missing: c2, c1; 1 clip more: c9"),
        (HEAD + A, "all lines are of one method, 'a'"),
        (SCORES + "a,0,c,x,nan,1\n", r"line 2: 'p\(x\)' is 'nan', not a probability, 0 to 1"),
        (SCORES + "a,0,c,x,,1\n", r"line 2: 'p\(x\)' is '', not a probability"),
        (SCORES + "a,0,c,x,-0.5,1.5\n", r"line 2: 'p\(x\)' is '-0\.5', not a probability"),
        (SCORES + "a,0,c,x,0.2,0.3\n", r"line 2: the probabilities add up to 0\.5, not to 1"),
        (SCORES + "a,0,c,z,0.5,0.5\nb,0,c,z,0.5,0.5\n", r"line 1: there are scores, but none of class 'z'"),
        ("method,seed,clip,truth,x,age\na,0,c,x,1,30\nb,0,c,x,1,30\n",
         r"line 1: column 'age' is none that is known, and no clip is of such a class"),
        ("method,seed,clip,truth,score_x\na,0,c,x,inf\n", r"line 2: 'score_x' is 'inf', not a number"),
        ("method,seed,clip,truth,score_x\na,0,c,x,-inf\n", r"line 2: every score is minus infinity"),
        (HEAD + "a,0," + "c" * 200_000 + ",ann,x,x\n", r"line 2: field larger than field limit"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_line(text, message):
    with pytest.raises(UserError, match=rf"(?s){message}"):
        read(text)


def test_what_is_wrong_between_files_names_the_later_one():
    with pytest.raises(UserError, match=r"^1\.csv, line 2: method 'a', seed 0, clip 'c2' came before"):
        read(HEAD + A, HEAD + A)
    with pytest.raises(UserError, match=r"^1\.csv, line 2: .* other columns of scores here than in 0\.csv"):
        read(SCORES + "a,0,c,x,1,0\n", "method,seed,clip,truth,predicted\na,0,d,x,x\n")


def test_what_is_no_text_and_no_file_is_named():
    Path("0.csv").write_bytes("method,seed\n".encode("utf-16"))
    with pytest.raises(UserError, match=r"predictions 0\.csv: not UTF-8 text\. Give a CSV file in UTF-8"):
        read_predictions(["0.csv"])
    with pytest.raises(UserError, match=r"predictions 9\.csv: No such file"):
        read_predictions(["9.csv"])
    Path("folder").mkdir()
    with pytest.raises(UserError, match=r"predictions folder: (it is a folder|Is a directory)"):
        read_predictions(["folder"])
    with pytest.raises(UserError, match="no file of predictions was given"):
        read_predictions([])


def test_more_lines_than_are_judged_at_once_are_refused(monkeypatch):
    monkeypatch.setattr(outside, "MOST_ROWS", 3)
    with pytest.raises(UserError, match=r"0\.csv, line 5: more than 3 lines"):
        read(HEAD + A + B)
