"""A run as one would type it: which option has which flag, and a request back in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FLAGS = {
    "fusion": "--fusion",
    "relation": "--relation",
    "backbone": "--backbone",
    "front_end": "--front-end",
    "dataset": "--dataset",
    "data.root": "--data-root",
    "data.stand_in": "--stand-in",
    "data.on_bad_clip": "--on-bad-clip",
    "training.epochs": "--epochs",
    "seed": "--seed",
    "fold": "--fold",
    "metric": "--metric",
    "device": "--device",
    "threads": "--threads",
}
"""dotted key -> its flag"""


def run_words(values: Mapping[str, Any], file: Path | None = None, registry: Path | None = None) -> list[str]:
    """``fusionbench run`` with these options, to be joined by `shlex.join`.

    Args:
        values: dotted key -> value; a kind may be called ``fusion`` or ``fusion.name``.
        file: ``--config``.
        registry: ``--registry``.
    """
    words = ["fusionbench", "run"]
    for flag, path in (("--config", file), ("--registry", registry)):
        words += [flag, str(path)] if path else []
    for key, value in values.items():
        name = key.removesuffix(".name")
        flag = FLAGS.get(name, "--set")
        if name not in FLAGS:
            words += [flag, f"{key}={_typed(value)}"]
        elif isinstance(value, bool):
            words += [flag] if value else []
        else:
            words += [flag, str(value)]
    return words


def _typed(value: Any) -> str:
    """A value as ``--set`` takes it, with all its digits."""
    import yaml  # late: ``--help`` does without

    from fusionbench.catalog.documents import plain

    written = yaml.safe_dump(plain(value), default_flow_style=True, width=math.inf, allow_unicode=True)
    return written.removesuffix("...\n").strip()
