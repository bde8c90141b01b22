"""Frames without a face: told in stretches, filled from the nearest."""

from __future__ import annotations

import numpy as np
import pytest

from fusionbench.data.prepared_store import FOUND, GAP
from fusionbench.prepare.gaps import Gaps, Treated, described, rest_of, sources

STATE = np.array([0, 1, 0, 0, 0, 1, 0], np.uint8)


def test_the_nearest_face_fills_a_gap_the_earlier_of_two():
    assert sources(STATE).tolist() == [1, 1, 1, 1, 5, 5, 5]


def test_stretches_of_one_reason_are_one_line():
    gaps = Gaps()
    for frame, reason in ((0, "dark"), (1, "dark"), (2, "covered"), (9, "covered")):
        gaps.add(frame, reason)
    assert gaps.stretches == [[0, 1, "dark"], [2, 2, "covered"], [9, 9, "covered"]]
    assert (
        described(gaps.stretches, most=2) == "frames 0 to 1 (dark), frame 2 (covered), and 1 more stretches"
    )


def arrays() -> dict[str, np.ndarray]:
    marks = np.full((7, 68, 2), np.nan, np.float32)
    marks[[1, 5]] = 0.5
    return {
        "state": STATE,
        "time": np.arange(7.0),
        "frames": np.arange(7, dtype=np.uint8),
        "landmarks": marks,
    }


def test_a_filled_frame_keeps_its_moment_and_says_that_it_is_filled():
    clip = Treated(arrays(), "nearest")
    rows = clip.rows(np.arange(7))
    assert rows["state"].tolist() == [2, 1, 2, 2, 2, 1, 2]
    assert rows["time"].tolist() == [0, 1, 2, 3, 4, 5, 6] and rows["frames"].tolist() == [1, 1, 1, 1, 5, 5, 5]
    assert clip.marked().tolist() == list(range(7))


def test_all_rows_come_once_in_blocks_also_of_mapped_arrays(tmp_path):
    np.save(tmp_path / "frames.npy", np.arange(7, dtype=np.uint8))
    mapped = {**arrays(), "frames": np.load(tmp_path / "frames.npy", mmap_mode="r")}
    blocks = list(Treated(mapped, "nearest").blocks(3))
    assert [block["frames"].tolist() for block in blocks] == [[1, 1, 1], [1, 5, 5], [5]]


def test_masked_rows_are_as_they_came():
    clip = Treated(arrays(), "mask")
    rows = clip.rows(np.array([0, 5]))
    assert rows["state"].tolist() == [0, 1] and rows["frames"].tolist() == [0, 5]
    assert clip.marked().tolist() == [1, 5]


def test_the_rest_of_a_clip_is_the_median_of_its_mesh_where_there_is_a_face():
    mesh = np.full((5, 468, 3), np.nan, np.float32)
    for frame, value in ((0, 0.1), (2, 0.5), (3, 0.2)):
        mesh[frame] = value
    mesh[3, 467, 2] = 0.9
    rest = rest_of(mesh)
    assert rest.shape == (468, 3) and rest.dtype == np.float32
    assert rest[0].tolist() == pytest.approx([0.2] * 3)
    assert rest[467].tolist() == pytest.approx([0.2, 0.2, 0.5])


def test_every_row_has_the_rest_filled_gaps_do_not_weigh():
    state = np.array([FOUND, GAP, GAP, FOUND, FOUND], np.uint8)
    mesh = np.full((5, 468, 3), np.nan, np.float32)
    mesh[[0, 3, 4]] = np.array([0.1, 0.2, 0.9])[:, None, None]
    arrays = {
        "state": state,
        "mesh": mesh,
        "landmarks": np.full((5, 68, 2), np.nan),
        "time": np.arange(5.0),
    }
    for policy in ("mask", "nearest"):
        rows = Treated(arrays, policy).rows(np.arange(5))
        assert rows["rest"][:, 0, 0].tolist() == pytest.approx([0.2] * 5)
