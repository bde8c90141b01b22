"""Figures as files: where one may be written, in which forms, and what becomes of one that fails."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from fusionbench.contract.writing import check_path, form_of, written_whole
from fusionbench.figures.style import printing

FORMATS = ("png", "svg", "pdf")
"""suffixes that figures are written under: the first for screens, the others for print"""

_DPI = 300  # of the first; what printers ask for
_DATELESS: dict[str, dict[str, None]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
"""metadata that would differ between files of the same data"""


def check_figure_path(path: Path) -> None:
    """Says whether a figure can be written to ``path``, before anything is computed for it.

    Raises:
        UserError: the suffix names no format, or the folder is missing or cannot be written.
    """
    check_path(Path(path), "a figure", FORMATS)


def save_figure(figure: Figure, path: Path) -> None:
    """Writes a figure whole or not at all; the suffix chooses the format.

    Type 42 fonts in PDF, paths in SVG; the same data give the same bytes.

    Raises:
        UserError: the suffix names no format.
        OSError: the file cannot be written.
    """
    path = Path(path)
    form = form_of(path)
    if form not in FORMATS:
        check_figure_path(path)
    with written_whole(path) as aside, printing():
        figure.savefig(aside, format=form, dpi=_DPI, metadata=_DATELESS.get(form))


def drawn(make: Callable[[], Figure], warn: Callable[[str], None], *paths: Path) -> Figure | None:
    """Makes a figure and writes it to each path; what goes wrong is told, and ends nothing.

    Args:
        make: gives the figure.
        warn: told what went wrong, in a sentence.
        paths: where to write it; without one it is drawn in memory, so that it is known to be drawable.

    Returns:
        The figure, None where it could not be made, drawn or written.
    """
    try:
        figure = make()
        for path in paths:
            save_figure(figure, path)
        if not paths:
            with printing():
                FigureCanvasAgg(figure).draw()
    except Exception as error:  # a picture, whatever is wrong with it, is not worth the numbers behind it
        reason = str(error).strip().partition("\n")[0]
        warn(f"a figure was not drawn ({type(error).__name__}: {reason}). The numbers are kept.")
        return None
    return figure
