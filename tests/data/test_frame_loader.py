"""Labelled frames: seen through dilated windows, by arithmetic on rows that are stored once."""

from __future__ import annotations

import numpy as np
import pytest

from fusionbench.contract.dataset import Clip
from fusionbench.contract.window import Window
from fusionbench.data.frame_loader import FrameLoader, SequenceLoader
from fusionbench.data.store import StoreIndex

BLACK = {"x": np.array([-7.0], np.float32)}


def loader(window: Window, seed=None, batch_size=8, clips=("a", "b"), black=BLACK) -> FrameLoader:
    """Video a has 5 frames (values 1 to 5), b has 3 (6 to 8); frames 2 of a and 1 of b are not judged."""
    index = StoreIndex(
        (
            Clip("a", "", "train", "ann", labels=("x", "", "y", "y", "x")),
            Clip("b", "", "train", labels=("", "y", "x")),
        ),
        np.array([0, 5]),
        np.array([5, 3]),
    )
    array = np.arange(1, 9, dtype=np.float32)[:, None]
    return FrameLoader(index, {"x": array}, clips, ("y", "x"), window, batch_size, seed, black)


def sequences(seed=None, batch_size=2) -> SequenceLoader:
    """The same videos, and between them one of two frames of which none is judged."""
    index = StoreIndex(
        (
            Clip("a", "", "train", "ann", labels=("x", "", "y", "y", "x")),
            Clip("c", "", "train", "cid", labels=("", "z")),
            Clip("b", "", "train", labels=("", "y", "x")),
        ),
        np.array([0, 8, 5]),
        np.array([5, 2, 3]),
    )
    array = np.arange(1, 11, dtype=np.float32)[:, None]
    return SequenceLoader(index, {"x": array}, ("a", "c", "b"), ("y", "x"), batch_size, seed)


def test_whole_clips_whose_judged_frames_are_the_samples():
    (batch,) = sequences()
    assert batch.arrays["x"][..., 0].tolist() == [[1, 2, 3, 4, 5], [6, 7, 8, 0, 0]]
    assert batch.mask.sum(dim=1).tolist() == [5, 3]
    assert batch.ids == ("a/00001", "a/00003", "a/00004", "a/00005", "b/00002", "b/00003")
    assert batch.labels.tolist() == sequences().labels.tolist() == [1, 0, 0, 1, 0, 1]
    assert [tuple(place) for place in batch.judged.nonzero().tolist()] == [
        (0, 0), (0, 2), (0, 3), (0, 4), (1, 1), (1, 2)
    ]  # fmt: skip
    assert sequences().subjects == ("ann",) * 4 + (None,) * 2
    assert len(sequences(batch_size=1)) == 2


def test_whole_clips_are_shuffled_with_their_labels():
    said = {
        tuple(batch.ids): batch.labels.tolist()
        for seed in range(9)
        for batch in sequences(seed=seed, batch_size=1)
    }
    assert said == {
        ("a/00001", "a/00003", "a/00004", "a/00005"): [1, 0, 0, 1],
        ("b/00002", "b/00003"): [0, 1],
    }


def test_one_sample_comes_in_its_whole_clip():
    batch = sequences().only(5)
    assert batch.ids == ("b/00003",) and batch.labels.tolist() == [1]
    assert batch.arrays["x"][0, :, 0].tolist() == [6, 7, 8] and batch.judged.tolist() == [
        [False, False, True]
    ]


def seen(window: Window, **options) -> list[list[float]]:
    return [row for batch in loader(window, **options) for row in batch.arrays["x"][..., 0].tolist()]


def test_offsets_of_the_papers_window():
    assert Window().offsets().tolist() == [-12, -9, -6, -3, 0, 3, 6, 9]
    assert Window(window=5, dilation=2).offsets().tolist() == [-4, -2, 0, 2, 4]
    assert Window(window=8, dilation=6, placing="causal").offsets().tolist() == [
        -42 + 6 * k for k in range(8)
    ]


def test_samples_are_the_judged_frames_called_after_their_place():
    (batch,) = loader(Window(window=3, dilation=1))
    assert batch.ids == ("a/00001", "a/00003", "a/00004", "a/00005", "b/00002", "b/00003")
    assert batch.labels.tolist() == [1, 0, 0, 1, 0, 1]
    assert loader(Window()).subjects == ("ann",) * 4 + (None,) * 2


def test_a_window_never_reaches_into_another_clip():
    assert seen(Window(window=3, dilation=1)) == [
        [-7, 1, 2],
        [2, 3, 4],
        [3, 4, 5],
        [4, 5, -7],
        [6, 7, 8],
        [7, 8, -7],
    ]
    assert seen(Window(window=3, dilation=2, padding="repeat")) == [
        [1, 1, 3],
        [1, 3, 5],
        [2, 4, 5],
        [3, 5, 5],
        [6, 7, 8],
        [6, 8, 8],
    ]


def test_a_causal_window_ends_with_its_frame():
    assert seen(Window(window=3, dilation=2, placing="causal")) == [
        [-7, -7, 1],
        [-7, 1, 3],
        [-7, 2, 4],
        [1, 3, 5],
        [-7, -7, 7],
        [-7, 6, 8],
    ]


def test_images_are_padded_with_zero():
    assert seen(Window(window=2, dilation=4, placing="causal"), black=None)[0] == [0, 1]


def test_every_frame_of_a_window_is_real():
    (batch,) = loader(Window())
    assert batch.mask.shape == (6, 8) and batch.mask.all()
    assert loader(Window()).max_time == 8


def test_frames_of_other_classes_are_no_samples():
    index = StoreIndex((Clip("a", "", "train", labels=("x", "z", "y")),), np.array([0]), np.array([3]))
    one = FrameLoader(index, {}, ("a",), ("x", "y"), Window(), 4)
    assert [batch.ids for batch in one] == [("a/00001", "a/00003")]


def test_seed_and_epoch_shuffle_frames_of_all_clips():
    one = loader(Window(), seed=3, batch_size=2)
    first = [i for batch in one for i in batch.ids]
    one.epoch = 1
    second = [i for batch in one for i in batch.ids]
    assert first != second and sorted(first) == sorted(second)
    assert len(one) == 3


@pytest.mark.parametrize("wrong", [{"window": 0}, {"dilation": 0}, {"placing": "left"}, {"padding": "zero"}])
def test_windows_that_are_none_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Window(**wrong)


@pytest.mark.parametrize(("padding", "held"), [("repeat", True), ("black", False)])
def test_a_black_image_is_stored_unscaled_so_windows_padded_with_it_stay_on_disk(padding, held):
    one = loader(Window(window=3, dilation=1, padding=padding))
    one.hold({"x": np.arange(101, 109, dtype=np.float32)[:, None]})
    (batch,) = one
    assert batch.standardised is held
    assert batch.arrays["x"][1, :, 0].tolist() == ([102, 103, 104] if held else [2, 3, 4])
