"""Edits in place: they change no index, and later snapshots know them."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store import (
    MATCH_ALL,
    NEWEST_FIRST,
    ArticleQuery,
    Batch,
    Condition,
    Field,
    LookupKey,
    Operator,
    OrderField,
    OrderStep,
    Severity,
    Visibility,
    Window,
    topic_filter,
)
from store.collections.persistent_map import PersistentMap
from store.concurrency.cooperative import run_to_end
from store.engines.indexed import ordinals
from store.engines.indexed.snapshot import IndexedSnapshot
from store.engines.memory_snapshot import MemorySnapshot
from store.in_place_edits import MAX_EDITED, MAX_EDITS, InPlaceEdits
from store.model import Article, Diagnostic, Image, ProviderMention, Related, TopicDefinition
from tests.support import store_strategies
from tests.support.repository_contract import make_article
from tests.support.sizes import scaled

STORY = make_article(
    "story",
    day=2,
    topics=("Tides",),
    excerpt="Ebb",
    web_url="https://post.example/story",
    images=(Image(url="https://post.example/1"),),
    related=(Related(title="Other", web_url="https://post.example/other"),),
)
OTHER = make_article("other", web_url="https://post.example/other")
TREE = (TopicDefinition(slug="tides", name="Tides"),)
WHOLE = Window(first=100)
MADE_BY_THE_STORE = {"id", "slug", "revision", "public_revision"}
FIELDS = [name for name in Article.__struct_fields__ if name not in MADE_BY_THE_STORE]


def changed(snapshot: IndexedSnapshot, id: str, **fields: Any) -> IndexedSnapshot:
    """The snapshot after new values for fields of an article."""
    article = msgspec.structs.replace(snapshot.articles[id], **fields)
    return derived(snapshot, {id: article})


def derived(snapshot: IndexedSnapshot, articles: dict[str, Article | None]) -> IndexedSnapshot:
    """The snapshot after these articles have come, changed or gone."""
    return run_to_end(
        snapshot.derive(articles, snapshot.definitions, snapshot.diagnostics, snapshot.history)
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"title": "New"},
        {"heat": 9},
        {"quality": 9},
        {"content": "New", "metadata": {"new": True}},
        {"excerpt": "Flow"},
        {"images": (Image(url="https://post.example/2"),)},
        {"web_url": "https://POST.example/story#top"},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_edit_in_place_is_told_by_the_ids_of_its_articles(fields):
    """Of what leads to an article, nothing differs."""
    before = IndexedSnapshot.build([STORY, OTHER], TREE)
    after = changed(before, STORY.id, **fields)
    assert after.version != before.version
    assert after.edits.structure_version == before.edits.structure_version
    assert after.edits.since(before.version) == frozenset({STORY.id})


@pytest.mark.parametrize(
    "write",
    [
        {"published": False},
        {"published_date_time": OTHER.published_date_time},
        {"topics": ("tides",)},
        {"provider": ProviderMention(domain="post.example", name="Renamed")},
        {"related": ()},
        {"related": (Related(title="Renamed", web_url="https://post.example/other"),)},
        {"web_url": "https://post.example/elsewhere"},
        {"excerpt": None},
        {"category": "news"},
        {"tags": ("x",)},
        Batch(deletes=(STORY.id,)),
        Batch(puts=(make_article("third"),)),
        Batch(topics=()),
        Batch(topics=(TopicDefinition(slug="tides", name="Tides", keywords=("ebb",)),)),
    ],
    ids=str,
)
def test_other_writes_begin_a_new_structure(write):
    """Of them nothing is told, so that readers forget all that may differ."""
    before = changed(IndexedSnapshot.build([STORY, OTHER], TREE), OTHER.id, heat=1)
    if isinstance(write, Batch):
        after = store_strategies.apply_to_snapshot(write, before)
    else:
        after = changed(before, STORY.id, **write)
    assert after.edits.structure_version != before.edits.structure_version
    assert after.edits.since(before.version) is None


def test_write_of_nothing_but_diagnostics_edits_no_article():
    """Files may come to be right or wrong without an article."""
    before = IndexedSnapshot.build([STORY])
    bad = Diagnostic(path="a.md", severity=Severity.ERROR, code="BAD_DATE", message="It is bad.")
    after = store_strategies.apply_to_snapshot(Batch(diagnostics=(bad,)), before)
    assert after.edits.since(before.version) == frozenset()


edits = st.lists(
    st.tuples(
        st.integers(0, 99),
        st.sampled_from([*FIELDS, *["title", "excerpt", "heat", "quality"] * 4]),
        store_strategies.articles,
    ),
    min_size=1,
    max_size=6,
)
"""Which article gets which field's value of another."""


