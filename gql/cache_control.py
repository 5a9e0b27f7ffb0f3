"""Cache control: which responses caches may store, and which header fields select among them.

https://www.rfc-editor.org/rfc/rfc9111#section-5.2
"""

from __future__ import annotations

import re

from gql.errors import Headers

VARY = (b"vary", b"Accept, Accept-Encoding, Authorization")
"""The request header fields on which responses of the graph depend."""

NO_STORE: Headers = ((b"cache-control", b"no-store"),)
"""For responses that no cache may store. Without it some would, as their settings say."""

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105  # no password
_DIRECTIVE = re.compile(rf'({_TOKEN})(?:=(?:{_TOKEN}|"[^"\\\r\n]*"))?')
_SHARED = frozenset({"public", "private", "s-maxage"})


def is_cache_control(text: str) -> bool:
    """Whether a text is a value of Cache-Control: directives, separated by commas."""
    directive = _DIRECTIVE.pattern
    return re.fullmatch(rf"{directive}(?: *, *{directive})*", text) is not None


def private_cache_control(text: str) -> str:
    """The value for a response to one viewer: as the text says, but no shared cache stores it."""
    directives = [
        matched[0] for matched in _DIRECTIVE.finditer(text) if matched[1].lower() not in _SHARED
    ]
    return ", ".join(["private", *directives])
