"""A generated clip depends on its key alone: not on order, not on the process, not on the split."""

import multiprocessing

import numpy as np

from fusionbench.standin.clips import clip, film, practice
from fusionbench.standin.identity import draw_identity

KEY = ("Happy", "train", 4, 0, 11)


def bytes_of(key: tuple[str, str, int, int, int]) -> bytes:
    made = clip(*key)
    return made.frames.tobytes() + made.landmarks.tobytes()


def test_same_bytes_after_other_clips_and_in_another_process():
    first = bytes_of(KEY)
    clip("Sad", "train", 5, 1, 11)
    assert bytes_of(KEY) == first
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(bytes_of, (KEY,)) == first


def test_every_part_of_the_key_but_the_split_matters():
    first = bytes_of(KEY)
    assert bytes_of(("Happy", "report", 4, 0, 11)) == first
    assert bytes_of(("happiness", "train", 4, 0, 11)) == first
    for other in [("Sad", "train", 4, 0, 11), ("Happy", "train", 5, 0, 11), ("Happy", "train", 4, 1, 11)]:
        assert bytes_of(other) != first
    assert bytes_of(("Happy", "train", 4, 0, 12)) != first


def test_what_a_clip_is():
    made = clip(*KEY)
    assert (made.id, made.label, made.split, made.subject) == ("004-Happy-0", "Happy", "train", "004")
    assert made.frames.dtype == np.uint8 and made.frames.shape[1:] == (96, 96, 3)
    assert made.landmarks.shape == (len(made.frames), 68, 2)
    assert made.landmarks.min() > -10 and made.landmarks.max() < 106


def test_footage_knows_its_action_units():
    shot = film("Happy", subject=4, k=0, seed=11)
    assert shot.units.shape == (len(shot.frames), 14, 2)
    assert shot.active.shape == (len(shot.frames),)


def test_people_of_pre_training_are_in_no_stand_in():
    skins = {
        (population, number, seed): draw_identity(population, number, seed).skin.tobytes()
        for population in ("subjects", "practice")
        for number in range(50)
        for seed in (0, 1)
    }
    assert len(set(skins.values())) == len(skins)


def test_practice_plays_no_expression():
    shot = practice(person=3, count=24, seed=11)
    assert shot.frames.shape == (24, 96, 96, 3) and not shot.active.any()
    present = (shot.units > 0).mean(axis=(0, 2))
    assert (present > 0).all() and (present < 0.8).all()
