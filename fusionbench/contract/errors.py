"""What is wrong, what came, what is allowed, what to do: every error a user can cause."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class FusionBenchError(Exception):
    """Root of every error that this package raises on purpose."""


class UserError(FusionBenchError):
    """The user can mend this; the command line prints it without a traceback and exits with 2."""


class BadClip(UserError):
    """One clip cannot be read; the policy ``--on-bad-clip`` decides whether the run goes on."""


class NotSupported(UserError):
    """Two components, or a component and the data, do not fit; comparisons list it as skipped."""


def nearest(name: str, allowed: Iterable[str]) -> str:
    """`` Did you mean 'x'?`` for the closest allowed name, or an empty string."""
    close = difflib.get_close_matches(name.lower(), {a.lower(): a for a in allowed}, n=1, cutoff=0.5)
    return f" Did you mean {close[0]!r}?" if close else ""


def unknown(what: str, name: str, allowed: Iterable[str], hint: str = "") -> UserError:
    """The error for a name that nothing answers to.

    Args:
        what: what was looked for, as in ``fusion head``.
        name: the name that came.
        allowed: every name that would have been right.
        hint: a last sentence that says what to do.
    """
    names = sorted(allowed)
    listed = ", ".join(names) if names else "none"
    message = f"no {what} named {name!r}.{nearest(name, names)} Installed: {listed}."
    return UserError(f"{message} {hint}".strip())
