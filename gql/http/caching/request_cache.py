"""The request cache: parsed requests with plain operations, by the bytes of the request."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from gql.cache import ByteCache, CacheRegistry
from gql.errors import RequestError
from gql.http.protocol.compression import best_encoding
from gql.http.protocol.json_encoding import decode, memory_bytes
from gql.http.protocol.media_types import EVENT_STREAM, MediaType, negotiate, quality_of
from gql.http.protocol.messages import GraphQLRequest, HttpSettings
from gql.http.protocol.request_parser import parse_get, parse_graphql_request
from gql.http.reply import PreparedReply

REQUEST_BYTES = 800
"""The size of a cached request without its texts and variables; measured, as the next two."""

PREPARED_BYTES = 1_000
"""The size of a prepared query for one set of permissions, without a copy of the variables."""

REPLY_BYTES = 400
"""The size of a prepared reply."""

ADMISSION_KEYS = 8_192
"""The window of admission: how many requests, at least, are watched for a repetition."""

VARIANTS_BYTES = 1 << 16
"""The bound for combinations of header fields, since clients can send any."""

_QUERY_MARK = b"?"
"""The first byte of the key of a GET. No JSON begins with it, so such a body is refused."""

_JSON_BODIES = frozenset((b"application/json", b"application/json; charset=utf-8"))

ANONYMOUS = b""
"""The viewer key of those without credentials."""

HeaderMap = Mapping[bytes, bytes]
"""Header fields by name in lower case, none of them repeated."""


class ResponseVariant:
    """A response variant: media type, content encoding and viewers. There is one object for
    each variant.

    Attributes:
        media_type: The negotiated media type.
        encoding: The content encoding; None for none.
        viewer_key: The viewers to whom the response is the same, as a cache key.
        is_private: Whether the response is for a viewer with credentials.
        text: Identifies the variant, for ETags.
    """

    __slots__ = ("encoding", "is_private", "media_type", "text", "viewer_key")

    def __init__(self, media_type: MediaType, encoding: str | None, viewer_key: bytes) -> None:
        self.media_type = media_type
        self.encoding = encoding
        self.viewer_key = viewer_key
        self.is_private = viewer_key != ANONYMOUS
        self.text = repr((media_type, encoding, viewer_key)).encode()


class PlainRequest:
    """A cached request with a plain operation.

    Attributes:
        text: The body, or the query string behind a question mark: the key.
        request: The parsed request.
        replies: The prepared replies, by variant.
    """

    __slots__ = ("replies", "request", "text")

    def __init__(self, text: bytes, request: GraphQLRequest) -> None:
        self.text = text
        self.request = request
        self.replies: dict[ResponseVariant, PreparedReply] = {}


class ReceivedRequest(msgspec.Struct, frozen=True):
    """A received request: the cached part, and what depends on its header fields.

    Attributes:
        plain: The cached request.
        variant: The negotiated response variant.
        if_none_match: The ETags of the responses that the client has.
    """

    plain: PlainRequest
    variant: ResponseVariant
    if_none_match: bytes | None


HeaderKey = tuple[bytes | None, bytes | None, bytes]
"""Accept, Accept-Encoding, and the viewer's key."""


