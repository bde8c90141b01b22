"""How a frame is seen where frames are labelled one by one: through a dilated window around it."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from fusionbench.contract.options import Config


class Window(Config):
    """Options of a dataset whose frames are labelled one by one: its ``Config`` is a subclass of this.

    Every judged frame is a sample of its own: ``window`` frames of its clip, ``dilation`` apart. Without
    a window all frames of a clip are labelled at once, by heads that can.
    """

    window: int | None = Field(
        8,
        ge=1,
        le=100_000,
        description="frames that a labelled frame is seen through; null = the whole clip, whose frames are "
        "labelled all at once, by heads that can",
    )
    dilation: int = Field(3, ge=1, le=100_000, description="distance of a window's frames, in frames")
    placing: Literal["centred", "causal"] = Field(
        "centred",
        description="centred = the labelled frame is the window's middle, of an even number the later one of "
        "the middle two; causal = its last",
    )
    padding: Literal["black", "repeat"] = Field(
        "black",
        description="what a window sees beyond its clip: a black image, or the clip's first or last frame",
    )

    def offsets(self) -> np.ndarray:
        """``(window,)`` int64, rising: where its frames lie, seen from the labelled one."""
        assert self.window is not None
        here = self.window - 1 if self.placing == "causal" else self.window // 2
        return (np.arange(self.window) - here) * self.dilation
