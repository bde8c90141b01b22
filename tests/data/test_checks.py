"""What looks wrong in streams is found, named by channel, clip and frame; what is sound is not."""

from __future__ import annotations

import numpy as np
import pytest

from fusionbench.contract.dataset import Clip
from fusionbench.data.checks import check_names, check_streams
from fusionbench.data.findings import Finding
from fusionbench.data.labels import alike, in_order
from fusionbench.data.store import StoreIndex
from fusionbench.data.survey import survey, zero_ends


def clips_of(clips: list[np.ndarray], train: int | None = None) -> tuple[StoreIndex, dict[str, np.ndarray]]:
    """A store of one stream; the first ``train`` clips (else three quarters) are trained on."""
    rows = np.array([len(clip) for clip in clips])
    train = len(clips) * 3 // 4 if train is None else train
    entries = tuple(Clip(f"c{k}", "x", "train" if k < train else "test") for k in range(len(clips)))
    index = StoreIndex(entries, np.cumsum(rows) - rows, rows)
    return index, {"a": np.concatenate(clips).astype(np.float32)}


def found(clips: list[np.ndarray], kind: str = "", **options) -> list[Finding]:
    return [f for f in check_streams(*clips_of(clips, **options)) if kind in ("", f.kind)]


def noise(count: int = 40, time: int = 20, dim: int = 6) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    return [rng.normal(size=(time, dim)) for _ in range(count)]


UNITS = [1e-30, 1e-12, 5e-7, 1.0, 1e6, 1e18]


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("count", [2, 5, 40])
def test_noise_is_sound_in_any_unit_and_any_number(unit, count):
    assert found([unit * clip for clip in noise(count)]) == []


@pytest.mark.parametrize(
    ("unit", "value"), [(1, np.finfo(np.float32).max), (1, -1e30), (1, 500), (1e-12, 1e6), (1e-12, 500)]
)
def test_one_frame_that_holds_the_variance_is_named(unit, value):
    clips = [unit * clip for clip in noise()]
    clips[7][3, 2] = unit * value
    (finding,) = found(clips)
    assert finding.kind == "outlier" and finding.wrong
    assert "stream 'a', channel 2: 1 of 800 frames holds 100 % of its variance" in finding.message
    assert "the first in clip 'c7', frame 3" in finding.message and "Likewise" not in finding.message


def test_several_infinities_hide_behind_each_other_and_are_found_nevertheless():
    clips = noise()
    for place in (5, 9, 30):
        clips[place][4, :2] = 3e38
    (finding,) = found(clips)
    assert (
        "channel 0: 3 of 800 frames hold 100 %" in finding.message and "clip 'c5', frame 4" in finding.message
    )
    assert "Likewise 1 other channel(s) of 6: 1." in finding.message


def test_a_clip_in_another_unit_is_found():
    clips = noise()
    clips[11] *= 1000
    (finding,) = found(clips)
    assert "frames hold 100 %" in finding.message and "clip 'c11'" in finding.message and finding.wrong


def test_a_damaged_first_frame_does_not_hide_what_it_does():
    clips = noise()
    clips[0][0] = 1e20
    (finding,) = found(clips)
    assert "clip 'c0', frame 0: 1e+20" in finding.message and "5 other channel(s)" in finding.message


def test_frames_that_are_merely_far_out_are_sound():
    """Student's t with 3 degrees of freedom: one in a thousand lies 10 half-widths out."""
    rng = np.random.default_rng(0)
    assert found([rng.standard_t(3, size=(20, 6)) for _ in range(200)]) == []


@pytest.mark.parametrize("count", [3, 8])
def test_few_frames_prove_nothing(count):
    clips = [np.full((1, 2), float(k)) for k in range(count)]
    clips[0] += 100
    assert found(clips) == []


def test_indicators_that_are_seldom_on_are_no_damage():
    """A bag of words: each of 40 channels is 1 in one clip only."""
    clips = [np.repeat(np.eye(40)[[k]], 5, axis=0) for k in range(40)]
    assert not any(finding.wrong for finding in found(clips, train=40))


def test_what_does_not_vary_is_counted_and_a_whole_stream_of_it_is_wrong():
    clips = noise()
    for clip in clips:
        clip[:, [1, 4]] = 0.1
    (finding,) = found(clips)
    assert finding.kind == "constant" and not finding.wrong
    assert finding.message.startswith("stream 'a': 2 of 6 channels (1, 4) are constant.")
    (whole,) = found([np.full((4, 3), 7.0)] * 6, "constant")
    assert whole.message.startswith("stream 'a' is constant.") and whole.wrong


