"""The routes of the feeds and sitemaps, with conditional requests.

Only the ETag shows that an article was withdrawn. Last-Modified is for clients without ETags.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import lru_cache, partial

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from gql.conditional_requests import conditional_response, strong_etag
from gql.settings.public_url import public_address, request_address
from store import CursorError, Repository, Snapshot

from . import atom, channel, jsonfeed, sitemap
from .channel import Channel
from .entries import Feed, build_entry, single_line

ENTRIES = 50
"""How many articles a feed has."""
CACHED_SITEMAPS = 4
"""How many sitemaps are cached; the largest have 50 MB."""

_FindChannel = Callable[[Snapshot, str], Awaitable[Channel | None]]
_CHANNELS: dict[str, _FindChannel] = {
    "": channel.all_articles,
    "/topics/{key}": channel.find_topic,
    "/providers/{key}": channel.find_provider,
}


class RenderedDocument(msgspec.Struct, frozen=True):
    """A rendered feed or sitemap, with its validators.

    Attributes:
        body: The document.
        etag: Its strong ETag.
        media_type: Its Content-Type.
        last_modified: Its Last-Modified; None if unknown.
    """

    body: bytes
    etag: str
    media_type: str
    last_modified: datetime | None


class DocumentRequest(msgspec.Struct, frozen=True):
    """A request for a feed or a sitemap.

    Attributes:
        snapshot: The snapshot to read.
        channel: Which articles.
        home: The address of this server.
        after: The cursor before the part of a sitemap; None without that parameter.
        locale: The chain of locales of a feed; empty without that parameter.
    """

    snapshot: Snapshot
    channel: Channel
    home: str
    after: str | None
    locale: str = ""


_Render = Callable[[DocumentRequest], Awaitable[RenderedDocument | None]]


def feed_routes(repository: Repository, *, public_url: str | None = None) -> list[BaseRoute]:
    """`/feed.xml`, `/feed.json` and `/sitemap.xml`, and the same below each topic and provider.

    `public_url` is the address of this server for clients, where requests come with another one
    (behind some proxies).
    Raises: ValueError: `public_url` is no absolute http or https URL.
    """
    home = public_address(public_url) if public_url is not None else None
    files: dict[str, _Render] = {
        atom.FILE: partial(_render_feed, atom.render, atom.MEDIA_TYPE),
        jsonfeed.FILE: partial(_render_feed, jsonfeed.render, jsonfeed.MEDIA_TYPE),
        sitemap.FILE: SitemapCache(),
    }

    def route(prefix: str, file: str, render: _Render) -> Route:
        async def endpoint(request: Request) -> Response:
            snapshot = await repository.snapshot()
            key = request.path_params.get("key", "")
            selection = await _CHANNELS[prefix](snapshot, key)
            if selection is None:
                return _response(request, None)
            after, locale = (request.query_params.get(name) for name in ("after", "locale"))
            address = home or request_address(request)
            document = DocumentRequest(snapshot, selection, address, after, locale or "")
            return _response(request, await render(document))

        return Route(f"{prefix}/{file}", endpoint)

    return [route(prefix, file, render) for prefix in _CHANNELS for file, render in files.items()]


async def _render_feed(
    render: Callable[[Feed], bytes], media_type: str, request: DocumentRequest
) -> RenderedDocument | None:
    snapshot, selection = request.snapshot, channel.in_locales(request.channel, request.locale)
    articles = await channel.newest(snapshot, selection, ENTRIES)
    topics = await channel.topics_of(snapshot, articles)
    feed = Feed(
        title=single_line(selection.title),
        home=f"{request.home}/",
        base=f"{request.home}{selection.path}",
        query=selection.query,
        entries=tuple(map(build_entry, articles, topics)),
    )
    body, etag = _render_cached(render, feed)
    return RenderedDocument(body, etag, media_type, feed.updated if articles else None)


class SitemapCache:
    """A cache of the newest sitemaps and indexes.

    The key has the version of the store's state, so an entry is never stale. The cache has few
    entries, so that forged Host headers cannot fill the memory.
    """

    def __init__(self) -> None:
        self._documents: OrderedDict[tuple[str, str, str, str | None], RenderedDocument | None] = (
            OrderedDict()
        )

    async def __call__(self, request: DocumentRequest) -> RenderedDocument | None:
        """The sitemap or the index; None if it would be empty, which the protocol forbids."""
        state_name = request.snapshot.versions[channel.VISIBILITY]
        key = (state_name, request.channel.path, request.home, request.after)
        if key not in self._documents:
            self._documents[key] = await _render_sitemap(request)
            while len(self._documents) > CACHED_SITEMAPS:
                self._documents.popitem(last=False)
        return self._documents[key]


async def _render_sitemap(request: DocumentRequest) -> RenderedDocument | None:
    """The whole sitemap; the requested part; or the index, if the URLs do not fit in one part."""
    snapshot, selection, after = request.snapshot, request.channel, request.after
    home_page = None if selection.path or after else f"{request.home}/"
    try:
        part = await sitemap.read_part(snapshot, selection, after or None, home_page)
    except CursorError:
        return None
    urls, render = part.urls, sitemap.render
    if part.next_cursor is not None and after is None:
        url_prefix = f"{request.home}{selection.path}/{sitemap.FILE}?after="
        urls = await sitemap.read_index(snapshot, selection, part, url_prefix)
        render = sitemap.render_index
    if not urls:
        return None
    body = await run_in_threadpool(render, urls)
    return RenderedDocument(
        body, strong_etag(body), sitemap.MEDIA_TYPE, sitemap.last_modified(urls)
    )


# The key is the content itself, so an entry is never stale. The bound is small, so that forged Host
# headers cannot fill the memory.
@lru_cache(maxsize=32)
def _render_cached(render: Callable[[Feed], bytes], feed: Feed) -> tuple[bytes, str]:
    body = render(feed)
    return body, strong_etag(body)


def _response(request: Request, document: RenderedDocument | None) -> Response:
    if document is None:
        return PlainTextResponse("Nothing is published here.\n", 404)
    headers = {"Content-Type": document.media_type}
    return conditional_response(
        request, document.body, document.etag, headers, document.last_modified
    )
