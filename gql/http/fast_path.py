"""The fast path: middleware that replies to plain requests, in front of the GraphQL application.

A plain request is a POST or GET of one JSON operation. The cheapest response is tried first: 304
(the client has the response), a hit in the response cache, then the executor. All other requests,
and all that fail here, go to the next application, which formats every error. A body that was read
before is replayed to it.

`respond_sync` is a plain function and replies from memory only. The ASGI form sends the same reply.
Our server (`gql.server.direct_protocol`) calls `respond_sync` before it creates a task, which saves
the overhead of ASGI.
"""

from __future__ import annotations

import asyncio
from binascii import hexlify
from collections.abc import Awaitable, Callable, Mapping
from hashlib import blake2b
from typing import Any, Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gql.cache import CacheRegistry
from gql.conditional_requests import etag_matches
from gql.errors import Headers

from .asgi.client_watch import WATCH, ClientWatch
from .asgi.graphql_app import EXPECT, RequestSummary
from .asgi.message_replay import read_ahead, replay_receive
from .caching.header_blocks import HeaderBlockCache
from .caching.request_cache import HeaderMap, ReceivedRequest, RequestCache
from .caching.response_cache import CachedResponse, ResponseCache, ResponseKey
from .execution.executor_interface import COMPILED, SyncExecutor
from .handler import failure_result
from .reply import PreparedReply, Reply, error_reply

_NO_HEADERS: Headers = ()
_SAFE_METHODS = frozenset({"GET", "HEAD"})
_ANY = b"*"
"""The If-None-Match that every response without errors matches."""


class RequestContext(Protocol):
    """The part of a request's context that the fast path needs."""

    @property
    def version(self) -> bytes:
        """The version of the store's state for the viewer's visibility."""
        ...


class StoreSnapshot(Protocol):
    """The part of a snapshot of the store that the fast path needs."""

    @property
    def versions(self) -> Mapping[Any, str]:
        """The versions of the state, by visibility."""
        ...


class RequestViewer(Protocol):
    """The part of a viewer that the fast path needs."""

    key: bytes
    visibility: Any


MakeContext = Callable[[Scope], Awaitable[RequestContext]]
CurrentSnapshot = Callable[[], StoreSnapshot | None]
"""The current snapshot if it is in memory, else None."""


