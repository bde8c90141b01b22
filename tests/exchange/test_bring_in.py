"""Whole imports: what the store holds, what it says of its making, and what is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fusionbench as fb
from fusionbench.catalog.plugins import collect
from fusionbench.catalog.resolve import Request, resolve_component
from fusionbench.contract.watch import Watch
from fusionbench.exchange.bring_in import Choices, Imported, import_features
from fusionbench.exchange.clock import Clock
from tests.plugins import writers as w


def bring_in(
    name: str,
    source: Path,
    streams: Mapping[str, str] | None = None,
    watch: Watch | None = None,
    **choices: Any,
) -> Imported:
    asked = Request({f"importer.streams.{s}": c for s, c in (streams or {}).items()})
    chosen = resolve_component("importer", name, asked, collect())
    return import_features(chosen, source, Path("store"), Choices(**choices), watch or Watch())


def rows(clip: str) -> dict[str, np.ndarray]:
    store = fb.open_stream_store("store")
    place = next(k for k, one in enumerate(store.index.clips) if one.id == clip)
    first = int(store.index.first_row[place])
    return {n: np.asarray(a[first : first + int(store.index.rows[place])]) for n, a in store.arrays.items()}


def test_aligned_arrays_are_cut_where_all_are_zero(tmp_path):
    parts = w.mmsa_parts()
    imported = bring_in("mmsa", w.write_mmsa(tmp_path / "aligned.pkl", parts))
    assert imported.parts == {
        "train": {"Negative": 3, "Neutral": 1, "Positive": 4},
        "selection": {"Negative": 3, "Neutral": 1},
        "test": {"Negative": 3, "Neutral": 1},
    }
    assert imported.streams == {"text": 5, "audio": 3, "vision": 2} and imported.left_out == ()
    lengths = fb.open_stream_store("store").index.rows.tolist()
    assert lengths == [3, 4, 5, 3, 4, 5, 3, 4] + [3, 4, 5, 3] * 2
    assert np.array_equal(rows("train/train0$_$1")["vision"], parts["train"]["vision"][1, :4])
    cut = sum(6 - n for n in lengths)
    assert imported.made["padding"] == {"text": cut, "audio": cut, "vision": cut}


def test_the_store_says_how_it_was_made(tmp_path):
    path = w.write_mmsa(tmp_path / "aligned.pkl")
    imported = bring_in("mmsa", path, label="sentiment2")
    made = fb.open_stream_store("store").made
    assert made == imported.made
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    assert made["content"] == {
        "files": 1, "bytes": path.stat().st_size, "sha256": sha256, "each": {"aligned.pkl": sha256}
    }  # fmt: skip
    assert (made["source"], made["format"]) == ("import", "mmsa")
    assert made["label"] == {
        "name": "regression_labels", "rule": "sentiment2", "says": "below 0, above 0; clips of 0 are left out"
    }  # fmt: skip
    assert made["left_out"]["clips"] == 3 and made["clock"] is None
    assert {problem.clip for problem in imported.left_out} == {
        "train/train1$_$1", "selection/valid1$_$1", "test/test1$_$1"
    }  # fmt: skip
    assert str(tmp_path) not in str(made)


def test_streams_of_other_lengths_need_a_clock(tmp_path):
    path = w.write_mmsa(tmp_path / "unaligned.pkl", w.mmsa_parts({"text": 6, "audio": 24, "vision": 12}))
    with pytest.raises(
        fb.UserError, match=r"clip 'train/train0\$_\$0': its streams differ in length: \{'text': 3,"
    ):
        bring_in("mmsa", path)
    assert not Path("store").exists()
    imported = bring_in("mmsa", path, clock=Clock("text", "mean"))
    assert imported.made["clock"] == {"stream": "text", "rule": "mean"}
    audio = w.mmsa_parts({"text": 6, "audio": 24, "vision": 12})["train"]["audio"][0, :12]
    expected = audio.reshape(3, 4, 3).astype(np.float64).mean(axis=1)  # 12 real frames on 3 words
    assert rows("train/train0$_$0")["audio"] == pytest.approx(expected, rel=1e-6)


def test_another_rule_makes_another_store(tmp_path):
    path = w.write_mmsa(tmp_path / "unaligned.pkl", w.mmsa_parts({"text": 6, "audio": 24, "vision": 12}))
    hashes = set()
    for rule in ("mean", "nearest", "linear"):
        bring_in("mmsa", path, clock=Clock("text", rule))
        hashes.add(fb.open_stream_store("store").content_hash)
    assert len(hashes) == 3


def test_what_is_missing_is_refused_named_and_then_filled(tmp_path):
    parts = w.mmsa_parts()
    parts["valid"]["audio"][1, 2] = -np.inf
    path = w.write_mmsa(tmp_path / "aligned.pkl", parts)
    with pytest.raises(
        fb.UserError, match=r"'selection/valid0\$_\$1', stream 'audio': -inf in 1 of 4 .* frame 2"
    ):
        bring_in("mmsa", path)
    imported = bring_in("mmsa", path, missing="zero")
    assert rows("selection/valid0$_$1")["audio"][2].tolist() == [0, 0, 0]
    assert imported.made["missing"] == {"rule": "zero", "frames": {"audio": {"NaN": 0, "-inf": 1, "+inf": 0}}}
    imported = bring_in("mmsa", path, missing="drop-clip")
    assert [p.clip for p in imported.left_out] == ["selection/valid0$_$1"]
    assert sum(imported.parts["selection"].values()) == 3


def test_padding_in_front_of_a_python_2_pickle(tmp_path):
    bring_in("multibench", w.write_multibench(tmp_path / "raw.pkl"), label="sentiment7")
    assert fb.open_stream_store("store").index.rows.tolist()[:3] == [3, 4, 5]
    assert {c.label for c in fb.open_stream_store("store").index.clips} == {"-3", "-2", "0", "1", "2", "3"}
    with pytest.raises(
        fb.UserError, match=r"a number on a scale\. Cut it into classes: --label labels:sentiment2"
    ):
        bring_in("multibench", tmp_path / "raw.pkl")


def test_words_are_the_clock_of_csd(tmp_path):
    pytest.importorskip("h5py")
    folder = w.write_csds(tmp_path / "mosi")
    imported = bring_in("csd", folder, label="sentiment2", clock=Clock("words", "mean"))
    assert imported.parts == {"": {"negative": 4, "positive": 4}}  # folds decide
    assert rows("video3[0]")["audio"].ravel().tolist() == [0.5, 3.5]  # quarters 0 and 1; 2 to 5
    assert rows("video3[1]")["audio"].ravel().tolist() == [9.5, 13.5]


def test_a_word_that_nothing_overlaps_is_missing(tmp_path):
    pytest.importorskip("h5py")
    folder = w.write_csds(tmp_path / "mosi")
    times = np.arange(4)[:, None] * 0.25 + [0, 0.25]  # audio stops after a second
    late = {f"video{k}": (np.arange(4.0)[:, None], times + 2) for k in range(4)}
    w.write_csd(folder / "audio.csd", "audio", late)
    choices = {"label": "sentiment2", "clock": Clock("words", "mean")}
    with pytest.raises(
        fb.UserError, match="NaN in 1 of 2 frames of the clock, which nothing overlaps, first in frame 1"
    ):
        bring_in("csd", folder, **choices)
    with pytest.raises(
        fb.UserError, match="all clips are 'negative'"
    ):  # the first segments have no audio at all
        bring_in("csd", folder, **choices, missing="interpolate")


def test_labels_and_parts_from_a_table(tmp_path):
    folder = w.write_openfaces(tmp_path / "csvs")
    Path("clips.csv").write_text(
        "id,split,subject,label\n"
        + "".join(f"{c}/clip{k},{s},p{k},{c}\n" for k, (c, s) in enumerate(
            [("glad", "train"), ("calm", "train"), ("glad", "train"), ("calm", "train"), ("glad", "test")]))
    )  # fmt: skip
    with pytest.raises(fb.UserError, match=r"stream 'au': NaN in 1 of 8 frames, first in frame"):
        bring_in("openface", folder, clips=Path("clips.csv"))
    imported = bring_in("openface", folder, clips=Path("clips.csv"), missing="interpolate")
    assert imported.parts == {"train": {"calm": 2, "glad": 2}, "test": {"glad": 1}}
    assert [(p.clip, p.reason) for p in imported.left_out] == [("calm/clip5", "--clips has no row for it")]
    # clip0 fails in its third frame: AU01 is halfway between 0.2 and 0.4
    assert rows("glad/clip0")["au"][2] == pytest.approx([0.3, 0.6])


@pytest.mark.parametrize(
    ("name", "write", "streams", "widths"),
    [
        (
            "ts",
            lambda at: w.write_motions(at / "Motions"),
            {"left": "0-2", "right": "3"},
            {"left": 3, "right": 1},
        ),
        ("table", lambda at: w.write_table(at / "frames.csv"), {"all": "audio_*,face_0"}, {"all": 3}),
        (
            "npz",
            lambda at: w.write_npz(at / "mine.npz"),
            {"face": "face", "voice": "voice"},
            {"face": 2, "voice": 3},
        ),
        (
            "merbench",
            lambda at: w.write_merbench(at / "mer"),
            {"a": "hubert-UTT", "v": "clip-UTT"},
            {"a": 4, "v": 2},
        ),
    ],
)
def test_streams_are_made_as_asked(tmp_path, name, write, streams, widths):
    assert bring_in(name, write(tmp_path), streams).streams == widths


def test_votes_part_nothing_and_name_the_actors_that_folds_are_made_of(tmp_path):
    imported = bring_in("crema_d_votes", w.write_votes(tmp_path / "tabulatedVotes.csv"))
    clips = fb.open_stream_store("store").index.clips
    assert {c.subject for c in clips} == {"1001", "1002", "1003"} and {c.split for c in clips} == {""}
    assert imported.streams == {"voice": 12, "face": 12}
    assert imported.next[1].endswith("--data-root store --set dataset.folds=5")


def test_the_next_command_names_a_part_where_there_are_several(tmp_path):
    parts = w.mmsa_parts()
    one = bring_in("mmsa", w.write_mmsa(tmp_path / "a.pkl", parts))
    assert one.next[1] == "fusionbench run --fusion arpg --dataset streams --data-root store"
    parts["test2"] = parts["test"]
    several = bring_in("mmsa", w.write_mmsa(tmp_path / "b.pkl", parts))
    assert several.next[1].endswith("--data-root store --set dataset.report=test")
    del parts["test"], parts["test2"]
    none = bring_in("mmsa", w.write_mmsa(tmp_path / "c.pkl", parts))
    assert none.next[1].endswith("--set dataset.report=val")


def test_progress_is_told_and_an_error_keeps_the_store_of_before(tmp_path):
    class Told(Watch):
        def __init__(self):
            self.calls: list[tuple[int, int]] = []

        def progress(self, task, done, total):
            self.calls.append((done, total))

    watch = Told()
    parts = w.mmsa_parts()
    bring_in("mmsa", w.write_mmsa(tmp_path / "a.pkl", parts), watch=watch)
    assert watch.calls[0] == (0, 16) and watch.calls[-1] == (16, 16)
    before = fb.open_stream_store("store").content_hash
    parts["test"]["audio"][3, 0] = np.nan
    with pytest.raises(fb.UserError, match=r"NaN in 1 of"):
        bring_in("mmsa", w.write_mmsa(tmp_path / "b.pkl", parts))
    assert fb.open_stream_store("store").content_hash == before
    assert [p.name for p in tmp_path.glob(".fusionbench*")] == []


def test_an_importer_that_raises_is_named(tmp_path, monkeypatch):
    def fails(self, source):
        raise ZeroDivisionError("a stranger's bug")

    monkeypatch.setattr(collect().get("importer", "ts").cls, "read", fails)
    with pytest.raises(fb.UserError, match="ts somewhere: ZeroDivisionError: a stranger's bug"):
        bring_in("ts", Path("somewhere"))


def test_nothing_left_says_why(tmp_path):
    parts = w.mmsa_parts()
    for part in parts.values():
        part["regression_labels"][:] = 0
    with pytest.raises(
        fb.UserError, match=r"no clip is left\. left out: 16 clip\(s\), label .* is 0, which sentiment2"
    ):
        bring_in("mmsa", w.write_mmsa(tmp_path / "a.pkl", parts), label="sentiment2")
