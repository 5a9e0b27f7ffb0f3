"""The head of a request: its start line and header fields, and what is refused in them.

https://www.rfc-editor.org/rfc/rfc9112#section-3
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from gql.errors import (
    HeaderTooLargeError,
    HttpVersionError,
    MalformedRequestError,
    MethodNotAllowedError,
    RequestError,
    UriTooLongError,
)

from .connection_limits import ConnectionLimits

FIELD_OVERHEAD = 4
"""How many bytes a field has besides its name and value: `: ` and the end of the line."""

Fields = Sequence[tuple[bytes, bytes]]
"""Header fields as they came; the names in lower case."""

_NO_PROXY = MethodNotAllowedError(
    "CONNECT is for proxies, and this is none.", headers=((b"allow", b"GET, HEAD, POST, OPTIONS"),)
)

_HOST = re.compile(rb"(?:[\w.~%!$&'()*+,;=-]*|\[[0-9A-Fa-f:.]+\])(?::\d{0,5})?", re.ASCII)


class StartLine(NamedTuple):
    """The first line of a request."""

    method: bytes
    url: bytes
    version: str


class HeadCheck:
    """Checks the heads of one connection, whose Host is mostly the same."""

    __slots__ = ("_good_host", "_limits")

    def __init__(self, limits: ConnectionLimits) -> None:
        self._limits = limits
        self._good_host: bytes | None = None

    def is_usual(
        self, method: bytes, version: str, headers: Fields, fields: dict[bytes, bytes]
    ) -> bool:
        """Whether a small head is like the one before, so that nothing has to be looked at."""
        return (
            fields.get(b"host") == self._good_host is not None
            and version == "1.1"
            and method != b"CONNECT"
            and len(fields) == len(headers) <= self._limits.max_header_fields
        )

    def find_fault(
        self, start: StartLine, headers: Fields, fields: dict[bytes, bytes], *, is_small: bool
    ) -> RequestError | None:
        """Why a head is refused; `fields` are its headers by name.

        `is_small` saves counting bytes where no more have come than a head may have.
        """
        method, url, version = start
        host = fields.get(b"host")
        fault: RequestError | None = None  # not raised: its traceback would hold the connection
        if len(headers) > self._limits.max_header_fields:
            fault = too_large("head", url, self._limits)
        elif version not in ("1.1", "1.0"):
            fault = HttpVersionError(f"HTTP/{version} is not spoken here. Use HTTP/1.1.")
        elif method == b"CONNECT":
            fault = _NO_PROXY
        elif not is_small and count_head_bytes(url, headers) > self._limits.max_header_bytes:
            fault = too_large("head", url, self._limits)
        elif host is None and version == "1.1":
            fault = MalformedRequestError("A request in HTTP/1.1 needs a Host field.")
        elif host not in (None, self._good_host) and not _HOST.fullmatch(host):
            fault = MalformedRequestError("The Host field is no host, or host and port.")
        elif len(fields) < len(headers) and _count(b"host", headers) > 1:
            fault = MalformedRequestError("A request has one Host field, and no more.")
        else:
            self._good_host = host
        return fault


def _count(name: bytes, headers: Fields) -> int:
    return sum(each == name for each, _ in headers)


def count_head_bytes(url: bytes, headers: Fields) -> int:
    """How many bytes a head has, but for its method and version."""
    return len(url) + sum(len(name) + len(value) + FIELD_OVERHEAD for name, value in headers)


def too_large(part: str, url: bytes, limits: ConnectionLimits) -> RequestError:
    """The refusal of a request of which a part has too many bytes or fields."""
    if len(url) > limits.max_header_bytes:
        return UriTooLongError(f"The URL has more than {limits.max_header_bytes} bytes.")
    return HeaderTooLargeError(
        f"The {part} of the request may have {limits.max_header_bytes} bytes "
        f"and {limits.max_header_fields} fields."
    )