@settings(max_examples=scaled(60, long=200))
@given(store_strategies.histories, edits)
def test_all_but_the_articles_that_are_told_is_as_it_was(history, edits):
    """Look-ups, lists, providers and topics: the same documents but those with the told ids."""
    before = after = store_strategies.snapshot_after(history)
    for number, name, donor in edits:
        if ids := list(after.articles):
            value = getattr(donor, name)
            after = changed(after, ids[number % len(ids)], **{name: value})
    told = after.edits.since(before.version)
    if told is None:
        assert after.edits.structure_version != before.edits.structure_version
        return
    assert after.edits.structure_version == before.edits.structure_version
    for seen in Visibility:
        one, other = (asyncio.run(_all_of(snapshot, seen)) for snapshot in (before, after))
        assert one[1:] == other[1:]
        differ = {id for id in one[0] | other[0] if one[0].get(id) != other[0].get(id)}
        assert differ <= told


async def _all_of(snapshot: IndexedSnapshot, seen: Visibility) -> tuple[dict[str, Article], ...]:
    """The articles by id; then whatever leads to them, and all providers and topics."""
    [page] = await snapshot.pages([ArticleQuery(WHOLE)], seen)
    by_url = await snapshot.get_many(LookupKey.URL, store_strategies.URLS, seen)
    rest: Any = (
        [article.id for article in page.items],
        page.ordinals,
        [article and article.id for article in by_url],
        list((await snapshot.provider_page(WHOLE, seen)).items),
        list((await snapshot.topic_page(WHOLE, seen)).items),
        snapshot.aliases,
        await snapshot.counts(seen),
    )
    return {article.id: article for article in page.items}, *rest


QUERIES = [
    ArticleQuery(WHOLE, filter, order, with_total=True)
    for filter in (
        MATCH_ALL,
        topic_filter("tides"),
        Condition(Field.HEAT, Operator.GTE, 1),
        Condition(Field.TITLE, Operator.CONTAINS, "tide"),
        Condition(Field.EXCERPT, Operator.CONTAINS, "tide"),
        Condition(Field.QUALITY, Operator.EQ, 1),
        Condition(Field.CATEGORY, Operator.CONTAINS, "ne"),
    )
    for order in (
        NEWEST_FIRST,
        *((OrderStep(field), OrderStep(OrderField.HEAT)) for field in OrderField),
    )
]


@settings(max_examples=scaled(15, long=30))
@given(store_strategies.histories, edits, st.sampled_from(Visibility))
def test_page_is_remembered_as_long_as_it_is_right(history, edits, seen):
    """From edit to edit each page is that of a scan; what survives edits is what it was before."""
    snapshot = store_strategies.snapshot_after(history)
    kept: dict[tuple[str, int], Any] = {}
    for number, name, donor in edits:
        _check_pages(snapshot, seen, kept)
        if ids := list(snapshot.articles):
            value = getattr(donor, name)
            snapshot = changed(snapshot, ids[number % len(ids)], **{name: value})
    _check_pages(snapshot, seen, kept)


def _check_pages(
    snapshot: IndexedSnapshot, seen: Visibility, kept: dict[tuple[str, int], Any]
) -> None:
    """Compare pages with those of a scan, and those that survive edits with those before."""
    reference = MemorySnapshot(snapshot.articles.values(), snapshot.definitions)
    pages, expected = (asyncio.run(each.pages(QUERIES, seen)) for each in (snapshot, reference))
    for number, (page, scanned) in enumerate(zip(pages, expected, strict=True)):
        assert list(page.items) == list(scanned.items)
        assert page.total == scanned.total
        if page.survives_edits:
            key = snapshot.edits.structure_version, number
            assert kept.setdefault(key, page.ordinals) == page.ordinals


