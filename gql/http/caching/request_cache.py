"""The request cache: plain operations that came in one piece, remembered by their bytes."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from gql.cache import ByteCache, CacheRegistry
from gql.errors import RequestError
from gql.http.protocol.compression import best_encoding
from gql.http.protocol.json_encoding import decode, held_bytes
from gql.http.protocol.media_types import MediaType, negotiate
from gql.http.protocol.messages import GraphQLRequest, HttpSettings, graphql_request, read_get
from gql.http.reply import PreparedReply

REQUEST_BYTES = 800
"""What a remembered request takes beside its texts and its variables; measured, as the next two."""

PREPARED_BYTES = 1_000
"""What the executor remembers of it for one set of rights, beside the variables once more."""

REPLY_BYTES = 400
"""What each prepared reply takes."""

ADMISSION_KEYS = 8_192
"""Among how many requests, at least, one is found to come again."""

VARIANTS_BYTES = 1 << 16
"""Room for combinations of headers; clients make them up."""

_JSON_BODIES = frozenset((b"application/json", b"application/json; charset=utf-8"))

HeaderMap = Mapping[bytes, bytes]
"""Header fields by their names in lower case, each of which came once."""


class ResponseVariant:
    """The form of an answer: how it is written, and for whom. There is one object for each form.

    Attributes:
        media_type: The type to answer with.
        encoding: The content encoding; None for none.
        permission_key: The same for all viewers who see the same.
        text: Tells variants apart.
    """

    __slots__ = ("encoding", "media_type", "permission_key", "text")

    def __init__(self, media_type: MediaType, encoding: str | None, permission_key: bytes) -> None:
        self.media_type = media_type
        self.encoding = encoding
        self.permission_key = permission_key
        self.text = repr((media_type, encoding, permission_key)).encode()


class PlainRequest:
    """A plain request, and the replies prepared for it.

    Attributes:
        text: The bytes that say it all.
        request: What they say.
        replies: What is known of its answers, by their variant.
    """

    __slots__ = ("replies", "request", "text")

    def __init__(self, text: bytes, request: GraphQLRequest) -> None:
        self.text = text
        self.request = request
        self.replies: dict[ResponseVariant, PreparedReply] = {}


class ReceivedRequest(msgspec.Struct, frozen=True):
    """A plain request as it came this time.

    Attributes:
        plain: What it says.
        variant: The form of answer that its headers ask for.
        if_none_match: The answers that the client has.
    """

    plain: PlainRequest
    variant: ResponseVariant
    if_none_match: bytes | None


HeaderKey = tuple[bytes | None, bytes | None, bytes]
"""Accept, Accept-Encoding, and the viewer's scope key."""


class RequestCache:
    """Reads plain requests, and remembers those that come again.

    Attributes:
        settings: What a request may be.
        requests: Plain requests by their bytes; a URL's begin with a question mark.
    """

    def __init__(self, settings: HttpSettings, capacity_bytes: int, caches: CacheRegistry) -> None:
        self.settings = settings
        self.requests: ByteCache[bytes, PlainRequest] = caches.add(
            ByteCache("requests", capacity_bytes, request_bytes, admission_keys=ADMISSION_KEYS)
        )
        self._by_headers: ByteCache[HeaderKey, ResponseVariant] = caches.add(
            ByteCache("response_variants", VARIANTS_BYTES, _header_key_bytes)
        )
        # As many as there are media types, encodings and sets of scopes.
        self._variants: dict[tuple[MediaType, str | None, bytes], ResponseVariant] = {}

    def post(
        self, headers: HeaderMap, body: bytes, permission_key: bytes
    ) -> ReceivedRequest | None:
        """The operation in a body; None where anything is unusual."""
        if (
            headers.get(b"content-type") not in _JSON_BODIES
            or len(body) > self.settings.max_body_bytes
            or b"content-encoding" in headers
        ):
            return None
        plain = self.requests.get(body) or self._read(body)
        if plain is None:
            return None
        key = headers.get(b"accept"), headers.get(b"accept-encoding"), permission_key
        variant = self._by_headers.get(key) or self._variant(key)
        if variant is None:
            return None
        return ReceivedRequest(plain, variant, headers.get(b"if-none-match"))

    def get(
        self, headers: HeaderMap, query_string: bytes, permission_key: bytes
    ) -> ReceivedRequest | None:
        """The operation in a URL; None where anything is unusual."""
        text = b"?" + query_string  # no JSON begins so
        plain = self.requests.get(text)
        if plain is None:
            try:
                request = read_get(query_string, self.settings)
            except RequestError:
                return None
            plain = self._remembered(text, request)
        key = headers.get(b"accept"), headers.get(b"accept-encoding"), permission_key
        variant = self._by_headers.get(key) or self._variant(key)
        if variant is None:
            return None
        return ReceivedRequest(plain, variant, headers.get(b"if-none-match"))

    def resize(self, plain: PlainRequest) -> None:
        """Count a remembered request anew, once more was prepared for it."""
        self.requests.resize(plain.text, plain)

    def _read(self, body: bytes) -> PlainRequest | None:
        """What a body says; None for what is no plain query, or wrong."""
        try:
            request = graphql_request(decode(body), self.settings)
        except (ValueError, RequestError):
            return None
        # What may change something is executed each time and never kept. The keyword can be
        # written in no other way; a query that has the word elsewhere just goes the long way.
        if "mutation" in request.query:
            return None
        return self._remembered(body, request)

    def _remembered(self, text: bytes, request: GraphQLRequest) -> PlainRequest:
        plain = PlainRequest(text, request)
        self.requests.put(text, plain)
        return plain

    def _variant(self, key: HeaderKey) -> ResponseVariant | None:
        """The form that headers ask for; None where nothing of ours is acceptable."""
        accept, accept_encoding, permission_key = key
        if accept and b"text/event-stream" in accept:
            return None
        media_type = negotiate(accept.decode("latin-1")) if accept else MediaType.JSON
        if media_type is None:
            return None
        encoding = best_encoding(accept_encoding) if accept_encoding else None
        form = media_type, encoding, permission_key
        variant = self._variants.get(form)
        if variant is None:
            variant = self._variants[form] = ResponseVariant(*form)
        self._by_headers.put(key, variant)
        return variant


def request_bytes(text: bytes, plain: PlainRequest) -> int:
    """What a remembered request takes: its texts, its variables, and what was prepared for it."""
    request = plain.request
    variables_bytes = held_bytes(request.variables)
    prepared = len(request.memo.prepared)
    return (
        len(text)
        + held_bytes(request.query)
        + held_bytes(request.extensions)
        + variables_bytes
        + REQUEST_BYTES
        + prepared * (PREPARED_BYTES + variables_bytes)
        + len(plain.replies) * REPLY_BYTES
    )


def _header_key_bytes(key: HeaderKey, _variant: ResponseVariant) -> int:
    return sum(len(each or b"") + 40 for each in key) + 100
