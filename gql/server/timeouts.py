"""Time-outs: how long a client may take to send a head or a body, to read, and to be idle.

uvicorn bounds only the last.
"""

from __future__ import annotations

from typing import Any

from gql.errors import RequestError, RequestTimeoutError

from .connection import Connection, Part

MIN_BODY_RATE = 4_096
"""How many bytes of a body, each second, keep it from being too slow."""


class TimedConnection(Connection):
    """A connection whose client has to go on in time.

    Attributes:
        body_bytes: How much has come of the body that is being received.
        body_since: Since when it is waited for; None until its head has been looked at.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.body_bytes = 0
        self.body_since: float | None = None
        self._unread_bytes: int | None = None

    def expire(self, now: float) -> None:
        """Act on a client that did not go on in time."""
        if self._still_reads(now):
            return
        if self.ended:
            self.transport.abort()
        elif self.part is Part.BODY:
            self._expire_body(now)
        elif self.part is Part.HEAD:
            self.refuse(_timeout("head", self.limits.request_timeout_s))
        elif not self.all_answered():
            self.deadline.at = None  # what was waited for is that the client reads on
        elif self.stopping:
            self.end()
        elif self.is_idle:
            self.transport.close()
        else:
            self.refuse(_timeout("head", self.limits.request_timeout_s))

    def _expire_body(self, now: float) -> None:
        if self.body_since is None or self.flow.read_paused:  # it is ours to read on
            self.body_since = now
        time_s = self.limits.request_timeout_s + self.body_bytes / MIN_BODY_RATE
        if self.body_since + time_s > now:
            self.deadline.set(self.body_since + time_s)
        else:
            self.refuse(_timeout("body", time_s))

    def _still_reads(self, now: float) -> bool:
        """Whether the client has something to read, with which it has to get on."""
        before, unread = self._unread_bytes, self.transport.get_write_buffer_size()
        self._unread_bytes = unread or None
        if not unread:
            return False
        if before is not None and unread >= before:
            self.transport.abort()
        else:
            self.deadline.set(now + self.limits.send_timeout_s)
        return True

    def pause_writing(self) -> None:
        """Hold a client that does not read to get on with it."""
        super().pause_writing()
        if self.deadline.at is None:
            self.deadline.set(self.loop.time() + self.limits.send_timeout_s)


def _timeout(part: str, time_s: float) -> RequestError:
    return RequestTimeoutError(f"The {part} of the request did not come within {time_s:.0f} s.")
