"""Who is asked about a clip: a trained run, or a network that names expressions by itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from fusionbench.bench.trained_model import TrainedModel
from fusionbench.catalog.plugins import Catalog
from fusionbench.catalog.run_config import Chosen
from fusionbench.contract.errors import UserError
from fusionbench.contract.roles import Backbone
from fusionbench.contract.watch import Watch
from fusionbench.contract.window import Window as SeenThrough
from fusionbench.data.faces import resize_frames
from fusionbench.learn.extract import CHUNK
from fusionbench.predict.face_front import FaceFront, takes_faces
from fusionbench.predict.windows import Window, windows

TOGETHER = 16
"""windows that are judged at a time"""
STEPS_TOGETHER = 64
"""frames that are judged at a time, each through a window of its own"""


class Predictor(ABC):
    """Says probabilities of classes."""

    name: str
    classes: tuple[str, ...]
    stand_in: bool = False
    """True where it was trained on generated data"""
    window: int | None = None
    """frames that it judges together in a clip that is longer than ``whole``; None = the whole clip"""
    whole: int = 0
    """a clip of no more frames with a face is judged as one, as the run judged its own"""
    frames: int | None = None
    """how many of them it looks at; None = all"""
    least: int = 1
    """fewest frames that it can judge"""
    size: int | None = None
    """side of the faces it takes, in pixels; None where it takes streams"""
    needs: Sequence[str] = ()
    """what it takes: streams; or, beside ``frames``, ``landmarks`` and ``points``"""
    preparation: Mapping[str, Any] | None = None
    """how faces were found and cut out for it, where that is known"""

    @abstractmethod
    def probabilities(self, arrays: Mapping[str, np.ndarray], rows: Sequence[np.ndarray]) -> np.ndarray:
        """What is said of each window.

        Args:
            arrays: name -> ``(time, ...)``.
            rows: the frames of each window, none of them empty.

        Returns:
            ``(windows, classes)``, rows sum to one.
        """

    def judge(
        self,
        arrays: Mapping[str, np.ndarray],
        real: np.ndarray,
        window: int | None,
        step: int | None,
        tell: Callable[[int, int], None],
    ) -> tuple[list[Window], np.ndarray]:
        """Windows over a clip, and what is said of each.

        Args:
            arrays: name -> ``(time, ...)``.
            real: ``(time,)`` bool, True where a frame shows a face.
            window: frames that are judged together; None = as it does.
            step: frames from one window to the next; None = a quarter of a window.
            tell: told how many windows of how many are done.

        Returns:
            the windows; ``(windows, classes)``, NaN where nothing is said.
        """
        length = window or (None if real.sum() <= self.whole else self.window)
        cut = windows(real, length, step, self.frames, self.least)
        said = np.full((len(cut), len(self.classes)), np.nan)
        judged = [k for k, each in enumerate(cut) if len(each.rows)]
        for at in range(0, len(judged), TOGETHER):
            some = judged[at : at + TOGETHER]
            said[some] = self.probabilities(arrays, [cut[k].rows for k in some])
            tell(min(at + TOGETHER, len(judged)), len(judged))
        return cut, said

    def check(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Refuse arrays that are not what it takes.

        Raises:
            UserError: with what it takes.
        """
        wanted = (*(("frames",) if self.size else ()), *self.needs)
        if set(wanted) - set(arrays):
            missing = next(name for name in wanted if name not in arrays)
            hint = " Prepare with the aligner mesh for points." if missing == "points" else ""
            raise UserError(
                f"{self.name} takes {', '.join(wanted)}; {missing!r} is missing. "
                f"Got {', '.join(arrays) or 'nothing'}.{hint}"
            )
        lengths = {name: len(arrays[name]) for name in wanted}
        if len(set(lengths.values())) != 1 or 0 in lengths.values():
            raise UserError(f"arrays of one clip have one length, at least 1; got {lengths}.")
        frames = arrays.get("frames")
        if self.size and (
            frames is None or frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[1] != 3
        ):
            got = None if frames is None else (frames.dtype, frames.shape)
            raise UserError(f"'frames' is {got}; expected uint8 (time, 3, height, width), RGB.")


class RunPredictor(Predictor):
    """A run's model with the front end that stood before it.

    Args:
        model: as ``fb.load_model`` gives it.
        catalog: components to choose from.
        watch: told where code has changed.

    Raises:
        UserError: as ``FaceFront``.
    """

    def __init__(self, model: TrainedModel, catalog: Catalog, watch: Watch):
        about = model.about
        self._model = model
        self._front = FaceFront(about, catalog, watch) if takes_faces(about) else None
        self.name, self.classes, self.stand_in = about.name, about.classes, about.stand_in
        self.frames, self.window, self.whole = about.frames, about.clip_frames, about.longest_clip or 0
        self.least = type(model.head).min_time
        self.size = self._front.size if self._front else None
        self.needs = self._front.needs if self._front else list(model.inputs)
        self.preparation = about.preparation

    def probabilities(self, arrays: Mapping[str, np.ndarray], rows: Sequence[np.ndarray]) -> np.ndarray:
        said = [self._together(arrays, rows[at : at + TOGETHER]) for at in range(0, len(rows), TOGETHER)]
        return np.concatenate(said) if said else np.zeros((0, len(self.classes)))

    def _together(self, arrays: Mapping[str, np.ndarray], rows: Sequence[np.ndarray]) -> np.ndarray:
        seen, place = np.unique(np.concatenate(rows), return_inverse=True)  # windows share frames
        inputs = self._inputs(arrays, seen)
        places = torch.from_numpy(place).split([len(each) for each in rows])
        padded = {
            name: pad_sequence([array[each] for each in places], batch_first=True)
            for name, array in inputs.items()
        }
        lengths = torch.tensor([len(each) for each in rows])
        mask = torch.arange(int(lengths.max()))[None] < lengths[:, None]
        return self._model.predict(padded, mask).cpu().numpy()

    def _inputs(self, arrays: Mapping[str, np.ndarray], rows: np.ndarray) -> dict[str, Tensor]:
        """What the model takes of some frames, ``(len(rows), ...)``."""
        if self._front:
            return self._front(arrays, rows)
        return {name: torch.from_numpy(np.asarray(arrays[name])[rows]) for name in self.needs}


