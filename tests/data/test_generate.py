"""A stand-in is complete or absent, marked, and the same however many processes draw it."""

import contextlib
import errno
import hashlib
import os
import shutil

import pytest

from fusionbench.contract.dataset import Dataset, StandInPlan
from fusionbench.contract.errors import UserError
from fusionbench.data.generate import generate
from fusionbench.data.marker import FILE_NAME, read_marker
from fusionbench.data.place import replacing


class Flat(Dataset):
    """Two classes; a clip is one file that holds its frames."""

    name = "flat"
    classes = ("Happy", "Sad")

    @classmethod
    def stand_in_plan(cls):
        return StandInPlan(cls.classes, {"train": (2, 1), "report": (1, 2)})

    @classmethod
    def write_stand_in(cls, root, clips):
        for clip in clips:
            folder = root / clip.split
            folder.mkdir(exist_ok=True)
            (folder / clip.id).write_bytes(clip.frames.tobytes())


class Breaking(Flat):
    """Stops half way."""

    name = "breaking"

    @classmethod
    def write_stand_in(cls, root, clips):
        for clip in clips:
            if clip.split == "report":
                raise OSError(errno.ENOSPC, "No space left on device")
            (root / clip.id).touch()


class Gated(Dataset):
    """Offers no stand-in."""

    name = "gated"
    classes = ("Happy",)


def hashes(root):
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_all_of_the_plan_is_written_and_marked(tmp_path):
    seen = []
    marker = generate(
        Flat, tmp_path / "flat", workers=1, progress=lambda done, total: seen.append((done, total))
    )
    assert seen == [(0, 8), (2, 8), (4, 8), (8, 8)]
    assert marker.published == {"train/Happy": 2, "train/Sad": 2, "report/Happy": 2, "report/Sad": 2}
    assert read_marker(tmp_path / "flat") == marker
    assert (tmp_path / "flat" / "train" / FILE_NAME).is_file()
    assert [path.name for path in tmp_path.iterdir() if "flat" in path.name] == ["flat"]


def test_nobody_is_in_two_splits(tmp_path):
    generate(Flat, tmp_path / "flat", workers=1)
    people = {
        split: {path.name[:3] for path in (tmp_path / "flat" / split).iterdir() if path.name != FILE_NAME}
        for split in ("train", "report")
    }
    assert people == {"train": {"000", "001"}, "report": {"002"}}


@pytest.mark.slow
def test_workers_change_no_byte(tmp_path):
    generate(Flat, tmp_path / "one", workers=1)
    generate(Flat, tmp_path / "two", workers=2)
    assert hashes(tmp_path / "one") == hashes(tmp_path / "two")


def test_another_seed_draws_other_people(tmp_path):
    generate(Flat, tmp_path / "one", workers=1)
    generate(Flat, tmp_path / "two", workers=1, seed=1)
    assert hashes(tmp_path / "one")["train/000-Happy-0"] != hashes(tmp_path / "two")["train/000-Happy-0"]


def test_what_fails_leaves_nothing_behind(tmp_path):
    with pytest.raises(UserError, match=r"data cannot be written: No space left on device\. Free space"):
        generate(Breaking, tmp_path / "data", workers=1)
    assert not [path for path in tmp_path.iterdir() if "data" in path.name]


def test_real_files_are_never_touched(tmp_path):
    (tmp_path / "afew").mkdir()
    (tmp_path / "afew" / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="holds files that were not generated; nothing was changed"):
        generate(Flat, tmp_path / "afew", workers=1)
    assert [path.name for path in (tmp_path / "afew").iterdir()] == ["notes.txt"]


def test_a_dataset_without_a_stand_in(tmp_path):
    with pytest.raises(UserError, match="dataset 'gated' has no stand-in"):
        generate(Gated, tmp_path / "gated")


class Crashing(Flat):
    """Takes its process down, as a lack of memory does."""

    name = "crashing"

    @classmethod
    def write_stand_in(cls, root, clips):
        os._exit(1)


@pytest.mark.slow
def test_a_killed_worker_is_told(tmp_path):
    with pytest.raises(UserError, match=r"drawing .*data stopped: a process was killed"):
        generate(Crashing, tmp_path / "data", workers=2)
    assert not [path for path in tmp_path.iterdir() if "data" in path.name]


def test_remains_of_a_killed_one_are_cleared_away_files_of_the_user_are_not(tmp_path):
    (tmp_path / "flat.partial").mkdir()
    with contextlib.suppress(KeyboardInterrupt), replacing(tmp_path / "flat") as unfinished:
        shutil.copytree(unfinished, unfinished.with_name(f"{unfinished.name}0"))  # as if it had been killed
        raise KeyboardInterrupt
    assert len(list(tmp_path.iterdir())) == 2
    generate(Flat, tmp_path / "flat", workers=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["flat", "flat.partial"]
