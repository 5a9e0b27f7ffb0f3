"""Changes under a chain of locales: a write of one translation brings others in or drops them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gql.identity.viewer import PREVIEW, PUBLIC
from gql.schema.change_events import ChangeReader
from gql.schema.translation_events import member_token
from store import And, Batch, Condition, Field, Filter, MemoryRepository, Not, Operator, Or
from store.model import Article
from store.names import article_id
from store.querying.translations import MAX_TRANSLATIONS
from tests.support.change_consumer import ChangeConsumer
from tests.support.cursors import KEY
from tests.support.graph_client import GraphClient
from tests.support.store_strategies import RANGES, batches, filters, short_lists
from tests.support.translation_contract import first_of, story

PAGE = """query ($after: String, $first: Int, $chain: [String!]!) {
  changes(after: $after, first: $first, filter: {locale: {firstOf: $chain}}) {
    nodes { kind articleId deletedId cursor article { title } }
    pageInfo { hasNextPage hasPreviousPage endCursor }
  } }"""
CURSOR = "query ($chain: [String!]!) { changesCursor(filter: {locale: {firstOf: $chain}}) }"
LIST = """query ($chain: [String!]!) {
  articles(filter: {locale: {firstOf: $chain}}) { nodes { id title } } }"""
CHAIN = ["de", "en"]


def store_with(*articles: Article) -> MemoryRepository:
    """A repository with these articles."""
    repository = MemoryRepository(cursor_key=KEY)
    write(repository, Batch(puts=articles))
    return repository


def write(repository: MemoryRepository, *writes: Batch) -> None:
    """Write batches."""
    for batch in writes:
        asyncio.run(repository.apply(batch))


def follow(graph: GraphClient, after: str | None, first: int = 5) -> list[dict[str, Any]]:
    """All changes after a cursor, page by page."""
    events: list[dict[str, Any]] = []
    for _ in range(1_000):
        page = graph.query(PAGE, after=after, first=first, chain=CHAIN)["changes"]
        assert len(page["nodes"]) <= first
        events += page["nodes"]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            return events
    raise AssertionError("The pages never end.")


def told(changes: Sequence[dict[str, Any]], *articles: Article) -> list[str]:
    """Each change as its kind and the title of its article."""
    titles = {each.id: each.title for each in articles}
    return [f"{each['kind']} {titles.get(each['articleId'], '?')}" for each in changes]


ENGLISH, GERMAN, JAPANESE = story("x", "en", in_id=False), story("x", "de"), story("x", "ja")


@pytest.mark.parametrize(
    ("before", "batch", "expected"),
    [
        ([ENGLISH], Batch(puts=(GERMAN,)), ["PUT x de", "DELETE x en"]),
        ([ENGLISH, GERMAN], Batch(deletes=(GERMAN.id,)), ["DELETE x de", "PUT x en"]),
        ([ENGLISH], Batch(puts=(JAPANESE,)), ["PUT x en"]),
        ([ENGLISH, GERMAN], Batch(puts=(msgspec.structs.replace(GERMAN, heat=2),)), ["PUT x de"]),
        (
            [ENGLISH, GERMAN],
            Batch(puts=(msgspec.structs.replace(GERMAN, published=False),)),
            ["DELETE x de", "PUT x en"],
        ),
        (
            [ENGLISH, GERMAN],
            Batch(puts=(msgspec.structs.replace(GERMAN, translation_key="y"),)),
            ["PUT x de", "PUT x en"],
        ),
        (
            [ENGLISH, GERMAN],
            Batch(puts=(msgspec.structs.replace(GERMAN, locale="fr"),)),
            ["DELETE x de", "PUT x en"],
        ),
        ([GERMAN], Batch(puts=(story("y", "de"),)), ["PUT y de"]),
    ],
)
@pytest.mark.parametrize("first", [1, 5])
def test_change_of_a_translation_tells_of_the_others(before, batch, expected, first):
    """Those that are in the list come as PUT, the others as DELETE; pages are as long as asked."""
    repository = store_with(*before)
    graph = GraphClient(repository)
    cursor = graph.query(CURSOR, chain=CHAIN)["changesCursor"]
    assert follow(graph, cursor) == []
    write(repository, batch)
    changes = follow(graph, cursor, first)
    shown = told(changes, ENGLISH, GERMAN, JAPANESE, story("y", "de"))
    assert shown == expected
    if first == 5:
        for n, change in enumerate(changes):  # each cursor continues after its event
            assert follow(graph, change["cursor"]) == changes[n + 1 :]


def test_draft_translation_is_told_to_nobody_else():
    """It changes no list of published articles, when it is written, moved, or deleted."""
    repository = store_with(ENGLISH)
    graph = GraphClient(repository)
    cursor = graph.query(CURSOR, chain=CHAIN)["changesCursor"]
    draft = msgspec.structs.replace(GERMAN, published=False)
    write(repository, Batch(puts=(draft,)))
    assert follow(graph, cursor) == []
    seen = told(follow(graph.as_viewer(PREVIEW), None), GERMAN, ENGLISH)
    assert {"DELETE x en", "PUT x de"} <= set(seen)
    # It was in the group of the English article as a draft only, and is in another when published.
    write(repository, Batch(puts=(msgspec.structs.replace(GERMAN, translation_key="y"),)))
    assert told(follow(graph, cursor), GERMAN, ENGLISH) == ["PUT x de"]


def test_group_of_several_changes_is_told_once():
    """A page tells of a group once, in its present state."""
    repository = store_with()
    graph = GraphClient(repository)
    cursor = graph.query(CURSOR, chain=CHAIN)["changesCursor"]
    write(repository, Batch(puts=(ENGLISH, GERMAN, JAPANESE)))
    shown = told(follow(graph, cursor), ENGLISH, GERMAN, JAPANESE)
    assert sorted(shown) == ["DELETE x ja", "PUT x de", "PUT x de"]


@pytest.mark.parametrize("stop", range(7))
def test_reader_that_stops_inside_a_change_is_told_of_the_rest(stop):
    """Also where a later write changes what it was told of the group before it stopped."""
    english, german, french = story("v", "en", in_id=False), story("v", "de"), story("v", "fr")
    others = [story("v", locale) for locale in ("ja", "ko", "nl", "pl")]
    tokens = {each.id: member_token(each.id) for each in (english, *others)}
    assert max(tokens, key=tokens.__getitem__) != english.id  # so that it is told of before another
    repository = store_with(english, *others)
    graph = GraphClient(repository)
    cursor = graph.query(CURSOR, chain=CHAIN)["changesCursor"]
    listed = graph.query(LIST, chain=CHAIN)["articles"]["nodes"]
    copy = {node["id"]: node["title"] for node in listed}

    def apply(changes: Sequence[dict[str, Any]]) -> None:
        for change in changes:
            copy.pop(change["articleId"], None)
            if change["kind"] == "PUT":
                copy[change["articleId"]] = change["article"]["title"]

    write(repository, Batch(puts=(french,)))
    told_first = follow(graph, cursor)[:stop]
    apply(told_first)
    write(repository, Batch(puts=(german,)))
    apply(follow(graph, told_first[-1]["cursor"] if told_first else cursor))
    listed = graph.query(LIST, chain=CHAIN)["articles"]["nodes"]
    assert copy == {node["id"]: node["title"] for node in listed} == {german.id: "v de"}


def test_group_that_becomes_too_large_is_a_gap():
    """Each of its articles is a story of its own then, so all of them are in the list."""
    repository = store_with(
        *[story(f"s{n}", "de", translation_key="k") for n in range(MAX_TRANSLATIONS)]
    )
    graph = GraphClient(repository)
    cursor = graph.query(CURSOR, chain=CHAIN)["changesCursor"]
    write(repository, Batch(puts=(story("new", "de", translation_key="k"),)))
    assert [change["kind"] for change in follow(graph, cursor)] == ["GAP"]


chains = short_lists(RANGES, 3).map(lambda chain: first_of(*chain))
chain_filters: st.SearchStrategy[Filter] = st.one_of(
    chains,
    chains.map(Not),
    st.tuples(chains, filters).map(And),
    st.tuples(chains, filters).map(Or),
)


@given(
    st.lists(batches, max_size=2),
    st.lists(st.tuples(batches, st.none() | st.integers(0, 3)), min_size=1, max_size=6),
    chain_filters,
    st.sampled_from([PUBLIC, PREVIEW]),
    st.sampled_from([1, 3, 10_000]),
)
def test_consumer_under_a_chain_ends_with_what_a_query_shows(before, steps, wanted, viewer, kept):
    """Wherever it stops between the events of a change, the copy equals a query in the end."""

    async def scenario() -> None:
        repository = MemoryRepository(history_limit=kept)
        for batch in before:
            await repository.apply(batch)
        consumer = ChangeConsumer(repository, viewer, wanted)
        await consumer.start()
        for batch, heard in steps:
            await repository.apply(batch)
            await consumer.consume(heard)
        await consumer.consume(batches=before)
        assert consumer.articles == await consumer.query()

    asyncio.run(scenario())


def _without_drafts(batch: Batch) -> list[Batch]:
    """The same batch in a store where drafts never were."""
    puts = [Batch(puts=(put,)) if put.published else Batch(deletes=(put.id,)) for put in batch.puts]
    return [*puts, msgspec.structs.replace(batch, puts=())]


@given(st.lists(batches, min_size=1, max_size=5), chain_filters)
def test_public_events_are_those_of_a_store_without_drafts(written, wanted):
    """No event of a reader without the right to drafts depends on one."""

    async def events(steps: Sequence[Batch]) -> list[tuple[str, str | None]]:
        repository = MemoryRepository()
        for batch in steps:
            await repository.apply(msgspec.structs.replace(batch, topics=None))
        events, _ = await ChangeReader(PUBLIC, wanted).events(
            None, await repository.snapshot(), 1_000
        )
        return [(event.kind, event.article_id) for event in events]

    async def check() -> None:
        bare = [step for batch in written for step in _without_drafts(batch)]
        assert await events(written) == await events(bare)

    asyncio.run(check())


def test_filter_beside_a_chain_is_applied_to_the_others():
    """An article that the rest of the filter refuses comes as DELETE."""
    repository = store_with(msgspec.structs.replace(ENGLISH, category="news"), GERMAN)
    wanted = And((first_of(*CHAIN), Condition(Field.CATEGORY, Operator.EQ, "opinion")))
    reader = ChangeReader(PUBLIC, wanted)

    async def events() -> list[tuple[str, str | None]]:
        snapshot = await repository.snapshot()
        begin = await snapshot.newest_change(PUBLIC.visibility)
        await repository.apply(Batch(deletes=(GERMAN.id,)))
        events, _ = await reader.events(begin, await repository.snapshot(), 10)
        return [(event.kind, event.article_id) for event in events]

    gone = [("DELETE", GERMAN.id), ("DELETE", article_id("x"))]
    assert asyncio.run(events()) == gone
