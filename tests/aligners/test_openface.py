"""What OpenFace writes, in both its editions, and the program where it is installed."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from fusionbench_aligners.openface import OpenFace

import fusionbench as fb

NEW = "frame,face_id,timestamp,confidence,success,x_0,x_1,y_0,y_1"
OLD = "frame, timestamp, confidence, success"


def table(folder: Path, header: str, rows: list[str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "v.csv").write_text("\n".join([header, *rows]) + "\n")
    (folder / "v_aligned").mkdir(exist_ok=True)
    return folder / "v.csv"


def image(folder: Path, name: str, value: int) -> None:
    cv2.imwrite(str(folder / "v_aligned" / name), np.full((112, 112, 3), value, np.uint8))


def read(path: Path, choice="track", size=112) -> list[fb.Sighting]:
    return list(OpenFace(OpenFace.Config(), choice, size).sightings(fb.Footage(path, ())))


def brightness(sighting: fb.Sighting) -> int:
    return int(sighting.chip.mean())


def test_the_newer_edition_with_a_frame_that_failed_one_without_a_row_and_a_black_image(tmp_path):
    path = table(
        tmp_path,
        NEW,
        [
            "1,0,0.00,0.9,1,0,9,0,9",
            "2,0,0.04,0.1,0,0,9,0,9",
            "4,0,0.12,0.9,1,0,9,0,9",
            "5,0,0.16,0.9,1,0,9,0,9",
        ],
    )
    for frame, value in ((1, 50), (2, 0), (4, 90), (5, 0)):
        image(tmp_path, f"frame_det_00_{frame:06d}.bmp", value)
    found = read(path)
    assert [s.reason for s in found] == [
        "",
        "OpenFace found no face (success 0)",
        "no row in OpenFace's table",
        "",
        "OpenFace wrote a black image",
    ]
    assert [brightness(s) for s in found if s.chip is not None] == [50, 90]
    assert [s.time for s in found] == [0.0, 0.04, None, 0.12, 0.16]


def test_the_older_edition_has_blanks_and_no_face_number(tmp_path):
    path = table(tmp_path, OLD, ["1, 0.00, 0.9, 1", "2, 0.04, 0.9, 1", "3, 0.08, 0.9, 1"])
    for frame in (1, 2):
        image(tmp_path, f"frame_det_{frame:06d}.bmp", 40 * frame)
    found = read(path, size=96)
    assert [brightness(s) for s in found[:2]] == [40, 80] and found[0].chip.shape == (96, 96, 3)
    assert found[2].reason == "OpenFace wrote no image"


def several(tmp_path: Path) -> Path:
    rows = [
        "1,0,0,0.9,1,0,10,0,10",
        "1,1,0,0.9,1,0,50,0,10",
        "2,1,0.04,0.9,1,0,50,0,10",
        "3,0,0.08,0.9,1,0,10,0,10",
    ]
    path = table(tmp_path, NEW, [*rows, "4,0,0.12,0.9,1,0,10,0,10"])
    for face, frame in ((0, 1), (1, 1), (1, 2), (0, 3), (0, 4)):
        image(tmp_path, f"frame_det_{face:02d}_{frame:06d}.png", 100 + 50 * face)
    return path


def test_of_several_faces_one_is_followed_or_the_largest_taken(tmp_path):
    path = several(tmp_path)
    followed, largest = read(path), read(path, "largest")
    assert [brightness(s) if s.chip is not None else s.reason for s in followed] == [
        100,
        "the face that is followed is not there",
        100,
        100,
    ]
    assert [brightness(s) for s in largest] == [150, 150, 100, 100] and largest[0].faces == 2
    with pytest.raises(fb.UserError, match="--face largest or --face track"):
        read(path, "central")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a,b\n1,2\n", "no column frame"),
        (f"{NEW}\n1,0,0.0,0.9,1,0,9,0\n", "line 2: 8 values for 9 columns"),
        (f"{NEW}\n1,0,zero,0.9,1,0,9,0,9\n", "could not convert"),
        (f"{NEW}\n1,0,0,0.9,1,0,9,0,9\n", "no aligned faces beside it"),
    ],
)
def test_a_table_that_is_none_is_named(tmp_path, text, told):
    path = table(tmp_path, NEW, [])
    path.write_text(text)
    with pytest.raises(fb.BadClip, match=told) as error:
        read(path)
    assert str(path) in str(error.value)


PROGRAM = f"""#!{sys.executable}
import sys
from pathlib import Path
out, video = Path(sys.argv[sys.argv.index("-out_dir") + 1]), Path(sys.argv[sys.argv.index("-f") + 1])
assert sys.argv[sys.argv.index("-simsize") + 1] == "96" and "-simalign" in sys.argv
if video.read_bytes() != b"a video":
    sys.exit("no such luck")
(out / "v.csv").write_text("frame,face_id,timestamp,confidence,success\\n1,0,0.0,0.9,1\\n")
(out / "v_aligned").mkdir()
(out / "v_aligned" / "frame_det_00_000001.bmp").write_bytes(Path({{image!r}}).read_bytes())
"""


@pytest.mark.slow
def test_the_program_is_run_where_it_is_installed(tmp_path, monkeypatch):
    video = tmp_path / "v.avi"
    video.write_bytes(b"a video")
    with pytest.raises(fb.UserError, match="no program FeatureExtraction on PATH"):
        read(video, size=96)
    cv2.imwrite(str(tmp_path / "one.bmp"), np.full((96, 96, 3), 70, np.uint8))
    program = tmp_path / "bin" / "FeatureExtraction"
    program.parent.mkdir()
    program.write_text(PROGRAM.format(image=str(tmp_path / "one.bmp")))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(program.parent))
    (sighting,) = read(video, size=96)
    assert brightness(sighting) == 70 and sighting.time == 0.0
    video.write_bytes(b"another")
    with pytest.raises(fb.BadClip, match="ended with 1: no such luck"):
        read(video, size=96)
