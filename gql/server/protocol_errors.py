"""Protocol errors: why the HTTP/1.1 protocol refuses a request before the application sees it."""

from __future__ import annotations

from gql.errors import RequestError


class MalformedRequestError(RequestError):
    """The request is no HTTP/1.1."""


class RequestTimeoutError(RequestError):
    """The request did not come whole in time."""

    code = "REQUEST_TIMEOUT"
    status = 408


class UriTooLongError(RequestError):
    """The URL exceeds the cap of the head."""

    code = "URI_TOO_LONG"
    status = 414


class HeaderTooLargeError(RequestError):
    """The head, or the trailers, have too many bytes or too many fields."""

    code = "HEADER_TOO_LARGE"
    status = 431


class TooManyConnectionsError(RequestError):
    """There is no room for another connection."""

    code = "TOO_MANY_CONNECTIONS"
    status = 503
    headers = ((b"retry-after", b"1"),)


class HttpVersionError(RequestError):
    """A version of HTTP that is not spoken here."""

    code = "HTTP_VERSION_NOT_SUPPORTED"
    status = 505
