"""Names of any kind become one line that a font can draw, as long as there is room for."""

from __future__ import annotations

import pytest

from fusionbench.figures.lettering import NAMELESS, distinct, drawable, line_width, shortened, wrapped


@pytest.mark.parametrize(
    ("name", "drawn"),
    [
        ("happy", "happy"),
        ("$x", "$x"),
        (r"\alpha", r"\alpha"),
        ("two\nlines\tand  blanks", "two lines and blanks"),
        ("", NAMELESS),
        (" \n", NAMELESS),
        ("a\x00b", "a b"),
        ("not utf-8: \udcff", "not utf-8: \ufffd"),
        ("abc\u202edef", "abcdef"),  # would turn all that follows around
        ("می\u200cخواهم", "می\u200cخواهم"),  # a joiner that the word needs
        ("特征 😀", "特征 😀"),
        (7, "7"),
    ],
)
def test_a_name_becomes_one_drawable_line(name, drawn):
    assert drawable(name) == drawn


def test_a_line_is_as_wide_as_its_letters():
    # A digit of DejaVu Sans is 1303 of 2048 units wide: 0.636 of 8 points, of which an inch has 72.
    assert line_width("0000000000") == pytest.approx(10 * 1303 / 2048 * 8 / 72, rel=0.02)
    assert line_width("$x_1$") > line_width("x1"), "no mathematics"


def test_what_is_too_long_loses_its_middle():
    name = "concat, training.lr=0.001, fusion.trs=5"
    short = shortened(name, 1.0)
    head, tail = short.split("…")
    assert name.startswith(head) and name.endswith(tail) and head and tail
    assert line_width(short) <= 1.0 < line_width(name)
    assert shortened(name, 9) == name
    assert shortened("😀" * 50, 0.5).count("…") == 1


def test_a_name_of_a_million_letters_is_cut_before_it_is_measured():
    short = shortened("x" * 1_000_000, 1.0)
    assert len(short) < 30 and "…" in short


def test_names_that_would_look_the_same_get_their_numbers():
    long = [f"a head with many options, number {k} of those that were compared" for k in range(3)]
    assert [name[:2] for name in distinct([*long, "arpg"], 1.0)] == ["1:", "2:", "3:", "ar"]
    assert distinct(["", "", "b"], 1.0) == [f"1: {NAMELESS}", f"2: {NAMELESS}", "b"]
    assert distinct(["a", "b"], 1.0) == ["a", "b"]


def test_wrapped_lines_fit_and_lose_no_word():
    text = "Which way of fusing appearance and relation is best on AFEW?"
    lines = wrapped(text, 1.5)
    assert len(lines) > 1 and " ".join(lines) == text
    assert max(map(line_width, lines)) <= 1.5
    (cut,) = wrapped("w" * 500, 1.5)
    assert line_width(cut) <= 1.5
