"""The interface of middleware and of what it wraps: one application, two forms of a response."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from starlette.types import Receive, Scope, Send

from gql.http.caching.request_cache import HeaderMap
from gql.http.reply import Reply


class Application(Protocol):
    """An ASGI application that can also respond to a POST without a task of its own.

    Both forms give the same status, header fields and body.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI form: takes every request."""
        ...

    def respond_sync(self, scope: Scope, headers: HeaderMap, body: bytes) -> Reply | None:
        """The sync form: the reply to a whole POST to the graph; None: use the ASGI form.

        Where it returns None it has no effect, so that nothing is counted twice. `scope` has a
        `state`. It does not wait for anything.
        """
        ...


Middleware = Callable[[Application], Application]
"""Wraps an application in another one."""


def compose(middleware: list[Middleware], application: Application) -> Application:
    """The application inside all of its middleware, of which the first in the list is outermost."""
    for wrap in reversed(middleware):
        application = wrap(application)
    return application
