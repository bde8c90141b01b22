"""Figures of the paper this began with, as data: what was published, of which rows, where it stands.

ARPGNet: Li, Zhao, Xia, Jiang, "ARPGNet: Appearance- and Relation-aware Parallel Graph Attention Fusion
Network for Facial Expression Recognition", IEEE Transactions on Affective Computing, 2025, doi
10.1109/TAFFC.2025.3627249, arXiv 2511.22188. Accuracy on AFEW's validation part, 383 clips, single runs
with one backbone; no seeds and no deviation are given. Table 1 (RML) and Table 3 (Aff-Wild2) are not
here: which of their figures belongs to which method was not at hand when this was written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fusionbench.catalog.run_config import flatten

if TYPE_CHECKING:
    from fusionbench.bench.outcome import Outcome
    from fusionbench.report.evidence import Evidence, Head

CLIPS = 383
"""of AFEW's validation part; every figure of these tables is a number of clips of it"""
SOURCE = "ARPGNet (IEEE Transactions on Affective Computing, 2025, doi 10.1109/TAFFC.2025.3627249)"


@dataclass(frozen=True)
class Figure:
    """One number of a table, and the options a row here must have to be the same method."""

    table: str
    method: str
    """as the paper calls it"""
    percent: float
    fusion: str
    """plugin here"""
    options: Mapping[str, Any] = field(default_factory=dict)
    """dotted key -> value that a row's configuration must have"""

    @property
    def clips(self) -> int:
        """Clips that were right."""
        return round(self.percent / 100 * CLIPS)


_REGIONS = {"relation.plugin": "region_gat", "relation.graph": "grid", "relation.patches": 6}
_ARPG = {"fusion.trs": 3}

AFEW = (
    Figure("Table 2", "ARPG", 57.70, "arpg", {**_REGIONS, **_ARPG}),
    Figure("Table 2", "MulT", 55.87, "mult", _REGIONS),
    Figure("Table 2", "TEMMA", 54.83, "temma", _REGIONS),
    Figure("Table 2", "Multi-attention", 53.00, "multi_attention", _REGIONS),
    Figure("Table 4", "appearance alone", 50.65, "single", {"fusion.stream": "appearance"}),
    Figure("Table 4", "relation alone", 47.52, "single", {**_REGIONS, "fusion.stream": "relation"}),
    Figure("Table 4", "concatenation + MLP", 51.96, "concat", _REGIONS),
    Figure("Table 4", "concatenation + MLP", 51.96, "concat_mlp", _REGIONS),
    Figure("Table 4", "fusion without temporal scope", 55.35, "arpg", {**_REGIONS, "fusion.trs": None}),
    Figure("Table 5", "P = 12", 57.18, "arpg", {**_REGIONS, **_ARPG, "relation.patches": 12}),
    Figure("Table 5", "P = 4", 56.91, "arpg", {**_REGIONS, **_ARPG, "relation.patches": 4}),
    Figure("Table 5", "P = 3", 55.61, "arpg", {**_REGIONS, **_ARPG, "relation.patches": 3}),
    Figure("Table 6", "RA-UWML", 52.22, "arpg", {**_REGIONS, **_ARPG, "relation.graph": "ra_uwml"}),
    Figure("Table 6", "DDRGCN", 54.31, "arpg", {**_REGIONS, **_ARPG, "relation.graph": "ddrgcn"}),
    Figure("Table 6", "Chang", 55.61, "arpg", {**_REGIONS, **_ARPG, "relation.graph": "chang"}),
)
"""the comparisons with one backbone; Table 2's 60.05 with EfficientNet-b0 is another front end"""

PUBLISHED = {"afew": AFEW}
"""data set -> what was published about it"""


def of_paper(evidence: Evidence) -> dict[str, Figure]:
    """Label -> its published figure, of the rows that are the same method on the same data.

    Nothing for generated data, for other scores than accuracy, or where other clips were reported on.
    """
    if evidence.made.stand_in or evidence.metric != "accuracy":
        return {}
    found = {}
    for head in evidence.heads:
        run = next(iter(head.runs.values()))
        known = PUBLISHED.get(_dataset(run), ())
        if len(next(iter(head.predictions.values())).ids) != CLIPS:
            continue
        figure = next((figure for figure in known if _is(figure, head)), None)
        if figure is not None:
            found[head.label] = figure
    return found


def about(evidence: Evidence) -> tuple[Figure, ...]:
    """Everything that was published about the data set of this comparison."""
    named = {_dataset(run) for head in evidence.heads for run in head.runs.values()}
    return PUBLISHED.get(named.pop(), ()) if len(named) == 1 else ()


def _dataset(run: Outcome) -> str:
    """The reader that the clips came through; empty where predictions were made elsewhere."""
    return str(run.config.get("dataset", {}).get("plugin", ""))


def _is(figure: Figure, head: Head) -> bool:
    """Whether a row is the published method: the same plugin with the same options."""
    run = next(iter(head.runs.values()))
    flat = flatten(run.config)
    return flat.get("fusion.plugin") == figure.fusion and all(
        flat.get(key) == value for key, value in figure.options.items()
    )
