"""Table of what was said over a clip: a line a moment, the likeliest class and how sure."""

from __future__ import annotations

import numpy as np
from rich.markup import escape
from rich.table import Table

from fusionbench.predict.course import Course
from fusionbench.report.tables import percent, plain_table

MOST = 12
"""moments of a clip that are listed"""
BAR = 20
"""letters of a full bar"""


def course_table(course: Course) -> Table:
    """Moments at even distances over the clip, the first and the last among them."""
    count = len(course.windows)
    shown = np.unique(np.linspace(0, count - 1, min(count, MOST)).round().astype(int))
    silent = int((~course.judged).sum())
    notes = [f"{len(shown)} of {count} windows"] if len(shown) < count else []
    notes += [f"too few frames with a face in {silent} of {count} windows"] if silent else []
    notes += ["trained on generated data (stand-in)"] if course.stand_in else []
    table = plain_table(escape(course.clip), "; ".join(notes) or None)
    for name, justify in (
        ("from", "right"),
        ("to", "right"),
        ("likeliest", "left"),
        ("", "right"),
        ("", "left"),
    ):
        table.add_column(name, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    for window in shown.tolist():
        begin, end = _ends(course, window)
        if not course.judged[window]:
            table.add_row(begin, end, "no face", "", "")
            continue
        share = float(course.probabilities[window].max())
        table.add_row(begin, end, escape(course.predicted(window)), percent(share), "█" * round(BAR * share))
    return table


def shares(course: Course) -> dict[str, float]:
    """Class -> share of the judged windows that it is likeliest in, the largest first."""
    said = [course.predicted(window) for window in np.flatnonzero(course.judged).tolist()]
    found = {name: said.count(name) / len(said) for name in course.classes if name in said}
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _ends(course: Course, window: int) -> tuple[str, str]:
    if course.timed:
        begin, end = course.seconds[window]
        return f"{begin:.2f} s", f"{end:.2f} s"
    return f"frame {course.windows[window].first}", f"frame {course.windows[window].last}"
