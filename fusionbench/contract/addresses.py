"""Addresses of trackers and databases as they may be shown: without passwords, tokens and the like."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TextIO, cast
from urllib.parse import unquote, unquote_plus

HIDDEN = "***"
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"<>]*[^\s'\"<>.,;:)]")
_HOST = re.compile(r"[^@:/]+(:\d+)?/")
_HOST_ENDS = re.compile(r"[/?#&=]")
_PART = re.compile(r"[^&;]+")
_HARMLESS = {"timeout", "sslmode", "ssl_mode", "host", "port", "driver", "charset", "connect_timeout"}
"""names whose values are no secrets, and words that other texts may hold"""
_SECRET_VARIABLES = re.compile(
    r"MLFLOW_\w*(PASSWORD|TOKEN|SECRET)\w*|AWS_SECRET_ACCESS_KEY|AWS_SESSION_TOKEN"
)


def shown(address: str) -> str:
    """An address without its secrets.

    A database keeps its user's name, a server not even that; what stands behind ``?`` keeps
    its names and loses its values. The path of a file stays as it is, ``@`` and all. Where
    an unescaped password makes the parts uncertain, all but the scheme is hidden.
    """
    scheme, found, rest = address.partition("://")
    if not found:
        return address
    web = scheme.lower() in ("http", "https")
    rest, mark, page = rest.partition("#") if web else (rest, "", "")
    place, asked, query = rest.partition("?")
    hidden = f"{scheme}://{HIDDEN}"
    if not rest.startswith("/"):
        if "@" in query or "@" in page:
            return hidden
        user, at, host = place.rpartition("@")
        if web and "/" in user:
            if not _HOST.match(user):
                return hidden
        elif web:
            place = host
        elif at:
            place = f"{_user_shown(user)}@{host}"
    page = page if page.startswith("/") else HIDDEN  # a route of MLflow's page; else it may be a token
    return f"{scheme}://{place}{asked}{_PART.sub(_hide_value, query)}" + (mark + page if mark else "")


def _user_shown(user: str) -> str:
    name, has_password, _ = user.partition(":")
    name = HIDDEN if _HOST_ENDS.search(name) else name
    return f"{name}:{HIDDEN}" if has_password else name


def _hide_value(part: re.Match[str]) -> str:
    name, given, _ = part[0].partition("=")
    return f"{name}={HIDDEN}" if given else HIDDEN


def scrubbed(text: str, environment: Mapping[str, str] | None = None) -> str:
    """A text of any origin, such as a library's error, as it may be shown and stored.

    Known secrets go wherever they stand: those of the addresses and passwords that MLflow
    is given in the environment. So do the secrets of every other address in it, and
    characters that are no text (bytes of a file's name).

    Args:
        text: what would be shown.
        environment: where MLflow's settings stand; None: this process's own.
    """
    settings = os.environ if environment is None else environment
    for address in _addresses(settings):
        text = text.replace(address, shown(address))
    text = _ADDRESS.sub(lambda found: shown(found[0]), text)
    for secret in sorted(set(_secrets(settings)), key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", HIDDEN, text)
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


class _Scrubbed:
    """A stream of text that lets no secret through; in all else the stream it writes to."""

    def __init__(self, stream: Any):
        self._stream = stream

    def write(self, text: str) -> int:
        """As of a text stream."""
        self._stream.write(scrubbed(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """As of a text stream."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def scrub_stderr() -> TextIO:
    """From here on stderr shows no secret: not in a log, a warning, a traceback or a message of ours.

    Returns:
        The stream as it was, to be put back.
    """
    before = sys.stderr
    if not isinstance(before, _Scrubbed):
        sys.stderr = cast(TextIO, _Scrubbed(before))
    return before


def _addresses(settings: Mapping[str, str]) -> Iterator[str]:
    for name, value in settings.items():
        if name.startswith("MLFLOW_") and "://" in value:
            yield value


def _secrets(settings: Mapping[str, str]) -> Iterator[str]:
    """Every secret alone, as it is written and as it is meant."""
    for name, value in settings.items():
        if value and _SECRET_VARIABLES.fullmatch(name):
            yield value
    for address in _addresses(settings):
        yield from _secrets_of(address)


def _secrets_of(address: str) -> Iterator[str]:
    scheme, _, rest = address.partition("://")
    place, _, query = rest.partition("?")
    if not rest.startswith("/"):
        user = place.rpartition("@")[0]
        name, has_password, password = user.partition(":")
        if has_password or scheme.lower() in ("http", "https"):
            yield from _spellings(password if has_password else name)
    for part in _PART.findall(query):
        name, given, value = part.partition("=")
        if name.lower() not in _HARMLESS:
            yield from _spellings(value if given else name)


def _spellings(secret: str) -> Iterator[str]:
    for spelling in (secret, unquote(secret), unquote_plus(secret)):
        if len(spelling) > 2:  # a shorter one would take the text apart, and tell itself by that
            yield spelling
