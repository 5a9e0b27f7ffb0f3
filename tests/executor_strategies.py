"""Strategies for sessions: a store that changes while several viewers ask the same things again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from hypothesis import strategies as st

from gql.http import GraphQLRequest
from gql.viewer import PREVIEW, PUBLIC, Scope, Viewer
from store import Batch
from store.model import Article
from store.names import article_id

from . import store_strategies as some
from .made_up_operations import Operation, made_up_operation

VIEWERS = [PUBLIC, PREVIEW, *(Viewer(frozenset({scope})) for scope in Scope)]


class Edit(NamedTuple):
    """New values for fields of an article, if it is there."""

    id: str
    fields: Mapping[str, Any]


class Ask(NamedTuple):
    """A request, by whom, and how many states back the snapshot is that it reads."""

    request: GraphQLRequest
    viewer: Viewer
    age: int = 0


Step = Batch | Edit | tuple[Ask, ...]
"""A write, or questions asked at the same time."""


class Session(NamedTuple):
    """What happens to one store. `turns`: how often each of its answers lets others go first."""

    engine: str
    capacity_bytes: int
    turns: int
    steps: tuple[Step, ...]


# Hypothesis picks the seed and the size only: it would fill documents with the same thing over and
# over. Smaller ones come first when it looks for the simplest case that fails.
_operations = st.builds(
    made_up_operation, seed=st.integers(0, 2**24 - 1), fields=st.integers(1, 40)
)
_images = st.builds(
    msgspec.structs.replace,
    some.images,
    height=st.sampled_from([None, 50, 150]),
    title=some.maybe(some.TITLES),
    is_cached=st.booleans(),
)
_metadata: st.SearchStrategy[Any] = st.sampled_from(
    [{}, {"flag": True}, {"flag": 1}, {"é": [1.5, {"deep": [None, "x"]}]}, {"not": float("nan")}]
)
articles: st.SearchStrategy[Article] = st.builds(
    msgspec.structs.replace,
    some.articles,
    content=some.maybe(["Tide &amp; time.\n\u2028", '"quoted" \\']),
    secured=some.maybe(["s3cret"]),
    featured_content=some.maybe(["<iframe>"]),
    updated_date_time=st.none() | some.dates,
    cdn_amp_web_url=some.maybe(some.URLS),
    images=st.lists(_images, max_size=3).map(tuple),
    metadata=_metadata,
)
_batches = st.builds(
    Batch,
    puts=st.lists(articles, max_size=3).map(tuple),
    deletes=st.lists(st.sampled_from(some.SLUGS).map(article_id), max_size=1).map(tuple),
    topics=st.none() | some.definitions,
    diagnostics=st.none() | some.diagnostics,
)
_values: dict[str, st.SearchStrategy[Any]] = {
    "published": st.booleans(),
    "provider": some.mentions,
    "topics": some.few(some.TOPICS),
    "title": st.sampled_from(some.TITLES),
    "published_date_time": some.dates,
    "related": st.lists(some.related, max_size=2).map(tuple),
    "web_url": some.maybe(some.URLS),
    "heat": some.numbers,
}
_edits = st.builds(
    Edit,
    st.sampled_from(some.SLUGS).map(article_id),
    st.sampled_from(list(_values)).flatmap(lambda name: st.fixed_dictionaries({name: _values[name]})),
)
_trees = st.builds(Batch, topics=some.definitions)
_writes = st.one_of(_edits, _edits, _trees, _batches)


def _requests(operation: Operation) -> list[GraphQLRequest]:
    """Every way to ask an operation, for asking the very same again is what servers see most."""
    return [
        GraphQLRequest(query=operation.text, operation_name=name, variables=dict(variables))
        for name in operation.names
        for variables in operation.variables
    ]


def _asks(operations: Sequence[Operation]) -> st.SearchStrategy[Ask]:
    requests = [request for operation in operations for request in _requests(operation)]
    ages = st.sampled_from([0, 0, 0, 1, 2])
    return st.builds(Ask, st.sampled_from(requests), st.sampled_from(VIEWERS), ages)


@st.composite
def sessions(draw: st.DrawFn, max_steps: int = 8) -> Session:
    """A filled store, a few operations, and writes in between asking them."""
    operations = draw(st.lists(_operations, min_size=2, max_size=4))
    asks = st.lists(_asks(operations), min_size=1, max_size=5).map(tuple)
    steps: list[Step] = [Batch(puts=tuple(draw(st.lists(articles, min_size=3, max_size=8))))]
    for _ in range(draw(st.integers(2, max_steps))):
        steps += [draw(asks), draw(_writes)]
    steps.append(draw(asks))
    return Session(
        engine=draw(st.sampled_from(["memory", "indexed"])),
        capacity_bytes=draw(st.sampled_from([0, 700, 3_000, 1 << 20])),
        turns=draw(st.integers(0, 2)),
        steps=tuple(steps),
    )
