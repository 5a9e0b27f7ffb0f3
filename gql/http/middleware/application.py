"""The interface of middleware and endpoints: an application with an ASGI form and a sync form."""

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
        """The ASGI form, for every request."""
        ...

    def respond_sync(self, scope: Scope, headers: HeaderMap, body: bytes) -> Reply | None:
        """The sync form: the reply to a complete POST to the graph; None: use the ASGI form.

        It never waits. If it returns None it had no side effect, so nothing is counted twice.
        `scope` has a `state`.
        """
        ...


Middleware = Callable[[Application], Application]
"""Wraps an application in another."""


def compose(middleware: list[Middleware], application: Application) -> Application:
    """Wrap an application in middleware; the first of the list is outermost."""
    for wrap in reversed(middleware):
        application = wrap(application)
    return application