def test_hits_that_had_to_be_checked_are_those_after_the_edit():
    """What a filter of many articles has found is remembered, but not what an edit changes."""
    many = [make_article(f"n{n}", excerpt="high tides", category="local news") for n in range(99)]
    snapshot = IndexedSnapshot.build(many)
    for field, needle, total in ((Field.EXCERPT, "tides", 98), (Field.CATEGORY, "l news", 99)):
        query = ArticleQuery(WHOLE, Condition(field, Operator.CONTAINS, needle), with_total=True)
        [before] = asyncio.run(snapshot.pages([query], Visibility.ALL))
        edited = changed(snapshot, many[0].id, excerpt="ebb")
        [page] = asyncio.run(edited.pages([query], Visibility.ALL))
        assert (before.total, page.total) == (99, total)
        assert page.survives_edits is (field is Field.CATEGORY)


def test_compaction_begins_a_new_structure(monkeypatch):
    """Where they stood says nothing of where they stand."""
    monkeypatch.setattr(ordinals, "MAX_UNUSED", 0)
    snapshot = IndexedSnapshot.build([STORY, make_article("newest", day=9)], TREE)
    snapshot = derived(snapshot, {OTHER.id: OTHER})
    structures = set()
    for heat in range(9):
        _check_pages(snapshot, Visibility.ALL, {})
        snapshot = changed(snapshot, STORY.id, heat=heat)
        structures.add(snapshot.edits.structure_version)
    assert 1 < len(structures) < 9
    _check_pages(snapshot, Visibility.ALL, {})


@given(store_strategies.histories, st.sampled_from(Visibility), st.sampled_from(QUERIES))
def test_places_are_those_of_pages(history, seen, query):
    """Where an article stands is told alike with a page that shows it and without."""
    snapshot = store_strategies.snapshot_after(history)
    [page] = asyncio.run(snapshot.pages([query], seen))
    ordinals = snapshot.ordinals_of([*page.item_ids(), "nobody"], seen)
    assert page.ordinals is not None
    assert list(ordinals[page.ordinals.numbering]) == list(page.ordinals.numbers)


def test_only_the_newest_edits_are_told_apart():
    """Who has read nothing for long, or misses too many articles, is told nothing."""
    edits = InPlaceEdits()
    for number in range(MAX_EDITS + 1):
        edits = edits.extended(f"v{number}", [f"a{number}"])
    assert edits.since("v0") is None
    assert edits.since("v1") == frozenset(f"a{number}" for number in range(1, MAX_EDITS + 1))
    edits = edits.extended("large", [f"b{number}" for number in range(MAX_EDITED - 1)])
    assert edits.since(f"v{MAX_EDITS - 1}") is None
    assert edits.since(f"v{MAX_EDITS}") is not None
    assert edits.extended("larger", map(str, range(MAX_EDITED + 1))).since("larger") is None


def test_no_articles_of_older_states_are_kept_with_remembered_pages():
    """What the planner remembers is shared from edit to edit, and holds slots only."""
    snapshot = IndexedSnapshot.build([STORY, OTHER], TREE)
    for heat in range(3):
        asyncio.run(snapshot.pages(QUERIES, Visibility.PUBLISHED))
        snapshot = changed(snapshot, STORY.id, heat=heat)
    planner = snapshot._published.planner
    assert len(planner._pages) == len(QUERIES)
    assert not any(
        isinstance(each, PersistentMap | Article) for each in _reachable([planner._pages])
    )


def _reachable(roots: Sequence[object]) -> list[object]:
    found: dict[int, object] = {}
    waiting = list(roots)
    while waiting:
        each = waiting.pop()
        if id(each) not in found and not isinstance(each, type):
            found[id(each)] = each
            waiting += gc.get_referents(each)
    return list(found.values())
