"""Whatever is wrong with a store's files is one error that names the file, and comes at once."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from fusionbench.contract.dataset import Clip
from fusionbench.contract.errors import UserError
from fusionbench.data.store import open_store, verify_store
from fusionbench.data.store_writer import writing

HEADER = "id,first_row,rows,label,split,subject,source"
LINES = ["a,0,3,up,train,p,", "b,3,1,down,train,p,", "c,4,2,up,report,q,"]


def write(path: Path) -> Path:
    """Three clips of 3, 1 and 2 rows."""
    with writing(path, "streams") as writer:
        for line in LINES:
            clip_id, first, rows, label, split, subject, _ = line.split(",")
            values = np.arange(int(first), int(first) + int(rows), dtype=np.float32)[:, None].repeat(2, 1)
            writer.append(Clip(clip_id, label, split, subject), {"x": values})
        writer.finish({}, stand_in=False)
    return path


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return write(tmp_path / "s")


def refused(store: Path, message: str) -> None:
    with pytest.raises(UserError, match=message) as told:
        open_store(store)
    assert str(store) in str(told.value)


@pytest.mark.parametrize(
    ("line", "text", "message"),
    [
        (2, "a,0,3,up,train,p", "index.csv, line 2: 6 values for 7 columns"),
        (2, ",0,3,up,train,p,", "line 2: the id is empty"),
        (3, "a,3,1,down,train,p,", "line 3: id 'a' came before"),
        (3, "b,2,1,down,train,p,", "line 3: first_row is '2', but the clips before it end at row 3"),
        (3, "b,4,1,down,train,p,", "line 3: first_row is '4', but"),
        (3, "b,-1,1,down,train,p,", "line 3: first_row is '-1'"),
        (3, "b,three,1,down,train,p,", "line 3: first_row is 'three'"),
        (3, "b,3,0,down,train,p,", "line 3: rows is '0'; a clip has a whole number of rows"),
        (3, "b,3,-1,down,train,p,", "line 3: rows is '-1'"),
        (3, "b,3,1.0,down,train,p,", "line 3: rows is '1.0'"),
        (3, "b,3,,down,train,p,", "line 3: rows is ''"),
        (3, f"b,3,{'9' * 5000},down,train,p,", "line 3: rows is '9999"),
        (4, "c,4,900000000000000,up,report,q,", "x.npy has 6 rows, but index.csv lists 900000000000004"),
        (4, "c,4,1,up,report,q,", "x.npy has 6 rows, but index.csv lists 5"),
        (4, "c,4,2,up,re port,q,", "line 4: split 're port' is no name"),
        (4, "c,4,2,up,-,q,", "line 4: split '-' is no name"),
        (4, '"c,4,2,up,report,q,', "index.csv, line 4: unexpected end of data"),
        (4, f'"{"c" * 200_000}",4,2,up,report,q,', "line 4: field larger than field limit"),
        (1, "id,first_row,rows,label,split,subject", "line 1: column source is missing"),
        (1, "", "line 1: column id is missing"),
        (1, f"{HEADER},fold", "line 1: the columns are .*fold; a store has"),
    ],
)
def test_each_line_of_the_index_is_checked(store, line, text, message):
    lines = [HEADER, *LINES]
    lines[line - 1] = text
    (store / "index.csv").write_text("\n".join(lines) + "\n")
    refused(store, f"the store .* is damaged: .*{message}.* Copy or write it again")


def test_a_line_is_counted_as_an_editor_counts_it(store):
    (store / "index.csv").write_text(f'{HEADER}\n"a\nb",0,3,up,train,p,\nc,9,9,up,train,p,\n')
    refused(store, "index.csv, line 4: first_row is '9'")


def test_an_index_saved_again_by_a_spreadsheet_is_the_same(store):
    text = "\r\n".join([HEADER, *LINES]) + "\r\n"
    (store / "index.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert [clip.label for clip in open_store(store).index.clips] == ["up", "down", "up"]


def test_an_old_store_knows_two_splits(store):
    about = json.loads((store / "store.json").read_text())
    (store / "store.json").write_text(json.dumps({**about, "schema": 1}))
    (store / "index.csv").write_text("\n".join([HEADER, *LINES[:2], "c,4,2,up,valid,q,"]) + "\n")
    refused(store, "line 4: unknown split 'valid'; there are train, report")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"kind": "songs"}, "store.json: kind: Input should be 'frames', 'maps' or 'streams'"),
        ({"content_hash": "00"}, "store.json: content_hash"),
        ({"content_hash": None}, "store.json: content_hash"),
        ({"stand_in": "no"}, "store.json: stand_in: Input should be a valid boolean"),
        ({"arrays": "x"}, "store.json: arrays: Input should be a valid list"),
        ({"arrays": []}, "store.json: arrays"),
        ({"arrays": [1]}, "store.json: arrays.0"),
        ({"arrays": ["../x"]}, "store.json: arrays: '../x' is no name of an array"),
        ({"arrays": ["/etc/passwd"]}, "is no name of an array"),
        ({"arrays": ["x", "x"]}, "a name comes twice"),
        ({"arrays": ["y"]}, "y.npy is missing"),
        ({"made": 1}, "store.json: made"),
        ({"schema": 0}, "store.json: schema"),
        ({"kind": "maps"}, "x.npy has the shape .*; arrays of maps have 4 dimensions"),
    ],
)
def test_each_field_of_the_description_is_checked(store, changed, message):
    about = json.loads((store / "store.json").read_text())
    (store / "store.json").write_text(json.dumps({**about, **changed}))
    refused(store, message)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b"null",
        b'{"schema": true}',
        b'{"schema": "2"}',
        b"\xff\xfe",
        b"[" * 100_000,
        b"\0" * 9,
    ],
    ids=["empty", "list", "object", "null", "bool", "text", "no UTF-8", "nested", "zeros"],
)
def test_what_describes_no_store_is_no_store(store, data):
    (store / "store.json").write_bytes(data)
    refused(store, r"is no store: no readable store.json in it \(store.json")


VALUES = np.arange(6, dtype=np.float32)[:, None].repeat(2, 1)


def header(text: str) -> bytes:
    """An array file with this header and 48 bytes of numbers."""
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + bytes(48)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (VALUES.astype(object), "x.npy holds object, not numbers"),
        (np.asfortranarray(VALUES), "x.npy is in Fortran order"),
        (VALUES[:5], "x.npy has 5 rows, but index.csv lists 6"),
        (VALUES[:, 0], r"x.npy has the shape \(6,\); arrays of streams have 2 dimensions"),
        (VALUES[:, :0], r"x.npy has the shape \(6, 0\)"),
        (np.float32(1), r"x.npy has the shape \(\)"),
        (VALUES.astype("<U8"), "not numbers"),
        (VALUES.astype("M8[s]"), "not numbers"),
        (VALUES.astype(">f4"), "which arrays of streams do not"),
        (VALUES.astype(np.int32), "which arrays of streams do not"),
    ],
)
def test_arrays_of_another_form_are_refused(store, array, message):
    np.save(store / "x.npy", array, allow_pickle=True)
    refused(store, message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (60000000000000000000, 2)}", "bytes; its shape"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (-6, 2)}", "every length is at least 1"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (True, 2)}", "every length is at least 1"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': '6'}", "x.npy: "),
        ("{'descr': '<f9', 'fortran_order': False, 'shape': (6, 2)}", "x.npy: "),
        ("{" + "[" * 9000, "x.npy: |x.npy asks"),
        ("{'descr': '|V99999999999', 'fortran_order': False, 'shape': (6, 2)}", "x.npy"),
        ("", "x.npy: "),
    ],
)  # fmt: skip
def test_absurd_headers_are_refused_by_name(store, text, message):
    (store / "x.npy").write_bytes(header(text))
    refused(store, message)


@pytest.mark.parametrize("kept", [0, 5, 20, -8])
def test_an_array_cut_short_is_refused(store, kept):
    data = (store / "x.npy").read_bytes()
    (store / "x.npy").write_bytes(data[:kept])
    refused(store, "damaged: x.npy")


def test_an_array_that_goes_on_is_refused(store):
    with (store / "x.npy").open("ab") as file:
        file.write(bytes(8))
    refused(store, "x.npy has 184 bytes; its shape .* needs 176")


@pytest.mark.parametrize("name", ["store.json", "index.csv", "x.npy"])
@pytest.mark.parametrize("made", ["pipe", "folder", "endless", "loop", "nothing"])
def test_what_is_no_file_is_refused_at_once(store, name, made):
    (store / name).unlink()
    if made == "pipe":
        os.mkfifo(store / name)  # opening one waits for a writer, for ever
    elif made == "folder":
        (store / name).mkdir()
    elif made == "endless":
        (store / name).symlink_to("/dev/zero")
    elif made == "loop":
        (store / name).symlink_to(name)
    refused(store, name.replace(".", r"\."))


def test_absurd_sizes_are_refused_unread(store):
    for name in ("store.json", "index.csv"):
        os.truncate(store / name, 1 << 40)  # a hole: it takes no space
        refused(store, f"{name}: 1099511627776 bytes; at most")
        write(store)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    name=st.sampled_from(["store.json", "index.csv", "x.npy"]),
    edits=st.lists(
        st.tuples(st.floats(0, 1), st.integers(0, 3), st.binary(max_size=6)), min_size=1, max_size=3
    ),
)
def test_damaged_anyhow_it_opens_as_it_was_or_is_refused(tmp_path_factory, name, edits):
    store = write(tmp_path_factory.getbasetemp() / "damaged")
    was = open_store(store)
    data = (store / name).read_bytes()
    for where, drop, insert in edits:
        at = int(where * len(data))
        data = data[:at] + insert + data[at + drop :]
    (store / name).write_bytes(data)
    try:
        now = verify_store(store)
    except UserError as error:
        assert str(store) in str(error)
    else:
        assert now.content_hash == was.content_hash
        assert [(c.id, c.label, c.split, c.subject) for c in now.index.clips] == [
            (c.id, c.label, c.split, c.subject) for c in was.index.clips
        ]
        assert (now.arrays["x"] == VALUES).all()
