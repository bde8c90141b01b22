"""About how long a training will take, told after its first epoch where that is long."""

from __future__ import annotations

import time

from fusionbench.contract.watch import Watch

WORTH_TELLING = 30.0
"""seconds; of less nobody needs to know beforehand"""


class ExpectedTime:
    """Measures the first epoch that is trained and says what all of them will take.

    Args:
        epochs: how many there are, those of before an interruption included.
        watch: told once.
    """

    def __init__(self, epochs: int, watch: Watch):
        self._epochs = epochs
        self._watch = watch
        self._began: float | None = time.monotonic()

    def epoch_ended(self, epoch: int) -> None:
        """``epoch`` is counted from 1; the first call is of the first that was trained here."""
        if self._began is None:
            return
        seconds, self._began = time.monotonic() - self._began, None
        ahead = self._epochs - epoch + 1  # with the one that has just ended
        if ahead > 1 and seconds * ahead > WORTH_TELLING:
            which = f"{ahead} epochs" if ahead == self._epochs else f"the {ahead} epochs from here"
            self._watch.note(f"training takes about {spoken(seconds * ahead)} for {which}")


def spoken(seconds: float) -> str:
    """A duration as people say it: ``45 s``, ``3 min``, ``2.5 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"
