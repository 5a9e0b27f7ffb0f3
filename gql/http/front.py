"""The short way for plain operations: in front of everything else, and mostly without waiting.

It takes a POST or GET of one JSON operation with nothing unusual about it, and answers from three
places, the cheapest first: what the client has already (304), what was answered before (the
response cache), and the executor. Whatever is unusual goes to the application behind it, which has
the words for every error; a body that was read meanwhile is handed on.

What can be answered from memory is answered by a plain function, `respond_sync`. The ASGI form
sends what that returns; a server that calls it before it makes a task for the request
(`gql.direct`) saves the rest of ASGI's way.
"""

from __future__ import annotations

from binascii import hexlify
from collections.abc import Awaitable, Callable
from functools import lru_cache
from hashlib import blake2b
from typing import Protocol

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gql.conditional import matches
from gql.errors import Headers

from .asgi import RequestSummary
from .asked import Asked, Form, HeaderMap, PlainRequests
from .execution import COMPILED, ExecuteReady, Run
from .handler import failure
from .protocol import Result, respond
from .reply import Head, Reply
from .response_cache import CachedResponse, ResponseCache

_NO_HEADERS: Headers = ()
_VARY = (b"vary", b"Accept, Accept-Encoding, Authorization")


class RequestContext(Protocol):
    """What the front must know of a request's context."""

    @property
    def version(self) -> bytes:
        """The name of the store's state."""
        ...


class State(Protocol):
    """What it must know of a snapshot of the store."""

    @property
    def version(self) -> str:
        """Its name."""
        ...


class Viewer(Protocol):
    """What it must know of who asks."""

    mark: bytes


MakeContext = Callable[[Scope], Awaitable[RequestContext]]
Current = Callable[[], State | None]
"""The store's state where it is in memory; None: somebody has to wait for it."""


class Known(msgspec.Struct, frozen=True):
    """What is known of a request in one form before it is answered once more.

    `digest` tells it apart from all others; `head` is that of an answer which `run` gives.
    """

    digest: bytes
    run: Run | None
    head: Head
    headers: Headers
    summary: RequestSummary

    def etag(self, version: bytes) -> bytes:
        """A strong validator of the answer, known before there is one.

        The answer is the same whenever the request, its form, the rights and the state of the store
        are.
        """
        return b'"%s-%s"' % (self.digest, version)


