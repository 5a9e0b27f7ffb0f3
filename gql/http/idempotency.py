"""Idempotent mutations: a retry with the same `Idempotency-Key` gets the first result.

A client that lost the response to a write cannot know whether it was done. It sends the request
again with the same key, and the mutation is not executed again. The guarantees:

- For 24 hours, the same key gives the same result, across restarts and in all processes that share
  the directory. Caller, permissions and request must be the same. Above 10,000 keys, or the bound
  of their bytes, the oldest are removed earlier.
- Requests with the key of a running request wait for it.
- A result with errors is stored if something was written. Otherwise it is not, so that the client
  can retry after a temporary fault.
- A write is done once even if its result is not stored: the server crashed, or the disk failed. For
  each change, the store's history has the key, a digest of the request, and the field of the
  mutation; also for a write that changed nothing. On a retry such a field writes nothing, and
  returns the revision of the first write and the current article. Fields that had not written yet
  are executed. Another request with the same key is refused.

https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
"""

from __future__ import annotations

import hashlib
from typing import Protocol

import msgspec
import orjson
from graphql import OperationType

from gql.error_formatting import format_expected_error
from gql.errors import IdempotencyKeyError, IdempotencyKeyReusedError, RequestError

from .execution.executor_interface import Executor
from .execution.reference_executor import ReferenceExecutor
from .idempotency_store import IdempotencyStore, StoredResult
from .protocol.messages import GraphQLRequest, Result
from .protocol.response_builder import error_result

MAX_KEY_LENGTH = 255
_NAME_DIGITS = 32  # of the key's digest in the history: enough that nobody can find a collision
_REQUEST_DIGITS = 16  # of the request's digest: compared under one key only
_REPLAYED = (b"idempotent-replayed", b"true")


class IdempotencyContext(Protocol):
    """The part of a request's context that idempotency needs.

    Attributes:
        write_key: The key of the request's writes in the store's history; set before execution.
        has_written: Whether something was written; read after execution.
    """

    @property
    def idempotency_key(self) -> str | None:
        """The `Idempotency-Key` of the request; None if it has none."""
        ...

    @property
    def caller(self) -> bytes:
        """The identity and the permissions of the viewer."""
        ...

    write_key: str | None
    has_written: bool


class IdempotentExecutor:
    """An executor that runs a mutation with an idempotency key once.

    Attributes:
        execute: The executor inside.
        reference: The reference executor, whose document cache tells mutations from queries.
        results: The stored results.
    """

    def __init__(
        self, execute: Executor, reference: ReferenceExecutor, results: IdempotencyStore
    ) -> None:
        self.execute = execute
        self.reference = reference
        self.results = results

    async def __call__(
        self, request: GraphQLRequest, context: IdempotencyContext, *, read_only: bool = False
    ) -> Result:
        """Execute a request, or return the stored result of its first execution."""
        key = context.idempotency_key
        if key is not None:
            await self.reference.load_document(request)
        if key is None or read_only or not self.is_mutation(request):
            return await self.execute(request, context, read_only=read_only)
        try:
            check_key(key)
            return await self.run_once(key, request, context)
        except RequestError as error:
            return error_result(format_expected_error(error), status=error.status)

    def is_mutation(self, request: GraphQLRequest) -> bool:
        """Whether the request's operation is a mutation."""
        operation = self.reference.get_document(request.query).find_operation(
            request.operation_name
        )
        return operation is not None and operation.operation is OperationType.MUTATION

    async def run_once(
        self, key: str, request: GraphQLRequest, context: IdempotencyContext
    ) -> Result:
        """Execute a mutation unless its key has a result. Raises: IdempotencyKeyReusedError."""
        name, digest = _digest(context.caller, key.encode()), _request_digest(request)
        async with self.results.lock(name) as entry:
            stored = entry.stored
            if stored is None:
                context.write_key = f"{name[:_NAME_DIGITS]}.{digest[:_REQUEST_DIGITS]}"
                result = await self.execute(request, context)
                if IdempotencyKeyReusedError.code in result.error_codes:
                    raise _key_reused()
                if context.has_written or (result.has_data and not result.error_codes):
                    await self.results.save(entry, _stored_result(digest, result))
                return result
        if stored.request != digest:
            raise _key_reused()
        return Result(
            body=stored.body,
            has_data=True,
            headers=(_REPLAYED,),
            operation_name=stored.operation_name,
            error_codes=stored.error_codes,
        )


def _key_reused() -> IdempotencyKeyReusedError:
    return IdempotencyKeyReusedError(
        "This Idempotency-Key was used for another request. Use a new key for each one."
    )


def _stored_result(request_digest: str, result: Result) -> StoredResult:
    return StoredResult(request_digest, result.body, result.operation_name, result.error_codes)


def check_key(key: str) -> None:
    """Raise IdempotencyKeyError unless the key has a valid length and printable characters."""
    if not 1 <= len(key) <= MAX_KEY_LENGTH or not key.isprintable():
        raise IdempotencyKeyError(
            f"The Idempotency-Key has to have 1 to {MAX_KEY_LENGTH} printable characters."
        )


def _request_digest(request: GraphQLRequest) -> str:
    parts = (request.query, request.operation_name, request.variables, request.extensions)
    return _digest(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS))


def _digest(*parts: bytes) -> str:
    return hashlib.sha256(msgspec.msgpack.encode(parts)).hexdigest()
