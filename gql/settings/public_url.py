"""The public URL: the address of this server for clients, which feeds need for absolute URLs."""

from __future__ import annotations

import re

from starlette.requests import Request

from store import is_web_url

_HOST = re.compile(
    r"(?:[A-Za-z0-9][A-Za-z0-9._-]{0,252}|\[[0-9A-Fa-f:.]{2,45}\])"  # a name or an address
    r"(?::[0-9]{1,5})?"
)


def public_address(url: str) -> str:
    """Check the setting `public_url`; returns it without a slash at its end.

    Raises: ValueError: it is no absolute http or https URL, or has a query or fragment.
    """
    if not is_web_url(url) or "?" in url or "#" in url:
        raise ValueError(
            f"The public URL {url!r} cannot be used; write one like https://news.example.org, "
            "without ? and #."
        )
    return url.rstrip("/")


def request_address(request: Request) -> str:
    """The address that a request was sent to, without a slash at its end.

    For a malformed Host it is the address of the socket.
    """
    host = request.headers.get("host", "")
    if not _HOST.fullmatch(host):
        host = _socket_address(request.scope.get("server"))
    path = request.scope.get("root_path", "").rstrip("/")
    return f"{request.scope['scheme']}://{host}{path}"


def _socket_address(server: tuple[str, int | None] | None) -> str:
    if server is None or server[1] is None:  # no port: a Unix socket, whose name is a path
        return "localhost"
    name, port = server
    return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"
