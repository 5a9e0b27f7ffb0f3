"""Plain requests: operations that came in one piece and with nothing unusual about them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import msgspec

from gql.errors import RequestError

from .bounded_cache import BoundedCache, Doorkeeper
from .compression import best_encoding
from .encoding import decode
from .media_types import MediaType, negotiate
from .protocol import GraphQLRequest, HttpSettings, graphql_request, read_get

REQUEST_FACTOR, REQUEST_BYTES = 2, 2_400
"""What a remembered request costs: times its text's length, plus its objects; measured."""

SEEN_REQUESTS = 8_192
"""Among how many requests, at least, one is found to come again."""

MAX_FORMS = 256
"""How many combinations of headers are remembered; clients make them up."""

_JSON_BODIES = frozenset((b"application/json", b"application/json; charset=utf-8"))

HeaderMap = Mapping[bytes, bytes]
"""Header fields by their names in lower case, each of which came once."""


class Form:
    """How an answer is to be written, and for whom: `rights` are the same for all who see the same.

    `encoding`: None for none. `text` tells forms apart. There is one object for each form, and few
    of them.
    """

    __slots__ = ("encoding", "media_type", "rights", "text")

    def __init__(self, media_type: MediaType, encoding: str | None, rights: bytes) -> None:
        self.media_type = media_type
        self.encoding = encoding
        self.rights = rights
        self.text = repr((media_type, encoding, rights)).encode()


class Asked(msgspec.Struct, frozen=True):
    """A plain request: the bytes that say it all, what they say, and the form of the answer."""

    text: bytes
    request: GraphQLRequest
    form: Form
    if_none_match: bytes | None


class PlainRequests:
    """Reads plain requests, and remembers what texts say that come again."""

    def __init__(self, settings: HttpSettings, known: BoundedCache[bytes, GraphQLRequest]) -> None:
        self.settings = settings
        self.known = known
        self._seen = Doorkeeper(SEEN_REQUESTS)
        self._forms: dict[tuple[bytes | None, bytes | None, bytes], Form] = {}

    def post(self, headers: HeaderMap, body: bytes, rights: bytes) -> Asked | None:
        """The operation in a body; None where anything is unusual."""
        if (
            headers.get(b"content-type") not in _JSON_BODIES
            or len(body) > self.settings.max_body_bytes
            or b"content-encoding" in headers
        ):
            return None
        request = self.known.get(body) or self.read(body)
        if request is None:
            return None
        accept, encoding = headers.get(b"accept"), headers.get(b"accept-encoding")
        form = self._forms.get((accept, encoding, rights)) or self.form(accept, encoding, rights)
        if form is None:
            return None
        return Asked(body, request, form, headers.get(b"if-none-match"))

    def read(self, body: bytes) -> GraphQLRequest | None:
        """What a body says; None for what is no plain query, or wrong."""
        try:
            request = graphql_request(decode(body), self.settings)
        except (ValueError, RequestError):
            return None
        # What may change something is executed each time and never kept. The keyword can be
        # written in no other way; a query that has the word elsewhere just goes the long way.
        if "mutation" in request.query:
            return None
        self.remember(body, request)
        return request

    def get(self, headers: HeaderMap, query_string: bytes, rights: bytes) -> Asked | None:
        """The operation in a URL; None where anything is unusual."""
        text = b"?" + query_string  # no JSON begins so
        request = self.known.get(text)
        if request is None:
            try:
                request = read_get(query_string, self.settings)
            except RequestError:
                return None
            self.remember(text, request)
        form = self.form(headers.get(b"accept"), headers.get(b"accept-encoding"), rights)
        if form is None:
            return None
        return Asked(text, request, form, headers.get(b"if-none-match"))

    def remember(self, text: bytes, request: GraphQLRequest) -> None:
        """Keep what a text says for the next request with the same, once it comes again."""
        if self._seen.has_seen(text):
            self.known.put(text, request, REQUEST_FACTOR * len(text) + REQUEST_BYTES)

    def form(self, accept: bytes | None, encoding: bytes | None, rights: bytes) -> Form | None:
        """What headers ask; None where nothing of ours is acceptable."""
        key = accept, encoding, rights
        form = self._forms.get(key) or _form(*key)
        if form is not None:
            if len(self._forms) >= MAX_FORMS:
                self._forms.clear()
            self._forms[key] = form
        return form


def _form(accept: bytes | None, accept_encoding: bytes | None, rights: bytes) -> Form | None:
    if accept and b"text/event-stream" in accept:
        return None
    media_type = negotiate(accept.decode("latin-1")) if accept else MediaType.JSON
    encoding = best_encoding(accept_encoding) if accept_encoding else None
    return _only(media_type, encoding, rights) if media_type else None


_only = cache(Form)
