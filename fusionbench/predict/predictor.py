"""Who is asked about a clip: a trained run, or a network that names expressions by itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from fusionbench.bench.trained_model import TrainedModel
from fusionbench.catalog.plugins import Catalog
from fusionbench.catalog.run_config import Chosen
from fusionbench.contract.errors import UserError
from fusionbench.contract.roles import Backbone
from fusionbench.contract.watch import Watch
from fusionbench.data.faces import resize_frames
from fusionbench.learn.extract import CHUNK
from fusionbench.predict.face_front import FaceFront, takes_faces

TOGETHER = 16
"""windows that are judged at a time"""


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
        if about.single_frames:
            raise UserError(
                f"run {about.run_id} judges single frames, each through a dilated window of its clip; such "
                "a run is not asked about whole videos. Give it batches of windows: fb.load_model(RUN_ID)."
            )
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
        if self._front:
            inputs = self._front(arrays, seen)
        else:
            inputs = {name: torch.from_numpy(np.asarray(arrays[name])[seen]) for name in self.needs}
        places = torch.from_numpy(place).split([len(each) for each in rows])
        padded = {
            name: pad_sequence([array[each] for each in places], batch_first=True)
            for name, array in inputs.items()
        }
        lengths = torch.tensor([len(each) for each in rows])
        mask = torch.arange(int(lengths.max()))[None] < lengths[:, None]
        return self._model.predict(padded, mask).cpu().numpy()


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
