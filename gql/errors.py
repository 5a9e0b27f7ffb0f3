"""The tree of errors that clients can get, each with its stable code.

    GraphError                            expected: the message is for the client
    ├── ForbiddenError                    the viewer lacks a permission
    ├── PermissionsChangedError           the viewer's permissions changed while a stream was open
    └── RequestError                      nothing was executed; `status` is the HTTP status
        ├── MethodNotAllowedError         405
        ├── NotAcceptableError            406
        ├── PayloadTooLargeError          413
        ├── UnsupportedMediaTypeError     415
        ├── BatchError                    400
        ├── DocumentIdError               400
        ├── UntrustedDocumentError        403
        ├── PersistedDocumentError        by the media type
        │   ├── PersistedQueryNotFoundError
        │   └── PersistedQueryNotSupportedError
        ├── SubscriptionError             400
        ├── SubscriptionTooLargeError     400
        ├── IdempotencyKeyError           400
        ├── IdempotencyKeyReusedError     422
        ├── UnauthenticatedError          401
        ├── AuthenticationUnavailableError  503
        ├── RateLimitedError              429
        ├── CapacityError                 503
        │   ├── AnonymousCapacityError    503
        │   └── ClientShareError          429
        └── ProtocolError                 the HTTP/1.1 protocol refuses the request
            ├── MalformedRequestError     400
            ├── RequestTimeoutError       408
            ├── UriTooLongError           414
            ├── HeaderTooLargeError       431
            ├── TooManyConnectionsError   503
            ├── TransferCodingError       501
            └── HttpVersionError          505

`store.errors.StoreError` is expected, too. Every other exception is an internal error: the client
gets an id, and the log has this id with the traceback (`gql.error_formatting`).
"""

from __future__ import annotations

from store.errors import KeyReusedError

Headers = tuple[tuple[bytes, bytes], ...]
"""Header fields: pairs of a name in lower case and a value."""

PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
OPERATION_UNRESOLVED = "OPERATION_RESOLUTION_FAILURE"
BAD_USER_INPUT = "BAD_USER_INPUT"
INTERNAL_ERROR = "INTERNAL_ERROR"
TOO_MANY_ERRORS = "TOO_MANY_ERRORS"


class GraphError(Exception):
    """An expected error that a client can understand and act on.

    Attributes:
        code: The stable code, `extensions.code` in the response.
    """

    code = "GRAPH_ERROR"


class ForbiddenError(GraphError):
    """The viewer lacks a permission; the message says which."""

    code = "FORBIDDEN"


class PermissionsChangedError(GraphError):
    """The viewer's permissions changed while its stream was open."""

    code = "FORBIDDEN"


class RequestError(GraphError):
    """A refused request: nothing of it was executed.

    Attributes:
        status: The HTTP status of the response.
        headers: Header fields that go into the response.
    """

    code = "BAD_REQUEST"
    status = 400
    headers: Headers = ()

    def __init__(self, message: str, *, headers: Headers = ()) -> None:
        super().__init__(message)
        self.headers = headers or self.headers


class MethodNotAllowedError(RequestError):
    """The HTTP method does not fit; an `Allow` header names those that do."""

    code = "METHOD_NOT_ALLOWED"
    status = 405


class NotAcceptableError(RequestError):
    """Content negotiation failed: the client accepts none of our media types."""

    code = "NOT_ACCEPTABLE"
    status = 406


class PayloadTooLargeError(RequestError):
    """The body exceeds its limit. The rest of it is not read, so the connection has to end."""

    code = "PAYLOAD_TOO_LARGE"
    status = 413
    headers = ((b"connection", b"close"),)


class UnsupportedMediaTypeError(RequestError):
    """The body is not JSON in UTF-8, by its headers."""

    code = "UNSUPPORTED_MEDIA_TYPE"
    status = 415


class BatchError(RequestError):
    """A batch where batches are off, or a batch that is too large."""

    code = "BATCH_NOT_ALLOWED"


class DocumentIdError(RequestError):
    """A request that names its document by an id (persisted documents)."""

    code = "DOCUMENT_ID_NOT_ENABLED"


