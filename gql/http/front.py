"""The short way for plain operations: a raw ASGI callable in front of everything else.

It takes a POST or GET of one JSON operation with nothing unusual about it, and answers from three
places, the cheapest first: what the client has already (304), what was answered before (the
response cache), and the executor. Whatever is unusual goes to the application behind it, which has
the words for every error; a body that was read meanwhile is handed on.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gql.conditional import matches
from gql.errors import RequestError

from .asgi import RequestSummary
from .bounded_cache import BoundedCache
from .compression import best_encoding
from .encoding import decode
from .execution import Execute
from .handler import failure
from .media_types import MediaType, negotiate
from .protocol import GraphQLRequest, HttpSettings, Result, graphql_request, read_get, respond
from .response_cache import CachedResponse, ResponseCache

REQUEST_FACTOR, REQUEST_BYTES = 3, 3_000
"""What a remembered request costs: times its text's length, plus its objects; measured."""

_CONTENT_TYPES = {
    media_type: (b"content-type", f"{media_type}; charset=utf-8".encode())
    for media_type in MediaType
}
_JSON_BODIES = frozenset((b"application/json", b"application/json; charset=utf-8"))
_NO_KEY = (b"", b"")
_VARY = (b"vary", b"Accept, Accept-Encoding, Authorization")


class RequestContext(Protocol):
    """What the front must know of a request's context."""

    @property
    def version(self) -> bytes:
        """The name of the store's state."""
        ...

    @property
    def rights(self) -> bytes:
        """The same for all who see the same of it."""
        ...


MakeContext = Callable[[Scope], Awaitable[RequestContext]]
Tell = Callable[[Scope, int, int, float, RequestSummary], None]
"""Takes the scope, status, size in bytes, start by `time.perf_counter`, and summary of a request
that is over."""


class Plain(NamedTuple):
    """A request without surprises: the bytes that say it all, what they say, what is accepted."""

    text: bytes
    request: GraphQLRequest
    media_type: MediaType
    if_none_match: bytes | None
    encoding: str | None


