"""The head cache: parsed and valid request heads, by their bytes.

The meaning and the validity of a head depend on its bytes only, if it begins behind the end of
another request. A client sends few different heads, some of them very often.
"""

from __future__ import annotations

import msgspec

from gql.cache import AdmissionFilter, ByteCache

from .head import HeaderFields

CACHE_BYTES = 1 << 20
"""The bound of the cache; a head takes 1 to 3 kB."""

ADMISSION_KEYS = 1_024
"""The window of admission: many heads have an id in them and are not repeated."""


class RequestHead(msgspec.Struct, frozen=True, gc=False):
    """The head of a POST whose body came in the same chunk.

    Attributes:
        url: The URL, a path without query.
        path: The path as text.
        headers: The header fields.
        fields: The header fields by name; none is repeated.
        body_bytes: The length of the body.
    """

    url: bytes
    path: str
    headers: HeaderFields
    fields: dict[bytes, bytes]
    body_bytes: int


class HeadCache(ByteCache[bytes, RequestHead]):
    """The head cache of one application, whose limits decide which heads are valid.

    Attributes:
        admits: Whether a head may be put: at its second occurrence.
    """

    __slots__ = ("admits",)

    def __init__(self) -> None:
        super().__init__("request_heads", CACHE_BYTES, _size_bytes)
        self.admits = AdmissionFilter(ADMISSION_KEYS).admits


def _size_bytes(text: bytes, head: RequestHead) -> int:
    """The size of an entry; measured."""
    return 2 * len(text) + 180 * len(head.headers) + 700