class RequestCache:
    """The cache of plain requests, and of the variants of their responses.

    Attributes:
        settings: The limits of requests.
        requests: Plain requests by their text.
    """

    def __init__(self, settings: HttpSettings, capacity_bytes: int, caches: CacheRegistry) -> None:
        self.settings = settings
        self.requests: ByteCache[bytes, PlainRequest] = caches.add(
            ByteCache("requests", capacity_bytes, request_bytes, admission_keys=ADMISSION_KEYS)
        )
        self._by_headers: ByteCache[HeaderKey, ResponseVariant] = caches.add(
            ByteCache("response_variants", VARIANTS_BYTES, _header_key_bytes)
        )
        # Bounded by the number of media types, encodings and sets of permissions.
        self._variants: dict[tuple[MediaType, str | None, bytes], ResponseVariant] = {}

    def post(self, headers: HeaderMap, body: bytes, viewer_key: bytes) -> ReceivedRequest | None:
        """Parse a POST or get it from the cache; None if it is not plain."""
        if (
            headers.get(b"content-type") not in _JSON_BODIES
            or body[:1] == _QUERY_MARK
            or len(body) > self.settings.max_body_bytes
            or b"content-encoding" in headers
        ):
            return None
        plain = self.requests.get(body) or self._parse_body(body)
        if plain is None:
            return None
        key = headers.get(b"accept"), headers.get(b"accept-encoding"), viewer_key
        variant = self._by_headers.get(key) or self._negotiate(key)
        if variant is None:
            return None
        return ReceivedRequest(plain, variant, headers.get(b"if-none-match"))

    def get(
        self, headers: HeaderMap, query_string: bytes, viewer_key: bytes
    ) -> ReceivedRequest | None:
        """Parse a GET or get it from the cache; None if it is not plain."""
        text = _QUERY_MARK + query_string
        plain = self.requests.get(text)
        if plain is None:
            try:
                request = parse_get(query_string, self.settings)
            except RequestError:
                return None
            if not self._is_plain(request):
                return None
            plain = self._put(text, request)
        key = headers.get(b"accept"), headers.get(b"accept-encoding"), viewer_key
        variant = self._by_headers.get(key) or self._negotiate(key)
        if variant is None:
            return None
        return ReceivedRequest(plain, variant, headers.get(b"if-none-match"))

    def resize(self, plain: PlainRequest) -> None:
        """Update the size of a cached request after more was prepared for it."""
        self.requests.resize(plain.text, plain)

    def _parse_body(self, body: bytes) -> PlainRequest | None:
        """Parse a body; None if it is invalid or not plain."""
        try:
            request = parse_graphql_request(decode(body), self.settings)
        except (ValueError, RequestError):
            return None
        if not self._is_plain(request):
            return None
        return self._put(body, request)

    def _is_plain(self, request: GraphQLRequest) -> bool:
        """Whether every viewer may send the document, and it need be neither streamed nor
        registered, nor executed each time as mutations are.
        """
        # The keywords have no escaped form. A query that has one elsewhere just misses the fast
        # path.
        return (
            not request.is_new
            and "mutation" not in request.query
            and "subscription" not in request.query
            and self.settings.documents.is_open(request.query)
        )

    def _put(self, text: bytes, request: GraphQLRequest) -> PlainRequest:
        plain = PlainRequest(text, request)
        self.requests.put(text, plain)
        return plain

    def _negotiate(self, key: HeaderKey) -> ResponseVariant | None:
        """Negotiate the variant by header fields; None if no media type is acceptable."""
        accept, accept_encoding, viewer_key = key
        if accept and _prefers_stream(accept.decode("latin-1")):
            return None
        media_type = negotiate(accept.decode("latin-1")) if accept else MediaType.JSON
        if media_type is None:
            return None
        encoding = best_encoding(accept_encoding) if accept_encoding else None
        variant_key = media_type, encoding, viewer_key
        variant = self._variants.get(variant_key)
        if variant is None:
            variant = self._variants[variant_key] = ResponseVariant(*variant_key)
        self._by_headers.put(key, variant)
        return variant


def _prefers_stream(accept: str) -> bool:
    """Whether a client prefers an event stream to JSON. urql accepts both for each operation."""
    stream = quality_of(EVENT_STREAM, accept)[0]
    return stream > max(quality_of(media_type, accept)[0] for media_type in MediaType)


def request_bytes(text: bytes, plain: PlainRequest) -> int:
    """The size of a cached request: its texts, its variables, and what is prepared for it."""
    request = plain.request
    variables_bytes = memory_bytes(request.variables)
    prepared = len(request.memo.prepared)
    return (
        len(text)
        + memory_bytes(request.query)
        + memory_bytes(request.extensions)
        + variables_bytes
        + REQUEST_BYTES
        + prepared * (PREPARED_BYTES + variables_bytes)
        + len(plain.replies) * REPLY_BYTES
    )


def _header_key_bytes(key: HeaderKey, _variant: ResponseVariant) -> int:
    return sum(len(each or b"") + 40 for each in key) + 100