class FastPath:
    """Answers plain operations; hands everything else to `next_app`."""

    def __init__(  # noqa: PLR0913  # the seams between what it joins
        self,
        next_app: ASGIApp,
        execute: ExecuteReady,
        requests: PlainRequests,
        make_context: MakeContext,
        current: Current,
        *,
        responses: ResponseCache,
        cache_control: str,
        explain: bool = False,
    ) -> None:
        self.next_app = next_app
        self.execute = execute
        self.requests = requests
        self.make_context = make_context
        self.current = current
        self.responses = responses
        self.keeps = responses.capacity_bytes > 0
        self.cache_control = (b"cache-control", cache_control.encode())
        self.not_modified = Head((self.cache_control, _VARY))
        self.explain = explain
        self.head = lru_cache(maxsize=1_024)(self._head)

    def respond_sync(self, scope: Scope, headers: HeaderMap, body: bytes) -> Reply | None:
        """The sync form: the reply to a plain POST that can be answered without waiting."""
        viewer: Viewer = scope["state"]["viewer"]
        asked = self.requests.post(headers, body, viewer.mark)
        return None if asked is None else self.from_memory(asked, viewer)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI form; the authentication has left the viewer in the scope's state."""
        messages: list[Message] = []
        asked = None
        headers = dict(scope["headers"])
        viewer = scope.get("state", {}).get("viewer")
        if viewer is None or len(headers) < len(scope["headers"]):
            pass  # the path is open to all; which of two fields counts is for others to say
        elif scope["method"] == "POST":
            body = await _read(receive, messages, self.requests.settings.max_body_bytes)
            asked = None if body is None else self.requests.post(headers, body, viewer.mark)
        elif scope["method"] == "GET":
            asked = self.requests.get(headers, scope["query_string"], viewer.mark)
        reply = await self.answer(asked, scope, viewer) if asked is not None else None
        if reply is None:
            await self.next_app(scope, _replaying(messages, receive), send)
        else:
            await reply.send(scope, send)

    async def answer(self, asked: Asked, scope: Scope, viewer: Viewer) -> Reply | None:
        """The reply to a plain request; None where it cannot be served."""
        reply = self.from_memory(asked, viewer)
        if reply is not None:
            return reply
        try:
            context = await self.make_context(scope)
        except Exception:  # noqa: BLE001  # what is behind meets it again, and has the words for it
            return None
        known = self.known(asked, viewer)
        reply = self.at_hand(asked, known, context.version)
        if reply is not None:
            return reply
        return await self.executed(asked, known, context, read_only=scope["method"] == "GET")

    def from_memory(self, asked: Asked, viewer: Viewer) -> Reply | None:
        """The reply without waiting; None where there is none to be had."""
        try:
            state = self.current()
        except Exception:  # noqa: BLE001  # what is behind meets it again, and has the words for it
            return None
        if state is None:
            return None
        known = self.known(asked, viewer)
        version = state.version.encode()
        if self.keeps or asked.if_none_match:
            reply = self.at_hand(asked, known, version)
            if reply is not None:
                return reply
        pieces = known.run(state) if known.run is not None else None
        if pieces is None:
            return None
        if asked.form.encoding is None and not self.keeps:
            etag, size_bytes = known.etag(version), sum(map(len, pieces))
            return Reply(200, known.head, etag, pieces, size_bytes, known.summary)
        response = CachedResponse(b"".join(pieces), known.summary, COMPILED, known.headers)
        return self.reply(asked, known, version, response)

    def known(self, asked: Asked, viewer: Viewer) -> Known:
        """What is known of a request beforehand, found out once."""
        memo = asked.request.memo
        known: Known | None = memo.get(asked.form)
        if known is None:
            form, ready = asked.form, self.execute.ready(asked.request, viewer)
            digest = hexlify(blake2b(asked.text + form.text, digest_size=12).digest())
            run, headers, name = None, _NO_HEADERS, None
            if ready is not None:
                run, headers, name = ready.run, ready.headers, ready.operation_name
            head = self.head(form, COMPILED, headers)
            known = memo[form] = Known(digest, run, head, headers, _summary(name))
        return known

    def at_hand(self, asked: Asked, known: Known, version: bytes) -> Reply | None:
        """The reply where the client has the answer, or the response cache does."""
        tags = asked.if_none_match
        # A star fits whatever there is; whether there is an answer shows only when it is executed.
        if tags and tags.strip() != b"*":
            etag = known.etag(version)
            if matches(tags.decode("latin-1"), etag.decode()):
                return Reply(304, self.not_modified, etag, (), 0, known.summary)
        response = self.responses.get((asked.text, asked.form.rights + version))
        return None if response is None else self.reply(asked, known, version, response)

    async def executed(
        self, asked: Asked, known: Known, context: RequestContext, *, read_only: bool
    ) -> Reply:
        """The reply by executing the operation."""
        try:
            result = await self.execute(asked.request, context, read_only=read_only)
        except Exception as error:  # noqa: BLE001  # the last place that can log and mask it
            result = failure(error)
        if not result.has_data or result.error_codes:
            return refused(result, asked)
        summary = RequestSummary(result.operation_name)
        response = CachedResponse(result.body, summary, result.way, result.headers)
        return self.reply(asked, known, context.version, response)

    def reply(self, asked: Asked, known: Known, version: bytes, response: CachedResponse) -> Reply:
        """The reply with an answer, which is kept if there is room."""
        encoding, body = None, response.body
        if asked.form.encoding is not None:
            encoding, body = response.encoded(asked.form.encoding)
        head = known.head
        if known.run is None or response.way != COMPILED:
            head = self.head(asked.form, response.way, response.headers)
        if encoding is not None:
            head = head.with_field(b"content-encoding", encoding.encode())
        self.responses.keep((asked.text, asked.form.rights + version), response)
        return Reply(200, head, known.etag(version), (body,), len(body), response.summary)

    def _head(self, form: Form, way: str, more: Headers) -> Head:
        """The header fields of an answer as it is, but those that differ with its content."""
        fields = [
            (b"content-type", f"{form.media_type}; charset=utf-8".encode()),
            self.cache_control,
            _VARY,
            *more,
        ]
        if self.explain:
            fields.append((b"x-newsgraph-way", way.encode()))
        return Head.of(tuple(fields))


@lru_cache(maxsize=1_024)
def _summary(operation_name: str | None) -> RequestSummary:
    return RequestSummary(operation_name)


def refused(result: Result, asked: Asked) -> Reply:
    """The reply with an answer that has errors, which nobody should keep."""
    response = respond(result, asked.form.media_type)
    head = Head(tuple(field for field in response.headers if field[0] != b"content-length"))
    summary = RequestSummary(response.operation_name, response.error_codes)
    body = response.body
    return Reply(response.status, head, b"", (body,), len(body), summary)


async def _read(receive: Receive, messages: list[Message], limit: int) -> bytes | None:
    """A request's body; None where it is too long or ends early. All messages are noted."""
    size_bytes = 0
    while size_bytes <= limit:
        message = await receive()
        messages.append(message)
        if message["type"] != "http.request":
            return None
        size_bytes += len(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(each.get("body", b"") for each in messages)
    return None


def _replaying(messages: list[Message], receive: Receive) -> Receive:
    """A receive that first gives the messages that were read already."""
    if not messages:
        return receive
    pending = messages[::-1]

    async def replay() -> Message:
        return pending.pop() if pending else await receive()

    return replay
