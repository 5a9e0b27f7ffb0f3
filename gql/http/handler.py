"""From an HTTP request to its response, without a framework and without input or output."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from gql.error_formatting import format_expected_error, mask_internal_error, retry_headers
from gql.errors import GraphError, Headers, MethodNotAllowedError, RequestError
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
    acceptable,
    failed,
    read_get,
    read_post,
    respond,
    respond_batch,
)

MakeContext = Callable[[], Awaitable[Any]]
"""Makes the context of a request; called once for it, and only where something is executed."""

_NO_HEADERS: Headers = ()
_ALLOW = ((b"allow", ALLOWED_METHODS.encode()),)


class GraphQLHandler:
    """Answers HTTP requests by executing their operations."""

    def __init__(self, execute: Executor, settings: HttpSettings) -> None:
        self.execute = execute
        self.settings = settings

    async def __call__(self, request: HttpRequest, make_context: MakeContext) -> HttpResponse:
        """The response to a request. Never raises: a fault of ours is logged and answered 500."""
        if request.method == "OPTIONS":
            return HttpResponse(status=204, headers=_ALLOW, body=b"")
        try:
            return await self._answer(request, make_context)
        except Exception as error:  # noqa: BLE001  # the last place that can log and mask it
            return respond(failure(error), negotiate(request.accept) or MediaType.JSON)

    async def _answer(self, request: HttpRequest, make_context: MakeContext) -> HttpResponse:
        media_type = acceptable(request.accept)
        if request.method == "POST":
            operations = read_post(request, self.settings)
        elif request.method in ("GET", "HEAD"):
            operations = read_get(request.query_string, self.settings)
        else:
            raise MethodNotAllowedError(
                f"{request.method} is not allowed here; use {ALLOWED_METHODS}.", headers=_ALLOW
            )
        context = await make_context()
        if isinstance(operations, GraphQLRequest):
            read_only = request.method != "POST"
            result = await self.execute(operations, context, read_only=read_only)
            return respond(result, media_type)
        # One after the other, as a client that sends them one by one would see them done.
        results: list[Result] = [await self.execute(each, context) for each in operations]
        return respond_batch(results, media_type)


def failure(error: Exception) -> Result:
    """The result where nothing could be executed: a refusal, or a fault of ours, masked."""
    if not isinstance(error, GraphError | StoreError):
        return failed(mask_internal_error(error), status=500)
    status, headers = 500, _NO_HEADERS
    if isinstance(error, RequestError):
        status, headers = error.status, error.headers
    elif isinstance(error, StoreUnavailableError | StoreCorruptError):
        status, headers = 503, retry_headers(error)
    return failed(format_expected_error(error), status=status, headers=headers)
