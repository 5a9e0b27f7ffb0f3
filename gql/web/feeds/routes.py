"""The addresses of the feeds, and how a request for one is answered.

A date cannot tell that an article was withdrawn, only the entity tag can; Last-Modified is there
for clients that know nothing better.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import lru_cache, partial
from typing import NamedTuple

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from gql.conditional_requests import conditional_response, strong_etag
from gql.settings.public_url import public_address, request_address
from store import CursorError, Repository, Snapshot

from . import atom, channel, jsonfeed, sitemap
from .channel import Channel
from .entries import Feed, entry, plain

ENTRIES = 50
"""How many articles a feed tells of."""
SITEMAPS = 4
"""How many sitemaps are kept ready; the largest have 50 MB."""

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


class Asked(NamedTuple):
    """What a document is made of. `home` is this server's address; `after` says which part of a
    sitemap is wanted, None where there is no such word.
    """

    snapshot: Snapshot
    channel: Channel
    home: str
    after: str | None


_Make = Callable[[Asked], Awaitable[Rendered | None]]


def feed_routes(repository: Repository, *, public_url: str | None = None) -> list[BaseRoute]:
    """`/feed.xml`, `/feed.json` and `/sitemap.xml`, and the same under each topic and provider.

    `public_url` is the address under which clients know this server, where that is not the one
    that requests come with (behind some proxies).
    Raises: ValueError: `public_url` cannot be used.
    """
    home = public_address(public_url) if public_url is not None else None
    files: dict[str, _Make] = {
        atom.FILE: partial(_feed, atom.render, atom.MEDIA_TYPE),
        jsonfeed.FILE: partial(_feed, jsonfeed.render, jsonfeed.MEDIA_TYPE),
        sitemap.FILE: Sitemaps(),
    }

    def route(prefix: str, file: str, make: _Make) -> Route:
        async def endpoint(request: Request) -> Response:
            snapshot = await repository.snapshot()
            found = await _CHANNELS[prefix](snapshot, request.path_params.get("key", ""))
            if found is None:
                return _response(request, None)
            after = request.query_params.get("after")
            asked = Asked(snapshot, found, home or request_address(request), after)
            return _response(request, await make(asked))

        return Route(f"{prefix}/{file}", endpoint)

    return [route(prefix, file, make) for prefix in _CHANNELS for file, make in files.items()]


async def _feed(render: Callable[[Feed], bytes], media_type: str, asked: Asked) -> Rendered | None:
    snapshot, found, home, _ = asked
    articles = await channel.newest(snapshot, found, ENTRIES)
    topics = await channel.topics_of(snapshot, articles)
    feed = Feed(
        title=plain(found.title),
        home=f"{home}/",
        base=f"{home}{found.path}",
        entries=tuple(map(entry, articles, topics)),
    )
    body, etag = _rendered(render, feed)
    return Rendered(body, etag, media_type, feed.updated if articles else None)


class Sitemaps:
    """Sitemaps and their indexes. The newest are kept for the state of the store that they tell of;
    only a few, so that made-up Host headers cannot fill the memory.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str, str, str | None], Rendered | None] = OrderedDict()

    async def __call__(self, asked: Asked) -> Rendered | None:
        """None where there is no place to tell of: a sitemap has one at least."""
        state = asked.snapshot.versions[channel.VISIBILITY]
        key = (state, asked.channel.path, asked.home, asked.after)
        if key not in self._kept:
            self._kept[key] = await _sitemap(asked)
            while len(self._kept) > SITEMAPS:
                self._kept.popitem(last=False)
        return self._kept[key]


async def _sitemap(asked: Asked) -> Rendered | None:
    """All of it, the part that is asked for, or, where it does not fit into one, the index."""
    snapshot, found, home, after = asked
    front_page = None if found.path or after else f"{home}/"
    try:
        part = await sitemap.read_part(snapshot, found, after or None, front_page)
    except CursorError:
        return None
    places, render = part.places, sitemap.render
    if part.next is not None and after is None:
        own = f"{home}{found.path}/{sitemap.FILE}?after="
        places = await sitemap.read_index(snapshot, found, part, own)
        render = sitemap.render_index
    if not places:
        return None
    body = await run_in_threadpool(render, places)
    return Rendered(body, strong_etag(body), sitemap.MEDIA_TYPE, sitemap.last_change(places))


# Kept by the very values that it is made from, so an answer is never older than the store; sized so
# that made-up Host headers cannot fill the memory.
@lru_cache(maxsize=32)
def _rendered(render: Callable[[Feed], bytes], feed: Feed) -> tuple[bytes, str]:
    body = render(feed)
    return body, strong_etag(body)


def _response(request: Request, done: Rendered | None) -> Response:
    if done is None:
        return PlainTextResponse("Nothing is published here.\n", 404)
    headers = {"Content-Type": done.media_type}
    return conditional_response(request, done.body, done.etag, headers, done.last_modified)
