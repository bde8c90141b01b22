"""Frames come out as they went in, in the right order, and a damaged file is never taken for a picture."""

import cv2
import numpy as np
import pytest

from fusionbench.contract.errors import BadClip
from fusionbench.data.faces import is_image, natural_key, read_images, resize_frames, write_image


def picture(height=40, width=60, seed=0):
    """A smooth coloured picture ``(height, width, 3)``."""
    small = np.random.default_rng(seed).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def test_frames_sort_by_number_whatever_their_names():
    names = ["I_1010.jpg", "I_999.jpg", "I_1001.jpg"]
    assert sorted(names, key=natural_key) == ["I_999.jpg", "I_1001.jpg", "I_1010.jpg"]
    assert sorted(["10.png", "2.png", "1.png"], key=natural_key) == ["1.png", "2.png", "10.png"]


def test_pictures_are_told_by_their_names():
    assert is_image("0000012.JPG") and is_image("frame_det_00_000001.bmp")
    assert not is_image("._0001.jpg") and not is_image("Thumbs.db") and not is_image("0001.jpg.txt")


@pytest.mark.parametrize("suffix", [".png", ".bmp"])
def test_red_stays_red(tmp_path, suffix):
    red = np.zeros((8, 10, 3), np.uint8)
    red[..., 0] = 255
    write_image(tmp_path / f"red{suffix}", red)
    frames = read_images([tmp_path / f"red{suffix}"])
    assert frames.shape == (1, 3, 8, 10) and frames.dtype == np.uint8
    assert (frames[0, 0] == 255).all() and (frames[0, 1:] == 0).all()


def test_a_jpeg_comes_back_nearly_unchanged(tmp_path):
    image = picture()
    write_image(tmp_path / "1.jpg", image)
    back = read_images([tmp_path / "1.jpg"])[0].transpose(1, 2, 0)
    assert np.abs(back.astype(int) - image).mean() < 4


def test_a_frame_of_another_size_takes_the_first_ones(tmp_path):
    write_image(tmp_path / "1.png", picture(40, 60))
    write_image(tmp_path / "2.png", picture(20, 30))
    assert read_images([tmp_path / "1.png", tmp_path / "2.png"]).shape == (2, 3, 40, 60)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp"])
@pytest.mark.parametrize("kept", [0.0, 0.3, 0.9])
def test_a_file_cut_short_is_a_bad_clip(tmp_path, suffix, kept):
    path = tmp_path / f"1{suffix}"
    write_image(path, picture(96, 96))
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data))])
    with pytest.raises(BadClip, match=r"1\.\w+: (an empty file|truncated)"):
        read_images([path])


def test_a_cut_jpeg_is_found_even_where_its_thumbnail_is_whole(tmp_path):
    """OpenCV fills what is missing with grey; the thumbnail's end marker must not hide it."""
    thumbnail, whole = tmp_path / "t.jpg", tmp_path / "1.jpg"
    write_image(thumbnail, picture(16, 16))
    write_image(whole, picture(96, 96))
    inner, data = thumbnail.read_bytes(), whole.read_bytes()
    segment = b"\xff\xe1" + (len(inner) + 2).to_bytes(2, "big") + inner
    whole.write_bytes(data[:2] + segment + data[2:])
    assert read_images([whole]).shape == (1, 3, 96, 96)
    whole.write_bytes((data[:2] + segment + data[2:])[:-400])
    assert cv2.imread(str(whole)) is not None
    with pytest.raises(BadClip, match="truncated"):
        read_images([whole])


def test_what_is_no_picture_or_not_there(tmp_path):
    (tmp_path / "1.jpg").write_bytes(b"<html>404</html>")
    with pytest.raises(BadClip, match="no image"):
        read_images([tmp_path / "1.jpg"])
    with pytest.raises(BadClip, match=r"2\.jpg: No such file"):
        read_images([tmp_path / "2.jpg"])
    with pytest.raises(BadClip, match="no frames"):
        read_images([])


def test_resizing_keeps_what_already_fits():
    frames = np.stack([picture(96, 96).transpose(2, 0, 1)])
    assert resize_frames(frames, 96) is frames
    assert resize_frames(frames, 112).shape == (1, 3, 112, 112)
    half = resize_frames(frames, 48)
    np.testing.assert_allclose(half[0, 0, 5, 7], frames[0, 0, 10:12, 14:16].mean(), atol=1)
