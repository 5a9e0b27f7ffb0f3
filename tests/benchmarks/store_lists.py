"""The cost of lists, derived snapshots and text indexes; a part of `tests.benchmarks.store`."""

from __future__ import annotations

import asyncio
import random
import statistics
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import count

import msgspec

from store import (
    MATCH_ALL,
    NEWEST_FIRST,
    And,
    ArticleQuery,
    Condition,
    CursorCodec,
    Field,
    Filter,
    Not,
    Operator,
    Or,
    OrderField,
    OrderStep,
    Visibility,
    Window,
    all_of,
    provider_filter,
    query_cost,
    topic_filter,
    topic_slug,
)
from store.concurrency.cooperative import run_to_end
from store.engines.indexed.planner import Planner
from store.engines.indexed.snapshot import IndexedSnapshot
from store.engines.indexed.trigrams import TrigramIndex
from store.engines.memory_snapshot import MemorySnapshot
from store.model import Article
from store.querying.filter_fields import FILTER_FIELDS

_PUBLIC = Visibility.PUBLISHED
_BY_HEAT = (OrderStep(OrderField.HEAT),)
_BY_TITLE = (OrderStep(OrderField.TITLE, descending=False),)
_BY_HEAT_AND_TITLE = (OrderStep(OrderField.HEAT), OrderStep(OrderField.TITLE, descending=False))
_NEW_VALUES = 40
_REPEATED = 5
_WRITES = 20

AddRow = Callable[[str, float, str], None]


class _RandomOperands:
    """Operands of conditions from the corpus, drawn with a seed."""

    def __init__(self, corpus: Sequence[Article], cursors: CursorCodec) -> None:
        self._cursors = cursors
        self._rng = random.Random(3)
        self._corpus = corpus
        self._dates = [article.published_date_time for article in corpus]
        self._topics = sorted({topic_slug(topic) for a in corpus[:1_000] for topic in a.topics})

    def article(self) -> Article:
        return self._rng.choice(self._corpus)

    def topic(self) -> Filter:
        return topic_filter(self._rng.choice(self._topics))

    def topics(self) -> Filter:
        found = tuple(self._rng.sample(self._topics, min(5, len(self._topics))))
        return Condition(Field.TOPICS, Operator.SOME, found)

    def since(self) -> Filter:
        moment = self._rng.choice(self._dates)
        return Condition(Field.PUBLISHED_DATE_TIME, Operator.GTE, moment)

    def heat(self) -> Filter:
        low = self._rng.randrange(50)
        return And(
            (
                Condition(Field.HEAT, Operator.GTE, low),
                Condition(Field.HEAT, Operator.LT, low + self._rng.randrange(1, 50)),
            )
        )

    def containing(self, field: Field) -> Filter:
        text = FILTER_FIELDS[field].read(self.article(), {}) or "tide"
        start = self._rng.randrange(max(1, len(text) - 7))
        return Condition(field, Operator.CONTAINS, text[start : start + 7])

    def two_letters(self) -> Filter:
        return Condition(Field.TITLE, Operator.CONTAINS, self.article().title[:2])

    def after(self, order: tuple[OrderStep, ...], size: int = 20) -> Window:
        return Window(first=size, after=self._cursors.article(self.article(), order))


def list_queries(
    corpus: Sequence[Article], cursors: CursorCodec
) -> Mapping[str, Callable[[], ArticleQuery]]:
    """Kinds of lists in client styles, with new operands at every call."""
    some = _RandomOperands(corpus, cursors)
    either = Or(tuple(Condition(Field.TYPE, Operator.EQ, kind) for kind in ("article", "video")))
    is_video = Condition(Field.TYPE, Operator.EQ, "video")

    def newest(filter: Filter, *, total: bool = False) -> ArticleQuery:
        return ArticleQuery(some.after(NEWEST_FIRST), filter, with_total=total)

    def sorted_by(
        order: tuple[OrderStep, ...], filter: Filter, *, total: bool = False
    ) -> ArticleQuery:
        return ArticleQuery(some.after(order), filter, order, total)

    return {
        "everything": lambda: newest(MATCH_ALL),
        "topic": lambda: newest(some.topic()),
        "topic, since, total": lambda: newest(all_of(some.topic(), some.since()), total=True),
        "since, of two types, total": lambda: newest(And((some.since(), either)), total=True),
        "provider by heat": lambda: sorted_by(
            _BY_HEAT, provider_filter(some.article().provider.domain)
        ),
        "topic by heat": lambda: sorted_by(_BY_HEAT, some.topic()),
        "5 topics, not a type, by title, total": lambda: sorted_by(
            _BY_TITLE, And((some.topics(), Not(is_video))), total=True
        ),
        "heat range and two types by heat": lambda: sorted_by(_BY_HEAT, And((some.heat(), either))),
        "since by heat and title": lambda: sorted_by(_BY_HEAT_AND_TITLE, some.since()),
        "everything by heat, 1,000": lambda: ArticleQuery(
            some.after(_BY_HEAT, 1_000), MATCH_ALL, _BY_HEAT
        ),
        "and, or, not of depth 3, total": lambda: newest(
            Or((And((some.topic(), Not(And((some.since(), some.heat()))))), some.topics())),
            total=True,
        ),
        "title equals": lambda: newest(
            Condition(Field.TITLE, Operator.EQ, some.article().title), total=True
        ),
        "title starts with": lambda: newest(
            Condition(Field.TITLE, Operator.STARTS_WITH, some.article().title[:5]), total=True
        ),
        "3 slugs": lambda: newest(
            Condition(Field.SLUG, Operator.IN, tuple(some.article().slug for _ in range(3)))
        ),
        "title contains": lambda: newest(some.containing(Field.TITLE)),
        "title contains 2 letters": lambda: newest(some.two_letters()),
        "excerpt contains": lambda: newest(some.containing(Field.EXCERPT)),
        "excerpt contains, by heat": lambda: sorted_by(_BY_HEAT, some.containing(Field.EXCERPT)),
        "title contains, total": lambda: newest(some.containing(Field.TITLE), total=True),
        "excerpt contains, total": lambda: newest(some.containing(Field.EXCERPT), total=True),
    }


