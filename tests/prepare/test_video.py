"""Videos that are whole, and every kind that is not."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest

from fusionbench.contract.errors import BadClip
from fusionbench.prepare.video import Progress, is_video, video_frames
from tests.prepare.films import HEIGHT, WIDTH, film


def test_every_frame_comes_in_order_as_rgb_with_its_moment():
    seen, moments, means = Progress(), [], []
    for frame in video_frames(film(Path("видео é.avi"), [True] * 5), seen):
        assert frame.shape == (HEIGHT, WIDTH, 3) and frame.dtype == np.uint8
        moments.append(seen.seconds)
        means.append(int(frame[30, 40, 0]))
    assert moments == pytest.approx([0, 0.04, 0.08, 0.12, 0.16]) and seen.announced == 5
    assert means == pytest.approx([200, 198, 196, 194, 192], abs=2)


def failing(path: Path) -> str:
    with pytest.raises(BadClip) as error:
        list(video_frames(path))
    assert str(path) in str(error.value)
    return str(error.value)


def test_what_is_absent_empty_no_file_or_no_video_is_named():
    assert "No such file" in failing(Path("absent.mp4"))
    Path("empty.mp4").touch()
    assert "an empty file" in failing(Path("empty.mp4"))
    Path("text.mp4").write_text("words")
    assert "no video that can be decoded" in failing(Path("text.mp4"))
    Path("folder.mp4").mkdir()
    assert "a folder" in failing(Path("folder.mp4"))
    os.mkfifo("pipe.mp4")
    assert "a named pipe" in failing(Path("pipe.mp4"))
    os.symlink("loop.mp4", "loop.mp4")
    assert "symbolic links" in failing(Path("loop.mp4"))


@pytest.mark.parametrize(
    "text", ["#EXTM3U\na.mp4\n", "\ufeffffconcat version 1.0\n", "<?xml version='1.0'?><MPD/>"]
)
def test_a_list_of_other_files_is_never_followed(text):
    film(Path("a.mp4"), [True])
    Path("list.mp4").write_text(text, encoding="utf-8")
    assert "a list of other files" in failing(Path("list.mp4"))


def test_a_video_that_was_cut_off_is_told_by_what_is_missing():
    whole = film(Path("whole.avi"), [True] * 40).read_bytes()
    Path("cut.avi").write_bytes(whole[: len(whole) * 6 // 10])
    told = failing(Path("cut.avi"))
    assert re.search(r"it holds 2\d of the 40 frames that it announces|damaged: .*frames could be read", told)


def test_damage_inside_is_told_though_the_decoder_goes_on(capfd):
    data = bytearray(film(Path("whole.avi"), [True] * 20).read_bytes())
    middle = len(data) // 2
    data[middle : middle + 1200] = bytes(1200)
    Path("damaged.avi").write_bytes(data)
    failing(Path("damaged.avi"))
    assert capfd.readouterr().err == ""  # it is in the error, and not over a progress bar


def test_what_others_write_meanwhile_is_handed_on(capfd):
    frames = video_frames(film(Path("a.avi"), [True] * 2))
    next(frames)
    os.write(2, b"a warning of somebody else\n")
    list(frames)
    assert capfd.readouterr().err == "a warning of somebody else\n"


def test_names_of_videos():
    assert all(map(is_video, ("a.MP4", "b.webm", "c.d.mkv")))
    assert not any(map(is_video, (".a.mp4", "mp4", "a.jpg", "a.mp4.part")))
