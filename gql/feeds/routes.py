"""The addresses of the feeds, and how a request for one is answered.

A date cannot tell that an article was withdrawn, only the entity tag can; Last-Modified is there
for clients that know nothing better.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import lru_cache, partial
from typing import NamedTuple, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from store import Repository, Snapshot

from ..conditional import conditional_response, strong_etag
from . import atom, channel, jsonfeed, sitemap
from .address import address, public_address
from .channel import Channel
from .entries import Feed, entry, plain

V = TypeVar("V")

ENTRIES = 50
"""How many articles a feed tells of."""

_Find = Callable[[Snapshot, str], Awaitable[Channel | None]]
_CHANNELS: dict[str, _Find] = {
    "": channel.whole,
    "/topics/{key}": channel.topic,
    "/providers/{key}": channel.provider,
}


class Rendered(NamedTuple):
    """A document ready to send, with its validators."""

    body: bytes
    etag: str
    media_type: str
    last_modified: datetime | None


def feed_routes(repository: Repository, *, public_url: str | None = None) -> list[BaseRoute]:
    """`/feed.xml`, `/feed.json` and `/sitemap.xml`, and the same under each topic and provider.

    `public_url` is the address under which clients know this server, where that is not the one
    that requests come with (behind some proxies).
    Raises: ValueError: `public_url` cannot be used.
    """
    home = public_address(public_url) if public_url is not None else None

    def route(prefix: str, file: str, make: _Make) -> Route:
        async def endpoint(request: Request) -> Response:
            snapshot = await repository.snapshot()
            found = await _CHANNELS[prefix](snapshot, request.path_params.get("key", ""))
            done = await make(snapshot, found, home or address(request)) if found else None
            return _response(request, done)

        return Route(f"{prefix}/{file}", endpoint)

    return [route(prefix, file, make) for prefix in _CHANNELS for file, make in _FILES.items()]


async def _feed(
    render: Callable[[Feed], bytes], media_type: str, snapshot: Snapshot, found: Channel, home: str
) -> Rendered | None:
    articles = await channel.newest(snapshot, found, ENTRIES)
    feed = Feed(
        title=plain(found.title),
        home=f"{home}/",
        base=f"{home}{found.path}",
        entries=tuple(entry(article) for article in articles),
    )
    body, etag = _rendered_feed(render, feed)
    return Rendered(body, etag, media_type, feed.updated if articles else None)


async def _sitemap(snapshot: Snapshot, found: Channel, home: str) -> Rendered | None:
    """None where there is no place to tell of: a sitemap has one at least."""
    front_page = None if found.path else f"{home}/"
    places = await sitemap.places(channel.every(snapshot, found), front_page)
    if not places:
        return None
    body, etag = await run_in_threadpool(_rendered_sitemap, sitemap.render, places)
    return Rendered(body, etag, sitemap.MEDIA_TYPE, sitemap.last_change(places))


_Make = Callable[[Snapshot, Channel, str], Awaitable[Rendered | None]]
_FILES: dict[str, _Make] = {
    atom.FILE: partial(_feed, atom.render, atom.MEDIA_TYPE),
    jsonfeed.FILE: partial(_feed, jsonfeed.render, jsonfeed.MEDIA_TYPE),
    sitemap.FILE: _sitemap,
}


def _render(render: Callable[[V], bytes], value: V) -> tuple[bytes, str]:
    body = render(value)
    return body, strong_etag(body)


# Kept by the very values they are made from, so an answer is never older than the store; sized so
# that made-up Host headers cannot fill the memory.
_rendered_feed = lru_cache(maxsize=32)(_render)
_rendered_sitemap = lru_cache(maxsize=4)(_render)


def _response(request: Request, done: Rendered | None) -> Response:
    if done is None:
        return PlainTextResponse(
            "Nothing is published here.\n", 404, {"X-Content-Type-Options": "nosniff"}
        )
    headers = {"Content-Type": done.media_type}
    return conditional_response(request, done.body, done.etag, headers, done.last_modified)