class StepPredictor(RunPredictor):
    """A run whose steps had labels of their own: it says something of every frame that shows a face.

    Each is seen as in training: through its window; or as one of all frames of the clip, or of an even
    part of it where that is longer than any of the run's.
    """

    def __init__(self, model: TrainedModel, catalog: Catalog, watch: Watch):
        super().__init__(model, catalog, watch)
        given = model.about.config["dataset"]
        self._seen = SeenThrough(**{name: given[name] for name in SeenThrough.model_fields})

    def judge(
        self,
        arrays: Mapping[str, np.ndarray],
        real: np.ndarray,
        window: int | None,
        step: int | None,
        tell: Callable[[int, int], None],
    ) -> tuple[list[Window], np.ndarray]:
        """A window of one frame each; ``step`` is 1 unless given.

        Raises:
            UserError: another window is asked for than that of the run.
        """
        if window is not None:
            whole = "as a part of its whole clip"
            how = whole if self._seen.window is None else f"through {self._seen.window} frames around it"
            raise UserError(f"{self.name} judges every frame by itself, {how}: leave out the window.")
        places = np.arange(0, len(real), step or 1)
        asked = places[real[places]]
        said = np.full((len(places), len(self.classes)), np.nan)
        judge = self._as_one if self._seen.window is None else self._through_windows
        said[real[places]] = judge(arrays, len(real), asked, lambda done: tell(done, len(asked)))
        each = [Window(t, t, np.array([t])[: int(real[t])], int(real[t])) for t in places.tolist()]
        return each, said

    def _through_windows(
        self, arrays: Mapping[str, np.ndarray], time: int, asked: np.ndarray, tell: Callable[[int], None]
    ) -> np.ndarray:
        said = [np.zeros((0, len(self.classes)))]
        black = self._front.black() if self._front and self._seen.padding == "black" else {}
        for at in range(0, len(asked), STEPS_TOGETHER):
            rows = asked[at : at + STEPS_TOGETHER, None] + self._seen.offsets()
            beyond = torch.from_numpy((rows < 0) | (rows >= time))
            frames, place = np.unique(rows.clip(0, time - 1), return_inverse=True)
            batch = {
                name: array[torch.from_numpy(place.reshape(rows.shape))]
                for name, array in self._inputs(arrays, frames).items()
            }
            for name, row in black.items():
                batch[name][beyond] = row
            said.append(self._model.predict(batch).cpu().numpy())
            tell(min(at + STEPS_TOGETHER, len(asked)))
        return np.concatenate(said)

    def _as_one(
        self, arrays: Mapping[str, np.ndarray], time: int, asked: np.ndarray, tell: Callable[[int], None]
    ) -> np.ndarray:
        count = 1 if time <= self.whole else -(-time // (self.window or time))
        said = []
        for rows in np.array_split(np.arange(time), count):
            one = {name: array[None] for name, array in self._inputs(arrays, rows).items()}
            said.append(self._model.predict(one)[0].cpu().numpy())
            tell(int((asked <= rows[-1]).sum()))
        return np.concatenate(said)[asked]


def predictor_of_run(model: TrainedModel, catalog: Catalog, watch: Watch) -> RunPredictor:
    """Who is asked where a run is: see ``RunPredictor``."""
    each = model.about.single_frames or model.about.each_step
    return (StepPredictor if each else RunPredictor)(model, catalog, watch)


class NetworkPredictor(Predictor):
    """A backbone whose weights name classes by themselves, one frame at a time.

    Args:
        chosen: the backbone.
    """

    window = frames = 1

    def __init__(self, chosen: Chosen):
        self._net: Backbone = chosen.cls(chosen.options).eval()
        self.name, self.classes = chosen.name, chosen.cls.classes
        self.size = chosen.cls.input_size(chosen.options)

    @torch.inference_mode()
    def probabilities(self, arrays: Mapping[str, np.ndarray], rows: Sequence[np.ndarray]) -> np.ndarray:
        places, said = np.concatenate(rows), []
        assert self.size is not None
        for at in range(0, len(places), CHUNK):
            frames = resize_frames(np.asarray(arrays["frames"][places[at : at + CHUNK]]), self.size)
            embedding = self._net(torch.from_numpy(frames).float() / 255).embedding
            said.append(self._net.logits(embedding).softmax(-1))
        each = torch.cat(said).split([len(window) for window in rows])
        return torch.stack([window.mean(0) for window in each]).numpy()
