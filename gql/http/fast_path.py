"""The short way for plain operations: in front of everything else, and mostly without waiting.

It takes a POST or GET of one JSON operation with nothing unusual about it, and answers from three
places, the cheapest first: what the client has already (304), what was answered before (the
response cache), and the executor. Whatever is unusual goes to the application behind it, which has
the words for every error; a body that was read meanwhile is handed on.

What can be answered from memory is answered by a plain function, `respond_sync`. The ASGI form
sends what that returns; a server that calls it before it makes a task for the request
(`gql.server.direct_protocol`) saves the rest of ASGI's way.
"""

from __future__ import annotations

import asyncio
from binascii import hexlify
from collections.abc import Awaitable, Callable, Mapping
from hashlib import blake2b
from typing import Any, Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gql.cache import CacheRegistry
from gql.conditional_requests import matches
from gql.errors import Headers

from .asgi.client_watch import WATCH, ClientWatch
from .asgi.graphql_app import RequestSummary
from .asgi.message_replay import read_ahead, replaying
from .caching.header_blocks import HeaderBlocks
from .caching.request_cache import HeaderMap, ReceivedRequest, RequestCache
from .caching.response_cache import CachedResponse, ResponseCache, ResponseKey
from .execution.executor_interface import COMPILED, SyncExecutor
from .handler import failure
from .reply import PreparedReply, Reply, error_reply

_NO_HEADERS: Headers = ()


class RequestContext(Protocol):
    """What the front must know of a request's context."""

    @property
    def version(self) -> bytes:
        """The name of the store's state, as the viewer sees it."""
        ...


class State(Protocol):
    """What it must know of a snapshot of the store."""

    @property
    def versions(self) -> Mapping[Any, str]:
        """Its names, for viewers of each visibility."""
        ...


class Viewer(Protocol):
    """What it must know of who asks."""

    permission_key: bytes
    visibility: Any


MakeContext = Callable[[Scope], Awaitable[RequestContext]]
Current = Callable[[], State | None]
"""The store's state where it is in memory; None: somebody has to wait for it."""