class Reply(NamedTuple):
    """What is sent, and what is told of it."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    operation_name: str | None
    error_codes: tuple[str, ...] = ()


class Front:
    """Answers plain operations; hands everything else to `behind`.

    `requests` remembers what bodies and query strings say, so that one which comes again need not
    be read again.
    """

    def __init__(  # noqa: PLR0913  # the seams between what it joins
        self,
        behind: ASGIApp,
        execute: Execute,
        make_context: MakeContext,
        settings: HttpSettings,
        *,
        responses: ResponseCache,
        requests: BoundedCache[bytes, GraphQLRequest],
        cache_control: str,
        tell: Tell,
        explain: bool = False,
    ) -> None:
        self.tell = tell
        self.behind = behind
        self.execute = execute
        self.make_context = make_context
        self.settings = settings
        self.responses = responses
        self.requests = requests
        self.cache_control = (b"cache-control", cache_control.encode())
        self.explain = explain

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        started = time.perf_counter()
        message: Message | None = None
        plain = None
        if scope["method"] == "POST":
            message = await receive()
            plain = self.read_post(dict(scope["headers"]), message)
        elif scope["method"] == "GET":
            plain = self.read_get(dict(scope["headers"]), scope["query_string"])
        if plain is None or not await self.answer(plain, scope, send, started):
            await self.behind(scope, _replaying(message, receive), send)

    def read_post(self, headers: dict[bytes, bytes], message: Message) -> Plain | None:
        """The operation in a body that came in one piece; None where anything is unusual."""
        body: bytes = message.get("body", b"")
        if (
            headers.get(b"content-type") not in _JSON_BODIES
            or message["type"] != "http.request"
            or message.get("more_body")
            or len(body) > self.settings.max_body_bytes
            or b"content-encoding" in headers
        ):
            return None
        request = self.requests.get(body)
        if request is None:
            try:
                request = graphql_request(decode(body), self.settings)
            except (ValueError, RequestError):
                return None
            # What may change something is executed each time and never kept. The keyword can be
            # written in no other way; a query that has the word elsewhere just goes the long way.
            if "mutation" in request.query:
                return None
            self.remember(body, request)
        return plain(body, request, headers)

    def read_get(self, headers: dict[bytes, bytes], query_string: bytes) -> Plain | None:
        """The operation in a URL; None where anything is unusual."""
        text = b"?" + query_string  # no JSON begins so
        request = self.requests.get(text)
        if request is None:
            try:
                request = read_get(query_string, self.settings)
            except RequestError:
                return None
            self.remember(text, request)
        return plain(text, request, headers)

    def remember(self, text: bytes, request: GraphQLRequest) -> None:
        """Keep what a text says for the next request with the same."""
        self.requests.put(text, request, REQUEST_FACTOR * len(text) + REQUEST_BYTES)

    async def answer(self, plain: Plain, scope: Scope, send: Send, started: float) -> bool:
        """Send the answer; False, with nothing sent, where the request cannot be served."""
        try:
            context = await self.make_context(scope)
        except Exception:  # noqa: BLE001  # what is behind meets it again, and has the words for it
            return False
        etag = _etag(plain, context)
        known = plain.if_none_match
        # A star fits whatever there is; whether there is an answer shows only when it is executed.
        if known and known.strip() != b"*" and matches(known.decode("latin-1"), etag.decode()):
            validators = [self.cache_control, _VARY, (b"etag", etag)]
            reply = Reply(304, validators, b"", plain.request.operation_name)
        else:
            reply = await self.reply(plain, context, etag, read_only=scope["method"] == "GET")
        await send(
            {"type": "http.response.start", "status": reply.status, "headers": reply.headers}
        )
        await send({"type": "http.response.body", "body": reply.body})
        summary = RequestSummary(
            operation_name=reply.operation_name,
            error_codes=reply.error_codes,
            duration_s=time.perf_counter() - started,
        )
        self.tell(scope, reply.status, len(reply.body), started, summary)
        return True

    async def reply(
        self, plain: Plain, context: RequestContext, etag: bytes, *, read_only: bool
    ) -> Reply:
        """The answer from the response cache, else from the executor."""
        keeps = self.responses.capacity_bytes > 0
        key = (plain.text, context.rights + context.version) if keeps else _NO_KEY
        response = self.responses.get(key) if keeps else None
        if response is None:
            try:
                result = await self.execute(plain.request, context, read_only=read_only)
            except Exception as error:  # noqa: BLE001  # the last place that can log and mask it
                result = failure(error)
            if not result.has_data or result.error_codes:
                return refused(result, plain)
            response = CachedResponse(
                result.body, result.operation_name, result.way, result.headers
            )
        encoding, body = None, response.body
        if plain.encoding is not None:
            encoding, body = response.encoded(plain.encoding)
        if keeps:
            self.responses.keep(key, response)
        headers = [
            _CONTENT_TYPES[plain.media_type],
            (b"content-length", b"%d" % len(body)),
            self.cache_control,
            _VARY,
            (b"etag", etag),
            *response.headers,
        ]
        if encoding is not None:
            headers.append((b"content-encoding", encoding.encode()))
        if self.explain:
            headers.append((b"x-newsgraph-way", response.way.encode()))
        return Reply(200, headers, body, response.operation_name)


def refused(result: Result, plain: Plain) -> Reply:
    """The reply with an answer that has errors, which nobody should keep."""
    response = respond(result, plain.media_type)
    return Reply(
        response.status,
        list(response.headers),
        response.body,
        response.operation_name,
        response.error_codes,
    )


def plain(text: bytes, request: GraphQLRequest, headers: dict[bytes, bytes]) -> Plain | None:
    """The request with what its headers ask; None where nothing of ours is acceptable.

    Of a header that comes twice the last counts here; none of these should.
    """
    accept = headers.get(b"accept")
    if accept and b"text/event-stream" in accept:
        return None
    media_type = negotiate(accept.decode("latin-1")) if accept else MediaType.JSON
    if media_type is None:
        return None
    accepted = headers.get(b"accept-encoding")
    encoding = best_encoding(accepted) if accepted else None
    return Plain(text, request, media_type, headers.get(b"if-none-match"), encoding)


def _etag(plain: Plain, context: RequestContext) -> bytes:
    """A strong validator of the answer, known before there is one.

    The answer is the same whenever the request, its form, the rights and the state of the store
    are. All but the last are hashed once for each request that is remembered.
    """
    key = (plain.media_type, plain.encoding, context.rights)
    digest: bytes | None = plain.request.memo.get(key)
    if digest is None:
        hashed = hashlib.blake2b(plain.text + repr(key).encode(), digest_size=12)
        digest = plain.request.memo[key] = hashed.hexdigest().encode()
    return b'"%s-%s"' % (digest, context.version)


def _replaying(message: Message | None, receive: Receive) -> Receive:
    """A receive that first gives the message that was read already."""
    if message is None:
        return receive
    pending: list[Message] = [message]

    async def replay() -> Message:
        return pending.pop() if pending else await receive()

    return replay
