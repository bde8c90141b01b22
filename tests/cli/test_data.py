"""``data verify`` and ``data stand-in``."""

from __future__ import annotations


def test_verify_sets_found_against_the_markers_counts(cli, drawn_afew):
    ended = cli("data", "verify", "afew", "--data-root", drawn_afew, "--json")
    assert ended.code == 0
    assert ended.json["found"] == ended.json["published"] and ended.json["stand_in"] is True
    assert ended.json["found"]["train/Happy"] == 4


def test_verify_sets_real_clips_against_the_published_counts_and_lists_problems(cli, real_afew):
    video = sorted((real_afew / "Val_AFEW" / "Happy").glob("*.avi"))[0]
    video.unlink()
    ended = cli("data", "verify", "afew", "--data-root", real_afew)
    assert ended.code == 1
    assert "773" not in ended.out and "1156" in ended.out  # 773 + 383 clips were published
    assert video.stem in ended.out and "no label" in ended.out


def test_verify_decodes_when_asked(cli, real_afew):
    frame = sorted(real_afew.rglob("*.jpg"))[0]
    frame.write_bytes(b"no image")
    ended = cli("data", "verify", "afew", "--data-root", real_afew, "--decode")
    assert ended.code == 1 and frame.name in ended.out


def test_stand_in_never_overwrites(cli, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("kept")
    ended = cli("data", "stand-in", "afew", "--out", tmp_path / "mine")
    assert ended.code == 2 and "Nothing was written" in ended.err
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "kept"