def _seconds(do: Callable[[], object], times: int = 1) -> float:
    """The minimum of several runs, to exclude other work of the machine."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        do()
        taken.append(time.perf_counter() - start)
    return min(taken)


def measure_lists(snapshot: IndexedSnapshot, corpus: Sequence[Article], row: AddRow) -> None:
    """The cost of each kind of list with new operands, and of a scan of all articles."""
    index, planner = snapshot._published.index, snapshot._published.planner

    def fresh() -> Planner:
        """One that keeps no page yet."""
        return Planner(index, index, snapshot._orders, snapshot.aliases, snapshot.cursors)

    reference = MemorySnapshot(corpus, cursors=snapshot.cursors)
    kinds = list_queries(corpus, snapshot.cursors)
    for make in kinds.values():
        planner.page(make())
    for thread in threading.enumerate():
        if thread.name.startswith("index-"):
            thread.join()
    for name, make in kinds.items():
        asked = [make() for _ in range(_NEW_VALUES)]
        taken = [_seconds(lambda q=query: fresh().page(q), _REPEATED) for query in asked]  # type: ignore[misc]
        scan = _seconds(lambda q=asked[0]: asyncio.run(reference.pages([q], _PUBLIC)))  # type: ignore[misc]
        bound = statistics.median(query_cost(query, len(corpus)) for query in asked)
        row(name, statistics.median(taken), f"scan {scan * 1e3:8.1f} ms   bound {bound:6.0f} us")
    again = kinds["topic"]()
    planner.page(again)
    row("topic, the same page again", _seconds(lambda: planner.page(again), 1_000), "")


def explain_lists(snapshot: IndexedSnapshot, corpus: Sequence[Article]) -> None:
    """Print the access paths of one list of each kind."""
    for name, make in list_queries(corpus, snapshot.cursors).items():
        print(f"\n{name}\n  " + snapshot.explain(make(), _PUBLIC).replace("\n", "\n  "))


def measure_derivation(snapshot: IndexedSnapshot, corpus: Sequence[Article], row: AddRow) -> None:
    """The cost of several kinds of writes, and of the next list in another order."""
    number = count()
    newest = max(article.published_date_time for article in corpus)
    middle = sorted(article.published_date_time for article in corpus)[len(corpus) // 2]

    def hotter() -> Article:
        article = corpus[next(number) % len(corpus)]
        return msgspec.structs.replace(article, heat=article.heat + 1)

    def new(moment: datetime) -> Article:
        n = next(number)
        return msgspec.structs.replace(
            corpus[n], slug=f"new-{n}", id="", published_date_time=moment + timedelta(seconds=n)
        )

    def redated() -> Article:
        moment = corpus[-1 - next(number)].published_date_time
        return msgspec.structs.replace(corpus[next(number)], published_date_time=moment)

    for name, make, size in (
        ("derive, another heat", hotter, 1),
        ("derive, a new article, the newest", lambda: new(newest), 1),
        ("derive, a new article in between", lambda: new(middle), 1),
        ("derive, another date", redated, 1),
        ("derive, 32 of another heat", hotter, 32),
        ("derive, 32 new articles", lambda: new(newest), 32),
        ("derive, 1,000 of another heat", hotter, 1_000),
    ):
        _measure_writes(snapshot, [make() for _ in range(size * _WRITES)], size, name, row)
        number = count()


def _measure_writes(
    snapshot: IndexedSnapshot, articles: Sequence[Article], size: int, name: str, row: AddRow
) -> None:
    by_heat = ArticleQuery(Window(first=20), order=_BY_HEAT)
    derived, listed = [], []
    for start in range(0, len(articles), size):
        changed = {article.id: article for article in articles[start : start + size]}
        begin = time.perf_counter()
        snapshot = run_to_end(snapshot.derive(changed, (), (), snapshot.history))
        derived.append(time.perf_counter() - begin)
        listed.append(_seconds(lambda s=snapshot: s._published.planner.page(by_heat)))  # type: ignore[misc]
    then = f"then a list by heat {statistics.median(listed) * 1e3:.2f} ms"
    row(name, statistics.median(derived), then)


def measure_texts(corpus: Sequence[Article], row: AddRow) -> None:
    """The cost of building a text index."""
    for field in (Field.SLUG, Field.TITLE, Field.EXCERPT):
        read = FILTER_FIELDS[field].read
        texts = [(read(article, {}) or "").casefold() for article in corpus]
        made: list[TrigramIndex] = []
        seconds = _seconds(lambda t=texts, m=made: m.append(TrigramIndex(list(t), 0)))  # type: ignore[misc]
        row(f"trigrams of {field}", seconds, f"{made[0].size_bytes / 1e6:.1f} MB")