class UntrustedDocumentError(RequestError):
    """A document that is not trusted, where only trusted ones are executed."""

    code = "DOCUMENT_NOT_TRUSTED"
    status = 403


class PersistedDocumentError(RequestError):
    """The document of an id is unknown here. The request is well-formed, so its status is that of
    any result without data.
    """


class PersistedQueryNotFoundError(PersistedDocumentError):
    """No document has the id.

    Clients of automatic persisted queries send the text then: Apollo's links recognise the code or
    the message, urql's exchange the message.
    """

    code = "PERSISTED_QUERY_NOT_FOUND"

    def __init__(self, message: str = "PersistedQueryNotFound") -> None:
        super().__init__(message)


class PersistedQueryNotSupportedError(PersistedDocumentError):
    """Neither trusted documents nor automatic persisted queries are enabled.

    Clients send texts from then on; see `PersistedQueryNotFoundError` on the message.
    """

    code = "PERSISTED_QUERY_NOT_SUPPORTED"

    def __init__(self) -> None:
        super().__init__("PersistedQueryNotSupported")


class SubscriptionError(RequestError):
    """A subscription over a transport with a single response."""

    code = "SUBSCRIPTION_NOT_SUPPORTED"


class SubscriptionTooLargeError(RequestError):
    """A subscription that would take too much memory while it is open."""

    code = "SUBSCRIPTION_TOO_LARGE"


class IdempotencyKeyError(RequestError):
    """An idempotency key of a wrong length or with wrong characters."""

    code = "BAD_IDEMPOTENCY_KEY"


class IdempotencyKeyReusedError(RequestError):
    """An idempotency key that was used for another request."""

    code = KeyReusedError.code
    status = 422


class UnauthenticatedError(RequestError):
    """The credentials are wrong, or required and missing."""

    code = "UNAUTHENTICATED"
    status = 401


class AuthenticationUnavailableError(RequestError):
    """Credentials cannot be checked at the moment."""

    code = "AUTHENTICATION_UNAVAILABLE"
    status = 503


class RateLimitedError(RequestError):
    """The rate limit is exceeded; `Retry-After` says when to try again."""

    code = "RATE_LIMITED"
    status = 429


class CapacityError(RequestError):
    """The server is at its capacity of subscriptions.

    Attributes:
        bound: Whose limit is reached, for metrics.
    """

    code = "TOO_MANY_SUBSCRIPTIONS"
    status = 503
    headers = ((b"retry-after", b"10"),)  # a guess: nobody knows when others end
    bound = "server"


class AnonymousCapacityError(CapacityError):
    """Clients without a key have used up their common share of the capacity."""

    bound = "anonymous"


class ClientShareError(CapacityError):
    """The client has used up its own share of the capacity."""

    status = 429
    bound = "client"


class ProtocolError(RequestError):
    """The HTTP/1.1 protocol refuses a request before the application sees it."""


class MalformedRequestError(ProtocolError):
    """The request is not valid HTTP/1.1."""


class RequestTimeoutError(ProtocolError):
    """The time-out for a head or a body has passed."""

    code = "REQUEST_TIMEOUT"
    status = 408


class UriTooLongError(ProtocolError):
    """The URL exceeds the limit of the head."""

    code = "URI_TOO_LONG"
    status = 414


class HeaderTooLargeError(ProtocolError):
    """The head or the trailers have too many bytes or fields."""

    code = "HEADER_TOO_LARGE"
    status = 431


class TooManyConnectionsError(ProtocolError):
    """The process is at its limit of connections."""

    code = "TOO_MANY_CONNECTIONS"
    status = 503
    headers = ((b"retry-after", b"1"),)


class TransferCodingError(ProtocolError):
    """A transfer coding other than chunked."""

    code = "TRANSFER_CODING_NOT_SUPPORTED"
    status = 501


class HttpVersionError(ProtocolError):
    """An HTTP version other than 1.0 and 1.1."""

    code = "HTTP_VERSION_NOT_SUPPORTED"
    status = 505
