"""Time-outs of clients: for sending a head, for sending a body, for reading, and for keep-alive.

uvicorn has the last one only.
"""

from __future__ import annotations

from typing import Any

from gql.errors import RequestError, RequestTimeoutError

from .connection import HttpConnection, RequestPart

MIN_BODY_RATE = 4_096
"""The slowest rate of a body, in bytes a second."""


class TimedConnection(HttpConnection):
    """A connection with time-outs for its client.

    Attributes:
        body_bytes: The received bytes of the current body.
        body_waiting_since: When the wait for the body began; None while its head is processed.
    """

    __slots__ = ("_unread_bytes", "body_bytes", "body_waiting_since")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.body_bytes = 0
        self.body_waiting_since: float | None = None
        self._unread_bytes: int | None = None

    def on_deadline(self, now: float) -> None:
        """Handle a client that missed the deadline."""
        if self._check_send_timeout(now):
            return
        if self.is_ending:
            self.transport.abort()
        elif self.part is RequestPart.BODY:
            self._check_body_timeout(now)
        elif self.part is RequestPart.HEAD:
            self.refuse(_timeout_error("head", self.limits.request_timeout_s))
        elif not self.responses_complete():
            self.deadline.at = None  # the client reads again, which was the deadline's purpose
        elif self.stopping:
            self.close_gracefully()
        elif self.is_kept_alive:
            self.transport.close()
        else:
            self.refuse(_timeout_error("head", self.limits.request_timeout_s))

    def _check_body_timeout(self, now: float) -> None:
        if self.body_waiting_since is None or self.flow.read_paused:  # paused by us
            self.body_waiting_since = now
        time_s = self.limits.request_timeout_s + self.body_bytes / MIN_BODY_RATE
        if self.body_waiting_since + time_s > now:
            self.deadline.set(self.body_waiting_since + time_s)
        else:
            self.refuse(_timeout_error("body", time_s))

    def _check_send_timeout(self, now: float) -> bool:
        """Whether bytes are unread; aborts if the client has read none since the last check."""
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
        """Start the send time-out, since the write buffer is full."""
        super().pause_writing()
        if self.deadline.at is None:
            self.deadline.set(self.loop.time() + self.limits.send_timeout_s)


def _timeout_error(part: str, time_s: float) -> RequestError:
    return RequestTimeoutError(f"The {part} of the request did not come within {time_s:.0f} s.")
