"""Stream stores: features of any origin, checked as they come, complete or absent."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import torch

import fusionbench as fb
from fusionbench.data.loader import ClipLoader
from fusionbench.data.stream_store import noted, train_labels
from fusionbench.learn.front_end import stream_statistics


def clip(number: int, **changed) -> dict:
    """Clip ``number``: 3 + number frames that hold 1 + number; two clips to train on, then report."""
    time = 3 + number
    made = {
        "id": f"c{number}",
        "label": ("left", "right")[number % 2],
        "split": "train" if number < 2 else "report",
        "streams": {
            "text": np.full((time, 2), 1 + number, np.float64),
            "audio": np.full((time, 5), -1 - number, np.float32),
        },
    }
    return {**made, **changed}


def test_what_is_read_is_what_was_written(tmp_path):
    fb.write_stream_store(tmp_path / "s", (clip(n, subject=f"p{n}") for n in range(3)))
    store = fb.open_stream_store(tmp_path / "s")
    assert list(store.arrays) == ["text", "audio"]  # the first clip's order, not the alphabet's
    assert store.arrays["text"].shape == (3 + 4 + 5, 2) and store.arrays["text"].dtype == np.float32
    assert store.arrays["audio"][3:7].tolist() == [[-2.0] * 5] * 4
    assert store.index.rows.tolist() == [3, 4, 5]
    assert [(c.label, c.split, c.subject) for c in store.index.clips] == [
        ("left", "train", "p0"),
        ("right", "train", "p1"),
        ("left", "report", "p2"),
    ]
    assert not store.stand_in


def test_generated_features_say_so(tmp_path):
    fb.write_stream_store(tmp_path / "s", map(clip, range(3)), stand_in=True)
    assert fb.open_stream_store(tmp_path / "s").stand_in


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        *((name, "selection") for name in ("selection", "val", "valid", "validation", "dev", "devel")),
        *((name, name) for name in ("train", "report", "test", "test2", "test-seen", "test_unseen")),
        (np.str_("valid"), "selection"),
        (b"test", "test"),
    ],
)
def test_splits_keep_their_names_but_for_those_that_choose_the_epoch(tmp_path, given, stored):
    fb.write_stream_store(tmp_path / "s", [clip(0), clip(1), clip(2, split=given)])
    assert fb.open_stream_store(tmp_path / "s").index.clips[2].split == stored


def test_numbers_lists_and_whole_number_names_are_taken(tmp_path):
    streams = {"text": [[1, 2], [3, 4]], "audio": [[1] * 5, [2] * 5]}
    fb.write_stream_store(
        tmp_path / "s", [clip(0), clip(1), clip(2, id=7, subject=np.int64(3), streams=streams)]
    )
    store = fb.open_stream_store(tmp_path / "s")
    assert (store.index.clips[2].id, store.index.clips[2].subject) == ("7", "3")
    assert store.arrays["text"][-2:].tolist() == [[1, 2], [3, 4]]


def streams(text=None, audio=None) -> dict:
    good = clip(2)["streams"]
    return {
        "text": good["text"] if text is None else text,
        "audio": good["audio"] if audio is None else audio,
    }


HOLE = np.zeros((5, 2))
HOLE[3, 1] = np.nan


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"streams": streams(HOLE)}, r"clip 'c2', stream 'text' is NaN .* in 1 of 5 .* frame 3"),
        ({"streams": streams(np.full((5, 2), 1e300))}, "stream 'text' is NaN or infinite in 5 of 5 frames"),
        ({"streams": streams([[1, 2], [3]])}, "stream 'text' is ragged"),
        ({"streams": streams(np.zeros((4, 2)))}, r"streams differ in length: \{'text': 4, 'audio': 5\}"),
        ({"streams": streams(np.zeros((5, 3)))}, r"\{'text': 3, 'audio': 5\} .* \{'text': 2, 'audio': 5\}"),
        ({"streams": {"text": np.zeros((5, 2))}}, "Every clip needs the same streams"),
        ({"streams": streams(np.zeros(5))}, r"has shape \(5,\); expected \(time, dim\).* Give x\[None\] if"),
        ({"streams": streams(np.ma.masked_equal(np.eye(5, 2), 1))}, "NaN or infinite in 2 of 5 frames"),
        ({"streams": streams(np.zeros((0, 2)))}, r"has shape \(0, 2\)"),
        ({"streams": streams([["a", "b"]] * 5)}, "not numbers"),
        ({"streams": {"a.b": np.zeros((5, 2))}}, "a stream is named 'a.b'"),
        ({"streams": {}}, "give at least one"),
        ({"id": "c0"}, "clip id 'c0' came twice"),
        ({"id": ""}, "id is ''"),
        ({"split": "fold1"}, r"clip 'c2': unknown split 'fold1'\. Give train \(trained on\); selection"),
        ({"split": "tran"}, "unknown split 'tran'. Did you mean 'train'?"),
        ({"split": "detest"}, "unknown split 'detest'. Did you mean 'test'?"),
        ({"split": ["train"]}, "unknown split"),
        ({"label": "up"}, "label 'up' is never seen in train .* Labels of the training clips: left, right"),
        ({"label": "up", "split": "val"}, r"label 'up' is never seen in train \(1 clip\(s\) of selection"),
        ({"label": 0.5}, "label is 0.5; .*whole number. A value to regress on has to be cut into classes"),
        ({"label": b"\xff"}, "which is not UTF-8"),
        ({"subjekt": "x"}, "unknown key 'subjekt'. Did you mean 'subject'?"),
    ],
)  # fmt: skip
def test_a_malformed_clip_is_named_and_nothing_is_left_behind(tmp_path, changed, message):
    with pytest.raises(fb.UserError, match=message):
        fb.write_stream_store(tmp_path / "s", [clip(0), clip(1), clip(2, **changed)])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("clips", "message"),
    [
        ([], "no clip has split train"),
        (["c0"], "clip number 1 is a str; give a mapping with id, label, split, streams"),
        ([{"id": "c0", "split": "train"}], "clip number 1 lacks label, streams; it has id, split"),
        ([clip(0), clip(2)], "all clips are 'left'; give clips of at least two classes"),
    ],
)
def test_what_is_no_set_of_clips_is_refused(tmp_path, clips, message):
    with pytest.raises(fb.UserError, match=message):
        fb.write_stream_store(tmp_path / "s", clips)
    assert list(tmp_path.iterdir()) == []


def test_clips_to_train_on_alone_may_be_written(tmp_path):
    fb.write_stream_store(tmp_path / "s", [clip(0), clip(1), clip(2, split="train")])
    assert {c.split for c in fb.open_stream_store(tmp_path / "s").index.clips} == {"train"}


def test_classes_that_are_numbers_are_sorted_as_numbers(tmp_path):
    labels = ["10", 2, 2.0, np.float32(-1), b"1.5", torch.tensor(3)]
    rng = np.random.default_rng(0)
    clips = [
        clip(n, label=label, split="train", streams={"a": rng.normal(size=(2, 1))})
        for n, label in enumerate(labels)
    ]
    fb.write_stream_store(tmp_path / "s", clips)
    assert train_labels(fb.open_stream_store(tmp_path / "s")) == ("-1", "1.5", "2", "3", "10")


@pytest.mark.parametrize(
    "give",
    [
        lambda values: torch.tensor(values, requires_grad=True),
        lambda values: torch.tensor(values).bfloat16(),
        lambda values: torch.tensor(values).half(),
        lambda values: list(torch.tensor(values, requires_grad=True)),
        lambda values: np.array(values).astype(">f8"),
    ],
    ids=["with a gradient", "bfloat16", "float16", "a list of tensors", "big-endian"],
)
def test_tensors_are_read_wherever_they_come_from(tmp_path, give):
    values = [[0.5, -2.0], [1.0, 0.25]]  # held by every type above
    fb.write_stream_store(
        tmp_path / "s", [clip(n, streams={"text": give(values), "audio": np.eye(2) + n}) for n in range(3)]
    )
    assert fb.open_stream_store(tmp_path / "s").arrays["text"][2:4].tolist() == values


def test_a_store_is_replaced_only_by_a_whole_one(tmp_path):
    fb.write_stream_store(tmp_path / "s", map(clip, range(3)))
    before = fb.open_stream_store(tmp_path / "s").content_hash
    with pytest.raises(fb.UserError, match="came twice"):
        fb.write_stream_store(tmp_path / "s", [clip(0), clip(0)])
    assert fb.open_stream_store(tmp_path / "s").content_hash == before
    fb.write_stream_store(tmp_path / "s", map(clip, range(4)))
    assert len(fb.open_stream_store(tmp_path / "s").index.clips) == 4


def test_a_folder_of_something_else_is_never_touched(tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.tex").write_text("years of work")
    with pytest.raises(fb.UserError, match=r"exists and is no stream store\. Nothing was written"):
        fb.write_stream_store(tmp_path / "thesis", map(clip, range(3)))
    assert (tmp_path / "thesis" / "chapter1.tex").read_text() == "years of work"


def test_neither_writing_nor_reading_holds_more_than_a_few_clips(tmp_path):
    """64 clips of 1 MB each, in batches of 4; numpy's arrays are traced."""

    def clips():
        for number in range(64):
            split = "train" if number < 60 else "report"
            video = np.full((256, 1024), number, np.float32)
            yield clip(number, split=split, streams={"video": video + np.float32(1)})

    tracemalloc.start()
    fb.write_stream_store(tmp_path / "s", clips())
    store = fb.open_stream_store(tmp_path / "s")
    ids = [c.id for c in store.index.clips if c.split == "train"]
    for batch in ClipLoader(store.index, store.arrays, ids, ("left", "right"), None, batch_size=4, seed=0):
        assert batch.arrays["video"].shape == (4, 256, 1024)
    stream_statistics(store.index, store.arrays, ids)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (tmp_path / "s" / "video.npy").stat().st_size > 64e6
    assert peak < 16e6