class FastPath:
    """Answers plain operations; hands everything else to `next_app`.

    Attributes:
        next_app: The application behind, which takes every request.
        execute: The executor.
        requests: The cache of what bodies and URLs say.
        make_context: Makes the context of a request, which may wait for the store.
        current: Gives the store's state where it is in memory.
        responses: The response cache.
        keeps: Whether that has any room.
        blocks: The header blocks of answers.
        form: What answers depend on besides the request, the viewer and the store: of another form
            of answers, as after an upgrade, validators are others. Up to 64 bytes.
    """

    def __init__(  # noqa: PLR0913  # the seams between what it joins
        self,
        next_app: ASGIApp,
        execute: SyncExecutor,
        requests: RequestCache,
        make_context: MakeContext,
        current: Current,
        *,
        responses: ResponseCache,
        caches: CacheRegistry,
        cache_control: str,
        form: bytes = b"",
        explain: bool = False,
    ) -> None:
        self.next_app = next_app
        self.execute = execute
        self.requests = requests
        self.make_context = make_context
        self.current = current
        self.responses = caches.add(responses)
        self.form = form
        self.keeps = responses.capacity_bytes > 0
        self.blocks = HeaderBlocks(caches, cache_control, explain=explain)

    def respond_sync(self, scope: Scope, headers: HeaderMap, body: bytes) -> Reply | None:
        """The sync form: the reply to a plain POST that can be answered without waiting."""
        viewer: Viewer = scope["state"]["viewer"]
        received = self.requests.post(headers, body, viewer.permission_key)
        if received is None or not self.is_known(received):
            return None
        return self.from_memory(received, viewer)

    def is_known(self, received: ReceivedRequest) -> bool:
        """Whether nothing has to be prepared first, which takes long and so waits for its turn."""
        plain = received.plain
        return received.variant in plain.replies or self.execute.has_document(plain.request)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI form; the authentication has left the viewer in the scope's state."""
        watch = ClientWatch(receive)
        scope.setdefault("state", {})[WATCH] = watch
        try:
            await self.respond(scope, watch.receive, send)
        except asyncio.CancelledError:
            if not watch.is_gone:
                raise
        finally:
            watch.end()
            del scope["state"][WATCH]

    async def respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The same, for a client that is still there."""
        messages: list[Message] = []
        received = None
        headers = dict(scope["headers"])
        viewer = scope.get("state", {}).get("viewer")
        if viewer is None or len(headers) < len(scope["headers"]):
            pass  # the path is open to all; which of two fields counts is for others to say
        elif scope["method"] == "POST":
            body = await read_ahead(receive, messages, self.requests.settings.max_body_bytes)
            received = (
                None if body is None else self.requests.post(headers, body, viewer.permission_key)
            )
        elif scope["method"] == "GET":
            received = self.requests.get(headers, scope["query_string"], viewer.permission_key)
        reply = await self.answer(received, scope, viewer) if received is not None else None
        if reply is None:
            await self.next_app(scope, replaying(messages, receive), send)
        else:
            await reply.send(scope, send)

    async def answer(self, received: ReceivedRequest, scope: Scope, viewer: Viewer) -> Reply | None:
        """The reply to a plain request; None where it cannot be served."""
        is_known = self.is_known(received)
        if is_known and (reply := self.from_memory(received, viewer)) is not None:
            return reply
        try:
            context = await self.make_context(scope)
        except Exception:  # noqa: BLE001  # what is behind meets it again, and has the words for it
            return None
        if not is_known:
            await self.execute.load_document(received.plain.request)
            if (reply := self.from_memory(received, viewer)) is not None:
                return reply
        prepared = self.prepared(received, viewer)
        reply = self.at_hand(received, prepared, context.version)
        if reply is not None:
            return reply
        response = self.responses.get(_key(received, context.version)) if self.keeps else None
        if response is not None:  # but not yet in this encoding
            await response.encode(received.variant.encoding)
            self.responses.resize(_key(received, context.version), response)
            return self.reply(received, prepared, context.version, response)
        return await self.executed(received, prepared, context, read_only=scope["method"] == "GET")

    def from_memory(self, received: ReceivedRequest, viewer: Viewer) -> Reply | None:
        """The reply without waiting; None where there is none to be had."""
        try:
            state = self.current()
        except Exception:  # noqa: BLE001  # what is behind meets it again, and has the words for it
            return None
        if state is None:
            return None
        prepared = self.prepared(received, viewer)
        version = state.versions[viewer.visibility].encode()
        if self.keeps or received.if_none_match:
            reply = self.at_hand(received, prepared, version)
            if reply is not None:
                return reply
        pieces = prepared.run(state) if prepared.run is not None else None
        if pieces is None:
            if prepared.run is not None:  # its plan may have left the cache: prepare it anew
                received.plain.replies.pop(received.variant)
            return None
        if received.variant.encoding is None and not self.keeps:
            etag, size_bytes = prepared.etag(version), sum(map(len, pieces))
            return Reply(200, prepared.block, etag, pieces, size_bytes, prepared.summary)
        body = b"".join(pieces)
        response = CachedResponse(body, prepared.summary, COMPILED, prepared.headers)
        is_slow = response.is_slow(received.variant.encoding)
        return None if is_slow else self.kept_reply(received, prepared, version, response)

    def prepared(self, received: ReceivedRequest, viewer: Viewer) -> PreparedReply:
        """What is known of a request's answer beforehand; worked out once."""
        plain, variant = received.plain, received.variant
        prepared = plain.replies.get(variant)
        if prepared is None:
            ready = self.execute.sync_query(plain.request, viewer)
            plain.request.memo.release()
            text = plain.text + variant.text
            digest = hexlify(blake2b(text, digest_size=12, key=self.form).digest())
            run, headers, name = None, _NO_HEADERS, None
            if ready is not None:
                run, headers, name = ready.run, ready.headers, ready.operation_name
            block = self.blocks.block(variant, COMPILED, headers)
            prepared = PreparedReply(digest, run, block, headers, RequestSummary(name))
            plain.replies[variant] = prepared
            self.requests.resize(plain)
        return prepared

    def at_hand(
        self, received: ReceivedRequest, prepared: PreparedReply, version: bytes
    ) -> Reply | None:
        """The reply where the client has the answer, or the response cache does."""
        tags = received.if_none_match
        # A star fits whatever there is; whether there is an answer shows only when it is executed.
        if tags and tags.strip() != b"*":
            etag = prepared.etag(version)
            if matches(tags.decode("latin-1"), etag.decode()):
                return Reply(304, self.blocks.not_modified, etag, (), 0, prepared.summary)
        response = self.responses.get(_key(received, version)) if self.keeps else None
        if response is None or response.is_slow(received.variant.encoding):
            return None
        return self.reply(received, prepared, version, response)

    async def executed(
        self,
        received: ReceivedRequest,
        prepared: PreparedReply,
        context: RequestContext,
        *,
        read_only: bool,
    ) -> Reply:
        """The reply by executing the operation."""
        request = received.plain.request
        try:
            result = await self.execute(request, context, read_only=read_only)
        except Exception as error:  # noqa: BLE001  # the last place that can log and mask it
            result = failure(error)
        finally:
            request.memo.release()
        if not result.has_data or result.error_codes:
            return error_reply(result, received.variant.media_type)
        summary = RequestSummary(result.operation_name)
        response = CachedResponse(result.body, summary, result.way, result.headers)
        await response.encode(received.variant.encoding)
        return self.kept_reply(received, prepared, context.version, response)

    def kept_reply(
        self,
        received: ReceivedRequest,
        prepared: PreparedReply,
        version: bytes,
        response: CachedResponse,
    ) -> Reply:
        """The reply with a new answer, which is kept if there is room."""
        if self.keeps:
            self.responses.put(_key(received, version), response)
        return self.reply(received, prepared, version, response)

    def reply(
        self,
        received: ReceivedRequest,
        prepared: PreparedReply,
        version: bytes,
        response: CachedResponse,
    ) -> Reply:
        """The reply with an answer."""
        variant, encoding, body = received.variant, None, response.body
        if variant.encoding is not None:
            size_bytes = response.size_bytes
            encoding, body = response.encoded(variant.encoding)
            if self.keeps and response.size_bytes != size_bytes:
                self.responses.resize(_key(received, version), response)
        block = prepared.block
        if encoding is not None or prepared.run is None or response.way != COMPILED:
            block = self.blocks.block(variant, response.way, response.headers, encoding)
        etag = prepared.etag(version)
        return Reply(200, block, etag, (body,), len(body), response.summary)


def _key(received: ReceivedRequest, version: bytes) -> ResponseKey:
    return received.plain.text, received.variant.permission_key + version
