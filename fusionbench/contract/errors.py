"""What is wrong, what came, what is allowed, what to do: every error a user can cause."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_LONGEST_SHOWN = 200


class FusionBenchError(Exception):
    """Root of every error that this package raises on purpose."""


class UserError(FusionBenchError):
    """The user can mend this; the command line prints it without a traceback and exits with 2."""


class DataWarning(UserWarning):
    """Data were written as they came, but a number made from them may not be what it seems."""


class BadClip(UserError):
    """One clip cannot be read; the policy ``--on-bad-clip`` decides whether the run goes on."""


class NotSupported(UserError):
    """Two components, or a component and the data, do not fit; comparisons list it as skipped."""


def nearest(name: str, allowed: Iterable[str]) -> str:
    """`` Did you mean 'x'?`` for the closest allowed name, or an empty string."""
    closeness = {other: _closeness(name.lower(), other.lower()) for other in allowed}
    best = max(closeness, key=lambda other: closeness[other], default="")
    return f" Did you mean {best!r}?" if best and closeness[best] >= 0.6 else ""


def brief(value: object) -> str:
    """A value as it came, for a message; a long one is cut."""
    shown = repr(value)
    return shown if len(shown) <= _LONGEST_SHOWN else f"{shown[:_LONGEST_SHOWN]} ..."


def _closeness(a: str, b: str) -> float:
    """0 to 1; letters that only changed places count half: ``agpr`` is nearer ``arpg`` than ``gru``."""
    in_order = difflib.SequenceMatcher(None, a, b).ratio()
    any_order = difflib.SequenceMatcher(None, sorted(a), sorted(b)).ratio()
    return (in_order + any_order) / 2


def unknown(
    what: str, name: str, allowed: Iterable[str], hint: str = "", *, listed: str = "Allowed"
) -> UserError:
    """The error for a name that nothing answers to.

    Args:
        what: what was looked for, as in ``fusion head``.
        name: the name that came.
        allowed: every name that would have been right.
        hint: a last sentence that says what to do.
        listed: what the names are called.
    """
    names = sorted(allowed)
    message = f"no {what} named {name!r}.{nearest(name, names)} {listed}: {', '.join(names) or 'none'}."
    return UserError(f"{message} {hint}".strip())
