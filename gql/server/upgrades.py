"""Upgrades: which request opens a WebSocket, and how the upgrade of any other is ignored.

https://www.rfc-editor.org/rfc/rfc9110#section-7.8
"""

from __future__ import annotations

import httptools

from .head import Fields


def can_open_websocket(parser: httptools.HttpRequestParser, fields: dict[bytes, bytes]) -> bool:
    """Whether a request is a GET without a body, in the version that can be upgraded."""
    return (
        parser.get_method() == b"GET"
        and parser.get_http_version() == "1.1"
        and fields.get(b"content-length", b"0") == b"0"
        and b"transfer-encoding" not in fields
    )


def without_upgrade(parser: httptools.HttpRequestParser, url: bytes, headers: Fields) -> bytes:
    """The head of a request as if it asked for no upgrade, to be parsed again.

    The parser takes no body of a request with an upgrade.
    """
    version = parser.get_http_version().encode()
    lines = [b"%s %s HTTP/%s" % (parser.get_method(), url, version)]
    lines += [b"%s: %s" % field for field in headers if field[0] != b"upgrade"]
    return b"\r\n".join(lines) + b"\r\n\r\n"
