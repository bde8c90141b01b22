"""Whether the parts of a config fit each other, and which configs make the very same model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fusionbench.bench.build import assemble_front_end, build_head, front_end_of
from fusionbench.bench.load import load_learning
from fusionbench.bench.source import RunData
from fusionbench.catalog.run_config import RunConfig
from fusionbench.contract.blame import blaming
from fusionbench.contract.dataset import Fold
from fusionbench.contract.hashing import digest
from fusionbench.contract.types import StreamSpec
from fusionbench.learn.front_end import APPEARANCE, RELATION, FrontEnd, StoredMaps, StoredStreams

UNUSED_BY_SOLVED = ("lr", "lr_pretrained", "weight_decay", "optimizer", "schedule", "clip_norm", "epochs")
"""training options that a head which is solved for never reads"""


@dataclass(frozen=True)
class _Before:
    """What stands before a head."""

    dims: Mapping[str, int]
    map_shape: tuple[int, int, int] | None
    """of the backbone, where an encoder reads its maps"""


@dataclass
class Sameness:
    """Tells the models of one fold apart; front ends that were looked at are remembered."""

    fold: Fold
    _before: dict[str, _Before] = field(default_factory=dict)

    def key(self, config: RunConfig, data: RunData) -> str:
        """Equal for configs whose runs are the same model, trained the same way on the same data.

        Raises:
            NotSupported: head, encoder or data do not fit, with the component's own reason.
            UserError: a component raises.
        """
        before = self._front_end(config, data)
        longest = load_learning(config, data, self.fold).max_time
        spec = StreamSpec(before.dims, data.classes, longest)
        build_head(config.fusion, spec)
        cls, options = config.fusion.cls, config.fusion.options
        with blaming(cls, "canonical", spec.dims):
            head = cls.canonical(spec, options)
        described: dict[str, Any] = config.options.model_dump(mode="json")
        for name in ("seed", "fold", "data"):
            described.pop(name)
        if cls.solved:
            kept = {k: v for k, v in described["training"].items() if k not in UNUSED_BY_SOLVED}
            described["training"] = kept
        described["fusion"] = [config.fusion.plugin, head.model_dump(mode="json")]
        if config.relation is not None:
            encoder = config.relation.options
            if before.map_shape is not None:
                with blaming(config.relation.cls, "canonical"):
                    encoder = config.relation.cls.canonical(before.map_shape, encoder)
            described["relation"] = [config.relation.plugin, encoder.model_dump(mode="json")]
        if config.backbone is not None:
            described["backbone"] = [config.backbone.plugin, config.backbone.options.model_dump(mode="json")]
        return digest([described, data.fingerprint])

    def _front_end(self, config: RunConfig, data: RunData) -> _Before:
        parts = [part.plain() for part in (config.backbone, config.relation) if part]
        options = front_end_of(config)
        asked = digest([parts, options.model_dump(mode="json")])
        if asked not in self._before:
            shapes = {name: tuple(array.shape[1:]) for name, array in data.arrays.items()}
            made = assemble_front_end(config.backbone, config.relation, options, shapes, None)
            self._before[asked] = _before(made, shapes)
        return self._before[asked]


def _before(made: FrontEnd, shapes: Mapping[str, tuple[int, ...]]) -> _Before:
    part: Any = made
    if isinstance(made, StoredStreams):
        return _Before({n: made.mapped.get(n, (0, shape[0]))[1] for n, shape in shapes.items()}, None)
    if isinstance(made, StoredMaps):
        channels, rows, cols = shapes["map"]
        return _Before(
            {APPEARANCE: shapes[APPEARANCE][0], RELATION: part.relation.dim}, (channels, rows, cols)
        )
    encoder = {RELATION: part.relation.dim} if part.relation is not None else {}
    return _Before({APPEARANCE: part.backbone.dim, **encoder}, tuple(part.backbone.map_shape))
