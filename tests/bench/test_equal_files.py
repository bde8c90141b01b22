"""Copies of a clip in another part are found by what their files hold."""

from __future__ import annotations

from pathlib import Path

from fusionbench.bench.equal_files import equal_files
from fusionbench.contract.dataset import Clip


def clip(root: Path, name: str, split: str, content: tuple[bytes, ...], subject: str | None = None) -> Clip:
    folder = root / name
    folder.mkdir()
    for k, one in enumerate(content):
        (folder / f"{k}.jpg").write_bytes(one)
    return Clip(name, "x", split, subject, tuple(f"{name}/{k}.jpg" for k in range(len(content))))


def test_a_copy_in_another_split_is_told(tmp_path):
    clips = [
        clip(tmp_path, "a", "train", (b"12", b"345")),
        clip(tmp_path, "b", "train", (b"12", b"345")),  # in the same split: nothing leaks
        clip(tmp_path, "c", "report", (b"12", b"345")),
        clip(tmp_path, "d", "report", (b"12", b"346")),  # as large, but another
    ]
    (found,) = equal_files(tmp_path, clips)
    assert found.wrong
    assert found.message.startswith(
        "1 clip(s) hold the same files as a clip of another part: 'a' (train) and 'c'"
    )


def test_where_folds_decide_people_are_the_parts(tmp_path):
    clips = [clip(tmp_path, name, "", (b"1",), subject) for name, subject in (("a", "s1"), ("b", "s1"))]
    assert equal_files(tmp_path, clips) == []
    clips.append(clip(tmp_path, "c", "", (b"1",), "s2"))
    assert "'a' (s1) and 'c' (s2)" in equal_files(tmp_path, clips)[0].message


def test_missing_files_are_left_to_reading(tmp_path):
    clips = [clip(tmp_path, "a", "train", (b"1",)), Clip("b", "x", "report", files=("nowhere/0.jpg",))]
    assert equal_files(tmp_path, clips) == []
