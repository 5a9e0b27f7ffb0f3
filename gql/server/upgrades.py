"""Upgrades: to WebSocket only; any other upgrade is ignored.

https://www.rfc-editor.org/rfc/rfc9110#section-7.8
"""

from __future__ import annotations

import httptools

from .head import HeaderFields


def can_open_websocket(parser: httptools.HttpRequestParser, fields: dict[bytes, bytes]) -> bool:
    """Whether a request is an HTTP/1.1 GET without a body."""
    return (
        parser.get_method() == b"GET"
        and parser.get_http_version() == "1.1"
        and fields.get(b"content-length", b"0") == b"0"
        and b"transfer-encoding" not in fields
    )


def remove_upgrade(parser: httptools.HttpRequestParser, url: bytes, headers: HeaderFields) -> bytes:
    """The head of a request without its Upgrade field, to be parsed again.

    The parser reads no body of a request with an upgrade.
    """
    version = parser.get_http_version().encode()
    lines = [b"%s %s HTTP/%s" % (parser.get_method(), url, version)]
    lines += [b"%s: %s" % field for field in headers if field[0] != b"upgrade"]
    return b"\r\n".join(lines) + b"\r\n\r\n"
