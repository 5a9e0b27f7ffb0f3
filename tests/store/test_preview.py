"""Previews: a reader of one draft sees it, and nothing of the others."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from store import Batch, LookupKey, MemoryRepository, Snapshot, Visibility
from store.engines.changes import as_visible, bookmark_of, is_visible
from store.model import Article, Change, ProviderMention
from store.preview import PreviewSource, preview_snapshot
from store.repository import HistoryPage
from tests.support import store_strategies
from tests.support.cursors import KEY
from tests.support.factories import article
from tests.support.repository_contract import without_revision
from tests.support.store_strategies import LOCALIZED_SLUGS, TRANSLATION_GROUPS
from tests.support.translation_contract import story

PUBLIC = Visibility.PUBLISHED
NAMES = ("own", "other", "open")
LONE = ProviderMention(domain="lone.example", name="Lone")

steps = st.lists(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(["draft", "open", "delete"])), max_size=12
)


def version(name: str, number: int, published: bool) -> Any:
    """A version of an article."""
    topics = (f"Only {name}",)
    return article(name, published=published, heat=number, provider=LONE, topics=topics)


OWN, OTHER = version("own", 0, False), version("other", 0, False)


async def written(repository: MemoryRepository, drawn: list[tuple[str, str]]) -> None:
    """Write these steps."""
    for number, (name, kind) in enumerate(drawn, 1):
        own = version(name, number, kind == "open")
        deletes = (own.id,) if kind == "delete" else ()
        await repository.apply(Batch(puts=() if deletes else (own,), deletes=deletes))


@given(steps, steps, st.integers(1, 4))
def test_history_has_the_changes_of_the_draft_and_those_that_everyone_sees(before, after, limit):
    """In full pages, whatever else is hidden, from a position in the past."""

    async def check() -> None:
        repository = MemoryRepository(cursor_key=KEY)
        await repository.apply(Batch(puts=(OWN, OTHER)))
        await written(repository, before)
        begin = await preview_snapshot(await repository.snapshot(), OWN.id)
        position = await begin.newest_change(PUBLIC)
        await written(repository, after)
        now = await repository.snapshot()
        whole = await now.changes(position, Visibility.ALL)
        assert whole.gap is None
        expected = [
            change if change.id == OWN.id else as_visible(change, PUBLIC)
            for change in whole.changes
            if change.id == OWN.id or is_visible(change, PUBLIC)
        ]
        preview = await preview_snapshot(now, OWN.id)
        read: list[Change] = []
        while True:
            page = await preview.changes(position, PUBLIC, limit)
            assert len(page.changes) == limit or not page.has_next
            assert page.end == (bookmark_of(page.changes[-1]) if page.changes else position)
            read += page.changes
            position = page.end
            if not page.has_next:
                break
        assert read == expected

    asyncio.run(check())


def test_secured_text_of_a_previewed_article_shows_no_change() -> None:
    """A link to an article that was published since is no right to its secured text."""

    async def check() -> None:
        repository = MemoryRepository(cursor_key=KEY)
        public = version("own", 1, published=True)
        await repository.apply(Batch(puts=(OWN,)))
        await repository.apply(Batch(puts=(public,)))
        before = await preview_snapshot(await repository.snapshot(), OWN.id)
        position = await before.newest_change(PUBLIC)
        await repository.apply(Batch(puts=(msgspec.structs.replace(public, secured="new"),)))
        after = await preview_snapshot(await repository.snapshot(), OWN.id)
        start = await before.bookmark(1)
        assert await after.newest_change(PUBLIC) == position
        assert (await after.changes(position, PUBLIC)).changes == ()
        assert len((await after.changes(start, PUBLIC)).changes) == 1
        assert len((await after.changes(position, Visibility.SECURED)).changes) == 1

    asyncio.run(check())


def test_draft_that_changed_before_the_history_is_a_gap_once() -> None:
    """Its reader would miss the change where all others have a history without a gap."""

    async def check() -> None:
        repository = MemoryRepository(history_limit=3, cursor_key=KEY)
        await repository.apply(Batch(puts=(OWN, OTHER)))
        await repository.apply(Batch(puts=(version("open", 1, published=True),)))
        before = await preview_snapshot(await repository.snapshot(), OWN.id)
        position = await before.newest_change(PUBLIC)
        await repository.apply(Batch(puts=(version("own", 2, published=False),)))
        await written(repository, [("other", "draft")] * 9)
        after = await preview_snapshot(await repository.snapshot(), OWN.id)
        gap = await after.changes(position, PUBLIC)
        assert (gap.gap, gap.changes) == (gap.end, ())
        following = await after.changes(gap.end, PUBLIC)
        assert (following.gap, following.changes) == (None, ())
        unchanged = await preview_snapshot(await repository.snapshot(), OTHER.id + "x")
        assert (await unchanged.changes(position, PUBLIC)).gap is None

    asyncio.run(check())


def test_follower_does_not_read_hidden_changes_again() -> None:
    """Each write of another draft wakes it, and there may be thousands."""

    async def check() -> None:
        repository = MemoryRepository(cursor_key=KEY)
        await repository.apply(Batch(puts=(OWN,)))
        for number in range(3):
            await repository.apply(Batch(puts=(version("other", number, published=False),)))
        snapshot = CountingSnapshot(await repository.snapshot())
        preview = await preview_snapshot(cast("Snapshot", snapshot), OWN.id)
        page = await preview.changes(await preview.newest_change(PUBLIC), PUBLIC)
        assert (page.changes, page.gap, page.has_next) == ((), None, False)
        assert page.end == await preview.newest_change(PUBLIC)
        assert snapshot.changes_read == 0

    asyncio.run(check())


def test_many_pages_of_a_request_do_not_read_the_history_for_each() -> None:
    """A reader with a link could hold all others up, where many changes are hidden."""

    async def check(limit: int) -> None:
        repository = MemoryRepository(limit, cursor_key=KEY)
        await repository.apply(Batch(puts=(OWN,)))
        for number in range(9):
            await written(repository, [("own", "draft"), ("other", "draft"), ("open", "open")])
            await repository.apply(Batch(puts=(version("own", 50 + number, published=False),)))
        now = await repository.snapshot()
        whole = await now.changes(None, Visibility.ALL)
        start = (whole.gap or bookmark_of(whole.changes[0])).revision - 1
        bookmarks = [await now.bookmark(start + number) for number in range(len(whole.changes))]
        snapshot = CountingSnapshot(now)
        preview = await preview_snapshot(cast("Snapshot", snapshot), OWN.id)
        for bookmark in reversed(bookmarks):
            fresh = await preview_snapshot(now, OWN.id)
            expected = await fresh.changes(bookmark, PUBLIC, 3)
            assert await preview.changes(bookmark, PUBLIC, 3) == expected
        assert snapshot.changes_read <= 3 * (len(whole.changes) + 1)

    for limit in (9, 10_000):
        asyncio.run(check(limit))


class CountingSnapshot:
    """A snapshot that counts the changes that are read."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self.changes_read = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._snapshot, name)

    async def changes(self, *arguments: Any) -> HistoryPage:
        """See `Snapshot`."""
        page = await self._snapshot.changes(*arguments)
        self.changes_read += len(page.changes)
        return page


