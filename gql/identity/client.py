"""The client of a request: whom rate limits and shares count as one.

A client is its key or token, wherever that is used, else its address. Behind a trusted proxy the
server has put the address that the proxy names in the scope already.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any, NamedTuple

from starlette.types import Scope as AsgiScope

from .viewer import Viewer

_IPV6_PREFIX = 64  # what one household gets; each address in it would be counted on its own


class Client(NamedTuple):
    """One client.

    Attributes:
        kind: What it is known by: `key` for a key or a token, `address` without one.
        id: The identity of the key or token, or the address; in IPv6, its network.
    """

    kind: str
    id: str

    @property
    def is_anonymous(self) -> bool:
        """Whether it has no key and no token."""
        return self.kind == "address"


_NO_ADDRESS = Client("address", "")


def client_of(viewer: Viewer | None, scope: AsgiScope) -> Client:
    """The client that sent a request. `viewer`: None where its credentials were not good."""
    if viewer is not None and viewer.id:
        return Client("key", viewer.id)
    peer: Any = scope.get("client")
    return client_at(peer[0]) if peer else _NO_ADDRESS


@lru_cache(maxsize=4_096)
def client_at(host: str) -> Client:
    """The client without a key at an address."""
    try:
        address = ip_address(host)
    except ValueError:  # a proxy passed on what a client made up: all such are one
        return _NO_ADDRESS
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or ip_network((address, _IPV6_PREFIX), strict=False)[0]
    return Client("address", str(address))
