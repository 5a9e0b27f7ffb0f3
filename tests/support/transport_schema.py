"""A small schema for tests of the transport, whose fields succeed and fail in all ways."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

import strawberry
from strawberry.scalars import JSON

from gql.errors import GraphError
from gql.scheduler import Job
from store.errors import QueryError

AWKWARD_VALUE: Any = {"surrogate": "\ud800", "huge": 2**70, "nan": math.nan, "list": [1, [2]]}
"""JSON that orjson refuses to write."""


class SizeError(GraphError):
    """An invalid size."""

    code = "BAD_SIZE"


@dataclass
class Notebook:
    """The context of a request, which records what its mutations wrote."""

    lines: list[str] = field(default_factory=list)
    job: Job = field(default_factory=Job)
    has_written: bool = False


@strawberry.input(one_of=True)
class Key:
    """A look-up by one of two keys."""

    id: strawberry.ID | None = strawberry.UNSET
    slug: str | None = strawberry.UNSET


@strawberry.type
class Query:
    """Fields that succeed, and fields that fail."""

    @strawberry.field
    async def hello(self, name: str = "world") -> str:
        """A greeting."""
        return f"Hello {name}"

    @strawberry.field
    def double(self, of: int) -> int | None:
        """Twice a number; beyond 32 bits it violates the schema, an internal error."""
        return 2 * of

    @strawberry.field
    def find(self, by: Key) -> str | None:
        """The key of the look-up."""
        return str(by.id or by.slug)

    @strawberry.field
    def deeper(self) -> Query:
        """The same object again, for deep nesting."""
        return Query()

    @strawberry.field
    def many(self, first: int = 3) -> list[Query]:
        """The same object several times."""
        if first < 0:
            raise SizeError(f"first is {first}; it cannot be negative.")
        return [Query()] * first

    @strawberry.field
    def echo(self, value: JSON) -> JSON:
        """The value itself."""
        return value

    @strawberry.field
    def awkward(self) -> JSON:
        """A value that orjson cannot serialize."""
        return AWKWARD_VALUE  # type: ignore[no-any-return]

    @strawberry.field
    def unwritable(self) -> JSON:
        """A value that JSON cannot represent."""
        return object()  # type: ignore[return-value]

    @strawberry.field
    def refused(self) -> str | None:
        """An expected error of the store."""
        raise QueryError("There is no such order. Use heat.")

    @strawberry.field
    def broken(self) -> str | None:
        """An internal error."""
        raise RuntimeError("the password is hunter2")

    @strawberry.field
    def missing(self) -> str:
        """Null for a non-null field: an internal error."""
        return None  # type: ignore[return-value]


@strawberry.type
class Mutation:
    """Fields with side effects."""

    @strawberry.mutation
    def write(self, info: strawberry.Info[Notebook, None], line: str) -> int:
        """Write a line; returns the number of lines that this request wrote."""
        info.context.lines.append(line)
        return len(info.context.lines)


@strawberry.type
class Subscription:
    """Fields with several events."""

    @strawberry.subscription
    async def count(self) -> AsyncGenerator[int, None]:
        """One, two, three."""
        for number in (1, 2, 3):
            yield number


SCHEMA = strawberry.Schema(query=Query, mutation=Mutation, subscription=Subscription)