def varied(count: int = 40, time: int = 20, dim: int = 3, split=lambda k: "train" if k % 4 else "test"):
    """Clips of noise, with nothing wrong about them."""
    rng = np.random.default_rng(0)
    for number in range(count):
        streams = {"a": rng.normal(size=(time, dim)), "b": rng.normal(size=(time, 2))}
        yield clip(number, split=split(number), label="np"[number // 2 % 2], streams=streams)


def changed(change, **options):
    """Clips of noise to which ``change(number, clip)`` does something."""
    for made in varied(**options):
        change(int(made["id"][1:]), made)
        yield made


def test_sound_clips_are_written_without_a_word(tmp_path):
    fb.write_stream_store(tmp_path / "s", varied())  # a warning would be an error
    assert noted(fb.open_stream_store(tmp_path / "s")) == []


def test_what_is_damaged_is_told_where_the_user_wrote_it(tmp_path):
    def infinity(number, made):
        if number == 7:
            made["streams"]["a"][3, 2] = np.nan_to_num(np.float32(np.inf))

    with pytest.warns(
        fb.DataWarning, match=r"stream 'a', channel 2: 1 of 800 frames .* clip 'c7', frame 3"
    ) as told:
        fb.write_stream_store(tmp_path / "s", changed(infinity))
    assert [warning.filename for warning in told] == [__file__]


def test_blanks_around_labels_and_subjects_are_left_out_and_told(tmp_path):
    def blanks(number, made):
        made |= {"label": ("left ", "right", "left")[number % 3], "subject": f" p{number % 2}\t"}

    with pytest.warns(fb.DataWarning) as told:
        fb.write_stream_store(tmp_path / "s", changed(blanks))
    store = fb.open_stream_store(tmp_path / "s")
    assert {c.label for c in store.index.clips} == {"left", "right"}
    assert {c.subject for c in store.index.clips} == {"p0", "p1"}
    messages = [
        "14 clip(s) had blanks around their label, which were left out: 'left '.",
        "40 clip(s) had blanks around their subject, which were left out: ' p0\\t', ' p1\\t'.",
    ]
    assert [str(warning.message) for warning in told] == messages == [note.message for note in noted(store)]


def test_labels_that_differ_by_case_stay_apart_and_are_told(tmp_path):
    def case(number, made):
        made["label"] = ("happy", "sad", "Happy")[number % 3]

    with pytest.warns(
        fb.DataWarning, match="labels that differ only .* 'Happy' and 'happy'. If they are one"
    ):
        fb.write_stream_store(tmp_path / "s", changed(case))
    assert train_labels(fb.open_stream_store(tmp_path / "s")) == ("Happy", "happy", "sad")


def test_seconds_since_1970_do_not_fit_into_float32_which_is_told_and_kept(tmp_path):
    def clock(number, made):
        made["streams"]["b"][:, 1] = 1.7e9 + 86400 * number + 0.04 * np.arange(20)

    with pytest.warns(
        fb.DataWarning, match=r"'b': float32 cannot hold the course of channel\(s\) 1 in 40 clip"
    ):
        fb.write_stream_store(tmp_path / "s", changed(clock))
    (note,) = noted(fb.open_stream_store(tmp_path / "s"))
    assert note.kind == "rounding" and note.wrong
    assert "the first 'c0'" in note.message and "vary by 0.76, where float32 has steps of 128" in note.message

    def centred(number, made):
        clock(number, made)
        made["streams"]["b"][:, 1] -= made["streams"]["b"][0, 1]

    fb.write_stream_store(tmp_path / "s", changed(centred))


@pytest.mark.parametrize("unit", [1e-30, 1e-12, 1e-7, 1.0, 1e6, 1e30])
def test_no_unit_is_too_small_or_too_large(tmp_path, unit):
    def scale(number, made):
        made["streams"] = {name: unit * stream for name, stream in made["streams"].items()}

    fb.write_stream_store(tmp_path / "s", changed(scale))


def test_padding_is_told_and_cut_on_request(tmp_path):
    def pad(number, made):
        made["streams"] = {
            name: np.vstack(
                [np.zeros((30, stream.shape[1])), stream, np.zeros((number % 2, stream.shape[1]))]
            )
            for name, stream in made["streams"].items()
        }

    padded, cut = tmp_path / "padded", tmp_path / "cut"
    with pytest.warns(
        fb.DataWarning, match=r"1,220 of 2,020 frames \(60 %\), at the ends of 40 of 40 clips, are"
    ):
        fb.write_stream_store(padded, changed(pad))
    fb.write_stream_store(cut, changed(pad), cut_padding=True)
    fb.write_stream_store(tmp_path / "never", varied())
    whole = fb.open_stream_store(tmp_path / "never")
    assert (
        fb.open_stream_store(cut).content_hash
        == whole.content_hash
        != fb.open_stream_store(padded).content_hash
    )
    (note,) = noted(fb.open_stream_store(cut))
    assert note.message == "1,220 frame(s) of zeros were cut off the ends of 40 clip(s)." and not note.wrong


def test_a_clip_of_nothing_but_padding_cannot_be_cut(tmp_path):
    nothing = {"text": np.zeros((5, 2)), "audio": np.zeros((5, 5))}
    with pytest.raises(fb.UserError, match="clip 'c2' is zero in every stream throughout"):
        fb.write_stream_store(tmp_path / "s", [clip(0), clip(1), clip(2, streams=nothing)], cut_padding=True)
