"""Figures as files: refused before work begins, whole or absent, the same bytes, never the end of a run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from fusionbench.contract.errors import UserError
from fusionbench.figures.confusion import confusion_matrix
from fusionbench.figures.files import FORMATS, check_figure_path, drawn, save_figure

THREE = """
import sys
from pathlib import Path
from fusionbench.figures.confusion import confusion_matrix
from fusionbench.figures.curves import learning_curves
from fusionbench.figures.files import FORMATS, save_figure
from fusionbench.figures.ranking import HeadScores, comparison

history = {e: {"train/loss": 1 / e, "selection/accuracy": e / 10} for e in range(1, 5)}
made = {
    "confusion": confusion_matrix([[3, 1], [0, 5]], ("calm", "upset"), stand_in=True),
    "curves": learning_curves(history, 3),
    "ranking": comparison([HeadScores("arpg", [0.5, 0.6], (0.5, 0.6)), HeadScores("concat", [0.4])]),
}
for name, figure in made.items():
    for form in FORMATS:
        save_figure(figure, Path(sys.argv[1]) / f"{name}.{form}")
"""


@pytest.fixture
def figure() -> Figure:
    return confusion_matrix([[3, 1], [0, 5]], ("calm", "upset"))


@pytest.mark.parametrize("name", ["a.png", "a.svg", "a.pdf", "A.PDF", "a.b.png", "with blank é.svg"])
def test_a_path_with_a_known_suffix_is_accepted_and_left_alone(name):
    check_figure_path(Path(name))
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("heads.pgn", r"a figure's suffix .* of 'heads.pgn' .pgn is none. Formats: .png, .svg, .pdf."),
        ("heads.jpg", "of 'heads.jpg' .jpg is none. Formats: .png, .svg, .pdf."),
        ("heads", "of 'heads' there is no suffix. Formats: .png, .svg, .pdf."),
        ("", "there is no suffix"),
        (".png", "there is no suffix"),
        ("folder.png", "folder.png: that is no file. Name another."),
        ("pipe.png", "pipe.png: that is no file."),
        ("missing/heads.png", "no folder missing. Make it first."),
        ("file.txt/heads.png", "no folder file.txt. Make it first."),
        ("x" * 300 + ".png", "File name too long. Name another folder."),
        ("a\x00b.png", "cannot be written"),
    ],
)  # fmt: skip
def test_any_other_path_is_refused_at_once(path, message):
    Path("folder.png").mkdir()
    Path("file.txt").touch()
    os.mkfifo("pipe.png")
    with pytest.raises(UserError, match=message):
        check_figure_path(Path(path))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_refused():
    Path("closed").mkdir(mode=0o500)
    with pytest.raises(UserError, match=r"closed/heads.png: Permission denied"):
        check_figure_path(Path("closed/heads.png"))


def test_a_folder_that_takes_no_file_is_refused(monkeypatch):
    def refuse(path: Path) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "touch", refuse)
    with pytest.raises(UserError, match=r"heads.png: Read-only file system. Name another folder."):
        check_figure_path(Path("heads.png"))


def test_the_suffix_chooses_the_format_and_pdf_has_type_42_fonts(figure):
    begins = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}
    for form in FORMATS:
        save_figure(figure, Path(f"a.{form}"))
        assert Path(f"a.{form}").read_bytes().startswith(begins[form])
    assert set(re.findall(rb"/Subtype /(\w*Type\d)", Path("a.pdf").read_bytes())) == {
        b"Type0",
        b"CIDFontType2",
    }
    assert "<text" not in Path("a.svg").read_text(encoding="utf-8"), "letters are paths"


def test_a_file_is_replaced_whole_or_left_as_it_was(figure, monkeypatch):
    target, link = Path("real.svg"), Path("link.svg")
    target.write_text("before")
    link.symlink_to(target)
    with monkeypatch.context() as patch:
        patch.setattr(Figure, "savefig", lambda *args, **kwargs: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            save_figure(figure, link)
    assert target.read_text() == "before"
    save_figure(figure, link)
    assert link.is_symlink() and target.read_text(encoding="utf-8").startswith("<?xml")
    assert sorted(p.name for p in Path().iterdir()) == ["link.svg", "real.svg"], "nothing is left aside"


def test_a_users_own_settings_change_nothing(figure):
    import matplotlib

    save_figure(figure, Path("ours.svg"))
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "x", "font.size": 30}):
        save_figure(confusion_matrix([[3, 1], [0, 5]], ("calm", "upset")), Path("theirs.svg"))
    assert Path("ours.svg").read_bytes() == Path("theirs.svg").read_bytes()
    assert matplotlib.rcParams["text.parse_math"], "theirs are back"


def test_what_goes_wrong_with_a_picture_is_told_and_ends_nothing(figure):
    said: list[str] = []
    assert drawn(lambda: figure, said.append, Path("a.png"), Path("a.svg")) is figure
    assert drawn(lambda: figure, said.append) is figure
    assert said == [] and Path("a.png").exists() and Path("a.svg").exists()

    assert drawn(lambda: confusion_matrix([[1]], ()), said.append) is None
    assert drawn(lambda: figure, said.append, Path("missing/a.png")) is None
    broken = Figure()
    broken.text(0.5, 0.5, "$x_{$")  # matplotlib notices while it draws
    assert drawn(lambda: broken, said.append) is None
    assert [text.partition(":")[0] for text in said] == [
        f"a figure was not drawn ({kind}" for kind in ("ValueError", "FileNotFoundError", "ValueError")
    ]
    assert "No such file or directory: 'missing/a.png'" in said[1]
    assert all(text.endswith("The numbers are kept.") and "\n" not in text for text in said)


def test_ctrl_c_is_no_fault_of_a_picture(figure):
    def interrupted() -> Figure:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        drawn(interrupted, lambda text: None)


@pytest.mark.slow
def test_the_same_data_give_the_same_bytes_in_every_process(tmp_path):
    for seed in ("1", "2"):
        (tmp_path / seed).mkdir()
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        subprocess.run([sys.executable, "-c", THREE, tmp_path / seed], env=environment, check=True)
    first = {path.name: path.read_bytes() for path in (tmp_path / "1").iterdir()}
    second = {path.name: path.read_bytes() for path in (tmp_path / "2").iterdir()}
    assert len(first) == 9 and first == second


@pytest.mark.slow
def test_where_no_home_can_be_written_nothing_is_said(tmp_path):
    nowhere = {"HOME": "/proc/nohome", "XDG_CONFIG_HOME": "/proc/x", "XDG_CACHE_HOME": "/proc/x"}
    environment = {k: v for k, v in os.environ.items() if k != "MPLCONFIGDIR"} | nowhere
    told = subprocess.run(
        [sys.executable, "-c", THREE, tmp_path], env=environment, check=True, capture_output=True, text=True
    )
    assert (told.stdout, told.stderr) == ("", "")
