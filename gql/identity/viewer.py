"""Who asks, and what they may do."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from enum import StrEnum
from urllib.parse import urlsplit

from starlette.types import Scope as AsgiScope

from gql.errors import ForbiddenError
from store import Visibility

from .addresses import is_loopback

_OWN_SITES = (
    None,
    b"same-origin",
    b"none",
)  # none: typed or bookmarked; other programs say nothing
_FORWARDING = (b"forwarded", b"x-forwarded-for", b"x-real-ip", b"via")


class Scope(StrEnum):
    """A right that a viewer has or lacks."""

    READ_DRAFTS = "READ_DRAFTS"
    READ_SECURED = "READ_SECURED"
    WRITE = "WRITE"
    ADMIN = "ADMIN"


_IMPLIED = {
    Scope.WRITE: frozenset({Scope.READ_DRAFTS}),  # who edits must see what is not out yet
    Scope.ADMIN: frozenset(Scope),
}


class Viewer:
    """The one for whom a request is answered; without scopes, the public. Never changed.

    Attributes:
        scopes: The rights given, and those that they imply.
        name: Whose key or token it is, for people who read logs; None for the public.
        id: The identity of the key or token, by which callers are told apart: a name can be given
            again when its key is revoked, an identity cannot. None for the public.
        visibility: Which articles are there for this viewer.
        may_read_secured: Whether what is secured in them is shown.
        mark: The same for viewers who see the same.
    """

    __slots__ = ("id", "mark", "may_read_secured", "name", "scopes", "visibility")

    def __init__(
        self,
        scopes: AbstractSet[Scope] = frozenset(),
        name: str | None = None,
        *,
        id: str | None = None,
    ) -> None:
        self.scopes = frozenset(scopes).union(*(_IMPLIED.get(scope, ()) for scope in scopes))
        self.name = name
        self.id = name if id is None else id
        self.may_read_secured = Scope.READ_SECURED in self.scopes
        self.visibility = Visibility.SECURED if self.may_read_secured else Visibility.PUBLISHED
        if Scope.READ_DRAFTS in self.scopes:
            self.visibility = Visibility.ALL
        self.mark = ",".join(sorted(self.scopes)).encode()

    def require(self, scope: Scope, what: str) -> None:
        """Raise ForbiddenError unless the viewer has this scope."""
        if scope not in self.scopes:
            raise ForbiddenError(
                f"{what} needs the scope {scope}, which this request does not have. "
                f"Send a key that has it: newsgraph keys add NAME --scope {scope}."
            )


PUBLIC = Viewer()
PREVIEW = Viewer({Scope.READ_DRAFTS, Scope.READ_SECURED})
"""Sees everything and changes nothing: for a person at the machine itself."""


def is_local(scope: AsgiScope) -> bool:
    """Whether a request was made on this machine, by a person's own program.

    The address alone does not tell: a proxy here passes on strangers' requests, a page from
    elsewhere may bind its name to this address (DNS rebinding), or ask from a browser here. Hence
    no forwarding headers, and a Host and an Origin, where there is one, that mean this machine. A
    browser sends no Origin with what a page embeds or links to, but says in Sec-Fetch-Site whether
    that page is ours (https://www.w3.org/TR/fetch-metadata/).
    """
    headers = dict(scope["headers"])
    client = scope.get("client")
    origin = headers.get(b"origin")
    return (
        client is not None
        and is_loopback(client[0])
        and is_loopback(_host_name(b"//" + headers.get(b"host", b"")))
        and (origin is None or is_loopback(_host_name(origin)))
        and (headers.get(b"sec-fetch-site") in _OWN_SITES or _is_same_site_page(headers))
        and not any(header in headers for header in _FORWARDING)
    )


def _is_same_site_page(headers: Mapping[bytes, bytes]) -> bool:
    """Whether it is from a page of another port of the same host, which CORS is to decide on."""
    return headers.get(b"sec-fetch-site") == b"same-site" and b"origin" in headers


def _host_name(address: bytes) -> str:
    """The host in an address, without its port; empty where there is none."""
    try:
        return urlsplit(address.decode("latin-1")).hostname or ""
    except ValueError:
        return ""
