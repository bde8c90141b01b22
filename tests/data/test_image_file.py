"""A picture is measured before it is decoded, and whole or refused; the screen stays clean."""

from __future__ import annotations

import os
import struct
import threading
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from fusionbench.contract.errors import BadClip
from fusionbench.data.faces import read_images, write_image


def picture(height=60, width=80):
    """Grey from left to right in steps of 32, ``(height, width, 3)``."""
    return np.repeat(np.tile(np.arange(width) // 10 * 32, (height, 1))[..., None], 3, axis=2).astype(np.uint8)


def png(width: int, height: int, *, depth=8, colour=2, data=b"", chunks=()) -> bytes:
    """A PNG with any header."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    others = b"".join(chunk(*each) for each in chunks)
    return b"\x89PNG\r\n\x1a\n" + header + others + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def bmp(width: int, height: int, coding: int = 0) -> bytes:
    """The header of a BMP, and no picture."""
    return b"BM" + struct.pack("<IHHIIiiHHI", 138, 0, 0, 54, 40, width, height, 1, 24, coding) + b"\0" * 104


@pytest.fixture
def read(tmp_path, capfd):
    """A function that reads the bytes of a picture, and demands that nothing reaches the screen."""

    def read_bytes(data: bytes, name="1.png"):
        (tmp_path / name).write_bytes(data)
        try:
            return read_images([tmp_path / name])[0].transpose(1, 2, 0)
        finally:
            assert capfd.readouterr() == ("", "")

    return read_bytes


def encoded(suffix: str, image: np.ndarray) -> bytes:
    return cv2.imencode(suffix, image)[1].tobytes()


@pytest.mark.parametrize(
    ("suffix", "image"),
    [
        (".png", picture()[..., 0]),
        (".png", np.dstack([picture(), np.full((60, 80), 7, np.uint8)])),
        (".png", picture().astype(np.uint16) * 257),
        (".bmp", picture()),
        (".bmp", picture()[..., 0]),
        (".jpg", picture()[..., 0]),
    ],
    ids=["grey", "transparent", "16 bit", "bmp", "grey bmp", "grey jpeg"],
)
def test_every_depth_and_kind_of_colour_becomes_rgb(read, suffix, image):
    got = read(encoded(suffix, image), f"1{suffix}")
    assert got.shape == (60, 80, 3) and got.dtype == np.uint8
    assert np.abs(got.astype(int) - picture()).max() <= (6 if suffix == ".jpg" else 0)


def test_cmyk_becomes_rgb(read, tmp_path):
    Image.fromarray(picture()).convert("CMYK").save(tmp_path / "cmyk.jpg", quality=95)
    got = read((tmp_path / "cmyk.jpg").read_bytes(), "1.jpg")
    assert np.abs(got.astype(int) - picture()).max() <= 8


def test_the_kind_is_told_by_the_content_not_the_name(read):
    assert np.array_equal(read(encoded(".png", picture()), "1.jpg"), picture())


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (png(30_000, 30_000), "30000 x 30000 pixels; 1 to 64 million"),
        (png(2**31 - 1, 2**31 - 1), "2147483647 x 2147483647 pixels"),
        (png(0, 5), "0 x 5 pixels"),
        (bmp(60_000, 60_000), "60000 x 60000 pixels"),
        (bmp(60_000, -60_000), "60000 x 60000 pixels"),
        (bmp(-3, 5), "-3 x 5 pixels"),
        (bmp(4, 4, coding=99), "damaged"),
        (png(4, 4, chunks=[(b"acTL", b"\0\0\0\2\0\0\0\0")]), "animated"),
        (png(4, 4), "damaged"),
        (png(4, 4, colour=5), "damaged"),
        (b"GIF89a" + b"\1\0" * 10, "JPEG, PNG and BMP are read"),
        (b"RIFF\x10\0\0\0WEBPVP8 " + b"\0" * 16, "JPEG, PNG and BMP are read"),
        (b"\xff\xd8\xff", "truncated: a JPEG without a picture"),
        (b"\xff\xd8\xff\xe0\0\0" * 9, "truncated: a JPEG without a picture"),
        (b"BM", "truncated|pixels"),
        (b"<html>", "no image"),
        (b"", "an empty file"),
    ],
)
def test_what_is_no_whole_picture_is_a_bad_clip(read, data, message):
    with pytest.raises(BadClip, match=rf"1\.png: .*({message})"):
        read(data)


def test_a_huge_jpeg_is_refused_by_its_header(read):
    data = bytearray(encoded(".jpg", picture()))
    place = data.index(b"\xff\xc0")
    data[place + 5 : place + 9] = struct.pack(">HH", 65_000, 65_000)
    with pytest.raises(BadClip, match="65000 x 65000 pixels"):
        read(bytes(data), "1.jpg")


@pytest.mark.parametrize("where", [0.4, 0.6, 0.9])
def test_a_jpeg_with_a_hole_is_never_taken_for_a_whole_one(read, where):
    """OpenCV returns a picture, and libjpeg's word goes past Python to the screen."""
    noise = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    data = bytearray(encoded(".jpg", noise))
    hole = int(where * len(data))
    data[hole : hole + 300] = b"x" * 300
    with pytest.raises(BadClip, match=r"1\.jpg: damaged"):
        read(bytes(data), "1.jpg")


def test_a_few_bytes_of_padding_before_the_end_are_no_damage(read):
    data = encoded(".jpg", picture())
    assert data.endswith(b"\xff\xd9")
    assert read(data[:-2] + b"\0" * 16 + data[-2:], "1.jpg").shape == (60, 80, 3)


def test_what_is_no_file_is_a_bad_clip_and_never_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    with pytest.raises(BadClip, match=r"pipe\.jpg: it is a named pipe, not a file"):
        read_images([tmp_path / "pipe.jpg"])
    with pytest.raises(BadClip, match=r"folder\.jpg: it is a folder, not a file"):
        read_images([tmp_path / "folder.jpg"])


def test_names_that_are_no_utf_8_are_read(tmp_path):
    path = tmp_path / os.fsdecode(b"gr\xfcn.png")
    write_image(path, picture())
    assert np.array_equal(read_images([path])[0].transpose(1, 2, 0), picture())


def test_what_others_write_to_stderr_meanwhile_is_handed_on(tmp_path, capfd):
    write_image(tmp_path / "1.png", picture(900, 900))
    (tmp_path / "2.png").write_bytes(png(4, 4))
    reading = threading.Event()

    def decode() -> None:
        for _ in range(20):
            read_images([tmp_path / "1.png"])
            with pytest.raises(BadClip):
                read_images([tmp_path / "2.png"])
        reading.set()

    thread = threading.Thread(target=decode)
    thread.start()
    lines = 0
    while not reading.is_set():
        os.write(2, b"a line\n")
        lines += 1
    thread.join()
    told = capfd.readouterr().err
    lost = lines - told.count("\n")  # libpng writes a line in two parts, and another may come between
    assert set(told.replace("a line\n", "")) <= {"\n"}  # which is what is left of one that fell between
    assert lines > 1_000 and lost <= 2 * 20
