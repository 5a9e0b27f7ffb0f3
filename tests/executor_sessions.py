"""Made-up sessions: a store that changes while several viewers ask the same things again.

Everything follows from one number, so that a session can be had again by it. Hypothesis is not
used here: it would fill documents and sessions with the same thing over and over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from random import Random
from typing import Any, NamedTuple

from gql.http import GraphQLRequest
from gql.viewer import PREVIEW, PUBLIC, Scope, Viewer
from store import Batch, Severity
from store.model import Article, Diagnostic, Image, ProviderMention, Related, TopicDefinition
from store.names import article_id

from . import store_strategies as some
from .made_up_operations import Operation, made_up_operation

VIEWERS = [PUBLIC, PREVIEW, *(Viewer(frozenset({scope})) for scope in Scope)]
ENGINES = ["memory", "indexed"]
_TEXTS = [None, "Tide &amp; time.\n\u2028", '"quoted" \\', "s3cret"]
_METADATA: list[dict[str, Any]] = [
    {},
    {"flag": True},
    {"flag": 1},
    {"é": [1.5, {"deep": [None, "x"]}]},
    {"not": float("nan")},
]


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


@dataclass(frozen=True)
class Session:
    """What happens to one store. `turns`: how often each of its answers lets others go first."""

    engine: str
    capacity_bytes: int
    turns: int
    steps: tuple[Step, ...]


def made_up_session(seed: int) -> Session:
    """A filled store, a few operations, and writes in between asking them."""
    rng = Random(seed)
    operations = [
        made_up_operation(rng.getrandbits(32), rng.choice([5, 10, 20, 40]))
        for _ in range(rng.randint(2, 5))
    ]
    requests = [request for operation in operations for request in _requests(operation)]
    first = Batch(puts=tuple(_article(rng) for _ in range(rng.randint(3, 12))), topics=_tree(rng))
    steps: list[Step] = [first]
    for _ in range(rng.randint(2, 8)):
        steps += [_asks(rng, requests), rng.choice(_WRITES)(rng)]
    return Session(
        engine=rng.choice(ENGINES),
        capacity_bytes=rng.choice([0, 700, 3_000, 1 << 20, 1 << 20]),
        turns=rng.randint(0, 2),
        steps=(*steps, _asks(rng, requests)),
    )


def smaller(session: Session) -> Iterator[Session]:
    """The sessions that lack one step of this one, or one of the questions asked together."""
    steps = session.steps
    for n, step in enumerate(steps):
        yield replace(session, steps=(*steps[:n], *steps[n + 1 :]))
        if isinstance(step, tuple) and len(step) > 1 and not isinstance(step, Edit):
            for k in range(len(step)):
                fewer = (*step[:k], *step[k + 1 :])
                yield replace(session, steps=(*steps[:n], fewer, *steps[n + 1 :]))


def _requests(operation: Operation) -> list[GraphQLRequest]:
    """Every way to ask an operation; to ask the very same again is what servers see most."""
    return [
        GraphQLRequest(query=operation.text, operation_name=name, variables=dict(variables))
        for name in operation.names
        for variables in operation.variables
    ]


def _asks(rng: Random, requests: Sequence[GraphQLRequest]) -> tuple[Ask, ...]:
    return tuple(
        Ask(rng.choice(requests), rng.choice(VIEWERS), rng.choice([0, 0, 0, 1, 2]))
        for _ in range(rng.randint(1, 5))
    )


def _few(rng: Random, make: Callable[[Random], Any], most: int) -> tuple[Any, ...]:
    return tuple(make(rng) for _ in range(rng.randint(0, most)))


def _any(values: Sequence[Any]) -> Callable[[Random], Any]:
    return lambda rng: rng.choice(values)


def _image(rng: Random) -> Image:
    return Image(
        url=rng.choice(some.URLS),
        width=rng.choice([None, 100, 200]),
        height=rng.choice([None, 50, 150]),
        title=rng.choice([None, *some.TITLES]),
        is_cached=rng.random() < 0.5,
    )


def _mention(rng: Random) -> ProviderMention:
    return ProviderMention(
        domain=rng.choice(some.DOMAINS),
        name=rng.choice(["One", "Two"]),
        images=_few(rng, _image, 1),
    )


def _related(rng: Random) -> Related:
    return Related(
        title=rng.choice(some.TITLES),
        provider=rng.choice([None, _mention(rng)]),
        web_url=rng.choice([None, *some.URLS]),
        original_url=rng.choice([None, *some.URLS]),
        quality=rng.choice([None, 1]),
        images=_few(rng, _image, 2),
    )


def _moment(rng: Random) -> Any:
    return some.EPOCH + timedelta(days=rng.randint(0, 3))


_FIELDS: dict[str, Callable[[Random], Any]] = {
    "title": _any(some.TITLES),
    "provider": _mention,
    "published_date_time": _moment,
    "updated_date_time": lambda rng: rng.choice([None, _moment(rng)]),
    "excerpt": _any([None, *some.TITLES]),
    "content": _any(_TEXTS),
    "category": _any([None, "news"]),
    "type": _any(some.KINDS),
    "locale": _any([None, "en", "de"]),
    "quality": _any([-1, 0, 1, 2]),
    "heat": _any([-1, 0, 1, 2]),
    "published": _any([True, True, False]),
    "tags": lambda rng: _few(rng, _any(["x", "y"]), 2),
    "topics": lambda rng: _few(rng, _any(some.TOPICS), 2),
    "images": lambda rng: _few(rng, _image, 3),
    "related": lambda rng: _few(rng, _related, 2),
    "secured": _any(_TEXTS),
    "featured_content": _any(_TEXTS),
    "web_url": _any([None, *some.URLS]),
    "original_url": _any([None, *some.URLS]),
    "cdn_amp_web_url": _any([None, *some.URLS]),
    "metadata": _any(_METADATA),
}


def _article(rng: Random) -> Article:
    fields = {name: make(rng) for name, make in _FIELDS.items()}
    return Article(slug=rng.choice(some.SLUGS), **fields)


def _definition(rng: Random) -> TopicDefinition:
    return TopicDefinition(
        slug=rng.choice(some.TOPIC_SLUGS),
        name=rng.choice(some.DEFINED_NAMES),
        parent=rng.choice([None, *some.TOPIC_SLUGS, "nowhere"]),
        keywords=_few(rng, _any(["sea", "rail"]), 2),
    )


def _tree(rng: Random) -> tuple[TopicDefinition, ...]:
    return tuple({each.slug: each for each in _few(rng, _definition, 4)}.values())


def _diagnostic(rng: Random) -> Diagnostic:
    line = rng.choice([None, 1, 2])
    return Diagnostic(
        path=rng.choice(["a.md", "b.md"]),
        severity=Severity.WARNING if line else Severity.ERROR,
        code="BAD_DATE",
        message="It is bad.",
        line=line,
    )


def _batch(rng: Random) -> Batch:
    return Batch(
        puts=_few(rng, _article, 3),
        deletes=_few(rng, lambda rng: article_id(rng.choice(some.SLUGS)), 1),
        topics=rng.choice([None, _tree(rng)]),
        diagnostics=_few(rng, _diagnostic, 4),
    )


def _edit(rng: Random) -> Edit:
    name = rng.choice(list(_FIELDS))
    return Edit(article_id(rng.choice(some.SLUGS)), {name: _FIELDS[name](rng)})


def _publishing(rng: Random) -> Edit:
    return Edit(article_id(rng.choice(some.SLUGS)), {"published": rng.random() < 0.5})


_WRITES: list[Callable[[Random], Batch | Edit]] = [
    _edit,
    _edit,
    _publishing,
    _batch,
    lambda rng: Batch(topics=_tree(rng)),
    lambda rng: Batch(deletes=(article_id(rng.choice(some.SLUGS)),)),
]