def test_what_does_not_vary_in_training_alone_is_told():
    clips = noise(8)
    for clip in clips[:6]:
        clip[:, 3] = 2.0
    (finding,) = found(clips, "constant", train=6)
    assert "channel 3 of 6 is constant in the training clips, though not in the others" in finding.message


def test_a_channel_too_far_from_zero_for_float32_is_wrong():
    clips = noise()
    for number, clip in enumerate(clips):
        clip[:, 5] = 1.7e9 + 128 * (number % 3)
    (finding,) = found(clips)
    assert finding.kind == "coarse" and finding.wrong
    assert "channel 5 lies between 1700000000 and 1700000256, 2 step(s) apart" in finding.message


def test_zeros_at_the_ends_are_padding_zeros_within_are_not():
    padded = [np.vstack([clip, np.zeros((10, 6))]) for clip in noise()]
    (finding,) = found(padded)
    assert finding.kind == "padding" and not finding.wrong
    assert "400 of 1,200 frames (33 %), at the ends of 40 of 40 clips, are zero" in finding.message
    assert "cut_padding=True" in finding.message
    within = [np.vstack([clip, np.zeros((10, 6)), clip]) for clip in noise()]
    assert found(within) == []


def test_frames_held_at_the_ends_are_told_a_still_clip_is_not():
    held = [np.vstack([clip, np.repeat(clip[-1:], 10, axis=0)]) for clip in noise()]
    (finding,) = found(held)
    assert finding.kind == "repeated" and "400 of 1,200 frames (33 %)" in finding.message
    assert found([np.repeat(clip[:1], 10, axis=0) for clip in noise()]) == []


def test_silence_in_one_stream_is_told_of_that_stream():
    index, arrays = clips_of(noise())
    video = arrays["a"][:, :2].copy()
    for place in range(20):
        video[20 * place : 20 * place + 8] = 0
    (finding,) = check_streams(index, {**arrays, "video": video})
    assert finding.kind == "zero stream"
    assert "stream 'video': 160 of 800 frames (20 %), at the ends of 20 of 40 clips" in finding.message


def test_clips_without_anything_are_named():
    clips = noise()
    clips[3][:] = clips[8][:] = 0
    (finding,) = found(clips, "silent")
    assert finding.message == "2 clip(s) are zero in every stream throughout: c3, c8."


def test_equal_contents_in_two_splits_are_wrong_within_one_they_are_not():
    clips = noise()
    clips[5] = clips[6].copy()
    assert found(clips) == []
    clips[35] = clips[6].copy()
    (finding,) = found(clips)
    assert finding.wrong and "1 clip(s) of one split hold the same numbers" in finding.message
    assert "'c5' (train) and 'c35' (test)" in finding.message
    clips[35][7, 3] += 1e-3
    assert found(clips) == []


@pytest.mark.parametrize(
    ("stream", "ends"),
    [([0, 0, 1, 0], (2, 1)), ([1, 0, 1], (0, 0)), ([0, 0], (2, 2)), ([5], (0, 0)), ([0], (1, 1))],
)
def test_zero_ends(stream, ends):
    assert zero_ends(np.array(stream, dtype=np.float32)[:, None]) == ends
    assert zero_ends(np.stack([stream, np.zeros(len(stream))], axis=1)) == ends


def test_a_survey_counts_what_it_saw():
    clips = noise(5)
    seen = survey(*clips_of(clips, train=3))
    assert (seen.clips, seen.frames, seen.longest) == (5, 100, 20)
    everything, trained = np.concatenate(clips), np.concatenate(clips[:3])
    assert seen.all["a"].low.tolist() == everything.astype(np.float32).min(0).tolist()
    assert seen.train["a"].high.tolist() == trained.astype(np.float32).max(0).tolist()


def test_numbers_are_sorted_as_numbers_and_only_they():
    assert in_order(map(str, range(11))) == tuple(str(k) for k in range(11))
    assert in_order(["10", "-1.5", "2", "1.5"]) == ("-1.5", "1.5", "2", "10")
    assert in_order(["10", "2", "none"]) == ("10", "2", "none")
    assert in_order(["1_0", "9"]) == ("1_0", "9") and in_order(["nan", "3"]) == ("3", "nan")


def test_names_that_only_look_different_are_grouped():
    names = ["happy", "Happy", "sad", "1", "1.0", "01", "caf\u00e9", "cafe\u0301", "p 1", "P1"]
    assert alike(names) == [
        ("01", "1", "1.0"),
        ("Happy", "happy"),
        ("P1", "p 1"),
        ("cafe\u0301", "caf\u00e9"),
    ]
    clips = [Clip("a", "x", "train", "P1"), Clip("b", "y", "test", "p1")]
    (finding,) = check_names(clips)
    assert finding.kind == "subjects" and "'P1' and 'p1'" in finding.message
