"""Generated data are known as such wherever they, or a part of them, are moved."""

import os
import shutil

import pytest

from fusionbench.contract.errors import UserError
from fusionbench.data.marker import FILE_NAME, Marker, read_marker, write_marker

MARKER = Marker("afew", generator=1, seed=2511, published={"train/Angry": 72, "report/Angry": 28})


@pytest.fixture
def root(tmp_path):
    """A stand-in of two splits."""
    root = tmp_path / "there" / "afew"
    for inner in ("Train_AFEW/Angry", "Val_AFEW/Angry"):
        (root / inner).mkdir(parents=True)
    write_marker(root, MARKER)
    return root


def test_read_back(root):
    assert read_marker(root) == MARKER


@pytest.mark.parametrize("inside", ["Train_AFEW", "Train_AFEW/Angry"])
def test_a_folder_inside_is_still_generated(root, inside):
    assert read_marker(root / inside) == MARKER


def test_a_folder_around_is_still_generated(root):
    assert read_marker(root.parent) == MARKER
    assert read_marker(root.parent.parent) == MARKER


def test_a_part_that_was_moved_away_is_still_generated(root, tmp_path):
    shutil.move(root / "Train_AFEW", tmp_path / "elsewhere")
    assert read_marker(tmp_path / "elsewhere") == MARKER


def test_real_data_have_no_marker(tmp_path):
    (tmp_path / "real" / "Train_AFEW").mkdir(parents=True)
    assert read_marker(tmp_path / "real") is None
    assert read_marker(tmp_path / "absent") is None


WHOLE = '{"kind": "stand-in", "dataset": "afew", "generator": 1, "seed": 1, "published": %s}'


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"kind": "stand-in"}',
        '{"kind": "other", "dataset": "afew"}',
        WHOLE % "[]",
        WHOLE % '{"a": "many"}',
        "[" * 100_000,
        "\ud800",
    ],
)
def test_a_damaged_marker_does_not_make_data_real(root, text):
    (root / FILE_NAME).write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(UserError, match="marks generated data but is damaged"):
        read_marker(root)


def test_a_marker_that_is_no_file_does_not_make_data_real_nor_block(root):
    (root / FILE_NAME).unlink()
    os.mkfifo(root / FILE_NAME)
    with pytest.raises(UserError, match="it is a named pipe, not a file"):
        read_marker(root)
