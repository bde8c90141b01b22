"""The answer to an experiment's question in words, with its uncertainty and what would settle it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from fusionbench.contract.judging import SPOKEN
from fusionbench.statistics.planning import Components, Design, groups_needed, seeds_needed
from fusionbench.study.terms import Terms

if TYPE_CHECKING:
    from fusionbench.study.verdict import Pair

MOST_NAMES = 4
"""rows that a sentence names one by one"""


def answer_in_words(
    pairs: Sequence[Pair],
    means: Mapping[str, float],
    metric: str,
    terms: Terms,
    grouped_by: str,
) -> str:
    """One or two sentences that say what the pairs allow, and no more.

    Args:
        pairs: those of the family.
        means: label -> mean score, the best first.
        metric: what is compared.
        terms: margin and family.
        grouped_by: what the clips were grouped by, in words.
    """
    first = terms.against if terms.family == "against" and terms.against else next(iter(means))
    if first not in means:
        return f"{first}, which every row is judged against, has no figures, so no pair is judged."
    mine = [pair for pair in pairs if first in (pair.a, pair.b)]
    if not mine:
        return f"Only {first} has figures, so there is nothing to compare it with."
    seen = {_other(pair, first): pair for pair in mine}
    said = {word: [o for o, p in seen.items() if _word(p, first) == word] for word in _WORDS}
    begin = f"{first} ({percent(means[first])} {SPOKEN[metric]})"
    parts = [
        text.format(names(said[word]) + _by_how_much(seen, said[word], first, word))
        for word, text in _WORDS.items()
        if said[word]
    ]
    more = [_limits(mine), _what_to_add(seen, said, terms, grouped_by)]
    return " ".join([f"{begin} {_joined(parts)}.", *filter(None, more)])


_WORDS = {
    "better": "is better than {}",
    "worse": "is worse than {}",
    "equivalent": "is equivalent to {}",
    "unknown": "can't be told from {}",
}


def _word(pair: Pair, first: str) -> str:
    if pair.verdict in ("a", "b"):
        return "better" if (pair.verdict == "a") == (pair.a == first) else "worse"
    return pair.verdict


def _other(pair: Pair, first: str) -> str:
    return pair.b if pair.a == first else pair.a


def _by_how_much(seen: Mapping[str, Pair], others: Sequence[str], first: str, word: str) -> str:
    """The closest of the pairs, with its interval: what holds for it holds more so for the rest."""
    if word == "equivalent":
        return " within the margin"
    pair = min((seen[other] for other in others), key=lambda p: abs(p.difference))
    low, high = (pair.low, pair.high) if pair.a == first else (-pair.high, -pair.low)
    size = pair.difference if pair.a == first else -pair.difference
    which = f"{_other(pair, first)}: " if len(others) > 1 else ""
    small = ", less than the margin" if pair.within_margin else ""
    return f" ({which}{points(size)} points, {points(low)} to {points(high)}{small})"


def _limits(pairs: Sequence[Pair]) -> str:
    if any(len(pair.seeds) == 1 for pair in pairs):
        return "With one seed this speaks of these weights, not of the methods."
    if any(pair.paired.groups == 1 for pair in pairs):
        return "All clips are of one subject, so this speaks of no other."
    return ""


def _what_to_add(
    seen: Mapping[str, Pair],
    said: Mapping[str, Sequence[str]],
    terms: Terms,
    grouped_by: str,
) -> str:
    """What would tell apart the pair that is nearest to being told apart."""
    open_pairs = [seen[other] for other in said["unknown"]]
    if not open_pairs:
        return ""
    pair = min(open_pairs, key=lambda p: p.p)
    if not pair.paired.varies:
        return (
            f"No clip told {pair.a} and {pair.b} apart; with {grouped_by} they may still differ by up to "
            f"{points(pair.high).lstrip('+')} points."
        )
    least = f"A difference of {points(pair.mdd).lstrip('+')} points"
    size = f"{len(pair.seeds)} seed{'s' * (len(pair.seeds) > 1)}, {grouped_by}"
    could = f"{least if pair.mdd <= 1 else 'No difference at all'} could have been found ({size})."
    wanted = abs(pair.difference)
    if wanted < terms.margin:
        wanted, what = terms.margin, f"a difference of {points(terms.margin).lstrip('+')} points"
    else:
        what = f"the {points(wanted).lstrip('+')} points seen between {pair.a} and {pair.b}"
    groups = pair.paired.groups
    design = Design(len(pair.seeds), pair.paired.clips, groups, pairs=terms.pairs(len(seen) + 1))
    parts = Components.of(pair.paired)
    ways = []
    if len(pair.seeds) > 1 and (seeds := seeds_needed(parts, design, wanted)):
        ways.append(f"about {seeds} seeds")
    if groups > 1 and (more := groups_needed(parts, design, wanted)):
        people = next((kind for kind in ("subjects", "videos") if kind[:-1] in grouped_by), "clips")
        ways.append(f"about {more:,} {people}")
    if not ways:
        return f"{could} No number of seeds on these clips would settle {what}."
    return f"{could} To settle {what} would take {' or '.join(ways)}."


def names(labels: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``; of many the first and how many more."""
    if len(labels) > MOST_NAMES:
        return f"{', '.join(labels[: MOST_NAMES - 1])} and {len(labels) - MOST_NAMES + 1} more"
    return _joined(labels)


def _joined(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def points(fraction: float) -> str:
    """A difference as people read it: ``+1.5``; none is ``0.0``."""
    said = f"{100 * fraction:+.1f}"
    return said[1:] if float(said) == 0 else said


def percent(fraction: float) -> str:
    """A score as people read it."""
    return f"{100 * fraction:.1f} %"
