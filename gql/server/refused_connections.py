"""The log of refused connections: one line a minute, however many there are."""

from __future__ import annotations

import time
from collections.abc import Callable

from gql.logs import get_logger

LOG_EVERY_S = 60.0
"""How long, in seconds, until the log says again that connections are refused."""

log = get_logger()


class RefusedConnections:
    """Counts connections that are refused, and says so in the log once a minute.

    Attributes:
        count: How many since the log last said it.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.count = 0
        self._clock = clock
        self._silent_until = 0.0

    def add(self, limit: int) -> None:
        """Count one."""
        self.count += 1
        now = self._clock()
        if now < self._silent_until:
            return
        log.warning(
            "connections_refused",
            refused=self.count,
            limit=limit,
            remedy="Raise max_connections (NEWSGRAPH_MAX_CONNECTIONS), or look who holds them.",
        )
        self.count, self._silent_until = 0, now + LOG_EVERY_S
