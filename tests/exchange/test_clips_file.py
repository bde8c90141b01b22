"""``--clips``: what is known of clips from elsewhere; and clips that get no place."""

from __future__ import annotations

from pathlib import Path

import pytest

import fusionbench as fb
from fusionbench.exchange.clips_file import read_clips_file
from fusionbench.exchange.leaving_out import LeavingOut, LeftOut


def clip(name: str, **more) -> fb.SourceClip:
    return fb.SourceClip(name, {}, **more)


def table(tmp_path: Path, text: str) -> Path:
    (tmp_path / "clips.csv").write_text(text, encoding="utf-8")
    return tmp_path / "clips.csv"


def test_a_row_is_laid_over_its_clip(tmp_path):
    said = read_clips_file(
        table(tmp_path, "\ufeffid, split ,subject,label,valence\na,test,p1,glad,0.5\nb,,,sad,\n")
    )
    assert said.labels == ("label", "valence")
    over = said.over(clip("a", split="train", labels={"own": 1}))
    assert (over.split, over.subject) == ("test", "p1")
    assert over.labels == {"own": 1, "label": "glad", "valence": 0.5}
    kept = said.over(clip("b", split="train", subject="p9"))
    assert (kept.split, kept.subject, kept.labels["valence"]) == ("train", "p9", None)
    with pytest.raises(LeftOut, match="--clips has no row for it"):
        said.over(clip("c"))


def test_rows_of_no_clip_are_told(tmp_path):
    said = read_clips_file(table(tmp_path, "id,label\nclip-1,x\nclip_2,y\n"))
    said.over(clip("clip-1"))
    assert said.told() == ["--clips: 1 row(s) are of no clip, such as 'clip_2'. Did you mean 'clip-1'?"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "name,label\na,x\n",
            r"clips\.csv: its columns are name, label\. Its first line names the columns: id",
        ),
        ("id,label\na,x\na,y\n", "line 3: clip 'a' comes twice"),
        ("id,label\na\n", "line 2 has another number of columns"),
        ("id,label\na,x,y\n", "line 2 has another number of columns"),
        ("", "its columns are none"),
    ],
)
def test_a_table_that_is_none_is_refused(tmp_path, text, message):
    with pytest.raises(fb.UserError, match=message):
        read_clips_file(table(tmp_path, text))


def test_what_is_left_out_is_counted_by_reason():
    left = LeavingOut()
    for k in range(3):
        left.add(f"c{k}", LeftOut("no label", f"row {k}"))
    left.take([fb.Problem("x", "no file")])
    assert left.plain() == {
        "clips": 4,
        "reasons": {
            "no label": {"clips": 3, "first": ["c0", "c1", "c2"]},
            "no file": {"clips": 1, "first": ["x"]},
        },
    }
    assert left.told() == ["left out: 3 clip(s), no label: c0, c1, c2.", "left out: 1 clip(s), no file: x."]
    assert left.clips[1] == fb.Problem("c1", "no label: row 1")
