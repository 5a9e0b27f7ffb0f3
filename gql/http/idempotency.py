"""Mutations that may be sent again: the same `Idempotency-Key` gets the same answer once more.

A client that lost the answer to a write cannot know whether it was done. It sends the request again
under the same key, and it is not executed again. What this promises:

- For 24 hours after the answer, across restarts and for all processes that share the directory, the
  same key with the same request from the same caller with the same rights gives the same answer.
  Of very many keys the oldest are forgotten sooner.
- While the first request runs, others with its key wait for it.
- An answer with errors is kept where something was written. Where nothing was, it is not: a fault
  that has passed may be tried again.
- A write is done once also if the server ends before its answer is kept, if the disk does not take
  the answer, or loses it: a file that is damaged is no answer. The store keeps, with each
  change and as long as it keeps the history, the key, a digest of the request, and the field that
  made it; so it does where a field found all as it was to be. Sent again, that field writes
  nothing: it is answered with the revision of then and the article as it is now. Fields that had
  not written yet are executed. Another request under that key is refused.

https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
"""

from __future__ import annotations

import hashlib
from typing import Protocol

import msgspec
import orjson
from graphql import OperationType

from gql.errors import RequestError, refusal
from store.errors import KeyReusedError as ReusedInHistoryError

from .execution.executor_interface import Execute
from .execution.reference_executor import NO_STORE, Pipeline
from .idempotency_store import KeptAnswer, KeptAnswers
from .protocol.messages import GraphQLRequest, Result, failed

MAX_KEY_LENGTH = 255
_NAME_DIGITS = 32  # in the history, where each change has them: nobody can make two that are equal
_REQUEST_DIGITS = 16  # only requests under one name are compared
_REPLAYED = (b"idempotent-replayed", b"true")


class IdempotencyKeyError(RequestError):
    """A key that cannot be used."""

    code = "BAD_IDEMPOTENCY_KEY"


class KeyReusedError(RequestError):
    """The key stands for another request."""

    code = ReusedInHistoryError.code
    status = 422

    def __init__(self) -> None:
        super().__init__(
            "This Idempotency-Key was used for another request. Use a new key for each one."
        )


class Caller(Protocol):
    """What must be known of a request's context."""

    @property
    def idempotency_key(self) -> str | None:
        """The client's name for this request, if it gave one."""
        ...

    @property
    def caller(self) -> bytes:
        """Who asks, with which rights."""
        ...

    write_key: str | None
    """What writes are found by when the request is sent again; set before it is executed."""

    has_written: bool
    """Whether something was written, once it is executed."""


class Idempotency:
    """Lets `execute` answer mutations with a key once. `reference` knows the documents."""

    def __init__(self, execute: Execute, reference: Pipeline, answers: KeptAnswers) -> None:
        self.execute = execute
        self.reference = reference
        self.answers = answers

    async def __call__(
        self, request: GraphQLRequest, context: Caller, *, read_only: bool = False
    ) -> Result:
        """The result of a request, or that of the same one earlier."""
        key = context.idempotency_key
        if key is not None:
            await self.reference.load(request)
        if key is None or read_only or not self.is_mutation(request):
            return await self.execute(request, context, read_only=read_only)
        try:
            check_key(key)
            return await self.once(key, request, context)
        except RequestError as error:
            return failed(refusal(error), status=error.status)

    def is_mutation(self, request: GraphQLRequest) -> bool:
        """Whether a request is to change something."""
        operation = self.reference.prepare(request.query).find(request.operation_name)
        return operation is not None and operation.operation is OperationType.MUTATION

    async def once(self, key: str, request: GraphQLRequest, context: Caller) -> Result:
        """The answer under a key. Raises: KeyReusedError."""
        name, digest = _digest(context.caller, key.encode()), _request_digest(request)
        async with self.answers.entry(name) as entry:
            kept = entry.found
            if kept is None:
                context.write_key = f"{name[:_NAME_DIGITS]}.{digest[:_REQUEST_DIGITS]}"
                result = await self.execute(request, context)
                if ReusedInHistoryError.code in result.error_codes:
                    raise KeyReusedError
                if context.has_written or (result.has_data and not result.error_codes):
                    await self.answers.keep(entry, _answer(digest, result))
                return result
        if kept.request != digest:
            raise KeyReusedError
        return Result(
            body=kept.body,
            has_data=True,
            headers=(*NO_STORE, _REPLAYED),
            operation_name=kept.operation_name,
            error_codes=kept.error_codes,
        )


def _answer(request: str, result: Result) -> KeptAnswer:
    return KeptAnswer(request, result.body, result.operation_name, result.error_codes)


def check_key(key: str) -> None:
    """Raise IdempotencyKeyError unless a client may use this key."""
    if not 1 <= len(key) <= MAX_KEY_LENGTH or not key.isprintable():
        raise IdempotencyKeyError(
            f"The Idempotency-Key has to have 1 to {MAX_KEY_LENGTH} printable characters."
        )


def _request_digest(request: GraphQLRequest) -> str:
    said = (request.query, request.operation_name, request.variables, request.extensions)
    return _digest(orjson.dumps(said, option=orjson.OPT_SORT_KEYS))


def _digest(*parts: bytes) -> str:
    return hashlib.sha256(msgspec.msgpack.encode(parts)).hexdigest()
