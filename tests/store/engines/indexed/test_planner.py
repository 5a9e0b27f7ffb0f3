"""The planner: the same results as a scan of a larger store, within its memory limits."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Sequence
from datetime import timedelta
from functools import cache

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store import (
    MATCH_ALL,
    NEWEST_FIRST,
    And,
    ArticleQuery,
    Condition,
    Field,
    Filter,
    Not,
    Operator,
    Or,
    OrderField,
    OrderStep,
    Page,
    Visibility,
    Window,
    filter_cost,
    query_cost,
    topic_filter,
    topic_slug,
)
from store.collections.bitmaps import BitMap
from store.collections.bounded_memo import BoundedMemo
from store.concurrency.cooperative import run_to_end
from store.engines.indexed import trigrams
from store.engines.indexed.ordered_lists import RankedHits
from store.engines.indexed.planner import PAGE_CACHE_BYTES, access_paths
from store.engines.indexed.snapshot import IndexedSnapshot
from store.engines.memory_snapshot import MemorySnapshot
from store.model import Article, ProviderMention
from tests.support import store_strategies
from tests.support.cursors import CURSORS, article_cursor
from tests.support.sizes import scaled
from tests.support.translation_contract import STORIES, first_of

PUBLISHED = Visibility.PUBLISHED
SIZE = 1_500  # enough for masks, partitions and bitmaps of several kinds


def an_article(number: int, rng: random.Random) -> Article:
    """An article whose values come up in `store_strategies`, each with its own frequency."""
    return Article(
        slug=f"2026-01-01-{rng.choice('abcdefgh')}-{number}",
        title=rng.choice([*store_strategies.TITLES, f"Tide {number}", f"straße {number % 7}"]),
        excerpt=rng.choice([None, *store_strategies.TITLES, f"one tide of {number}"]),
        provider=ProviderMention(
            domain=rng.choice([*store_strategies.DOMAINS, "one.example"]), name="One"
        ),
        published_date_time=store_strategies.EPOCH + timedelta(hours=rng.randrange(96)),
        category=rng.choice([None, "news", "news", "opinion"]),
        type=rng.choice(["article", "article", "article", "video"]),
        locale=rng.choice([None, "en", "de"]),
        quality=rng.randrange(-1, 3),
        heat=rng.choice([-1, 0, 1, 2, rng.randrange(1_000)]),
        published=rng.random() < 0.9,
        tags=tuple(rng.sample(["x", "y"], rng.randrange(3))),
        topics=tuple(rng.sample(store_strategies.TOPICS, rng.randrange(3))),
    )


def written(snapshot: IndexedSnapshot, seed: int, size: int) -> IndexedSnapshot:
    """The snapshot after puts, deletes, new dates and drafts of so many articles."""
    rng = random.Random(seed)
    changed: dict[str, Article | None] = {}
    for article in rng.sample(list(snapshot.articles.values()), size):
        other = an_article(rng.randrange(10**6), rng)
        name = rng.choice(
            ["published_date_time", "heat", "title", "published", "topics", "excerpt"]
        )
        value = getattr(other, name)
        changed[article.id] = rng.choice(
            [None, msgspec.structs.replace(article, **{name: value}), article]
        )
        changed[other.id] = other
    return run_to_end(
        snapshot.derive(changed, snapshot.definitions, snapshot.diagnostics, snapshot.history)
    )


@cache
def states() -> Sequence[IndexedSnapshot]:
    """A store as it was built, and after writes; the oldest was derived from more than once."""
    rng = random.Random(7)
    built = IndexedSnapshot.build(
        [an_article(number, rng) for number in range(SIZE)], cursors=CURSORS
    )
    for field in (Field.TITLE, Field.EXCERPT):  # so that later states take over what was made here
        finish_text_indexes(built, ArticleQuery(Window(first=1), _contains(field, "tid")))
    for step in OrderField:
        asyncio.run(
            built.pages([ArticleQuery(Window(first=1), order=(OrderStep(step),))], PUBLISHED)
        )
    few = written(built, 1, 8)
    return (
        built,
        few,
        written(few, 2, 40),
        written(written(few, 3, 150), 4, 5),
        written(built, 5, 3),
    )


def _contains(field: Field, needle: str) -> Filter:
    return Condition(field, Operator.CONTAINS, needle)


def finish_text_indexes(snapshot: IndexedSnapshot, query: ArticleQuery) -> None:
    """Ask a query, and wait until the text indexes that it wants are there."""
    asyncio.run(snapshot.pages([query], PUBLISHED))
    for thread in threading.enumerate():
        if thread.name.startswith("index-"):
            thread.join()


def scanned(snapshot: IndexedSnapshot) -> MemorySnapshot:
    """The same articles in the engine that looks at each."""
    return MemorySnapshot(
        snapshot.articles.values(), snapshot.definitions, cursors=snapshot.cursors
    )


def answered(page: Page[Article]) -> tuple[object, ...]:
    """What a page says."""
    ids = [article.id for article in page.items]
    assert page.item_ids() is None or list(page.item_ids()) == ids
    return ids, page.has_previous, page.has_next, page.total


sizes = st.sampled_from([0, 1, 5, 20, 100, 700])
windows = st.builds(Window, first=sizes) | st.builds(Window, last=sizes)


def _sized(query: ArticleQuery, window: Window) -> ArticleQuery:
    both = msgspec.structs.replace(window, after=query.window.after, before=query.window.before)
    return msgspec.structs.replace(query, window=both)


queries = st.builds(_sized, store_strategies.queries_between_cursors, windows)


@settings(max_examples=scaled(25, long=60))
@given(st.integers(0, 4), st.lists(queries, min_size=2, max_size=4), st.sampled_from(Visibility))
def test_pages_of_a_larger_store_are_those_of_a_scan(state, asked, seen):
    """Whatever is asked of whichever state, new or outdated, the page is the one of a scan."""
    snapshot = states()[state]

    async def check() -> None:
        expected = await scanned(snapshot).pages(asked, seen)
        for _ in range(2):  # the second time from what is kept
            found = await snapshot.pages(asked, seen)
            assert list(map(answered, found)) == [answered(_without_places(p)) for p in expected]

    asyncio.run(check())


@pytest.mark.parametrize("state", range(1, 5))
@pytest.mark.parametrize("topic", [None, "tides"])
def test_articles_that_came_in_between_stand_where_their_date_is(state, topic):
    """From the cursor of any article, also of one that is gone, the list goes on as sorted."""
    snapshot = states()[state]
    filter = topic_filter(topic) if topic else MATCH_ALL
    listed = sorted(
        (article.published_date_time, article.id)
        for article in snapshot.articles.values()
        if article.published and (topic is None or "tides" in map(topic_slug, article.topics))
    )
    everywhere = [*snapshot.articles.values(), *states()[0].articles.values()]
    assert snapshot._all.index.table.out_of_order

    async def check() -> None:
        for article in everywhere[::5]:
            cursor = article_cursor(article, NEWEST_FIRST)
            position = (article.published_date_time, article.id)
            newer = [id for date, id in listed if (date, id) > position][::-1]
            older = [id for date, id in listed if (date, id) < position][::-1]
            queries = [
                ArticleQuery(Window(first=7, after=cursor), filter),
                ArticleQuery(Window(last=7, before=cursor), filter),
            ]
            behind, before = await snapshot.pages(queries, PUBLISHED)
            assert (behind.item_ids(), behind.has_next) == (older[:7], len(older) > 7)
            assert (before.item_ids(), before.has_previous) == (newer[-7:], len(newer) > 7)

    asyncio.run(check())


def _without_places(page: Page[Article]) -> Page[Article]:
    return msgspec.structs.replace(page, ordinals=None)


@given(
    store_strategies.histories,
    store_strategies.batches,
    store_strategies.batches,
    st.lists(queries, max_size=3),
)
def test_state_that_two_are_derived_from_stays_as_it_is(history, one, other, asked):
    """A write that is given up, and another in its stead, show neither in the other nor before."""
    base = store_strategies.snapshot_after(history)
    snapshots = [
        base,
        store_strategies.snapshot_after([one], base),
        store_strategies.snapshot_after([other], base),
    ]

    async def check() -> None:
        for snapshot in snapshots:
            reference = scanned(snapshot)
            for seen in Visibility:
                expected = [
                    answered(_without_places(p)) for p in await reference.pages(asked, seen)
                ]
                assert list(map(answered, await snapshot.pages(asked, seen))) == expected

    asyncio.run(check())


@pytest.mark.parametrize(
    "needle", ["tide 14", "e", "ß", "ti", "tide of 1", "zzz", "e 1", "STRASSE"]
)
def test_needles_are_found_alike_before_and_after_their_index_is_built(needle, monkeypatch):
    """While a thread makes the index of a field, queries are answered without it."""
    monkeypatch.setattr(trigrams, "MAX_SYNC_BUILD", 0)
    snapshot = IndexedSnapshot.build(list(states()[0].articles.values()))
    query = ArticleQuery(Window(first=30), _contains(Field.TITLE, needle), with_total=True)

    async def page() -> tuple[object, ...]:
        return answered((await snapshot.pages([query], PUBLISHED))[0])

    before = asyncio.run(page())
    finish_text_indexes(snapshot, query)
    snapshot = written(snapshot, 6, 60)
    [expected] = asyncio.run(scanned(snapshot).pages([query], PUBLISHED))
    assert asyncio.run(page()) == answered(_without_places(expected))
    assert before[-1] is not None


def _trees() -> Sequence[Filter]:
    """Filters in each place of which stands a condition that indexes do not decide."""
    many, some_title, slug = (
        _contains(Field.TITLE, "tide 1"),
        _contains(Field.EXCERPT, "tide of"),
        _contains(Field.SLUG, "2026-01-01-a"),
    )
    topic, video = topic_filter("tides"), Condition(Field.TYPE, Operator.EQ, "video")
    return (
        Not(many),
        And((many, topic)),
        Or((some_title, topic)),
        And((Not(some_title), Or((slug, video)))),
        Or((And((topic, slug)), And((Not(many), video)))),
        Not(Or((And((slug, Not(topic))), Not(And((some_title, Not(video))))))),
        And((Or((many, slug)), Not(And((many, slug))), some_title)),
    )


@pytest.mark.parametrize("filter", _trees())
@pytest.mark.parametrize("order", [NEWEST_FIRST, (OrderStep(OrderField.HEAT, descending=False),)])
def test_trees_of_conditions_that_no_index_decides_mean_what_a_scan_says(filter, order):
    """What is sure, what is possible and what is checked stay apart in and, or and not."""
    snapshot = states()[1]
    windows = [Window(first=20), Window(last=20), Window(first=0), Window(first=SIZE)]

    async def check() -> None:
        for total in (False, True):
            asked = [ArticleQuery(window, filter, order, total) for window in windows]
            expected = await scanned(snapshot).pages(asked, PUBLISHED)
            found = await snapshot.pages(asked, PUBLISHED)
            assert list(map(answered, found)) == [answered(_without_places(p)) for p in expected]

    asyncio.run(check())


@given(st.integers(1, SIZE), st.lists(st.tuples(st.integers(0, SIZE), st.integers(0, SIZE))))
def test_hits_in_an_order_are_sorted_wherever_they_are_cut(size, cuts):
    """Each part of the list of hits, few or many, is that of all of them sorted."""
    orders = states()[0]._orders
    order = orders.by_field(Field.HEAT)
    hits = list(orders.live)[:size]
    listing = RankedHits(order, BitMap(hits))
    whole = sorted(hits, key=lambda slot: int(order.ranks[slot]))
    for cut in cuts:
        start, end = (min(each, size) for each in sorted(cut))
        assert listing.slice(start, end) == whole[start:end]


def test_text_index_of_a_write_that_was_given_up_is_not_used():
    """What was indexed of a state that never came to be shows in no other."""
    base = IndexedSnapshot.build([an_article(number, random.Random(1)) for number in range(2)])
    one, two = base.articles.values()

    def titled(article: Article, title: str) -> IndexedSnapshot:
        changed = {article.id: msgspec.structs.replace(article, title=title)}
        return run_to_end(base.derive(changed, (), (), base.history))

    async def found(snapshot: IndexedSnapshot, needle: str) -> int:
        query = ArticleQuery(Window(first=1), _contains(Field.TITLE, needle))
        return len((await snapshot.pages([query], Visibility.ALL))[0].items)

    async def check() -> None:
        assert await found(titled(one, "a wave"), "wave") == 1
        other = titled(two, "a shore")
        assert (await found(other, "wave"), await found(other, "shore")) == (0, 1)

    asyncio.run(check())


def test_planner_keeps_no_more_than_its_bound(monkeypatch):
    """However many queries, and however long, the pages that are kept stay within their bytes."""
    snapshot = states()[0]
    planner = snapshot._published.planner
    monkeypatch.setattr(planner, "_pages", BoundedMemo(50_000))
    monkeypatch.setattr(planner, "_results", BoundedMemo(20_000))
    for n in range(100):
        needle = f"{n} {'long' * (n % 20) * 50}"
        query = ArticleQuery(Window(first=20), Not(_contains(Field.TITLE, needle)), with_total=True)
        asyncio.run(snapshot.pages([query], PUBLISHED))
    assert 0 < len(planner._pages) < 60
    assert planner._pages.size_bytes <= 50_000
    assert planner._results.size_bytes <= 20_000
    assert PAGE_CACHE_BYTES < 2**24


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 40))))
def test_bounded_memo_holds_the_newest_that_fit(puts):
    """A value that was put is there, as it was put last, until newer ones need its room."""
    memo = BoundedMemo[int, int](100)
    last: dict[int, tuple[int, int]] = {}
    for n, (key, size) in enumerate(puts):
        memo.put(key, n, size)
        last.pop(key, None)
        last[key] = n, size
        newest = list(last)[::-1]
        held = [key for key in newest if memo.get(key) is not None]
        assert held == newest[: len(held)]
        assert all(memo.get(key) == last[key] for key in held)
        assert memo.size_bytes == sum(last[key][1] for key in held) <= memo.capacity_bytes
        assert held == newest or sum(size for _, size in puts[: n + 1]) > memo.capacity_bytes


def test_value_larger_than_the_memo_is_not_kept():
    """One value does not make a memo forget all others."""
    memo = BoundedMemo[int, int](100)
    memo.put(1, 1, 60)
    memo.put(2, 2, 101)
    assert memo.get(1) == (1, 60)
    assert memo.get(2) is None


def test_explain_names_the_cheapest_access_path():
    """Few hits are sorted; with many hits a scan reaches the end of the page soon."""
    snapshot = states()[0]
    by_heat = (OrderStep(OrderField.HEAT),)
    rare = Condition(Field.TITLE, Operator.EQ, "Tide 14")
    few = snapshot.explain(ArticleQuery(Window(first=20), rare, by_heat), PUBLISHED)
    many = snapshot.explain(ArticleQuery(Window(first=1), MATCH_ALL, by_heat), PUBLISHED)
    assert "sort: 6 us, chosen" in few
    assert "scan: 6 us, chosen" in many
    assert "slice by date" in snapshot.explain(ArticleQuery(Window(first=20)), PUBLISHED)


def test_chain_of_locales_is_answered_exactly():
    """Bitmaps alone answer it: no article is rechecked, not for the total either."""
    snapshot = IndexedSnapshot.build(STORIES)
    query = ArticleQuery(Window(first=20), first_of("de", "en"), with_total=True)
    explained = snapshot.explain(query, PUBLISHED).splitlines()
    assert explained == ["filter: 3 of 9 articles may match", "slice by date: 6 us, chosen"]


@given(st.integers(1, 10**6), st.integers(1, 10**6), st.integers(0, 1_000))
def test_access_path_costs_grow_with_what_they_look_at(hits, articles, size):
    """More hits make a sort dearer and a scan cheaper."""
    hits, articles = min(hits, articles), max(hits, articles)
    sort, scan = access_paths(hits, articles, Window(first=size))
    more_sort, more_scan = access_paths(hits + 1, articles + 1, Window(first=size))
    assert more_sort.cost > sort.cost
    assert hits == articles or more_scan.cost <= scan.cost


@given(store_strategies.filters, store_strategies.filters, st.integers(0, 10**6))
def test_filter_costs_more_the_more_it_says_and_the_more_there_is(one, other, articles):
    """No part of a filter is for nothing, and no store is smaller than a larger one."""
    cost = filter_cost(one, articles)
    assert filter_cost(one, articles * 2) >= cost
    for larger in (And((one, other)), Or((one, other)), Not(one)):
        assert filter_cost(larger, articles) > cost


def test_query_that_counts_needles_costs_more():
    """A total of a substring filter reads many texts, and a long list of values many postings."""
    needle, topic = _contains(Field.TITLE, "tide"), topic_filter("tides")
    window = Window(first=20)
    costs = [
        query_cost(ArticleQuery(window, topic), 100_000),
        query_cost(ArticleQuery(window, needle), 100_000),
        query_cost(ArticleQuery(window, needle, with_total=True), 100_000),
    ]
    assert costs == sorted(costs)
    many = Condition(Field.TOPICS, Operator.SOME, tuple(map(str, range(1_000))))
    assert filter_cost(many, 100_000) > 100 * filter_cost(topic, 100_000)
