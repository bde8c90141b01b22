"""Each format, from a file as its public writer writes it: clips, labels, parts, and what is refused."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fusionbench as fb
from fusionbench.catalog.plugins import collect
from tests.plugins import writers as w


def read(name: str, source: Path, **options: Any) -> tuple[fb.Contents, dict[str, fb.SourceClip]]:
    cls = collect().get("importer", name).cls
    contents = cls(cls.Config(**options)).read(source)
    return contents, {clip.id: clip for clip in contents.clips}


def refused(name: str, source: Path, message: str, **options: Any) -> None:
    with pytest.raises(fb.UserError, match=message):
        read(name, source, **options)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_mmsa(tmp_path, protocol):
    parts = w.mmsa_parts()
    contents, clips = read("mmsa", w.write_mmsa(tmp_path / "aligned.pkl", parts, protocol))
    assert contents.total == 16 and contents.padded
    assert list(contents.labels) == ["annotations", "regression_labels", "regression_labels_T"]
    assert "not read: raw_text, text_bert, audio_lengths, vision_lengths." in contents.seen
    clip = clips["selection/valid1$_$0"]
    assert (clip.split, clip.subject) == ("selection", "valid1")
    assert clip.labels == {"annotations": "Negative", "regression_labels": -0.4, "regression_labels_T": -1.6}
    assert list(clip.streams) == ["text", "audio", "vision"]
    assert np.array_equal(clip.streams["audio"], parts["valid"]["audio"][2])


def changed(parts: dict[str, dict[str, Any]], **values: Any) -> dict[str, dict[str, Any]]:
    """The parts with other arrays in test; None takes one away."""
    test = {name: value for name, value in {**parts["test"], **values}.items() if value is not None}
    return {**parts, "test": test}


def test_mmsa_streams_can_be_chosen_but_not_token_ids(tmp_path):
    path = w.write_mmsa(tmp_path / "a.pkl")
    _, clips = read("mmsa", path, streams={"words": "text", "face": "vision"})
    assert {n: v.shape for n, v in next(iter(clips.values())).streams.items()} == {
        "words": (6, 5),
        "face": (6, 2),
    }
    refused("mmsa", path, "holds token ids, which are no features", streams={"t": "text_bert"})
    refused("mmsa", path, "has no 'txt'. It has raw_text, audio", streams={"t": "txt"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: [d], "holds a list, not parts of clips"),
        (lambda d: {**d, "holdout": d["test"]}, "'holdout' is no split"),
        (lambda d: changed(d, id=d["test"]["id"][1:]), "different numbers of clips.*'id': 3"),
        (lambda d: changed(d, audio=["x"]), "test: 'audio' is list; expected numbers"),
        (lambda d: changed(d, audio=None), "test has no 'audio'"),
    ],
)  # fmt: skip
def test_mmsa_refuses_what_is_not_its_form(tmp_path, change, message):
    refused("mmsa", w.write_mmsa(tmp_path / "a.pkl", change(w.mmsa_parts())), message)


def test_ids_that_are_not_there_or_come_twice_are_made(tmp_path):
    parts = w.mmsa_parts()
    del parts["train"]["id"]
    parts["test"]["id"][1] = parts["test"]["id"][0]
    contents, clips = read("mmsa", w.write_mmsa(tmp_path / "a.pkl", parts))
    assert {"train/00000", "test/test0$_$0", "test/test0$_$0#2"} <= set(clips)
    assert any("1 part(s) name no clip" in said for said in contents.seen)
    assert any("1 id(s) come twice" in said for said in contents.seen)


def test_multibench_as_python_2_pickled_it(tmp_path):
    contents, clips = read("multibench", w.write_multibench(tmp_path / "mosi_raw.pkl"))
    clip = clips["train/train1[1.5-4.0]"]
    assert (clip.subject, clip.labels["labels"]) == ("train1", pytest.approx(-1.6))
    assert {n: v.shape for n, v in clip.streams.items()} == {
        "text": (6, 5),
        "audio": (6, 3),
        "vision": (6, 4),
    }
    assert contents.padded and contents.scale == "labels"


def test_csd_segments_keep_the_clock_of_each_stream(tmp_path):
    pytest.importorskip("h5py")
    contents, clips = read("csd", w.write_csds(tmp_path / "mosi"))
    assert list(contents.labels) == ["sentiment", "happy"] and len(clips) == 8
    clip = clips["video1[0]"]
    assert (clip.subject, clip.split) == ("video1", None)
    assert clip.labels["sentiment"] == pytest.approx(1.2)
    assert clip.streams["words"].tolist() == [[2, 1, 1, 1], [1, 2, 1, 1]]
    assert clip.intervals["words"].tolist() == [[0, 0.5], [0.5, 1.5]]
    assert clip.streams["audio"].ravel().tolist() == [0, 1, 2, 3, 4, 5]


def test_csd_clips_without_a_frame_are_left_out(tmp_path):
    pytest.importorskip("h5py")
    folder = w.write_csds(tmp_path / "mosi")
    w.write_csd(folder / "audio.csd", "audio", {"video0": (np.ones((1, 1)), [[0, 9]])})
    contents, clips = read("csd", folder)
    assert set(clips) == {"video0[0]", "video0[1]"} and len(contents.left_out) == 6
    assert contents.left_out[0] == fb.Problem("video1[0]", "audio has no frame of it")


def test_csd_says_what_to_install(tmp_path, monkeypatch):
    import sys

    pytest.importorskip("h5py")
    folder = w.write_csds(tmp_path / "mosi")
    monkeypatch.setitem(sys.modules, "h5py", None)
    refused("csd", folder, r"pip install 'fusionbench\[exchange\]'")


def test_csd_never_follows_a_link_to_another_file(tmp_path):
    h5py = pytest.importorskip("h5py")
    folder = w.write_csds(tmp_path / "mosi")
    with h5py.File(folder / "linked.csd", "w") as file:
        file["stolen"] = h5py.ExternalLink(str(folder / "words.csd"), "words")
    refused("csd", folder, r"linked\.csd: its roots are \[\]", streams={"x": "linked.csd"})


def test_merbench_reads_vectors_sequences_and_a_frame_a_file(tmp_path):
    contents, clips = read("merbench", w.write_merbench(tmp_path / "mer"))
    assert list(contents.labels) == ["emo", "val"] and len(contents.files) == 1 + 3 * 8
    clip = clips["sample_00000006"]
    assert clip.split == "test1" and clip.labels == {"emo": "happy", "val": None}
    assert {n: v.shape for n, v in clip.streams.items()} == {
        "bert-UTT": (1, 3),
        "clip-UTT": (1, 2),
        "hubert-UTT": (1, 4),
    }


def test_merbench_leaves_out_what_has_no_features_and_refuses_hostile_labels(tmp_path):
    folder = w.write_merbench(tmp_path / "mer")
    (folder / "features" / "bert-UTT" / "sample_00000002.npy").unlink()
    contents, clips = read("merbench", folder)
    assert len(clips) == 7 and contents.left_out == [
        fb.Problem("sample_00000002", "bert-UTT has no features of it")
    ]
    np.savez(folder / "label-6way.npz", train_corpus=np.array({"../../secret": {"emo": "x"}}, object))
    refused("merbench", folder, "named like a path")
    np.savez(folder / "label-6way.npz", train_corpus=np.array(Path.touch, object))
    refused("merbench", folder, r"array 'train_corpus': a pickle that would import")


def test_openface_failed_and_skipped_frames_are_missing(tmp_path):
    path = w.write_openface(tmp_path / "a.csv", w.openface_rows([2, 3, 5], failed=[3]))
    contents, clips = read("openface", path)
    au = clips["a"].streams["au"]
    assert au.shape == (4, 2) and np.isnan(au[[1, 2]]).all()
    assert au[[0, 3]] == pytest.approx(np.array([[0.2, 0.4], [0.5, 1.0]]))
    assert clips["a"].streams["pose"][0].tolist() == [2.5, 0.4]
    assert contents.seen == ["no face in 1, no row for 1 of 4 frames: these are missing."]


def test_openface_reads_both_headers_and_the_most_frequent_face(tmp_path):
    old = w.OPENFACE.replace("face_id,", "").replace(",", ", ")
    rows = [",".join(row.split(",")[:1] + row.split(",")[2:]) for row in w.openface_rows([1, 2])]
    _, clips = read("openface", w.write_openface(tmp_path / "old.csv", rows, old))
    assert clips["old"].streams["gaze"].tolist() == [[0.1, 0.2]] * 2
    both = [*w.openface_rows([1, 2, 3], face=4), *w.openface_rows([2], face=7)]
    contents, clips = read("openface", w.write_openface(tmp_path / "two.csv", both))
    assert (
        clips["two"].streams["au"].shape == (3, 2) and "not read: 1 rows of other faces" in contents.seen[1]
    )


def test_openface_takes_folders_as_labels_and_columns_as_streams(tmp_path):
    folder = w.write_openfaces(tmp_path / "set")
    contents, clips = read("openface", folder, streams={"tx": "pose_T*"})
    assert list(contents.labels) == ["folder"] and clips["glad/clip0"].labels == {"folder": "glad"}
    assert clips["glad/clip0"].streams["tx"].shape == (8, 1)
    refused(
        "openface",
        folder,
        r"csv: --stream landmarks=x_\*: no column is called 'x_\*'",
        streams={"landmarks": "x_*"},
    )
    refused(
        "openface", w.write_openface(tmp_path / "b.csv", w.openface_rows([3, 2])), "frame numbers do not rise"
    )


def test_opensmile_joins_files_by_name(tmp_path):
    contents, clips = read("opensmile", w.write_opensmile(tmp_path / "functionals"))
    assert list(contents.labels) == ["emotion"] and list(clips["wav_3"].streams) == ["compare", "egemaps"]
    assert clips["wav_3"].streams["egemaps"].tolist() == [[3.25, -3.5]]
    assert clips["wav_3"].labels == {"emotion": "calm"}


def test_opensmile_question_marks_and_semicolons(tmp_path):
    rows = ["'a',?,1,glad", "'a',2,3,glad", "'b',4,5,?"]
    _, clips = read("opensmile", w.write_arff(tmp_path / "x.arff", rows))
    assert np.array_equal(clips["a"].streams["x"], [[np.nan, 1], [2, 3]], equal_nan=True)
    assert clips["b"].labels == {"emotion": None}
    (tmp_path / "lld.csv").write_text(
        "name;frameTime;F0;loud\n'a';0.00;1.5;2\n'a';0.01;3;4e-1\n'b';0.0;?;1\n"
    )
    _, clips = read("opensmile", tmp_path / "lld.csv")
    assert clips["a"].streams["lld"].tolist() == [[1.5, 2], [3, 0.4]] and np.isnan(
        clips["b"].streams["lld"][0, 0]
    )
    refused(
        "opensmile", w.write_arff(tmp_path / "y.arff", ["'a',1,glad"]), "line 10: 3 values for 4 attributes"
    )


def test_ts_channels_are_grouped(tmp_path):
    folder = w.write_motions(tmp_path / "Motions")
    contents, clips = read("ts", folder, streams={"left": "0-1", "right": "3,2"})
    assert len(clips) == 10 and list(contents.labels) == ["class"]
    clip = clips["train/00001"]
    line = w.ts_lines(6, 6)[1].split(":")
    assert (clip.split, clip.labels) == ("train", {"class": "run"})
    assert clip.streams["right"][:, 0].tolist() == [float(v) for v in line[3].split(",")]
    _, clips = read("ts", folder)
    assert clips["test/00000"].streams["series"].shape == (5, 4)
    refused("ts", folder, "there are 4, from 0 to 3", streams={"left": "0-4"})


def test_ts_holes_unequal_lengths_and_stamps(tmp_path):
    _, clips = read("ts", w.write_ts(tmp_path / "A_TRAIN.ts", ["1,?:2,3:4,5:6,7:walk"]))
    assert np.isnan(clips["train/00000"].streams["series"][1, 0])
    uneven = w.write_ts(tmp_path / "B_TRAIN.ts", ["1,2,3:2,3:4,5:6,7:walk"])
    refused("ts", uneven, "line 10: the channels of stream 'series' are 2 to 3 values long")
    _, clips = read("ts", uneven, streams={"a": "0", "b": "1-3"})
    assert {n: len(v) for n, v in clips["train/00000"].streams.items()} == {"a": 3, "b": 2}
    strange = w.write_ts(tmp_path / "D_TRAIN.ts", ["1:2:3:4:walk", "1:2:3:4:Run", "1:2:3:4:fly"])
    refused("ts", strange, "line 12 is of class 'fly'; @classLabel names walk, run")
    stamped = tmp_path / "C_TRAIN.ts"
    stamped.write_text("@timeStamps true\n@classLabel true a b\n@data\n(0,1):a\n")
    refused("ts", stamped, "its values carry time stamps")


def test_table_of_one_row_a_frame(tmp_path):
    contents, clips = read("table", w.write_table(tmp_path / "frames.csv"))
    assert list(contents.labels) == ["label"] and list(clips) == [f"c{k}" for k in range(8)]
    clip = clips["c3"]
    assert (clip.split, clip.subject, clip.labels) == ("train", "p1", {"label": "b"})
    assert clip.streams["audio"].tolist() == [[t + 0.5, 3] for t in range(5)]
    assert clip.streams["face"].tolist() == [[3.25 + t] for t in range(5)]


def test_parquet_is_read_like_csv_whatever_its_batches(tmp_path):
    from pyarrow import csv, parquet

    w.write_table(tmp_path / "frames.csv")
    parquet.write_table(csv.read_csv(tmp_path / "frames.csv"), tmp_path / "frames.parquet", row_group_size=7)
    _, from_csv = read("table", tmp_path / "frames.csv")
    _, from_parquet = read("table", tmp_path / "frames.parquet")
    assert list(from_csv) == list(from_parquet)
    for one, other in zip(from_csv.values(), from_parquet.values(), strict=True):
        assert one.labels == other.labels and np.array_equal(one.streams["audio"], other.streams["audio"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a_0,label\n1,x\n", "no column names the clip"),
        ("clip,x,y\nc,1,2\n", "no columns are called STREAM_0"),
        ("clip,a_0,a_0\nc,1,2\n", "column 'a_0' comes twice"),
        ("clip,label,a_0\nc,x,1\nc,y,2\n", "clip 'c' has 2 values in column 'label'"),
        ("clip,label,a_0\nc,x,1\nd,x,2\nc,x,2\n", "the rows of clip 'c' do not stand together"),
        ("clip,label,time,a_0\nc,x,1,1\nc,x,0,2\n", "clip 'c', frame 1 is earlier than the frame before"),
        ("clip,label,a_0\nc,x,one\n", r"t\.csv: .*invalid value 'one'"),
        ("clip,label,a_0\n,x,1\n", "a row has nothing in column 'clip'"),
    ],
)  # fmt: skip
def test_a_table_that_is_none_is_refused(tmp_path, text, message):
    (tmp_path / "t.csv").write_text(text)
    refused("table", tmp_path / "t.csv", message)


def test_npz_with_lengths_and_chosen_channels(tmp_path):
    path = w.write_npz(tmp_path / "mine.npz")
    contents, clips = read("npz", path)
    assert not contents.padded and list(contents.labels) == ["label"]
    assert (clips["c7"].split, clips["c7"].subject) == ("test", "3")
    assert {n: v.shape for n, v in clips["c7"].streams.items()} == {"voice": (4, 3), "face": (4, 2)}
    _, clips = read("npz", path, streams={"first": "voice:0", "rest": "voice:1-2"})
    assert clips["c0"].streams["rest"].shape == (4, 2)
    contents, clips = read("npz", w.write_npz(tmp_path / "no.npz", lengths=None, id=None))
    assert contents.padded and clips["000003"].streams["voice"].shape == (6, 3)


def test_npz_refuses_objects_lengths_that_lie_and_streams_of_other_clips(tmp_path):
    refused(
        "npz",
        w.write_npz(tmp_path / "a.npz", note=np.array([{}], object)),
        "array 'note' holds Python objects",
    )
    refused(
        "npz",
        w.write_npz(tmp_path / "b.npz", lengths=np.full(8, 7)),
        "clip 'c0', stream 'voice' has length 7",
    )
    refused(
        "npz",
        w.write_npz(tmp_path / "c.npz", face=np.ones((3, 6, 2))),
        r"are of \{'voice': 8, 'face': 3\} clips",
    )
    for name in ("label", "id", "split", "subject", "voice_lengths"):
        short = w.write_npz(tmp_path / f"{name}.npz", **{name: np.arange(7)})
        refused("npz", short, f"array '{name}' holds 7 values; there are 8 clips")
    refused("npz", w.write_npz(tmp_path / "d.npz"), "has no array 'sound'", streams={"x": "sound"})


def test_a_folder_of_npy_files_is_read_like_an_archive(tmp_path):
    with np.load(w.write_npz(tmp_path / "mine.npz")) as arrays:
        (tmp_path / "mine").mkdir()
        for name, array in arrays.items():
            np.save(tmp_path / "mine" / f"{name}.npy", array)
    _, clips = read("npz", tmp_path / "mine")
    _, expected = read("npz", tmp_path / "mine.npz")
    assert np.array_equal(clips["c2"].streams["voice"], expected["c2"].streams["voice"])


def test_votes_are_shares_and_strengths_of_voice_and_face(tmp_path):
    """The first row of the published table: 1 of 11 heard happiness at 98, 10 neutral at 69.1."""
    published = (
        '"100001",0,0,0,1,10,0,"1001_IEO_NEU_XX",11,0.909090909090909,"N",71.7272727272727,'
        "-1,-1,-1,98,69.1,-1,87"
    )
    path = w.write_votes(tmp_path / "processedResults" / "tabulatedVotes.csv")
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], published, *lines[2:]]) + "\n")
    contents, clips = read("crema_d_votes", tmp_path)
    assert len(clips) == 6 and "not read: 6 rows of raters who had both" in contents.seen[0]
    clip = clips["1001_IEO_NEU_XX"]
    assert (clip.subject, clip.labels["emotion"], clip.split) == ("1001", "NEU", None)
    expected = [0, 0, 0, 1 / 11, 10 / 11, 0, 0, 0, 0, 0.98, 0.691, 0]
    assert clip.streams["voice"].tolist() == [pytest.approx(expected)]
    assert clips["1003_IEO_HAP_LO"].streams["face"][0, [3, 4, 9, 10]] == pytest.approx(
        [0.9, 0.1, 0.425, 0.76]
    )


def test_a_clip_that_nobody_saw_is_left_out(tmp_path):
    path = w.write_votes(tmp_path / "tabulatedVotes.csv")
    path.write_text(
        "\n".join(line for line in path.read_text().splitlines() if '"200002"' not in line) + "\n"
    )
    contents, clips = read("crema_d_votes", path)
    assert len(clips) == 5 and contents.left_out == [fb.Problem("1001_IEO_HAP_LO", "nobody rated its face")]


def test_torch_tensors_in_a_pickle_are_refused_with_advice(tmp_path):
    import torch

    (tmp_path / "pt.pkl").write_bytes(pickle.dumps({"train": {"text": torch.ones(2, 3, 4)}}))
    refused("mmsa", tmp_path / "pt.pkl", "holds torch tensors: write numpy arrays instead .*return_type='np'")