@given(steps)
def test_other_drafts_change_nothing(drawn):
    """Neither a look-up nor a position nor a version shows that they were written."""

    async def state(snapshot: Snapshot) -> list[Any]:
        keys = [OTHER.slug, OWN.slug]
        return [
            await snapshot.get_many(LookupKey.SLUG, keys, PUBLIC),
            await snapshot.get_many(LookupKey.ID, [OTHER.id, OWN.id], PUBLIC),
            await snapshot.get_many(LookupKey.URL, [OTHER.web_url, OWN.web_url], PUBLIC),
            await snapshot.providers(LookupKey.DOMAIN, [LONE.domain], PUBLIC),
            await snapshot.topics(LookupKey.NAME, ["Only own", "Only other"], PUBLIC),
            await snapshot.newest_change(PUBLIC),
            await snapshot.counts(PUBLIC),
            snapshot.versions[PUBLIC],
        ]

    async def check() -> None:
        repository = MemoryRepository(cursor_key=KEY)
        await repository.apply(Batch(puts=(OWN,)))
        before = await state(await preview_snapshot(await repository.snapshot(), OWN.id))
        hidden = [("other", "delete" if kind == "delete" else "draft") for _, kind in drawn]
        await written(repository, hidden)
        after = await state(await preview_snapshot(await repository.snapshot(), OWN.id))
        assert before == after

    asyncio.run(check())


@given(
    store_strategies.articles,
    st.lists(store_strategies.articles, max_size=8, unique_by=lambda each: each.id),
    st.lists(store_strategies.queries, max_size=2),
)
@example(
    story("2026-01-01-a", "de-CH"),
    [story("2026-01-01-a", locale, published=False) for locale in ("de", "de-AT")],
    [],
)
def test_nothing_that_the_reader_of_a_draft_gets_depends_on_other_drafts(own, others, queries):
    """Nor do look-ups by keys that two drafts share: a slug, a slug and a locale, a URL."""
    own = msgspec.structs.replace(own, published=False)
    others = [each for each in others if each.id != own.id]
    is_open = [each for each in others if each.published]

    async def state(*written: Article) -> list[Any]:
        indexed = store_strategies.snapshot_after([Batch(puts=written)])
        snapshot = await preview_snapshot(indexed, own.id)
        keys = {
            LookupKey.ID: [each.id for each in (own, *others)],
            LookupKey.SLUG: store_strategies.SLUGS,
            LookupKey.SLUG_IN_LOCALE: LOCALIZED_SLUGS,
            LookupKey.URL: store_strategies.URLS,
        }
        articles = [await snapshot.get_many(by, each, PUBLIC) for by, each in keys.items()]
        pages = await snapshot.pages(queries, PUBLIC)
        everything = [
            *articles,
            *(page.items for page in pages),
            *await snapshot.translations(TRANSLATION_GROUPS, PUBLIC),
        ]
        return [
            *([without_revision(each) for each in some] for some in everything),
            [page.total for page in pages],
            await snapshot.providers(LookupKey.DOMAIN, store_strategies.DOMAINS, PUBLIC),
            await snapshot.topics(LookupKey.NAME, store_strategies.TOPICS, PUBLIC),
            await snapshot.counts(PUBLIC),
        ]

    async def check() -> None:
        assert await state(own, *others) == await state(own, *is_open)

    asyncio.run(check())


def test_draft_has_its_provider_and_its_topics():
    """They are as the draft names them, and have no articles."""

    async def check() -> None:
        repository = MemoryRepository(cursor_key=KEY)
        await repository.apply(Batch(puts=(OWN, OTHER)))
        snapshot = await preview_snapshot(await repository.snapshot(), OWN.id)
        [provider] = await snapshot.providers(LookupKey.DOMAIN, [LONE.domain], PUBLIC)
        [topic, hidden] = await snapshot.topics(LookupKey.NAME, ["Only own", "Only other"], PUBLIC)
        assert provider is not None
        assert topic is not None
        assert (provider.name, provider.article_count) == ("Lone", 0)
        assert (topic.name, topic.article_count, hidden) == ("Only own", 0, None)

    asyncio.run(check())


def test_source_gives_the_newest_state_of_the_draft():
    """Also after a write that only it shows."""

    async def check() -> None:
        repository = MemoryRepository(cursor_key=KEY)
        await repository.apply(Batch(puts=(OWN,)))
        source = PreviewSource(repository, OWN.id)
        before = await source.snapshot()
        await repository.apply(Batch(puts=(msgspec.structs.replace(OWN, heat=9),)))
        after = await source.wait(before.version)
        [found] = await after.get_many(LookupKey.ID, [OWN.id], PUBLIC)
        assert found is not None
        assert found.heat == 9
        assert before.versions != after.versions

    asyncio.run(check())
