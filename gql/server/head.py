"""The head of a request (start line and header fields): its validation.

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
    TransferCodingError,
    UriTooLongError,
)

from .connection_limits import ConnectionLimits

FIELD_OVERHEAD = 4
"""The bytes of a field besides its name and value: `: ` and the line break."""

HeaderFields = Sequence[tuple[bytes, bytes]]
"""Header fields in order, repeated ones included; the names in lower case."""

_NO_PROXY = MethodNotAllowedError(
    "CONNECT is for proxies, and this server is no proxy.",
    headers=((b"allow", b"GET, HEAD, POST, OPTIONS"),),
)

_HOST = re.compile(rb"(?:[\w.~%!$&'()*+,;=-]*|\[[0-9A-Fa-f:.]+\])(?::\d{0,5})?", re.ASCII)


class StartLine(NamedTuple):
    """The start line of a request."""

    method: bytes
    url: bytes
    version: str


class HeadValidator:
    """Validates the heads of one connection; remembers its last valid Host."""

    __slots__ = ("_limits", "_valid_host")

    def __init__(self, limits: ConnectionLimits) -> None:
        self._limits = limits
        self._valid_host: bytes | None = None

    def is_like_previous(
        self, method: bytes, version: str, headers: HeaderFields, fields: dict[bytes, bytes]
    ) -> bool:
        """Whether a small head needs no further check, since its Host is that of the last one."""
        return (
            fields.get(b"host") == self._valid_host is not None
            and version == "1.1"
            and method != b"CONNECT"
            and len(fields) == len(headers) <= self._limits.max_header_fields
        )

    def find_error(
        self, start: StartLine, headers: HeaderFields, fields: dict[bytes, bytes], *, is_small: bool
    ) -> RequestError | None:
        """The error of an invalid head, else None. `fields` has the header fields by name.

        `is_small`: not more bytes were received than a head may have, so they are not counted.
        """
        method, url, version = start
        host = fields.get(b"host")
        error: RequestError | None = None  # not raised: a traceback references the connection
        if len(headers) > self._limits.max_header_fields:
            error = too_large_error("head", url, self._limits)
        elif version not in ("1.1", "1.0"):
            error = HttpVersionError(f"HTTP/{version} is not supported. Use HTTP/1.1.")
        elif method == b"CONNECT":
            error = _NO_PROXY
        elif not is_small and count_head_bytes(url, headers) > self._limits.max_header_bytes:
            error = too_large_error("head", url, self._limits)
        elif host is None and version == "1.1":
            error = MalformedRequestError("A request in HTTP/1.1 needs a Host field.")
        elif host not in (None, self._valid_host) and not _HOST.fullmatch(host):
            error = MalformedRequestError("The Host field is not a host, nor a host and port.")
        elif len(fields) < len(headers) and _count(b"host", headers) > 1:
            error = MalformedRequestError("A request must not have more than one Host field.")
        else:
            self._valid_host = host
        return error


def _count(name: bytes, headers: HeaderFields) -> int:
    return sum(each == name for each, _ in headers)


def find_coding_error(headers: HeaderFields) -> RequestError | None:
    """The error of transfer codings before chunked; the parser refuses all others.

    https://www.rfc-editor.org/rfc/rfc9112#section-6.1
    """
    values = [value for name, value in headers if name == b"transfer-encoding"]
    *others, last = [each.strip().lower() for each in b",".join(values).split(b",")]
    if not others or last != b"chunked":
        return None
    return TransferCodingError(
        "Transfer codings such as gzip are not supported. Send Transfer-Encoding: chunked alone."
    )


def count_head_bytes(url: bytes, headers: HeaderFields) -> int:
    """The size of a head without its method and version."""
    return len(url) + sum(len(name) + len(value) + FIELD_OVERHEAD for name, value in headers)


def too_large_error(part: str, url: bytes, limits: ConnectionLimits) -> RequestError:
    """The error of a request with too many bytes or fields in a part of it."""
    if len(url) > limits.max_header_bytes:
        return UriTooLongError(f"The URL has more than {limits.max_header_bytes} bytes.")
    return HeaderTooLargeError(
        f"The {part} of the request may have {limits.max_header_bytes} bytes "
        f"and {limits.max_header_fields} fields."
    )
