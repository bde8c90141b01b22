"""The whole of prepare on films of a square: what is stored, what is refused, what is left after a stop."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

import fusionbench as fb
from fusionbench.contract.errors import FusionBenchError, UserError
from fusionbench.contract.watch import Watch
from fusionbench.prepare import part, prepare as module
from fusionbench.prepare.part import Way
from fusionbench.prepare.prepare import prepare
from fusionbench.prepare.recordings import find_recordings
from tests.prepare.films import FIVE, LEFT, TOP, Square, film


def way(aligner=Square, size: int = 48, choice="track") -> Way:
    return Way(aligner, aligner.Config(), choice, size)


def prepared(out="faces", source="src", how: Way | None = None, **options):
    root, recordings = find_recordings(Path(source))
    return prepare(root, recordings, Path(out), how or way(), workers=0, **options)


def bytes_of(folder: str) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in sorted(Path(folder).rglob("*"))
        if p.is_file()
    }


def test_faces_landmarks_states_places_and_moments_are_stored_with_how_they_were_made():
    film(Path("src/a.avi"), [True, False, False, True])
    film(Path("src/b.avi"), [True])
    done = prepared()
    store = fb.open_prepared_store("faces")
    assert [clip.id for clip in store.index.clips] == ["a", "b"] and store.index.rows.tolist() == [4, 1]
    assert store.arrays["frames"].shape == (5, 3, 48, 48)
    assert store.arrays["state"].tolist() == [1, 0, 0, 1, 1]
    assert store.arrays["time"].tolist() == pytest.approx([0, 0.04, 0.08, 0.12, 0])
    assert store.arrays["frames"][0, :, 24, 24].tolist() == pytest.approx([200] * 3, abs=2)
    assert not store.arrays["frames"][1].any()
    place = store.arrays["place"][0]
    eyes = np.add(FIVE[:2], [LEFT, TOP]) @ place[:, :2].T + place[:, 2]
    assert eyes[0, 1] == pytest.approx(eyes[1, 1], abs=0.2) and eyes[1, 0] - eyes[0, 0] > 10
    marks = store.arrays["landmarks"]
    assert np.isnan(marks[1]).all() and np.isfinite(marks[0]).all() and "mesh" not in store.arrays
    first = ([LEFT, TOP] @ place[:, :2].T + place[:, 2] + 0.5) / 48
    assert marks[0, 0] == pytest.approx(first, abs=0.02)
    about = store.made
    assert about["clips"]["a"] == {
        "frames": 4,
        "found": 2,
        "most_faces": 1,
        "gaps": [[1, 2, "nothing bright"]],
    }
    assert about["aligner"] == "square" and about["versions"] == {"square": "1"}
    assert (about["size"], about["face"], about["gaps"]) == (48, "track", "mask")
    assert sorted(p.name for p in done.sheets.iterdir()) == ["00000-a.png", "00001-b.png"]


def test_the_same_bytes_come_a_second_time_and_the_old_sheets_go():
    film(Path("src/a.avi"), [True, False, True])
    prepared("one")
    prepared("two")
    prepared("two")
    assert bytes_of("one") == bytes_of("two")


def test_differently_prepared_stores_have_different_fingerprints():
    film(Path("src/a.avi"), [True, False, True])
    hashes = {
        prepared("s", how=way(size=size), gaps=gaps).store.content_hash
        for size, gaps in ((48, "mask"), (64, "mask"), (48, "nearest"))
    }
    assert len(hashes) == 3


def test_a_gap_is_filled_or_its_clip_left_out():
    film(Path("src/a.avi"), [True, False, True])
    film(Path("src/b.avi"), [True, True])
    filled = prepared(gaps="nearest").store
    assert filled.arrays["state"].tolist() == [1, 2, 1, 1, 1]
    assert (filled.arrays["frames"][1] == filled.arrays["frames"][0]).all()
    dropped = prepared(gaps="drop-clip")
    assert [clip.id for clip in dropped.store.index.clips] == ["b"]
    assert [(p.clip, p.reason) for p in dropped.skipped] == [("a", "it has gaps: frame 1 (nothing bright)")]
    assert dropped.store.made["skipped"][0]["clip"] == "a"


def bad_source() -> None:
    film(Path("src/good.avi"), [True])
    film(Path("src/faceless.avi"), [False, False])
    Path("src/text.mp4").write_text("words")
    Path("src/void.mp4").touch()


def test_bad_clips_are_all_listed_and_leave_no_store():
    bad_source()
    with pytest.raises(UserError) as told:
        prepared()
    text = str(told.value)
    assert "3 clip(s) cannot be prepared" in text and "no face in any of its 2 frames" in text
    assert "an empty file" in text and "no video that can be decoded" in text and "--on-bad-clip skip" in text
    assert not Path("faces").exists()


def test_bad_clips_are_skipped_counted_and_kept_in_the_store():
    bad_source()
    done = prepared(on_bad_clip="skip")
    assert list(done.counted) == ["good"] and len(done.skipped) == 3 == len(done.store.made["skipped"])
    with pytest.raises(UserError, match="No clip is left"):
        Path("src/good.avi").unlink()
        prepared("other", on_bad_clip="skip")


def test_what_was_finished_before_a_stop_is_not_done_again(monkeypatch):
    film(Path("src/a.avi"), [True])
    film(Path("src/b.avi"), [True])
    decoded = []
    real = part.video_frames

    def frames(path, seen):
        decoded.append(path.name)
        if decoded == ["a.avi", "b.avi"]:
            raise KeyboardInterrupt
        return real(path, seen)

    monkeypatch.setattr(part, "video_frames", frames)
    with pytest.raises(KeyboardInterrupt):
        prepared()
    assert not Path("faces").exists()
    prepared()
    assert decoded == ["a.avi", "b.avi", "b.avi"]
    assert not any(
        fb.open_prepared_store("faces").path.parent.glob("cache/prepared/*")
    )  # nothing is kept twice


def test_a_recording_that_changed_is_prepared_anew():
    film(Path("src/a.avi"), [True])
    Path("src/void.avi").touch()
    with pytest.raises(UserError):
        prepared()
    film(Path("src/a.avi"), [True, True])
    assert prepared(on_bad_clip="skip").counted["a"].frames == 2


def test_a_full_disk_is_told_and_leaves_nothing(monkeypatch):
    film(Path("src/a.avi"), [True])

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "write_sheet", full)
    with pytest.raises(UserError, match=r"No space left on device\. Free space"):
        prepared()
    assert not Path("faces").exists() and not list(Path().glob(".fusionbench-*"))


def test_a_folder_that_holds_something_else_is_never_touched():
    film(Path("src/a.avi"), [True])
    Path("mine").mkdir()
    Path("mine/thesis.txt").write_text("kept")
    with pytest.raises(UserError, match="holds files and no store"):
        prepared("mine")
    with pytest.raises(UserError, match="is a file"):
        prepared("src/a.avi")
    draw = np.random.default_rng(0)
    clips = [
        {"id": label, "label": label, "split": "train", "streams": {"s": draw.normal(size=(3, 2))}}
        for label in "xy"
    ]
    fb.write_stream_store("streams", clips)
    with pytest.raises(UserError, match="is a store of streams"):
        prepared("streams")
    assert Path("mine/thesis.txt").read_text() == "kept"


def test_frames_that_are_aligned_already_are_scaled_and_black_ones_are_gaps():
    Path("src/clip").mkdir(parents=True)
    for number, value in enumerate((90, 0, 120), start=1):
        cv2.imwrite(f"src/clip/{number}.png", np.full((112, 112, 3), value, np.uint8))
    ready = fb_aligner("none")
    store = prepared(how=way(ready, size=96)).store
    assert store.arrays["frames"].shape == (3, 3, 96, 96) and store.arrays["state"].tolist() == [1, 0, 1]
    assert store.arrays["frames"][[0, 2], 0, 0, 0].tolist() == [90, 120]
    assert store.made["clips"]["clip"]["gaps"] == [[1, 1, "a black frame"]]
    assert np.isnan(store.arrays["time"]).all()  # images have no rate


def fb_aligner(name: str):
    from fusionbench.catalog.plugins import collect

    return collect().get("aligner", name).cls


class Lazy(Square):
    """Leaves out every frame without a face, as many tools do."""

    name = "lazy"

    def sightings(self, footage):
        return (sighting for sighting in super().sightings(footage) if sighting.face)


@pytest.mark.parametrize("shown", [[True, False, True], [True, False]])
def test_an_aligner_that_skips_frames_is_caught(shown):
    film(Path("src/a.avi"), shown)
    with pytest.raises(FusionBenchError, match="It must give one for each frame"):
        prepared(how=way(Lazy))


class Absent(Square):
    name = "absent"

    @classmethod
    def missing(cls, config):
        return "its program is not installed: get it"


def test_an_aligner_that_cannot_work_says_why_before_anything_is_decoded():
    film(Path("src/a.avi"), [True])
    with pytest.raises(UserError, match="'absent' cannot work here: its program is not installed"):
        prepared(how=way(Absent))


class Count(Watch):
    def __init__(self):
        self.told = []

    def progress(self, task, done, total):
        self.told.append((task, done, total))


def test_progress_is_in_frames_and_ends_at_their_number():
    film(Path("src/a.avi"), [True] * 70)
    film(Path("src/b.avi"), [True] * 3)
    count = Count()
    prepared(watch=count)
    frames = [(done, total) for task, done, total in count.told if task == "preparing (frames)"]
    assert frames[-1] == (73, 73) and frames[0][0] == 64 and all(done <= total for done, total in frames)


@pytest.mark.slow
def test_workers_write_the_same_bytes():
    for name in "abc":
        film(Path(f"src/{name}.avi"), [True, False, True, True])
    Path("src/void.avi").touch()
    ready = way(fb_aligner("none"))
    prepared("one", how=ready, on_bad_clip="skip")
    root, recordings = find_recordings(Path("src"))
    prepare(root, recordings, Path("two"), ready, workers=2, on_bad_clip="skip")
    assert bytes_of("one") == bytes_of("two")
    assert json.loads(Path("two/store.json").read_text())["made"]["skipped"][0]["clip"] == "void"
