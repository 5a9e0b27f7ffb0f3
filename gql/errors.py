"""Which failures a client is told of, and under which code; the one place that maps errors."""

from __future__ import annotations


class RequestError(Exception):
    """A failure that the client can understand and act on; `code` is stable."""

    code = "BAD_REQUEST"


class ForbiddenError(RequestError):
    """The viewer lacks a right."""

    code = "FORBIDDEN"
