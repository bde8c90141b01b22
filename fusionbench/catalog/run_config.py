"""``RunConfig``: one run, fully resolved and frozen, and the schema of its options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from fusionbench.contract.options import Config, tunable


class DataOptions(Config):
    """Where the clips come from."""

    root: Path | None = Field(
        None, description="folder of the dataset; null = $FUSIONBENCH_DATA/<dataset>, else data/<dataset>"
    )
    stand_in: bool = Field(False, description="run on generated data in the dataset's layout")
    on_bad_clip: Literal["fail", "skip"] = Field(
        "fail", description="what a clip that cannot be read does to the run"
    )
    on_subject_leak: Literal["tell", "fail"] = Field(
        "tell", description="what a subject who is both trained and reported on does to the run"
    )


class SamplingOptions(Config):
    """How frames are taken from a clip."""

    frames: int | None = Field(
        16,
        ge=1,
        le=1_000_000,
        description="one frame from each of so many equal segments; null = whole sequences",
    )


class FrontEndOptions(Config):
    """What stands between frames and streams, and whether it is trained."""

    trainable: Literal["none", "relation", "all"] = Field(
        "none",
        description="none = streams are extracted once; relation = its encoder learns too; all = end to end",
    )
    share_trunk: bool = Field(
        True, description="one backbone for both streams; false = a copy for each (trainable: all)"
    )
    standardise: bool = Field(
        True, description="scale extracted streams to zero mean, unit variance on the training part"
    )
    widen: int | None = Field(
        None,
        ge=1,
        le=65_536,
        description="stored streams narrower than this get a learned linear map to this width; null = never",
    )
    narrow: int | None = Field(
        None,
        ge=1,
        description="stored streams wider than this get a learned linear map to this width; null = never",
    )

    @field_validator("narrow")
    @classmethod
    def _not_below_widen(cls, narrow: int | None, others: ValidationInfo) -> int | None:
        widen = others.data.get("widen")
        if narrow is not None and widen is not None and narrow < widen:
            raise PydanticCustomError(
                "bounds", f"input should be null or at least front_end.widen, which is {widen}; set both"
            )
        return narrow


class TrainingOptions(Config):
    """The same for every head in a comparison."""

    epochs: int = Field(40, ge=1, le=10_000, description="passes over the training part")
    batch_size: int = Field(32, ge=1, le=1_000_000, description="clips in a step")
    lr: float = tunable(
        1e-3,
        low=1e-5,
        high=1e-2,
        log=True,
        gt=0,
        description="learning rate of what starts fresh (paper: 1e-3)",
    )
    lr_pretrained: float = Field(
        1e-4, gt=0, description="learning rate of pre-trained parameters (paper: 1e-4)"
    )
    weight_decay: float = tunable(
        1e-4,
        low=1e-6,
        high=1e-1,
        log=True,
        ge=0,
        description="decoupled weight decay (AdamW; paper: not stated)",
    )
    optimizer: Literal["adamw", "adamw_fused"] = Field(
        "adamw",
        description="adamw_fused = the same update in one kernel: less time, other last digits",
    )
    schedule: Literal["constant", "cosine"] = Field(
        "cosine", description="learning rate over the epochs (paper: not stated)"
    )
    loss: Literal["protocol", "cross_entropy", "focal"] = Field(
        "protocol", description="protocol = the dataset's own"
    )
    class_weights: Literal["none", "balanced"] = Field(
        "none",
        description="balanced = a clip weighs n / (K n_k): every class of the training part has the same say",
    )
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="cross-entropy only")
    focal_gamma: float = Field(2.0, ge=0, description="focal loss only (Lin et al. 2017)")
    clip_norm: float | None = Field(
        1.0, gt=0, description="largest gradient norm; null = no limit (MulT's code: 0.8)"
    )


class RunOptions(Config):
    """Every option of a run that does not belong to one of its four components."""

    data: DataOptions = DataOptions()
    sampling: SamplingOptions = SamplingOptions()
    front_end: FrontEndOptions = FrontEndOptions()
    training: TrainingOptions = TrainingOptions()
    seed: int = Field(
        0,
        ge=0,
        lt=2**32,
        description="weights, sampling order and dropout; splits do not depend on it",
    )
    fold: str | None = Field(None, description="run this fold only; null = all folds of the dataset")
    metric: str | None = Field(
        None,
        description="chooses the epoch and ranks: one of the dataset's metrics; null = its headline",
    )
    positive: str | None = Field(
        None, description="of two classes the one that positive_f1 is about; null = neither"
    )
    device: str = Field("cpu", description="cpu, cuda, cuda:1, mps")
    threads: int = Field(
        1,
        ge=1,
        le=1024,
        description="CPU threads of a training step; a part of the config, since digits depend on it",
    )


def option_groups() -> dict[str, type[Config]]:
    """The groups that ``RunOptions`` nests, by name, and ``run`` for what stands beside them."""
    groups = {name: type(f.default) for name, f in RunOptions.model_fields.items()}
    return {**{n: schema for n, schema in groups.items() if issubclass(schema, Config)}, "run": RunOptions}


@dataclass(frozen=True)
class Chosen:
    """A component that was chosen, with its options."""

    kind: str
    name: str
    """as the user gave it: a plugin's or a preset's name"""
    plugin: str
    """the component's own name"""
    version: str
    """version of the distribution that brought it"""
    cls: Any
    options: Any

    def plain(self) -> dict[str, Any]:
        """Name, plugin and options, as JSON can hold them."""
        return {"name": self.name, "plugin": self.plugin, **self.options.model_dump(mode="json")}


@dataclass(frozen=True)
class RunConfig:
    """One run. ``backbone`` and ``relation`` are None where the dataset brings its streams."""

    fusion: Chosen
    dataset: Chosen
    relation: Chosen | None
    backbone: Chosen | None
    options: RunOptions
    origins: Mapping[str, str]
    """dotted key -> where its value came from"""

    @property
    def components(self) -> tuple[Chosen, ...]:
        """The chosen components, in the order of a run's name."""
        return tuple(c for c in (self.fusion, self.dataset, self.relation, self.backbone) if c)

    def plain(self) -> dict[str, Any]:
        """The whole config as JSON can hold it."""
        parts = {c.kind: c.plain() for c in self.components}
        return {**parts, **self.options.model_dump(mode="json")}

    def flat(self) -> dict[str, Any]:
        """Dotted key -> value, as ``--set`` spells them."""
        return flatten(self.plain())


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings to dotted keys; an empty mapping stays a value."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat
