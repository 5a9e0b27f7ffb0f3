"""All engines fulfil the contract, and the indexed one has the results of a scan."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from store import (
    ArticleQuery,
    Batch,
    LookupKey,
    MemoryRepository,
    Page,
    Snapshot,
    StoreUnavailableError,
    TinyDBRepository,
    Visibility,
    Window,
)
from store.engines.indexed import ordinals
from store.engines.indexed.index import InvertedIndex
from store.engines.indexed.snapshot import IndexedSnapshot
from store.engines.memory_snapshot import MemorySnapshot
from store.hosts import domain_key
from store.model import Article, Severity
from store.names import article_id, provider_id, topic_id
from tests.support import store_strategies
from tests.support.cursors import CURSORS, KEY, article_cursor
from tests.support.repository_contract import PUBLISHED, RepositoryContract
from tests.support.store_strategies import LOCALIZED_SLUGS, TRANSLATION_GROUPS

KEPT = 5


class TestMemoryRepository(RepositoryContract):
    """The reference engine."""

    @pytest.fixture
    def repository(self) -> MemoryRepository:
        """An empty store."""
        return MemoryRepository(history_limit=KEPT, cursor_key=KEY)


class TestTinyDBRepository(RepositoryContract):
    """The embedded engine."""

    @pytest.fixture
    async def repository(self, tmp_path: Path) -> AsyncIterator[TinyDBRepository]:
        """An empty store."""
        repository = TinyDBRepository.open(
            tmp_path / "store.json", history_limit=KEPT, cursor_key=KEY
        )
        yield repository
        await repository.close()


class ReopeningRepository:
    """A `Repository` that forgets all but its file before every call."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __getattr__(self, name: str) -> object:
        repository = TinyDBRepository.open(self._path, history_limit=KEPT, cursor_key=KEY)
        return getattr(repository, name)


class TestReopenedTinyDBRepository(RepositoryContract):
    """The embedded engine, opened anew before every call: what it knows is in the file."""

    @pytest.fixture
    def repository(self, tmp_path: Path) -> ReopeningRepository:
        """An empty store."""
        return ReopeningRepository(tmp_path / "store.json")


def test_closed_tinydb_repository_says_so(tmp_path):
    """After closing, a read or write is an error that names the store."""
    repository = TinyDBRepository.open(tmp_path / "store.json")
    asyncio.run(repository.close())
    with pytest.raises(StoreUnavailableError, match=r"store\.json"):
        asyncio.run(repository.snapshot())
    with pytest.raises(StoreUnavailableError):
        asyncio.run(repository.apply(Batch()))


# --- indexed = scanned ---

visibilities = st.sampled_from(Visibility)


class Twins:
    """One store twice: scanned, and indexed by derivation after derivation."""

    def __init__(self) -> None:
        self.indexed = IndexedSnapshot.build(cursors=CURSORS)

    def apply(self, batch: Batch) -> None:
        """Do a batch on both."""
        self.indexed = store_strategies.apply_to_snapshot(batch, self.indexed)

    @property
    def scanned(self) -> MemorySnapshot:
        """The reference's view of what is there."""
        now = self.indexed
        return MemorySnapshot(
            now.articles.values(), now.definitions, now.diagnostics, now.history, now.cursors
        )


def _applied(batches: Sequence[Batch]) -> Twins:
    made = Twins()
    for batch in batches:
        # Memos are filled between the batches, so that keeping a stale one would show.
        asyncio.run(_entities(made.indexed))
        made.apply(batch)
    return made


twins = store_strategies.histories.map(_applied)


async def _entities(snapshot: Snapshot) -> list[object]:
    """Every answer of a snapshot that is not a list of articles."""
    domains = [domain_key(domain) for domain in store_strategies.DOMAINS]
    slugs = [article_id(slug) for slug in store_strategies.SLUGS]
    windows = [Window(first=2), Window(last=2), Window(first=9)]
    found: list[object] = []
    for seen in Visibility:
        found += [
            await snapshot.counts(seen),
            await snapshot.get_many(LookupKey.ID, slugs, seen),
            await snapshot.get_many(LookupKey.SLUG, store_strategies.SLUGS, seen),
            await snapshot.get_many(LookupKey.SLUG_IN_LOCALE, LOCALIZED_SLUGS, seen),
            await snapshot.translations(TRANSLATION_GROUPS, seen),
            await snapshot.get_many(LookupKey.URL, store_strategies.URLS, seen),
            await snapshot.providers(LookupKey.DOMAIN, store_strategies.DOMAINS, seen),
            await snapshot.providers(LookupKey.ID, [provider_id(d) for d in domains], seen),
            await snapshot.topics(LookupKey.SLUG, store_strategies.TOPIC_SLUGS, seen),
            await snapshot.topics(
                LookupKey.ID, [topic_id(s) for s in store_strategies.TOPIC_SLUGS], seen
            ),
            await snapshot.topics(LookupKey.NAME, store_strategies.TOPICS, seen),
        ]
        for window in windows:
            found.append(_plain(await snapshot.provider_page(window, seen)))
            found.append(_plain(await snapshot.topic_page(window, seen)))
    for window in windows:
        for severity in (None, *Severity):
            found.append(_plain(await snapshot.diagnostic_page(window, severity)))
    return found


def _plain(page: Page[Any]) -> tuple[object, ...]:
    return list(page.items), page.has_previous, page.has_next, page.total


async def _pages(
    snapshot: Snapshot, queries: Sequence[ArticleQuery], seen: Visibility
) -> list[tuple[object, ...]]:
    return [_plain(page) for page in await snapshot.pages(queries, seen)]


@given(twins)
def test_entities_indexed_are_entities_scanned(pair):
    """After any batches, look-ups, providers, topics and counts are those of a scan."""

    async def check() -> None:
        assert await _entities(pair.indexed) == await _entities(pair.scanned)

    asyncio.run(check())


@given(twins, st.lists(store_strategies.queries, min_size=4, max_size=8), visibilities)
def test_pages_indexed_are_pages_scanned(pair, queries, seen):
    """After any batches, any filter, order and window gives the page that a scan gives."""

    async def check() -> None:
        expected = await _pages(pair.scanned, queries, seen)
        assert await _pages(pair.indexed, queries, seen) == expected
        # Again, from what the first time may have left in memory.
        assert await _pages(pair.indexed, queries, seen) == expected

    asyncio.run(check())


@given(
    twins, st.lists(store_strategies.queries_between_cursors, min_size=4, max_size=8), visibilities
)
def test_pages_at_any_cursors_indexed_are_pages_scanned(pair, queries, seen):
    """Cursors need not name what is there, nor be in order, for pages to be those of a scan."""

    async def check() -> None:
        expected = await _pages(pair.scanned, queries, seen)
        assert await _pages(pair.indexed, queries, seen) == expected

    asyncio.run(check())


@given(
    store_strategies.histories,
    st.lists(store_strategies.queries_between_cursors, min_size=2, max_size=4),
    visibilities,
)
def test_pages_are_those_of_a_scan_also_after_compactions(batches, queries, seen):
    """Whenever the ordinals of articles change, in the midst of writes, no answer does."""

    async def check(pair: Twins) -> None:
        expected = await _pages(pair.scanned, queries, seen)
        assert await _pages(pair.indexed, queries, seen) == expected

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ordinals, "MAX_OUT_OF_ORDER", 1)
        patch.setattr(ordinals, "MAX_UNUSED", -4)
        pair = Twins()
        for batch in batches:
            pair.apply(batch)
            asyncio.run(check(pair))


FIELDS = sorted(set(Article.__struct_fields__) - {"id", "slug", "revision"})


@given(
    twins,
    store_strategies.articles,
    st.sampled_from(FIELDS),
    st.lists(store_strategies.queries, max_size=3),
)
def test_change_of_one_field_shows_wherever_it_counts(pair, other, field, queries):
    """Whichever field of an article changes alone, every answer is that of a scan."""
    changed = [
        msgspec.structs.replace(article, **{field: getattr(other, field)})
        for article in pair.indexed.articles.values()
    ]

    async def check() -> None:
        for article in changed:
            await _entities(pair.indexed)
            pair.apply(Batch(puts=(article,)))
        assert await _entities(pair.indexed) == await _entities(pair.scanned)
        for seen in Visibility:
            expected = await _pages(pair.scanned, queries, seen)
            assert await _pages(pair.indexed, queries, seen) == expected

    asyncio.run(check())


def _articles_by_term(index: InvertedIndex) -> dict[tuple[str, str], set[str]]:
    """The ids under each term; ordinals differ where articles have come or gone."""
    ids = index.table.ids
    return {
        (family, term): {ids[ordinal] for ordinal in posting}
        for family, postings in index.postings.items()
        for term, posting in postings.items()
    }


def _articles_by_locale(index: InvertedIndex) -> list[object]:
    """The ids in the groups with each locale, and those that repeat a locale."""
    ids, groups = index.table.ids, index.translations
    by_locale = {
        locale: {ids[ordinal] for ordinal in posting} for locale, posting in groups.having.items()
    }
    return [by_locale, {ids[ordinal] for ordinal in groups.repeated}]


@given(twins)
def test_derived_snapshot_is_the_rebuilt_one(pair):
    """Deriving after every batch leaves the very indexes that a build makes."""
    now = pair.indexed
    rebuilt = IndexedSnapshot.build(now.articles.values(), now.definitions, now.diagnostics)
    for mine, theirs in [(now._all, rebuilt._all), (now._published, rebuilt._published)]:
        assert mine.index.articles == theirs.index.articles
        assert _articles_by_term(mine.index) == _articles_by_term(theirs.index)
        assert _articles_by_locale(mine.index) == _articles_by_locale(theirs.index)


async def _walk(
    snapshot: Snapshot, query: ArticleQuery, seen: Visibility, *, forward: bool
) -> list[Article]:
    """All articles of a list, from page to page."""
    found: list[Article] = []
    cursor: str | None = None
    for _ in range(100):
        window = Window(first=2, after=cursor) if forward else Window(last=2, before=cursor)
        query = msgspec.structs.replace(query, window=window)
        [page] = await snapshot.pages([query], seen)
        found = [*found, *page.items] if forward else [*page.items, *found]
        if not (page.has_next if forward else page.has_previous):
            return found
        cursor = article_cursor(page.items[-1 if forward else 0], query.order)
    raise AssertionError("The list never ends.")


@given(twins, store_strategies.queries, visibilities, st.booleans())
def test_walking_all_pages_gives_each_item_once(pair, query, seen, forward):
    """From page to page, either way, the whole list comes by, each item once and in order."""

    async def check() -> None:
        whole = msgspec.structs.replace(query, window=Window(first=100))
        [page] = await pair.scanned.pages([whole], seen)
        assert await _walk(pair.indexed, query, seen, forward=forward) == list(page.items)

    asyncio.run(check())


@given(twins, store_strategies.batches, store_strategies.queries, visibilities)
def test_cursor_stays_right_when_articles_come_and_go(pair, batch, query, seen):
    """After inserts and deletes, what was not yet shown follows, and nothing comes twice."""

    async def listed(window: Window) -> list[Article]:
        [page] = await pair.indexed.pages([msgspec.structs.replace(query, window=window)], seen)
        return list(page.items)

    async def check() -> None:
        before = await listed(Window(first=100))
        shown, unseen = before[:2], before[2:]
        if not shown:
            return
        cursor = article_cursor(shown[-1], query.order)
        pair.apply(batch)
        after = await listed(Window(first=100))
        rest = await listed(Window(first=100, after=cursor))
        assert not [article for article in shown if article in rest]
        assert [a for a in rest if a in unseen] == [a for a in unseen if a in after]

    asyncio.run(check())


# --- visibility ---


def _without_drafts(batches: Sequence[Batch]) -> list[Batch]:
    """The same batches in a store where drafts never were: such a put takes away what was there."""
    return [
        step
        for batch in batches
        for step in (
            *(
                Batch(puts=(put,)) if put.published else Batch(deletes=(put.id,))
                for put in batch.puts
            ),
            msgspec.structs.replace(batch, puts=()),
        )
    ]


def _without_revisions(value: object) -> object:
    """The same value with the revisions left out, and as plain JSON."""
    plain = msgspec.to_builtins(value)

    def strip(each: object) -> object:
        if isinstance(each, dict):
            return {k: strip(v) for k, v in each.items() if k != "revision"}
        return [strip(v) for v in each] if isinstance(each, list | tuple) else each

    return strip(plain)


@given(store_strategies.histories, st.lists(store_strategies.queries, max_size=3))
def test_public_view_of_a_store_is_that_of_one_without_drafts(batches, queries):
    """No read shows the public that there are drafts."""
    with_drafts, without = _applied(batches), _applied(_without_drafts(batches))

    async def view(pair: Twins) -> object:
        public = pair.indexed
        entities = [
            _plain(await public.provider_page(Window(first=99), PUBLISHED)),
            _plain(await public.topic_page(Window(first=99), PUBLISHED)),
            await public.counts(PUBLISHED),
            await public.get_many(LookupKey.SLUG, store_strategies.SLUGS, PUBLISHED),
            await public.get_many(LookupKey.SLUG_IN_LOCALE, LOCALIZED_SLUGS, PUBLISHED),
            await public.translations(TRANSLATION_GROUPS, PUBLISHED),
            await public.get_many(LookupKey.URL, store_strategies.URLS, PUBLISHED),
        ]
        seen = await public.changes(None, PUBLISHED)
        pages = await _pages(public, queries, PUBLISHED)
        return _without_revisions([entities, pages, seen.changes])

    assert asyncio.run(view(with_drafts)) == asyncio.run(view(without))
