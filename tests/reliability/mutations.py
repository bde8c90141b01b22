"""Valid files, damaged in the ways that disks, networks, editors and strangers damage them."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

TOKENS = (
    b"\0",
    b"\xff",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\r\n",
    b"\t",
    b"\n",
    b"]",
    b"{",
    b"}",
    b":",
    b"'",
    b'"',
    b"#",
    b"[",
    b"&a ",
    b"*a",
    b"<<: ",
    b"? ",
    b"- ",
    b",",
    b"!!python/name:os.system ",
    b"!!set ",
    b"!!binary ",
    b"null",
    b"true",
    b"-1",
    b"0",
    b"1e400",
    b".nan",
    b"1.0e+400",
    b"2001-01-01",
    b"9" * 30,
    b"9" * 5_000,
    b"[" * 500,
    b"a.b.c",
    b"\x7f\xff\xff\xff",
    b"\xff\xff\xff\xff",
    b"\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"\x80\x02",
    b"c",
    b"R",
    b".",
    b"cos\nsystem\n",
    b"r\xff\xff\xff\x7f",
    b"\xff\xd9",
    b"\xff\xda",
    b"IEND",
    b"acTL",
    b"PK\x03\x04",
)
"""what parsers trip over"""


@dataclass(frozen=True)
class Edit:
    """One change of a file."""

    kind: str
    place: float
    """share of the file before it"""
    length: int
    token: bytes

    def apply(self, data: bytes) -> bytes:
        """The file after it."""
        start = int(self.place * len(data))
        end = min(start + self.length, len(data))
        part = data[start:end]
        if self.kind == "cut":
            return data[:start]
        changed = {
            "drop": b"",
            "twice": part + part,
            "zero": bytes(len(part)),
            "flip": bytes(byte ^ 1 << self.length % 8 for byte in part[:1]) + part[1:],
            "replace": self.token,
            "insert": self.token + part,
        }
        return data[:start] + changed[self.kind] + data[end:]


EDITS = st.lists(
    st.builds(
        Edit,
        st.sampled_from(["flip", "flip", "replace", "insert", "drop", "twice", "zero", "cut"]),
        st.floats(0, 1, exclude_max=True),
        st.integers(1, 64),
        st.one_of(st.sampled_from(TOKENS), st.binary(max_size=12)),
    ),
    min_size=1,
    max_size=4,
)
"""one to four of them"""


def edited(data: bytes, edits: list[Edit]) -> bytes:
    """A file after all edits."""
    for edit in edits:
        data = edit.apply(data)
    return data