class FastPath:
    """Middleware that replies to plain requests and passes all others on.

    Attributes:
        next_app: The next application, which takes every request.
        execute: The executor.
        requests: The request cache.
        make_context: Creates the context of a request; may wait for the store.
        current_snapshot: The current snapshot if it is in memory.
        responses: The response cache.
        is_caching: Whether the response cache has any capacity.
        header_blocks: The cache of header blocks.
        etag_key: The key of the digest in ETags, up to 64 bytes: all that responses depend on
            besides the request, the viewer and the store, such as the program's version.
    """

    def __init__(  # noqa: PLR0913  # the dependencies of a whole request
        self,
        next_app: ASGIApp,
        execute: SyncExecutor,
        requests: RequestCache,
        make_context: MakeContext,
        current_snapshot: CurrentSnapshot,
        *,
        responses: ResponseCache,
        caches: CacheRegistry,
        cache_control: str,
        etag_key: bytes = b"",
        explain: bool = False,
    ) -> None:
        self.next_app = next_app
        self.execute = execute
        self.requests = requests
        self.make_context = make_context
        self.current_snapshot = current_snapshot
        self.responses = caches.add(responses)
        self.etag_key = etag_key
        self.is_caching = responses.capacity_bytes > 0
        self.header_blocks = HeaderBlockCache(caches, cache_control, explain=explain)

    def respond_sync(self, scope: Scope, headers: HeaderMap, body: bytes) -> Reply | None:
        """The sync form: the reply to a plain POST from memory; None: use the ASGI form."""
        viewer: RequestViewer = scope["state"]["viewer"]
        received = self.requests.post(headers, body, viewer.key)
        if received is None or not self.is_document_cached(received):
            return None
        reply = self.reply_from_memory(received, viewer)
        return reply if received.if_none_match is None else self.match_any(received, reply)

    def is_document_cached(self, received: ReceivedRequest) -> bool:
        """Whether the document needs no parsing and validation, which are slow."""
        plain = received.plain
        return received.variant in plain.replies or self.execute.has_document(plain.request)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI form. Authentication has put the viewer into the scope's state."""
        watch = ClientWatch(receive)
        scope.setdefault("state", {})[WATCH] = watch
        try:
            await self.respond(scope, watch.receive, send)
        except asyncio.CancelledError:
            if not watch.is_disconnected:
                raise
        finally:
            watch.end()
            del scope["state"][WATCH]

    async def respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to a request whose client is watched."""
        messages: list[Message] = []
        received = None
        headers = dict(scope["headers"])
        viewer = scope.get("state", {}).get("viewer")
        if viewer is None or len(headers) < len(scope["headers"]):
            pass  # a path without authentication, or a repeated field: for the next application
        elif EXPECT in headers:
            pass  # reading would tell the client to send the body: the next application decides
        elif scope["method"] == "POST":
            body = await read_ahead(receive, messages, self.requests.settings.max_body_bytes)
            if body is not None:
                received = self.requests.post(headers, body, viewer.key)
        elif scope["method"] in _SAFE_METHODS:
            query_string = scope["query_string"]
            received = self.requests.get(headers, query_string, viewer.key)
        reply = await self.reply_to(received, scope, viewer) if received is not None else None
        if received is not None and received.if_none_match is not None:
            reply = self.match_any(received, reply)
        if reply is None:
            await self.next_app(scope, replay_receive(messages, receive), send)
        else:
            await reply.send(scope, send)

    async def reply_to(
        self, received: ReceivedRequest, scope: Scope, viewer: RequestViewer
    ) -> Reply | None:
        """The reply to a plain request; None if the context cannot be made."""
        is_document_cached = self.is_document_cached(received)
        if is_document_cached:
            reply = self.reply_from_memory(received, viewer)
            if reply is not None:
                return reply
        try:
            context = await self.make_context(scope)
        except Exception:  # noqa: BLE001  # the next application raises it again, and formats it
            return None
        if not is_document_cached:
            await self.execute.load_document(received.plain.request)
            if (reply := self.reply_from_memory(received, viewer)) is not None:
                return reply
        prepared = self.prepare(received, viewer)
        reply = self.cached_reply(received, prepared, context.version)
        if reply is not None:
            return reply
        key = _response_key(received, context.version)
        response = self.responses.get(key) if self.is_caching else None
        if response is not None:  # a hit, but not yet compressed in this encoding
            await response.encode(received.variant.encoding)
            self.responses.resize(key, response)
            return self.build_reply(received, prepared, context.version, response)
        return await self.execute_and_reply(
            received, prepared, context, read_only=scope["method"] in _SAFE_METHODS
        )

    def reply_from_memory(self, received: ReceivedRequest, viewer: RequestViewer) -> Reply | None:
        """The reply, if nothing has to be awaited; None otherwise."""
        try:
            snapshot = self.current_snapshot()
        except Exception:  # noqa: BLE001  # the next application raises it again, and formats it
            return None
        if snapshot is None:
            return None
        prepared = self.prepare(received, viewer)
        version = snapshot.versions[viewer.visibility].encode()
        if self.is_caching or received.if_none_match:
            reply = self.cached_reply(received, prepared, version)
            if reply is not None:
                return reply
        pieces = prepared.run(snapshot) if prepared.run is not None else None
        if pieces is None:
            if prepared.run is not None:  # its plan may be evicted: prepare it again next time
                received.plain.replies.pop(received.variant)
            return None
        if received.variant.encoding is None and not self.is_caching:
            etag, size_bytes = prepared.etag(version), sum(map(len, pieces))
            return Reply(200, prepared.block, etag, pieces, size_bytes, prepared.summary)
        body = b"".join(pieces)
        response = CachedResponse(body, prepared.summary, COMPILED, prepared.headers)
        is_slow = response.is_slow(received.variant.encoding)
        return None if is_slow else self.cache_and_reply(received, prepared, version, response)

    def prepare(self, received: ReceivedRequest, viewer: RequestViewer) -> PreparedReply:
        """The prepared reply of a request and variant, from the request's memo or new."""
        plain, variant = received.plain, received.variant
        prepared = plain.replies.get(variant)
        if prepared is None:
            ready = self.execute.sync_query(plain.request, viewer)
            plain.request.memo.release()
            text = plain.text + variant.text
            digest = hexlify(blake2b(text, digest_size=12, key=self.etag_key).digest())
            run, headers, name = None, _NO_HEADERS, None
            if ready is not None:
                run, headers, name = ready.run, ready.headers, ready.operation_name
            block = self.header_blocks.block(variant, COMPILED, headers)
            prepared = PreparedReply(digest, run, block, headers, RequestSummary(name))
            plain.replies[variant] = prepared
            self.requests.resize(plain)
        return prepared

    def cached_reply(
        self, received: ReceivedRequest, prepared: PreparedReply, version: bytes
    ) -> Reply | None:
        """A 304, or the reply of a response cache hit; None on a miss."""
        tags = received.if_none_match
        if tags and tags.strip() != _ANY:
            etag = prepared.etag(version)
            if etag_matches(tags.decode("latin-1"), etag.decode()):
                return self.not_modified_reply(received, etag, prepared.summary)
        key = _response_key(received, version)
        response = self.responses.get(key) if self.is_caching else None
        if response is None or response.is_slow(received.variant.encoding):
            return None
        return self.build_reply(received, prepared, version, response)

    def match_any(self, received: ReceivedRequest, reply: Reply | None) -> Reply | None:
        """A 304 instead of a reply with an ETag if the client sent `If-None-Match: *`.

        Only execution can tell whether there is a response without errors.
        https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2
        """
        if reply is None or not reply.etag or (received.if_none_match or b"").strip() != _ANY:
            return reply
        return self.not_modified_reply(received, reply.etag, reply.summary)

    def not_modified_reply(
        self, received: ReceivedRequest, etag: bytes, summary: RequestSummary
    ) -> Reply:
        """A 304."""
        block = self.header_blocks.not_modified(received.variant)
        return Reply(304, block, etag, (), 0, summary)

    async def execute_and_reply(
        self,
        received: ReceivedRequest,
        prepared: PreparedReply,
        context: RequestContext,
        *,
        read_only: bool,
    ) -> Reply:
        """Execute the operation on a cache miss, and reply."""
        request = received.plain.request
        try:
            result = await self.execute(request, context, read_only=read_only)
        except Exception as error:  # noqa: BLE001  # the last function that can log and mask it
            result = failure_result(error)
        finally:
            request.memo.release()
        if not result.has_data or result.error_codes:
            return error_reply(result, received.variant.media_type)
        summary = RequestSummary(result.operation_name)
        response = CachedResponse(result.body, summary, result.executor, result.headers)
        await response.encode(received.variant.encoding)
        return self.cache_and_reply(received, prepared, context.version, response)

    def cache_and_reply(
        self,
        received: ReceivedRequest,
        prepared: PreparedReply,
        version: bytes,
        response: CachedResponse,
    ) -> Reply:
        """Put a new response into the cache, and reply with it."""
        if self.is_caching:
            self.responses.put(_response_key(received, version), response)
        return self.build_reply(received, prepared, version, response)

    def build_reply(
        self,
        received: ReceivedRequest,
        prepared: PreparedReply,
        version: bytes,
        response: CachedResponse,
    ) -> Reply:
        """The reply with a response, in the encoding of the variant."""
        variant, encoding, body = received.variant, None, response.body
        if variant.encoding is not None:
            size_bytes = response.size_bytes
            encoding, body = response.encoded(variant.encoding)
            if self.is_caching and response.size_bytes != size_bytes:
                self.responses.resize(_response_key(received, version), response)
        block = prepared.block
        if encoding is not None or prepared.run is None or response.executor != COMPILED:
            block = self.header_blocks.block(variant, response.executor, response.headers, encoding)
        etag = prepared.etag(version)
        return Reply(200, block, etag, (body,), len(body), response.summary)


def _response_key(received: ReceivedRequest, version: bytes) -> ResponseKey:
    return received.plain.text, received.variant.viewer_key + version
