"""What a run's digits came from, then and now, side by side: what differs, and how much that means."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fusionbench.catalog.plugins import RUN_KINDS
from fusionbench.catalog.run_config import flatten

WILL, MAY, HARMLESS = "will change digits", "may change digits", "harmless"
SEVERITIES = (WILL, MAY, HARMLESS)
"""the worst first"""
_OWNERS = (*RUN_KINDS, "harness")
"""what has code of its own: the components, and what all runs share"""
_MEANS = {
    **{f"{kind}.{what}": HARMLESS for kind in RUN_KINDS for what in ("name", "distribution")},
    "data.fingerprint": WILL,
    "split": WILL,
    "weights": WILL,
    "streams": WILL,
    "seed": WILL,
    "device": WILL,
    "gpu": MAY,
    "data": HARMLESS,
    "commit": HARMLESS,
    "cpu.cores": HARMLESS,
    "versions.python": HARMLESS,
    "versions.mlflow": HARMLESS,
}
"""beginning of a key -> what a difference in it means; the longest counts, and what none names may matter"""
BEFORE = "before"
"""what was other when a run that was interrupted began: a list, one entry an interruption"""
_NOT_COMPARED = ("format", BEFORE, "seed", "device", "threads", "torch.config", "torch.parallel")
"""options, compared as such, and texts for people: what decides in them stands under keys of its own"""
_NO_OPTIONS = ("data.", "fold")
"""beginnings of options that decide nothing: a fold is reproduced by itself, data are known by content"""
_NAMED_FILES = 3
_HASH = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{12,}\b")
_OWN_CODE = "harness.code"
NOTHING = "none"


@dataclass(frozen=True)
class Difference:
    """One thing that is not as it was."""

    what: str
    """dotted key, as in ``versions.torch`` or ``--set``"""
    then: str
    now: str
    severity: str

    def plain(self) -> dict[str, str]:
        """As JSON can hold it."""
        return dict(vars(self))


def facts(known: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted key -> value of everything in a provenance that is compared; hashes of single files are not."""
    whole = {
        key: {k: v for k, v in value.items() if k != "files"} if key in _OWNERS else value
        for key, value in known.items()
    }
    flat = {key: value for key, value in flatten(whole).items() if value != {}}
    return {key: value for key, value in flat.items() if key not in _NOT_COMPARED}


def differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[Difference]:
    """What differs between two provenances, the worst first; what one of them does not know is left out."""
    before, here = facts(then), facts(now)
    if _OWN_CODE in before:
        before.pop("identity", None)  # each thing that it is made of is compared by itself
    found = []
    for key in (key for key in before if key in here and before[key] != here[key]):
        owner, _, what = key.partition(".")
        changed = _changed_files(then, now, owner) if what == "code" else ""
        found.append(Difference(key, _shown(before[key]), _shown(here[key]) + changed, _severity(key)))
    return in_order(found)


def changes(then: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, str]:
    """Key -> what it was then, of all that may have changed the digits of a run between its two parts."""
    found = {each.what: each.then for each in differences(then, now) if each.severity != HARMLESS}
    placed = {key: str(then[key]) for key in ("device", "threads") if then.get(key, now[key]) != now[key]}
    return {**placed, **found}


def option_differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[Difference]:
    """Options, dotted key -> value, that differ; one that is on one side only is new or gone."""
    absent = "no such option"
    return [
        Difference(key, _shown(then.get(key, absent)), _shown(now.get(key, absent)), _severity(key))
        for key in {**then, **now}
        if not key.startswith(_NO_OPTIONS) and then.get(key, absent) != now.get(key, absent)
    ]


def in_order(found: list[Difference]) -> list[Difference]:
    """The worst first, as they came among equals."""
    return sorted(found, key=lambda each: SEVERITIES.index(each.severity))


def unknown(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """What ``other`` knows and ``one`` does not: whole groups by their name, single facts by their key."""
    mine, theirs = facts(one), facts(other)
    groups = {key.partition(".")[0] for key in mine}
    missing = [key for key in theirs if key not in mine and key != "identity"]
    return list(dict.fromkeys(k if k.partition(".")[0] in groups else k.partition(".")[0] for k in missing))


def short(text: str) -> str:
    """Text for people, whose hashes show how they begin."""
    return _HASH.sub(r"\1…", text)


def _severity(key: str) -> str:
    matching = [start for start in _MEANS if f"{key}.".startswith(f"{start}.")]
    return _MEANS[max(matching, key=len)] if matching else MAY


def _changed_files(then: Mapping[str, Any], now: Mapping[str, Any], owner: str) -> str:
    """`` (2 files differ: a.py, b.py)``; empty where single files were not kept."""
    before, here = (known.get(owner, {}).get("files") for known in (then, now))
    if not before or not here:
        return ""
    names = sorted(name for name in {*before, *here} if before.get(name) != here.get(name))
    more = f" and {len(names) - _NAMED_FILES} more" if len(names) > _NAMED_FILES else ""
    verb = "file differs" if len(names) == 1 else "files differ"
    return f" ({len(names)} {verb}: {', '.join(names[:_NAMED_FILES])}{more})"


def _shown(value: Any) -> str:
    return NOTHING if value is None else str(value)
