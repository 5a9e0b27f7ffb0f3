"""Connection limits: what one connection may take, and how many there may be.

The protocol holds connections to them before the application sees a request.
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
"""File descriptors kept for the store, the log and what else is opened while serving."""
FILES = Path("/dev/fd")

log = get_logger()


class ConnectionLimits(msgspec.Struct, frozen=True):
    """What connections are held to.

    Attributes:
        max_connections: How many there may be at once in a process.
        max_header_bytes: The largest head (start line and fields), and the largest trailers.
        max_header_fields: The most fields of a head, and of trailers.
        request_timeout_s: How long a head may take; and a body, besides a second for each
            `MIN_BODY_RATE` bytes of it.
        send_timeout_s: How long a client may read nothing of what is sent to it.
        count_refusal: Is told the status of each refusal.
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
    """The limits as set, with fewer connections where file descriptors do not suffice."""
    return ConnectionLimits(
        max_connections=_room_for(settings.max_connections),
        max_header_bytes=settings.max_header_bytes,
        max_header_fields=settings.max_header_fields,
        request_timeout_s=settings.request_timeout_s,
        send_timeout_s=settings.send_timeout_s,
        count_refusal=count_refusal or (lambda _status: None),
    )


def raise_file_limit(max_connections: int) -> None:
    """Let this process open as many files as it may, and log where that is too few."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    room = _room_for(max_connections)
    if room < max_connections:
        log.warning(
            "few_file_descriptors",
            max_connections=max_connections,
            served=room,
            limit=hard,
            remedy="Raise the limit of open files (ulimit -n), or lower max_connections.",
        )


def _room_for(wanted: int) -> int:
    """How many connections there may be, with descriptors left for all else."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return wanted
    return min(wanted, max(1, soft - sum(1 for _ in FILES.iterdir()) - RESERVED_FILES))
