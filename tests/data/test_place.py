"""A folder takes its place as a whole; what was there, what is the user's, and who still writes, is kept."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fusionbench.contract.errors import UserError
from fusionbench.contract.watch import Watch
from fusionbench.data import place
from fusionbench.data.place import locked, replacing, settled


class Listener(Watch):
    """Keeps its notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, message: str) -> None:
        self.notes.append(message)


def put(target: Path, text: str) -> None:
    """A folder with one file ``text``, listed as a store lists its files."""
    with replacing(target) as folder:
        (folder / "text.npy").write_text(text)
        (folder / "store.json").write_text(json.dumps({"schema": 2, "arrays": ["text"]}))


def text(target: Path) -> str:
    return (settled(target) / "text.npy").read_text()


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


@contextlib.contextmanager
def killed_at(step: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a kill leaves: the process goes no further than ``step``, and cleans nothing up."""

    class Killed(BaseException):
        pass

    def stop(*_: object, **__: object) -> None:
        raise Killed

    renamed = []

    def rename(source: Path, target: Path) -> None:
        if len(renamed) == int(step[-1]):
            raise Killed
        renamed.append(source)
        os.replace(source, target)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(place.shutil, "rmtree", lambda *_, **__: None)
        patch.setattr(place.os, "rename", rename)
        yield


def test_it_appears_whole_and_alone(tmp_path):
    put(tmp_path / "deep" / "down" / "s", "one")
    assert text(tmp_path / "deep" / "down" / "s") == "one"
    assert names(tmp_path / "deep" / "down") == ["s"]


def test_a_failure_leaves_no_trace_not_even_of_folders_made_on_the_way(tmp_path):
    with pytest.raises(RuntimeError), replacing(tmp_path / "deep" / "down" / "s") as folder:
        (folder / "half").touch()
        raise RuntimeError
    assert names(tmp_path) == []


def test_folders_of_the_user_with_likely_names_are_never_touched(tmp_path):
    for name in ("s.partial", "s.old", "s.tmp", ".s.partial"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "thesis.tex").write_text("years of work")
    put(tmp_path / "s", "one")
    put(tmp_path / "s", "two")
    for name in ("s.partial", "s.old", "s.tmp", ".s.partial"):
        assert (tmp_path / name / "thesis.tex").read_text() == "years of work"


@pytest.mark.parametrize(("step", "found"), [("rename 0", "one"), ("rename 1", "one"), ("rename 2", "two")])
def test_a_kill_at_any_step_leaves_the_old_or_the_new_one(tmp_path, monkeypatch, step, found):
    put(tmp_path / "s", "one")
    with killed_at(step, monkeypatch):
        put(tmp_path / "s", "two")
    assert len(names(tmp_path)) > 1 or step == "rename 2"
    assert text(tmp_path / "s") == found
    put(tmp_path / "s", "three")
    assert text(tmp_path / "s") == "three"
    assert names(tmp_path) == ["s"]


@pytest.mark.parametrize("step", ["rename 0", "rename 1", "rename 2", "rename 3", "rename 4"])
def test_notes_laid_into_a_store_outlive_its_replacement_and_every_kill_in_it(tmp_path, monkeypatch, step):
    put(tmp_path / "s", "one")
    (tmp_path / "s" / "notes.txt").write_text("mine")
    (tmp_path / "s" / "figures").mkdir()
    (tmp_path / "s" / "figures" / "1.png").touch()
    with killed_at(step, monkeypatch):
        put(tmp_path / "s", "two")
    put(tmp_path / "s", "three")
    assert names(tmp_path / "s") == ["figures", "notes.txt", "store.json", "text.npy"]
    assert (tmp_path / "s" / "notes.txt").read_text() == "mine" and text(tmp_path / "s") == "three"
    assert names(tmp_path) == ["s"]


def test_a_note_that_is_named_like_a_new_array_is_kept_beside_it(tmp_path):
    put(tmp_path / "s", "one")
    (tmp_path / "s" / "gyro.npy").write_text("mine")
    with replacing(tmp_path / "s") as folder:
        (folder / "gyro.npy").write_text("new array")
    assert (tmp_path / "s" / "gyro.npy").read_text() == "new array"
    assert (tmp_path / "s" / "gyro.npy.old1").read_text() == "mine"


def test_of_a_store_that_cannot_be_read_any_more_no_array_is_lost(tmp_path):
    put(tmp_path / "s", "one")
    for number in (1, 2):
        (tmp_path / "s" / "store.json").write_text("")
        put(tmp_path / "s", f"next {number}")
    assert names(tmp_path / "s") == ["store.json", "text.npy", "text.npy.old1", "text.npy.old2"]
    assert (tmp_path / "s" / "text.npy.old1").read_text() == "one"
    assert (tmp_path / "s" / "text.npy.old2").read_text() == "next 1"


def test_a_half_deleted_old_one_is_not_taken_for_notes(tmp_path, monkeypatch):
    put(tmp_path / "s", "one")
    with monkeypatch.context() as patch:
        patch.setattr(place.shutil, "rmtree", lambda path, **_: (Path(path) / "store.json").unlink(True))
        put(tmp_path / "s", "two")
    assert len(names(tmp_path)) == 2
    put(tmp_path / "s", "three")
    assert names(tmp_path) == ["s"] and names(tmp_path / "s") == ["store.json", "text.npy"]


def test_where_a_link_points_is_written_and_the_link_stays(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk" / "s")
    put(tmp_path / "link", "one")  # a link to nothing yet
    put(tmp_path / "link", "two")
    assert (tmp_path / "link").is_symlink() and text(tmp_path / "disk" / "s") == "two"
    assert names(tmp_path) == ["disk", "link"] and names(tmp_path / "disk") == ["s"]


def test_the_root_of_the_file_system_is_no_place():
    with pytest.raises(UserError, match="is the root of the file system"):
        put(Path("/"), "one")


def test_links_in_a_circle_are_named(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(UserError, match=r"a cannot be found: .*Name another folder"):
        put(tmp_path / "a", "one")


def test_the_second_writer_waits_says_so_and_replaces(tmp_path):
    inside, go = threading.Event(), threading.Event()

    def first() -> None:
        with replacing(tmp_path / "s") as folder:
            (folder / "text.npy").write_text("one")
            inside.set()
            go.wait()

    thread = threading.Thread(target=first)
    thread.start()
    inside.wait()
    heard = Listener()
    heard.note = lambda message: (heard.notes.append(message), go.set())  # type: ignore[method-assign]
    with replacing(tmp_path / "s", watch=heard) as folder:
        assert text(tmp_path / "s") == "one"
        (folder / "text.npy").write_text("two")
    thread.join()
    assert heard.notes == [f"waiting: another process writes {tmp_path / 's'}"]
    assert text(tmp_path / "s") == "two" and names(tmp_path) == ["s"]


def test_who_holds_the_lock_may_take_it_again_and_its_work_is_not_cleared_away(tmp_path):
    with locked(tmp_path / "s"), replacing(tmp_path / "s") as outer:
        (outer / "text.npy").write_text("outer")
        put(tmp_path / "s", "inner")
        assert text(tmp_path / "s") == "inner"
    assert text(tmp_path / "s") == "outer" and names(tmp_path) == ["s"]


def test_long_and_odd_names_are_taken(tmp_path):
    for name in ("n" * 255, "ä ö", "[*]", os.fsdecode(b"\xff\xfe")):
        put(tmp_path / name, "one")
        put(tmp_path / name, "two")
        assert text(tmp_path / name) == "two"
    assert len(names(tmp_path)) == 4


def test_a_full_disk_is_told_and_nothing_is_left(tmp_path):
    put(tmp_path / "s", "one")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))  # the kernel takes no longer file
    try:
        with (
            pytest.raises(UserError, match=r"s cannot be written: File too large. Free space"),
            replacing(tmp_path / "s") as folder,
            place.writes_to(tmp_path / "s"),
        ):
            (folder / "text.npy").write_bytes(bytes(100))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert text(tmp_path / "s") == "one" and names(tmp_path) == ["s"]


@pytest.mark.parametrize("target", ["file", "file/s", "n" * 300, f"deep/{'n' * 300}/s"])
def test_what_no_folder_can_be_made_at_is_told(tmp_path, target):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UserError, match=r"cannot be written: .*\. Name a folder that can be|is a file"):
        put(tmp_path / target, "one")
    assert names(tmp_path) == ["file"] and (tmp_path / "file").read_text() == "mine"


@pytest.fixture
def shelf() -> Iterator[Path]:
    """A folder that others than root may enter, unlike ``tmp_path``."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


@contextlib.contextmanager
def as_nobody(folder: Path) -> Iterator[None]:
    """``folder`` cannot be written; root may write anywhere, so root becomes nobody."""
    root = os.geteuid() == 0
    folder.chmod(0o555)
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o777)


def test_where_nothing_can_be_written_that_is_told(shelf):
    with (
        as_nobody(shelf),
        pytest.raises(UserError, match=r"cannot be written: Permission denied\."),
    ):
        put(shelf / "s", "one")
    assert names(shelf) == []


def test_where_nothing_can_be_written_what_a_kill_left_is_read_where_it_lies(shelf, monkeypatch):
    put(shelf / "s", "one")
    with killed_at("rename 1", monkeypatch):
        put(shelf / "s", "two")
    before = names(shelf)
    with as_nobody(shelf):
        assert text(shelf / "s") == "one"
    assert names(shelf) == before and "s" not in before
    assert text(shelf / "s") == "one" and "s" in names(shelf)
