"""The log of refused connections: at most one line a minute."""

from __future__ import annotations

import time
from collections.abc import Callable

from gql.logs import get_logger

LOG_EVERY_S = 60.0
"""The interval of log lines, in seconds."""

log = get_logger()


class RefusedConnections:
    """Counts refused connections, and logs their number once a minute.

    Attributes:
        count: The number since the last log line.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.count = 0
        self._clock = clock
        self._silent_until = 0.0

    def add(self, limit: int) -> None:
        """Count a refused connection; `limit` is for the log."""
        self.count += 1
        now = self._clock()
        if now < self._silent_until:
            return
        log.warning(
            "connections_refused",
            refused=self.count,
            limit=limit,
            remedy="Raise max_connections (NEWSGRAPH_MAX_CONNECTIONS), or find the clients that "
            "hold them.",
        )
        self.count, self._silent_until = 0, now + LOG_EVERY_S
