"""A finished run asked again, clip by clip: what its head attended to, and what it said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fusionbench.bench.artifacts import read_fold_predictions
from fusionbench.bench.explain_faces import RegionReader, Regions, face_arrays
from fusionbench.bench.load import open_loader
from fusionbench.bench.source import open_data
from fusionbench.bench.trained import load_model
from fusionbench.catalog.plugins import Catalog
from fusionbench.catalog.resolve import Request, resolve
from fusionbench.contract.blame import blaming
from fusionbench.contract.dataset import Clip
from fusionbench.contract.errors import NotSupported, UserError, nearest
from fusionbench.contract.roles import FusionHead
from fusionbench.contract.samples import logits_of
from fusionbench.contract.types import ClipBatch
from fusionbench.contract.watch import Watch
from fusionbench.data.frame_loader import sample_ids
from fusionbench.track.records import get_run

MOST_NODES = 4096
"""frames of all streams of a clip; attention between so many takes 67 MB a head"""
_MOVED = 1e-3
"""difference of a probability from which the model is told to say something else than in its run"""


@dataclass(frozen=True)
class Explained:
    """One clip, what was said of it, and what the head attended to."""

    clip: str
    truth: str
    predicted: str
    probability: float
    attention: Mapping[str, tuple[Sequence[str], Any]]
    """what ``FusionHead.explain`` gave for a batch of this clip alone"""
    batch: ClipBatch
    """the clip as the run reads it, with ``frames`` where there are any"""

    @property
    def time(self) -> int:
        """Frames that the run takes of the clip."""
        return self.batch.mask.shape[1]

    @property
    def frames(self) -> np.ndarray | None:
        """``(time, height, width, 3)`` uint8; None where the data are streams."""
        frames = self.batch.arrays.get("frames")
        return None if frames is None else frames[0].permute(0, 2, 3, 1).numpy()


class ExplainedRun:
    """A finished run, opened to be asked about clips of its data.

    Args:
        run_id: its id, or the first characters of it.
        root: folder of the data, where they lie elsewhere than when the run was made.
        catalog: components to choose from.
        watch: told of progress and warnings.

    Raises:
        UserError: there is no such run, its head explains nothing, or its data are not what they were.
    """

    def __init__(self, run_id: str, root: Path | None, catalog: Catalog, watch: Watch) -> None:
        self.record = get_run(run_id)
        self.model = load_model(self.record.run_id, catalog)
        _refuse_unexplained(self.model.head, catalog)
        self.streams = tuple(array.name for array in self.model.about.streams)
        """those that the head reads, in their order"""
        self._watch = watch
        self._config = resolve(_request(self.model.config, root), catalog)
        self._data = open_data(self._config, _Unspoken(watch))
        known = self.record.tags.get("fusionbench.data")
        if self._data.fingerprint != known:
            raise UserError(
                f"the data have changed since run {self.record.run_id}: its clips had the fingerprint "
                f"{known}, those in {self._data.dataset.root} have {self._data.fingerprint}. "
                "Name the folder of the run's data with --data-root."
            )
        self._said = read_fold_predictions(self.record.run_id).report
        faces = face_arrays(self._config, self._data)
        self.has_frames = bool(faces)
        self._arrays = {**self._data.arrays, **faces}
        self._regions = RegionReader(self.model.front_end, self._config, faces)

    def choose(self, each: int) -> list[str]:
        """Clips of the report split: so many that were told right and so many wrong, the surest first."""
        sure = np.argsort(-self._said.log_probabilities.max(axis=1), kind="stable")
        right = (self._said.predicted == self._said.labels)[sure]
        return [self._said.ids[k] for k in (*sure[right][:each], *sure[~right][:each])]

    def refuse_unknown(self, clips: Sequence[str]) -> None:
        """Refuse ids that the data do not have.

        Raises:
            UserError: with the nearest one.
        """
        for clip in clips:
            if self._found(clip) is None:
                raise UserError(
                    f"no clip {clip!r} in the run's data.{nearest(clip, self._data.clips)} "
                    f"`fusionbench predictions {self.record.run_id}` lists those that were reported."
                )

    def explain(self, clip: str) -> Explained:
        """Ask about one clip.

        Raises:
            UserError: the clip is too long, or the head raises.
        """
        found = self._found(clip)
        assert found is not None
        of, sample = found
        loader = open_loader(self._data, self._arrays, [of.id], self._config.options.sampling.frames, 1)
        nodes = loader.max_time * len(self.streams)
        if nodes > MOST_NODES:
            raise UserError(
                f"clip {clip!r} has {nodes} frames in all its streams. Attention is shown between "
                f"{MOST_NODES} at most. Name a shorter clip."
            )
        batch = loader.only(sample)
        with torch.inference_mode():
            streams = self.model.front_end(batch)
            with blaming(self.model.head, "explain", streams):
                said = logits_of(self.model.head, streams).float().softmax(-1)[0].numpy()
                attention = self.model.head.explain(streams)
        self._warn_of_other(clip, said)
        predicted = self.model.classes[int(said.argmax())]
        truth = of.judged[sample]
        return Explained(clip, truth, predicted, float(said.max()), attention, batch)

    def _found(self, name: str) -> tuple[Clip, int] | None:
        """The clip of a sample, and its place among the clip's samples: a clip is its own only one."""
        clip = self._data.clips.get(name) or self._data.clips.get(name.rpartition("/")[0])
        names = sample_ids(clip) if clip else ()
        return (clip, names.index(name)) if clip and name in names else None

    def regions(self, explained: Explained, frame: int) -> Regions | None:
        """What the regions of a frame's face read of each other; None where nothing shows it."""
        return self._regions.read(explained.batch, frame) if self.has_frames else None

    def _warn_of_other(self, clip: str, said: np.ndarray) -> None:
        """Say so where the model no longer says what its run said."""
        if clip not in self._said.ids:
            return
        before = np.exp(self._said.log_probabilities[self._said.ids.index(clip)])
        if np.abs(said - before).max() > _MOVED:
            classes = self.model.classes
            self._watch.warn(
                f"of clip {clip} the model now says {classes[int(said.argmax())]} with {said.max():.3f}; in "
                f"its run it said {classes[int(before.argmax())]} with {before.max():.3f}. "
                "Code or weights are not what they were."
            )


class _Unspoken(Watch):
    """Passes progress on; what there is to tell of the data was told when the run was made."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def progress(self, task: str, done: int, total: int) -> None:
        self._watch.progress(task, done, total)


def _refuse_unexplained(head: FusionHead, catalog: Catalog) -> None:
    if type(head).explain is not FusionHead.explain:
        return
    able = sorted(
        name
        for name, component in catalog.components["fusion"].items()
        if component.cls.explain is not FusionHead.explain
    )
    raise NotSupported(
        f"fusion head {head.name!r} has no attention to show. Heads that have: {', '.join(able)}. "
        "A head of your own shows its by explain()."
    )


def _request(config: Mapping[str, Any], root: Path | None) -> Request:
    """What to ask for to get a run's config again, on this machine's CPU.

    Presets are left out: their options are in the config, and a preset may have changed since.
    """
    values: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping) and "plugin" in value:
            value = {**{k: v for k, v in value.items() if k != "plugin"}, "name": value["plugin"]}
        values[key] = value
    if "backbone" in config and "relation" not in config:
        values["relation"] = "none"
    values["device"] = "cpu"
    if root is not None:
        values["data"] = {**values["data"], "root": root}
    return Request(values)
