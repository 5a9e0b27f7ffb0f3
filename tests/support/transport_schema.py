"""A small schema for tests of the transport: what can go right and wrong in a field."""

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
    """A size that cannot be used."""

    code = "BAD_SIZE"


@dataclass
class Notebook:
    """The context of a request; tests read from it what was executed."""

    lines: list[str] = field(default_factory=list)
    job: Job = field(default_factory=Job)


@strawberry.input(one_of=True)
class Key:
    """A look-up by one of two keys."""

    id: strawberry.ID | None = strawberry.UNSET
    slug: str | None = strawberry.UNSET


@strawberry.type
class Query:
    """Fields that answer, refuse and fail."""

    @strawberry.field
    async def hello(self, name: str = "world") -> str:
        """A greeting."""
        return f"Hello {name}"

    @strawberry.field
    def double(self, of: int) -> int | None:
        """Twice a number; over 32 bits it does not fit the schema, by a fault of ours."""
        return 2 * of

    @strawberry.field
    def find(self, by: Key) -> str | None:
        """What was looked up."""
        return str(by.id or by.slug)

    @strawberry.field
    def deeper(self) -> Query:
        """The same again, to nest without end."""
        return Query()

    @strawberry.field
    def many(self, first: int = 3) -> list[Query]:
        """The same several times."""
        if first < 0:
            raise SizeError(f"first is {first}; it cannot be negative.")
        return [Query()] * first

    @strawberry.field
    def echo(self, value: JSON) -> JSON:
        """The value itself."""
        return value

    @strawberry.field
    def awkward(self) -> JSON:
        """A value that a fast JSON writer refuses."""
        return AWKWARD_VALUE  # type: ignore[no-any-return]

    @strawberry.field
    def unwritable(self) -> JSON:
        """A value that is not JSON at all."""
        return object()  # type: ignore[return-value]

    @strawberry.field
    def refused(self) -> str | None:
        """An expected failure of the store."""
        raise QueryError("There is no such order. Use heat.")

    @strawberry.field
    def broken(self) -> str | None:
        """A fault of ours."""
        raise RuntimeError("the password is hunter2")

    @strawberry.field
    def missing(self) -> str:
        """Null where the schema promises a value: a fault of ours."""
        return None  # type: ignore[return-value]


@strawberry.type
class Mutation:
    """Fields that change something."""

    @strawberry.mutation
    def write(self, info: strawberry.Info[Notebook, None], line: str) -> int:
        """Write a line; the number of lines written by this request."""
        info.context.lines.append(line)
        return len(info.context.lines)


@strawberry.type
class Subscription:
    """Fields that answer many times."""

    @strawberry.subscription
    async def count(self) -> AsyncGenerator[int, None]:
        """One, two, three."""
        for number in (1, 2, 3):
            yield number


SCHEMA = strawberry.Schema(query=Query, mutation=Mutation, subscription=Subscription)
