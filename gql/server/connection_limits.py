"""Connection limits: the number of connections, and the sizes and time-outs of each.

The HTTP/1.1 protocol enforces them before the application sees a request.
"""

from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from gql.logs import get_logger

if TYPE_CHECKING:
    from gql.settings import Settings

RESERVED_FILES = 64
"""File descriptors reserved for the store, the log and other files."""
FEW_CONNECTIONS = 100
"""With fewer connections than these a browser or two leave no room for others."""
FILES = Path("/dev/fd")

log = get_logger()


class ConnectionLimits(msgspec.Struct, frozen=True):
    """The limits of connections.

    Attributes:
        max_connections: The most connections of a process.
        max_header_bytes: The largest head (start line and fields), and the largest trailers.
        max_header_fields: The most fields of a head, and of trailers.
        request_timeout_s: The time-out for a head; and for a body, with a second more for each
            `MIN_BODY_RATE` bytes.
        send_timeout_s: The time-out for a client that reads nothing of its responses.
        count_refusal: Called with the status of each refusal, for metrics.
    """

    max_connections: int = 4_000
    max_header_bytes: int = 65_536
    max_header_fields: int = 100
    request_timeout_s: float = 20
    send_timeout_s: float = 30
    count_refusal: Callable[[int], None] = lambda _status: None


def connection_limits(
    settings: Settings, count_refusal: Callable[[int], None] | None = None
) -> ConnectionLimits:
    """The limits of the settings; fewer connections if there are not enough file descriptors."""
    return ConnectionLimits(
        max_connections=_available_connections(settings.max_connections),
        max_header_bytes=settings.max_header_bytes,
        max_header_fields=settings.max_header_fields,
        request_timeout_s=settings.request_timeout_s,
        send_timeout_s=settings.send_timeout_s,
        count_refusal=count_refusal or (lambda _status: None),
    )


def raise_file_limit(max_connections: int) -> None:
    """Raise the limit of open files to its maximum, and log a warning if that is too low."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    available = _available_connections(max_connections)
    if available < max_connections:
        log.warning(
            "file_descriptor_limit",
            max_connections=max_connections,
            available=available,
            limit=hard,
            remedy=_remedy(max_connections, available),
        )


def _remedy(max_connections: int, available: int) -> str:
    """How to get the connections that a setting allows; or fewer, if these are enough to serve."""
    needed = max_connections + _open_files() + RESERVED_FILES
    remedy = (
        f"Raise the limit of open files (ulimit -n {needed} in a new shell, LimitNOFILE={needed} "
        f"in a systemd service, --ulimit nofile={needed} for a container)"
    )
    if available < FEW_CONNECTIONS:
        return f"{remedy}."
    return f"{remedy}, or lower max_connections (NEWSGRAPH_MAX_CONNECTIONS) to {available}."


def _open_files() -> int:
    return sum(1 for _ in FILES.iterdir())


def _available_connections(maximum: int) -> int:
    """The most connections that the file descriptors allow, up to a maximum."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return maximum
    return min(maximum, max(1, soft - _open_files() - RESERVED_FILES))
