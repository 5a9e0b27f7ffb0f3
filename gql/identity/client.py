"""The client of a request: the unit that rate limits and capacity limits count.

A client is a key or token, wherever it is used from, else an address. Behind a trusted proxy the
scope has the address that the proxy forwards.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any, NamedTuple

from starlette.types import Scope

from .viewer import Viewer

_IPV6_PREFIX = 64  # the network of one household, which has billions of addresses


class Client(NamedTuple):
    """A client, as limits count it.

    Attributes:
        kind: `key` for a key or a token, else `address`.
        id: The id of the key or token, or the address; in IPv6, its network.
    """

    kind: str
    id: str

    @property
    def is_anonymous(self) -> bool:
        """Whether the client has neither key nor token."""
        return self.kind == "address"


_NO_ADDRESS = Client("address", "")


def client_of(viewer: Viewer | None, scope: Scope) -> Client:
    """The client of a request. `viewer` is None if its credentials are invalid."""
    if viewer is not None and viewer.id:
        return Client("key", viewer.id)
    peer: Any = scope.get("client")
    return client_at(peer[0]) if peer else _NO_ADDRESS


@lru_cache(maxsize=4_096)
def client_at(host: str) -> Client:
    """The client at an address, without a key."""
    try:
        address = ip_address(host)
    except ValueError:  # forwarded by a proxy from a forged field: all of those are one client
        return _NO_ADDRESS
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or ip_network((address, _IPV6_PREFIX), strict=False)[0]
    return Client("address", str(address))
