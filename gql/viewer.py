"""Who asks, and what they may do."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from enum import StrEnum

from starlette.types import Scope as AsgiScope

from store import Visibility

from .errors import GraphError
from .settings import is_loopback

_FORWARDING = (b"forwarded", b"x-forwarded-for", b"x-real-ip", b"via")


class ForbiddenError(GraphError):
    """The viewer lacks a right; the message says which."""

    code = "FORBIDDEN"


class Scope(StrEnum):
    """A right that a viewer has or lacks."""

    READ_DRAFTS = "READ_DRAFTS"
    READ_SECURED = "READ_SECURED"


class Viewer:
    """The one for whom a request is answered; without scopes, the public. Never changed.

    `visibility` tells which articles are there for this viewer; `mark` is the same for viewers who
    see the same.
    """

    __slots__ = ("mark", "scopes", "visibility")

    def __init__(self, scopes: AbstractSet[Scope] = frozenset()) -> None:
        self.scopes = frozenset(scopes)
        self.visibility = (
            Visibility.ALL if Scope.READ_DRAFTS in self.scopes else Visibility.PUBLISHED
        )
        self.mark = ",".join(sorted(self.scopes)).encode()

    def require(self, scope: Scope, what: str) -> None:
        """Raise ForbiddenError unless the viewer has this scope."""
        if scope not in self.scopes:
            raise ForbiddenError(
                f"{what} needs the scope {scope}, which this request does not have. "
                "For a local preview, start the server with --drafts."
            )


PUBLIC = Viewer()
PREVIEW = Viewer(frozenset(Scope))
"""Sees everything: for a person at the machine itself."""


def is_local(scope: AsgiScope) -> bool:
    """Whether a request was made on this machine, by a person's own program.

    The address alone does not tell: a proxy here passes on strangers' requests, and a page from
    elsewhere may bind its name to this address (DNS rebinding). Hence no forwarding headers, and a
    Host that means this machine.
    """
    headers = dict(scope["headers"])
    client = scope.get("client")
    host = headers.get(b"host", b"").decode("latin-1")
    name = host[: host.index("]") + 1] if host.startswith("[") else host.partition(":")[0]
    return (
        client is not None
        and is_loopback(client[0])
        and is_loopback(name)
        and not any(header in headers for header in _FORWARDING)
    )
