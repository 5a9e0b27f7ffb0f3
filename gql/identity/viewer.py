"""Viewers and their permissions."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from enum import StrEnum
from urllib.parse import urlsplit

from starlette.types import Scope

from gql.errors import ForbiddenError
from store import Visibility

from .addresses import is_loopback

_OWN_SITES = (
    None,  # a program that is no browser
    b"same-origin",
    b"none",  # typed or bookmarked
)
_FORWARDING_HEADERS = (b"forwarded", b"x-forwarded-for", b"x-real-ip", b"via")


class Permission(StrEnum):
    """A permission of a viewer; keys and tokens call it a scope."""

    READ_DRAFTS = "READ_DRAFTS"
    READ_SECURED = "READ_SECURED"
    WRITE = "WRITE"
    SEND_ANY_OPERATION = "SEND_ANY_OPERATION"
    ADMIN = "ADMIN"


_IMPLIED = {
    Permission.WRITE: frozenset({Permission.READ_DRAFTS}),  # editors have to see drafts
    Permission.ADMIN: frozenset(Permission),
}


class Viewer:
    """The identity and the permissions for which a request is executed. Immutable.

    Attributes:
        permissions: The granted permissions, and those that they imply.
        name: The name of the key or token, for logs; None for an anonymous viewer.
        id: The id of the key or token, which is never reused, unlike a name; None for an anonymous
            viewer.
        visibility: The articles that the viewer can see.
        may_read_secured: Whether the viewer can read secured text.
        permission_key: The permissions as a cache key.
        preview: The id of the one draft that the viewer may read besides; None for none.
        key: The viewers to whom responses are the same, as a cache key; empty without credentials.
    """

    __slots__ = (
        "id",
        "key",
        "may_read_secured",
        "name",
        "permission_key",
        "permissions",
        "preview",
        "visibility",
    )

    def __init__(
        self,
        permissions: AbstractSet[Permission] = frozenset(),
        name: str | None = None,
        *,
        id: str | None = None,
        preview: str | None = None,
    ) -> None:
        implied = (_IMPLIED.get(permission, ()) for permission in permissions)
        self.permissions = frozenset(permissions).union(*implied)
        self.name = name
        self.id = name if id is None else id
        self.may_read_secured = Permission.READ_SECURED in self.permissions
        self.visibility = Visibility.SECURED if self.may_read_secured else Visibility.PUBLISHED
        if Permission.READ_DRAFTS in self.permissions:
            self.visibility = Visibility.ALL
        self.permission_key = ",".join(sorted(self.permissions)).encode()
        self.preview = preview
        if preview is not None:
            self.permission_key += b"\n" + preview.encode()
        # A key without scopes reads what all can read, but its responses are private.
        is_anonymous = self.id is None and not self.permission_key
        self.key = b"" if is_anonymous else b"viewer:" + self.permission_key

    def with_preview(self, article_id: str) -> Viewer:
        """The viewer who may read this draft, too; the same one if it may read all drafts."""
        if self.visibility is Visibility.ALL:
            return self
        return Viewer(self.permissions, self.name, id=self.id, preview=article_id)

    def require(self, permission: Permission, action: str) -> None:
        """Raise ForbiddenError unless the viewer has this permission for an action."""
        if permission not in self.permissions:
            raise ForbiddenError(
                f"{action} needs the scope {permission}, which this request does not have. "
                f"Send a key that has it: newsgraph keys add NAME --scope {permission}."
            )


PUBLIC = Viewer()
PREVIEW = Viewer({Permission.READ_DRAFTS, Permission.READ_SECURED})
"""The viewer of local previews: can read everything and write nothing."""


def is_local(scope: Scope) -> bool:
    """Whether a request was made on this machine, by a person's own program.

    The address is not enough: a local proxy forwards requests of others, and a foreign page can
    send requests from a local browser or bind its name to this address (DNS rebinding). So there
    must be no forwarding header, and Host and Origin (if any) must be this machine. For embedded
    resources and links browsers send no Origin, but Sec-Fetch-Site
    (https://www.w3.org/TR/fetch-metadata/).
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
        and not any(header in headers for header in _FORWARDING_HEADERS)
    )


def _is_same_site_page(headers: Mapping[bytes, bytes]) -> bool:
    """Whether a request comes from a page on another port of the same host; CORS decides on it."""
    return headers.get(b"sec-fetch-site") == b"same-site" and b"origin" in headers


def _host_name(address: bytes) -> str:
    """The host of a URL, without its port; empty if there is none."""
    try:
        return urlsplit(address.decode("latin-1")).hostname or ""
    except ValueError:
        return ""
