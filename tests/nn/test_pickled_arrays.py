"""Pickles of arrays: read alike at every protocol, and nothing of theirs is run."""

from __future__ import annotations

import contextlib
import os
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

import fusionbench as fb

VALUES = {
    "floats": np.arange(12, dtype="f4").reshape(3, 4),
    "columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "big-endian": np.arange(3, dtype=">i4"),
    "texts": np.array(["a", "bcd"]),
    "bytes": np.array([b"a", b"bc"]),
    "flags": np.array([True, False]),
    "none": np.zeros((0, 3)),
    "one": np.array(7.0),
}


@pytest.mark.parametrize("protocol", range(6))
def test_every_protocol_gives_the_same(tmp_path, protocol):
    objects = np.array([{"k": np.ones(2)}, "x", None], object)
    held = {
        "train": {**VALUES, "objects": objects},
        "rest": (OrderedDict(a=[np.float32(1.5), b"\xff"]), 1, None),
    }
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(held, protocol))
    read = fb.read_pickle(tmp_path / "a.pkl")
    for name, expected in VALUES.items():
        found = read["train"][name]
        assert (
            found.dtype == expected.dtype
            and found.shape == expected.shape
            and np.array_equal(found, expected)
        )
    assert read["train"]["objects"][0]["k"].tolist() == [1, 1] and read["train"]["objects"][1] == "x"
    assert read["rest"] == ({"a": [1.5, b"\xff"]}, 1, None)


def test_a_pickle_of_python_2(tmp_path):
    """``{'x': numpy.array([1., 2.], 'f4'), 'id': ['a']}`` as Python 2.7 writes it at protocol 2."""
    written = (
        b"\x80\x02}q\x01(U\x02idq\x02]q\x03U\x01aq\x04aU\x01xq\x05cnumpy.core.multiarray\n_reconstruct\nq\x06"
        b"cnumpy\nndarray\nq\x07K\x00\x85U\x01b\x87Rq\x08(K\x01K\x02\x85cnumpy\ndtype\nq\tU\x02f4K\x00K\x01\x87R"
        b"q\n(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x08\x00\x00\x80?\x00\x00\x00@tbu."
    )
    (tmp_path / "old.pkl").write_bytes(written)
    read = fb.read_pickle(tmp_path / "old.pkl")
    assert read["id"] == ["a"] and read["x"].tolist() == [1, 2] and read["x"].dtype == np.float32


class Hostile:
    """Would make a folder."""

    def __reduce__(self):
        return os.mkdir, ("made",)


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "hide",
    [lambda h: h, lambda h: {"train": {"id": [h]}}, lambda h: np.array([h], object)],
    ids=["bare", "deep", "array"],
)
def test_a_hostile_pickle_is_refused_by_name_and_never_run(tmp_path, protocol, hide):
    (tmp_path / "bad.pkl").write_bytes(pickle.dumps(hide(Hostile()), protocol))
    with pytest.raises(
        fb.UserError, match=r"bad\.pkl: a pickle that would import (posix|nt)\.mkdir; nothing of it was run"
    ):
        fb.read_pickle(tmp_path / "bad.pkl")
    assert not Path("made").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x80\x02U\x01kQ.", "persistent ids"),
        (b"\x80\x02Pk\n.", "persistent ids"),
        (
            b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x05\x00\x00\x00rot13\x86R.",
            "encodes a text as 'rot13'",
        ),
        (b"\x80\x02cbuiltins\nbytes\nJ\xff\xff\xff\x7f\x85R.", "TypeError"),
        (b"\x80\x02}r\xff\xff\xff\x7f.", "asks for a memory of 2,147,483,647 entries"),
        (b"\x80\x02cnumpy\ndtype\nU\x02V8K\x00K\x01\x87R.", "unknown type 'V8'"),
        (b"not a pickle", "nonsense.pkl"),
        (b"", "nonsense.pkl"),
    ],
)
def test_other_tricks_are_refused(tmp_path, content, message):
    (tmp_path / "nonsense.pkl").write_bytes(content)
    with pytest.raises(fb.UserError, match=message):
        fb.read_pickle(tmp_path / "nonsense.pkl")


@pytest.mark.parametrize(
    ("shape", "kind", "content"),
    [
        ((2**40,), "f4", b"1234"),
        ((-1,), "f4", b""),
        ((3,), "f4", b"1234"),
        ((1,), "f4", "no bytes"),
        ((2,), "O8", [1]),
        ((1,), "O8", b"12345678"),  # bytes in place of pointers
    ],
)
def test_an_array_that_lies_about_itself_is_refused(tmp_path, shape, kind, content):
    class Liar:
        def __reduce__(self):
            dtype = np.dtype(object) if kind == "O8" else np.dtype(kind)
            state = (1, shape, dtype, False, content)
            return np._core.multiarray._reconstruct, (np.ndarray, (0,), b"b"), state

    (tmp_path / "liar.pkl").write_bytes(pickle.dumps(Liar()))
    with pytest.raises(fb.UserError, match=r"liar\.pkl: an array .*(holds|has the shape)"):
        fb.read_pickle(tmp_path / "liar.pkl")


def test_what_a_pickle_sets_on_what_it_gets_is_gone_with_it(tmp_path):
    """BUILD with a state sets attributes on whatever lies on the stack, our own functions and classes too."""
    poison = b"\x80\x02cnumpy\ndtype\n}X\x0c\x00\x00\x00__setstate__K\x01sb."
    (tmp_path / "poison.pkl").write_bytes(poison)
    for _ in range(2):
        with contextlib.suppress(fb.UserError):
            fb.read_pickle(tmp_path / "poison.pkl")
        (tmp_path / "good.pkl").write_bytes(pickle.dumps(VALUES))
        assert np.array_equal(fb.read_pickle(tmp_path / "good.pkl")["big-endian"], VALUES["big-endian"])


@pytest.mark.parametrize(("module", "advice"), [("torch", "return_type='np'"), ("pandas", "to_parquet")])
def test_what_to_do_about_tensors_and_tables_is_said(tmp_path, module, advice):
    made = pytest.importorskip(module)
    held = made.ones(2) if module == "torch" else made.DataFrame({"a": [1]})
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(held))
    with pytest.raises(fb.UserError, match=advice):
        fb.read_pickle(tmp_path / "a.pkl")


def test_archives_of_arrays_and_of_objects(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", x=np.eye(2), train_corpus={"clip": {"emo": "sad", "val": -1.5}})
    with pytest.raises(fb.UserError, match=r"a\.npz, array 'train_corpus' holds Python objects"):
        fb.read_npz(tmp_path / "a.npz")
    read = fb.read_npz(tmp_path / "a.npz", objects=True)
    assert read["train_corpus"] == {"clip": {"emo": "sad", "val": -1.5}} and read["x"].tolist() == [
        [1, 0],
        [0, 1],
    ]
    np.savez(tmp_path / "bad.npz", x=np.array(Hostile(), object))
    with pytest.raises(fb.UserError, match="nothing of it was run"):
        fb.read_npz(tmp_path / "bad.npz", objects=True)
    assert not Path("made").exists()


def test_an_archive_of_other_things_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("run.py", "import os")
    with pytest.raises(fb.UserError, match=r"a\.npz: 'run.py' in it is no array"):
        fb.read_npz(tmp_path / "a.npz")
