"""The handler: from an HTTP request to its response, without a framework and without I/O."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from gql.error_formatting import format_expected_error, mask_internal_error, retry_headers
from gql.errors import (
    GraphError,
    Headers,
    MethodNotAllowedError,
    PersistedDocumentError,
    RequestError,
)
from store.errors import StoreCorruptError, StoreError, StoreUnavailableError

from .execution.executor_interface import Executor
from .protocol.media_types import MediaType, negotiate
from .protocol.messages import (
    ALLOWED_METHODS,
    GraphQLRequest,
    HttpRequest,
    HttpResponse,
    HttpSettings,
    Result,
)
from .protocol.request_parser import parse_get, parse_post
from .protocol.response_builder import (
    build_batch_response,
    build_response,
    error_result,
    require_media_type,
)

MakeContext = Callable[[], Awaitable[Any]]
"""Makes the context of a request; called once, and only if an operation is executed."""

_NO_HEADERS: Headers = ()
_ALLOW = ((b"allow", ALLOWED_METHODS.encode()),)


class GraphQLHandler:
    """Handles HTTP requests by executing their operations.

    Attributes:
        execute: The executor.
        settings: The limits of requests.
    """

    def __init__(self, execute: Executor, settings: HttpSettings) -> None:
        self.execute = execute
        self.settings = settings

    async def __call__(self, request: HttpRequest, make_context: MakeContext) -> HttpResponse:
        """The response to a request. Never raises: an internal error is logged and gives a 500."""
        if request.method == "OPTIONS":
            return HttpResponse(status=204, headers=_ALLOW, body=b"")
        try:
            return await self._handle(request, make_context)
        except Exception as error:  # noqa: BLE001  # the last function that can log and mask it
            return build_response(
                failure_result(error), negotiate(request.accept) or MediaType.JSON
            )

    async def _handle(self, request: HttpRequest, make_context: MakeContext) -> HttpResponse:
        media_type = require_media_type(request.accept)
        if request.method == "POST":
            operations = parse_post(request, self.settings)
        elif request.method in ("GET", "HEAD"):
            operations = parse_get(request.query_string, self.settings)
        else:
            raise MethodNotAllowedError(
                f"{request.method} is not allowed here; use {ALLOWED_METHODS}.", headers=_ALLOW
            )
        context = await make_context()
        documents = self.settings.documents
        for each in operations if isinstance(operations, tuple) else (operations,):
            if not documents.is_open(each.query):
                documents.check(each.query, context.viewer)
        if isinstance(operations, GraphQLRequest):
            read_only = request.method != "POST"
            result = await self.execute(operations, context, read_only=read_only)
            return build_response(result, media_type)
        # In order, as if the client sent them one by one.
        results: list[Result] = [await self.execute(each, context) for each in operations]
        return build_batch_response(results, media_type)


def failure_result(error: Exception) -> Result:
    """The result of a request that failed before execution; an internal error is masked."""
    if not isinstance(error, GraphError | StoreError):
        return error_result(mask_internal_error(error), status=500)
    status: int | None
    status, headers = 500, _NO_HEADERS
    if isinstance(error, PersistedDocumentError):
        status, headers = None, error.headers
    elif isinstance(error, RequestError):
        status, headers = error.status, error.headers
    elif isinstance(error, StoreUnavailableError | StoreCorruptError):
        status, headers = 503, retry_headers(error)
    return error_result(format_expected_error(error), status=status, headers=headers)
