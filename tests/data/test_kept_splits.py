"""Splits are drawn once; what they are made from, and nothing else, makes another one."""

from __future__ import annotations

import dataclasses
import functools
import json

import pytest

from fusionbench.contract.dataset import Clip
from fusionbench.contract.errors import UserError
from fusionbench.data import kept_splits, outer_folds
from fusionbench.data.cache import cache_root
from fusionbench.data.folds import carve_selection
from fusionbench.data.kept_splits import carved_selection
from fusionbench.data.outer_folds import make_folds


def clips(count: int = 30) -> list[Clip]:
    return [Clip(f"c{k:02}", "ab"[k % 2], "train", f"s{k // 3}", (f"c{k}.png",)) for k in range(count)]


@pytest.fixture
def drawn(monkeypatch):
    """What was drawn, in order; it comes out as it always did."""
    calls: list[tuple[int, float, int]] = []

    @functools.wraps(carve_selection)
    def carve(some, fraction, seed):
        calls.append((len(some), fraction, seed))
        return carve_selection(some, fraction, seed)

    monkeypatch.setattr(kept_splits, "carve_selection", carve)
    return calls


def files() -> list:
    return sorted((cache_root() / "splits").glob("*.json"))


def test_what_is_recalled_is_what_was_drawn(drawn):
    expected = carve_selection(clips(), 0.2, 7)
    assert carved_selection(clips(), 0.2, 7) == carved_selection(clips()[::-1], 0.2, 7) == expected
    assert drawn == [(30, 0.2, 7)]


def test_where_the_files_lie_does_not_count_and_everything_else_does(drawn):
    carved_selection(clips(), 0.2, 7)
    moved = [dataclasses.replace(clip, files=("elsewhere.png",)) for clip in clips()]
    carved_selection(moved, 0.2, 7)
    assert len(drawn) == 1
    first, *rest = clips()
    others = [
        (clips(), 0.2, 8),
        (clips(), 0.5, 7),
        (rest, 0.2, 7),
        *(
            ([dataclasses.replace(first, **{name: value}), *rest], 0.2, 7)
            for name, value in {"label": "b", "subject": "s9", "split": "test", "labels": ("a", "")}.items()
        ),
    ]
    for number, (some, fraction, seed) in enumerate(others, 2):
        carved_selection(some, fraction, seed)
        assert len(drawn) == number
    assert len(files()) == len(others) + 1


def test_other_libraries_or_code_draw_anew(drawn, monkeypatch):
    carved_selection(clips(), 0.2, 7)
    for number, replaced in enumerate(
        ({"version": lambda name: "99"}, {"file_hash": lambda path: "other"}), 2
    ):
        with monkeypatch.context() as patch:
            for name, value in replaced.items():
                patch.setattr(kept_splits, name, value)
            carved_selection(clips(), 0.2, 7)
        assert len(drawn) == number


@pytest.mark.parametrize(
    "damage",
    [
        lambda kept: "{",
        lambda kept: "null",
        lambda kept: json.dumps(kept[:1]),
        lambda kept: json.dumps([kept[0] + kept[1], []]),
        lambda kept: json.dumps([kept[0][1:], kept[1]]),
        lambda kept: json.dumps([kept[0], kept[1] + kept[0][:1]]),
        lambda kept: json.dumps([[1] * len(kept[0]), kept[1]]),
    ],
)
def test_what_is_damaged_is_drawn_anew_and_mended(drawn, damage):
    expected = carved_selection(clips(), 0.2, 7)
    (file,) = files()
    whole = file.read_text()
    file.write_text(damage(json.loads(whole)))
    assert carved_selection(clips(), 0.2, 7) == expected
    assert len(drawn) == 2 and file.read_text() == whole


def test_what_cannot_be_parted_is_said_every_time(drawn):
    for _ in range(2):
        with pytest.raises(UserError, match="no selection split can be carved"):
            carved_selection(clips()[:1], 0.2, 7)
    assert len(drawn) == 2 and files() == []


def test_folds_are_kept_too(monkeypatch):
    draw, calls = outer_folds._parts, []

    @functools.wraps(draw)
    def parts(some, folds, seed):
        calls.append(seed)
        return draw(some, folds, seed)

    monkeypatch.setattr(outer_folds, "_parts", parts)
    expected = make_folds(clips(), 5, seed=3, repeat=2)
    assert make_folds(clips(), 5, seed=3, repeat=2) == expected and calls == [3, 4]
    for file in files():
        file.write_text("[0, 1]")
    assert make_folds(clips(), 5, seed=3, repeat=2) == expected and calls == [3, 4, 3, 4]
    assert make_folds(clips(), 3, seed=3) != make_folds(clips(), 5, seed=3) and calls[4:] == [3]
