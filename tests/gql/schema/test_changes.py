"""The change history in the API: pages, gaps, visibility, and consumers without losses."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from copy import copy
from itertools import product
from types import SimpleNamespace as Namespace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gql.http import GraphQLRequest
from gql.identity.viewer import PUBLIC, Permission, Viewer
from gql.schema import Context
from gql.schema.change_events import EventKind
from gql.schema.changes import subscribe_to_changes
from gql.schema.filters import ArticleFilter, ListFilter
from store import MATCH_ALL, Batch, Condition, Field, Filter, MemoryRepository, Operator, Snapshot
from store.model import TopicDefinition
from tests.support.change_consumer import CaughtUpError, ChangeConsumer
from tests.support.cursors import CURSORS, KEY, change_cursor
from tests.support.factories import article
from tests.support.graph_client import CARD, GraphClient
from tests.support.store_strategies import batches, filters

EDITOR = Viewer({Permission.READ_DRAFTS})
PAGE = """query ($after: String, $first: Int, $filter: ArticleFilter) {
  changes(after: $after, first: $first, filter: $filter) {
  nodes { cursor kind id slug at article { slug title } } edges { cursor node { cursor } }
  pageInfo { hasNextPage hasPreviousPage startCursor endCursor } latestCursor } }"""
viewers = st.sampled_from([PUBLIC, EDITOR])


def written(*batches_: Batch, kept: int = 10_000) -> MemoryRepository:
    """A store after these batches."""
    repository = MemoryRepository(history_limit=kept, cursor_key=KEY)

    async def write() -> None:
        for batch in batches_:
            await repository.apply(batch)

    asyncio.run(write())
    return repository


def put(*slugs, **fields) -> Batch:
    """A batch that puts articles with these slugs."""
    return Batch(puts=tuple(article(slug, **fields) for slug in slugs))


def deleted(slug) -> Batch:
    """A batch that deletes an article."""
    return Batch(deletes=(article(slug).id,))


def told(answer) -> list[tuple[str, str | None]]:
    """The kinds and slugs of a page's changes."""
    return [(node["kind"], short(node["slug"])) for node in answer["changes"]["nodes"]]


def short(slug: str | None) -> str | None:
    """A slug without its date."""
    return slug and slug.removeprefix("2026-03-01-")


def places(graph: GraphClient) -> list[str]:
    """The cursor of each change."""
    return [node["cursor"] for node in graph.query(PAGE)["changes"]["nodes"]]


FOREIGN = ["", "7", "WyJkIiwxXQ", "é", CURSORS.encode("d-", (1, "a")), "x" * 55, "x" * 57, "=" * 56]


@pytest.mark.parametrize("cursor", FOREIGN)
def test_changes_text_that_is_no_change_cursor_is_refused(cursor):
    """A cursor of another list, or none at all, is an error and not the beginning."""
    code, message = GraphClient(written()).error(PAGE, after=cursor)
    assert code == "BAD_CURSOR"
    assert cursor[:40] in message


@pytest.mark.parametrize("cursor", ["x" * 56, "WyJjIiwyXQ", "WyJjIiwyLDE3OTM2MTE5MjA0NzI4MjJd"])
def test_changes_after_a_cursor_of_another_store_are_a_gap(cursor):
    """Also of the store before it was made anew, or of a former version: consumers can go on."""
    graph = GraphClient(written(put("a")))
    [gap] = graph.query(PAGE, after=cursor)["changes"]["nodes"]
    assert gap["kind"] == "GAP"
    assert told(graph.query(PAGE, after=gap["cursor"])) == []


def test_changes_show_each_step_and_the_article_as_it_is_now():
    """Oldest first; an article that has gone since is null, and so is that of a DELETE."""
    graph = GraphClient(written(put("a", "b"), put("a", title="Newer"), deleted("b")))
    nodes = graph.query(PAGE)["changes"]["nodes"]
    assert [(n["kind"], short(n["slug"]), (n["article"] or {}).get("title")) for n in nodes] == [
        ("PUT", "a", "Newer"),
        ("PUT", "b", None),
        ("PUT", "a", "Newer"),
        ("DELETE", "b", None),
    ]
    assert nodes[0]["id"] == article("a").id


@given(first=st.integers(1, 4))
def test_changes_pages_hold_the_whole_history_once(first):
    """Page by page from cursor to cursor comes to the same as all at once."""
    graph = GraphClient(
        written(put("a", "b", "c"), deleted("b"), put("d"), put("a", title="Newer"))
    )
    whole = graph.query(PAGE)["changes"]["nodes"]
    after, pages = None, []
    while True:
        page = graph.query(PAGE, after=after, first=first)["changes"]
        assert [edge["cursor"] for edge in page["edges"]] == [n["cursor"] for n in page["nodes"]]
        assert page["pageInfo"]["hasPreviousPage"] == (after is not None)
        pages += page["nodes"]
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    assert pages == whole
    assert graph.query(PAGE, after=page["pageInfo"]["endCursor"])["changes"]["nodes"] == []


@pytest.mark.parametrize("first", [-1, 101])
def test_changes_page_size_is_held_to_its_bounds(first):
    """As of any other list."""
    assert GraphClient(written()).error(PAGE, first=first)[0] == "BAD_PAGE_SIZE"


def test_changes_before_the_kept_history_are_a_gap():
    """A cursor older than what is kept gives a GAP that ends at what the request shows."""
    repository = written(put("a"), kept=2)
    [old] = places(GraphClient(repository))
    graph = GraphClient(went_on(repository, put("b", "c", "d")))
    answer = graph.query(PAGE, after=old)
    assert told(answer) == [("GAP", None)]
    assert not answer["changes"]["pageInfo"]["hasNextPage"]
    [gap] = answer["changes"]["nodes"]
    assert gap["cursor"] == answer["changes"]["latestCursor"]
    assert told(graph.query(PAGE, after=gap["cursor"])) == []


@given(first=st.integers(1, 4))
def test_changes_from_the_start_begin_with_a_gap_where_not_all_are_kept(first):
    """It ends with the oldest change that is kept, from which all that is kept follows."""
    graph = GraphClient(written(put("a", "b", "c", "d"), kept=3))
    assert told(graph.query(PAGE)) == [("GAP", None), ("PUT", "c"), ("PUT", "d")]
    after, has_next, pages = None, True, []
    while has_next:
        page = graph.query(PAGE, after=after, first=first)["changes"]
        pages += [node["kind"] for node in page["nodes"]]
        after, has_next = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
    assert pages == ["GAP", "PUT", "PUT"]


def test_changes_after_a_cursor_from_the_future_are_a_gap():
    """A restored backup has not reached what clients have seen, so they are told."""
    backup = written(put("a"))
    *_, ahead = places(GraphClient(went_on(backup, put("b", "c"))))
    graph = GraphClient(backup)
    answer = graph.query(PAGE, after=ahead)
    assert told(answer) == [("GAP", None)]
    assert told(graph.query(PAGE, after=answer["changes"]["nodes"][0]["cursor"])) == []


def went_on(repository: MemoryRepository, *batches_: Batch) -> MemoryRepository:
    """A copy of a store, as a backup is one, after these batches."""
    other = copy(repository)
    for batch in batches_:
        asyncio.run(other.apply(batch))
    return other


def test_changes_after_a_cursor_that_a_restored_backup_has_outgrown_are_a_gap():
    """A revision that stands for another change than the client has seen is not gone on from."""
    backup = written(put("a"))
    lost = went_on(backup, put("b", "c"))
    restored = GraphClient(went_on(backup, put("d"), put("e"), put("f")))
    seen = places(GraphClient(lost))
    assert told(restored.query(PAGE, after=seen[0])) == [("PUT", "d"), ("PUT", "e"), ("PUT", "f")]
    assert told(restored.query(PAGE, after=seen[1])) == [("GAP", None)]
    assert told(restored.query(PAGE, after=seen[2])) == [("GAP", None)]


@pytest.mark.parametrize("viewer", [PUBLIC, EDITOR])
def test_changes_place_of_a_request_is_the_one_of_all_that_it_shows(viewer):
    """What is written after the request began is neither in what it read nor before its place."""
    repository = written(put("a"), put("draft", published=False))
    graph = GraphClient(repository).as_viewer(viewer)
    answer = graph.query(f"{{ changes(first: 0) {{ latestCursor }} articles {CARD} }}")
    asyncio.run(repository.apply(put("b")))
    held = {short(node["slug"]) for node in answer["articles"]["nodes"]}
    after = answer["changes"]["latestCursor"]
    assert told(graph.query(PAGE, after=after)) == [("PUT", "b")]
    now = graph.query(f"{{ articles {CARD} }}")["articles"]["nodes"]
    assert held | {"b"} == {short(node["slug"]) for node in now}


def test_changes_in_a_request_are_of_its_snapshot():
    """A GAP in an answer lies where the articles beside it are, whatever is written meanwhile."""
    repository = written(put("a"))

    async def asked_before_a_write() -> Any:
        context = Context(await repository.snapshot(), PUBLIC, source=repository)
        await repository.apply(put("b"))
        query = f'{{ changes(after: "{"x" * 56}") {{ nodes {{ cursor }} }} articles {CARD} }}'
        result = await GraphClient(repository).execute(GraphQLRequest(query=query), context)
        return orjson.loads(result.body)["data"]

    answer = asyncio.run(asked_before_a_write())
    assert [short(node["slug"]) for node in answer["articles"]["nodes"]] == ["a"]
    [gap] = answer["changes"]["nodes"]
    assert told(GraphClient(repository).query(PAGE, after=gap["cursor"])) == [("PUT", "b")]


def test_changes_empty_part_says_where_to_go_on():
    """Before the first change, behind the last one, and where a filter leaves out what is new."""
    repository = written(put("a", "b", heat=1))
    graph = GraphClient(repository)

    def end(**arguments) -> tuple[int, str, bool]:
        page = graph.query(PAGE, **arguments)["changes"]
        info = page["pageInfo"]
        return len(page["nodes"]), info["endCursor"], info["hasNextPage"]

    first, last = places(graph)
    assert end(first=0) == (0, change_cursor(), True)
    assert end(first=0, after=first) == (0, first, True)
    assert end(after=last) == (0, last, False)
    hot = {"filter": {"heat": {"gte": 5}}}
    size, reached, has_next = end(first=1, **hot)
    assert (size, has_next) == (0, True)
    assert end(first=1, after=reached, **hot)[2] is False
    asyncio.run(repository.apply(put("c", heat=9)))
    assert told(graph.query(PAGE, after=reached, **hot)) == [("PUT", "c")]


def test_changes_cursors_of_the_public_do_not_move_with_drafts():
    """Neither what a GAP nor what a request ends at tells that a draft was changed."""
    repository = written(put("a"), put("draft", published=False))

    def seen() -> list[str]:
        page = GraphClient(repository).query(PAGE, after="x" * 56)["changes"]
        return [page["nodes"][0]["cursor"], page["latestCursor"], page["pageInfo"]["endCursor"]]

    before = seen()
    asyncio.run(repository.apply(put("draft", heat=7, published=False)))
    assert seen() == before
    asyncio.run(repository.apply(put("a", heat=7)))
    assert not set(seen()) & set(before)


readers = st.tuples(viewers, st.just(MATCH_ALL) | filters)
SECURED = Viewer({Permission.READ_SECURED})


@pytest.mark.parametrize("before", [PUBLIC, EDITOR, SECURED])
@pytest.mark.parametrize("now", [PUBLIC, EDITOR, SECURED])
def test_changes_after_a_cursor_of_other_rights_are_a_gap(before, now):
    """Who has lost a right has to drop what it showed, who has gained one does not have it yet."""
    graph = GraphClient(written(put("a")))
    after = graph.as_viewer(before).query(PAGE)["changes"]["latestCursor"]
    found = told(graph.as_viewer(now).query(PAGE, after=after))
    assert found == ([] if before is now else [("GAP", None)])


def test_changes_after_a_cursor_of_another_filter_are_a_gap():
    """It shows other articles, of which nothing was told."""
    graph = GraphClient(written(put("a", heat=9)))
    hot, cold = {"heat": {"gte": 5}}, {"heat": {"lt": 5}}
    for before, now in product([None, hot, cold, {"and": [hot]}], repeat=2):
        after = graph.query(PAGE, filter=before)["changes"]["latestCursor"]
        found = told(graph.query(PAGE, after=after, filter=now))
        assert found == ([] if before == now else [("GAP", None)])


@given(st.lists(batches, max_size=3), st.lists(batches, max_size=3), readers, readers)
def test_consumer_ends_with_what_a_query_shows_whatever_it_may_see_and_want(
    before, away, was, comes_back_as
):
    """It comes back with other rights and another filter, and holds what these show."""

    async def scenario() -> None:
        repository = MemoryRepository()
        for batch in before:
            await repository.apply(batch)
        consumer = ChangeConsumer(repository, *was)
        await consumer.start()
        for batch in away:
            await repository.apply(batch)
        consumer.use_viewer(*comes_back_as)
        await consumer.consume()
        assert consumer.articles == await consumer.query()

    asyncio.run(scenario())


@given(st.lists(batches, max_size=3), st.lists(batches, max_size=3), st.lists(batches, max_size=5),
       viewers)  # fmt: skip
def test_consumer_ends_with_what_a_query_shows_whatever_backup_was_restored(
    saved, lost, later, viewer
):
    """It held what is there no more, and comes back when the store has gone on otherwise."""
    many = put(*(f"later-{number}" for number in range(20)))  # more than can have been lost

    async def scenario() -> None:
        repository = MemoryRepository()
        for batch in saved:
            await repository.apply(batch)
        backup = copy(repository)
        consumer = ChangeConsumer(repository, viewer)
        await consumer.start()
        for batch in lost:
            await repository.apply(batch)
        await consumer.consume()
        for batch in (*later, many):
            await backup.apply(batch)
        consumer.use_repository(backup)
        await consumer.consume()
        assert consumer.articles == await consumer.query()

    asyncio.run(scenario())


def test_changes_of_drafts_are_those_that_the_public_saw():
    """A draft's put is nothing, its publishing a PUT, its withdrawal a DELETE."""
    repository = written(
        put("a", published=False), put("a"), put("a", published=False), deleted("a"), put("b")
    )
    assert told(GraphClient(repository).query(PAGE)) == [
        ("PUT", "a"),
        ("DELETE", "a"),
        ("PUT", "b"),
    ]
    kinds = [kind for kind, _ in told(GraphClient(repository).as_viewer(EDITOR).query(PAGE))]
    assert kinds == ["PUT", "PUT", "PUT", "DELETE", "PUT"]


steps = st.lists(st.tuples(batches, st.none() | st.integers(0, 3)), min_size=1, max_size=6)


few_batches = st.lists(batches, max_size=3)
kept_changes = st.sampled_from([1, 3, 10_000])


@given(few_batches, steps, few_batches, st.tuples(viewers, st.just(MATCH_ALL) | filters),
       kept_changes)  # fmt: skip
def test_consumer_ends_with_what_a_query_shows(before, steps, live, who_wants_what, kept):
    """Whatever is written, filtered, forgotten and disconnected, and wherever the client began."""

    async def scenario() -> None:
        repository = MemoryRepository(history_limit=kept)
        for batch in before:
            await repository.apply(batch)
        consumer = ChangeConsumer(repository, *who_wants_what)
        await consumer.start()
        for batch, heard in steps:
            await repository.apply(batch)
            await consumer.consume(heard)
        await consumer.consume(batches=live)
        assert consumer.articles == await consumer.query()
        assert consumer.repeated_revisions() == []

    asyncio.run(scenario())


@given(st.lists(batches, min_size=1, max_size=5))
def test_consumer_is_told_of_no_draft(history):
    """No event of the public's names an article that has never been published."""

    async def scenario() -> None:
        repository = MemoryRepository()
        consumer = ChangeConsumer(repository, PUBLIC)
        for batch in history:
            await repository.apply(batch)
        await consumer.consume()
        published = {a.id for batch in history for a in batch.puts if a.published}
        assert {event.id for event in consumer.events} <= published

    asyncio.run(scenario())


def test_consumer_with_a_filter_is_not_told_of_new_articles_that_do_not_match():
    """What the public cannot have held is no DELETE; what may have matched before is one."""

    async def scenario() -> None:
        repository = MemoryRepository()
        wanted = of_heat(5)
        consumer = ChangeConsumer(repository, PUBLIC, wanted)
        await repository.apply(put("cold", heat=1))
        await repository.apply(put("hot", heat=9))
        await consumer.consume()
        await repository.apply(put("hot", heat=2))
        await consumer.consume()
        told = [(event.kind, short(event.slug)) for event in consumer.events]
        assert told == [(EventKind.PUT, "hot"), (EventKind.DELETE, "hot")]

    asyncio.run(scenario())


def test_consumer_with_a_filter_goes_by_topics_as_the_tree_names_them_now():
    """A topic that gets another name in the tree brings other articles: a gap, then these."""

    async def scenario() -> None:
        repository = MemoryRepository()
        consumer = ChangeConsumer(repository, PUBLIC, of_topic("tides"))
        await repository.apply(put("old", topics=("The Sea",)))
        await consumer.consume(batches=[named("tides", "The Sea"), put("new", topics=("The Sea",))])
        told = [(event.kind, event.slug and short(event.slug)) for event in consumer.events]
        assert told == [(EventKind.GAP, None), (EventKind.PUT, "new")]
        assert {article.slug for article in consumer.articles.values()} == {
            article(name).slug for name in ("old", "new")
        }
        await consumer.consume(batches=[named("tides", "Tides"), put("new", heat=1)])
        assert consumer.articles == await consumer.query() == {}

    asyncio.run(scenario())


def named(slug: str, name: str) -> Batch:
    """A batch after which the topic tree has this topic alone."""
    return Batch(topics=(TopicDefinition(slug=slug, name=name),))


def of_topic(slug: str) -> Condition:
    """Articles about a topic."""
    return Condition(Field.TOPICS, Operator.SOME, (slug,))


both = pytest.mark.parametrize("wanted", [MATCH_ALL, of_topic("tides")], ids=["all", "some"])


def back_after(*away: Batch, wanted: Filter) -> list[tuple[EventKind, str | None]]:
    """The events for a consumer with a filter on "tides" that reconnects after batches."""
    repository = written(named("tides", "The Sea"), put("old", topics=("Oceans",)))
    consumer = ChangeConsumer(repository, PUBLIC, wanted)
    asyncio.run(consumer.start())
    for batch in away:
        asyncio.run(repository.apply(batch))
    asyncio.run(consumer.consume())
    assert consumer.articles == asyncio.run(consumer.query())
    told = [(event.kind, short(event.slug)) for event in consumer.events]
    asyncio.run(consumer.consume())
    assert len(told) == len(consumer.events)
    return told


@both
def test_consumer_that_comes_back_is_told_that_topics_were_renamed(wanted):
    """A gap, once: by which names it knew its topics is in its cursor."""
    oceans = named("tides", "Oceans")
    assert back_after(oceans, wanted=wanted) == [(EventKind.GAP, None)]
    away = [oceans, put("new", topics=("Oceans",))]
    assert back_after(*away, wanted=wanted) == [(EventKind.GAP, None)]


@both
def test_consumer_that_comes_back_is_told_that_a_topic_is_spelt_otherwise(wanted):
    """Articles show its name, also where the same articles are about it."""
    assert back_after(named("tides", "the sea"), wanted=wanted) == [(EventKind.GAP, None)]


@both
def test_consumer_that_comes_back_to_the_same_names_is_told_no_gap(wanted):
    """What else changes in the tree, or changes and is changed back, is no gap."""
    keywords = TopicDefinition(slug="tides", name="The Sea", keywords=("ebb",))
    away = [named("tides", "Oceans"), Batch(topics=(keywords,)), put("new", topics=("Tides",))]
    assert back_after(*away, wanted=wanted) == [(EventKind.PUT, "new")]


def test_consumer_without_a_filter_is_told_at_once_that_topics_were_renamed():
    """Its articles show the topics' names: with the gap it reads them as they are now."""

    async def scenario() -> None:
        repository = MemoryRepository()
        consumer = ChangeConsumer(repository, PUBLIC)
        await repository.apply(put("old", topics=("Tides",)))
        await consumer.start()
        await consumer.consume(batches=[named("tides", "The Sea"), put("new")])
        told = [(event.kind, event.slug and short(event.slug)) for event in consumer.events]
        assert told == [(EventKind.GAP, None), (EventKind.PUT, "new")]

    asyncio.run(scenario())


def test_changes_by_query_are_a_gap_once_topics_were_renamed():
    """As by subscription: then on from there."""
    repository = written(named("tides", "The Sea"), put("old", topics=("Tides",)))
    [*_, last] = GraphClient(repository).query(PAGE)["changes"]["nodes"]
    asyncio.run(repository.apply(named("tides", "Oceans")))
    asyncio.run(repository.apply(put("new")))
    answer = GraphClient(repository).query(PAGE, after=last["cursor"])
    assert told(answer) == [("GAP", None)]
    asyncio.run(repository.apply(put("newer")))
    after = answer["changes"]["pageInfo"]["endCursor"]
    assert told(GraphClient(repository).query(PAGE, after=after)) == [("PUT", "newer")]


class Behind:
    """A process that has not seen what another one has written, and then sees all at once."""

    def __init__(self, behind: Snapshot, now: Snapshot) -> None:
        self._behind = behind
        self._now = now

    async def snapshot(self) -> Snapshot:
        """See `Repository`."""
        return self._behind

    async def wait(self, version: str) -> Snapshot:
        """See `Repository`. Raises: CaughtUpError: there is no more news to come."""
        if version == self._now.version:
            raise CaughtUpError
        return self._now


def test_consumer_that_comes_to_a_process_that_is_behind_is_told_of_renamed_topics():
    """What the cursor knows is compared with the state from which the process goes on."""
    repository = written(named("tides", "The Sea"), put("old", topics=("Oceans",)))
    behind = repository.current()
    asyncio.run(repository.apply(put("new", topics=("Oceans",))))
    wanted = {"topics": {"some": ["Tides"]}}
    after = GraphClient(repository).query(PAGE, filter=wanted)["changes"]["latestCursor"]
    asyncio.run(repository.apply(named("tides", "Oceans")))

    async def heard() -> EventKind:
        source = Behind(behind, repository.current())
        info: Any = Namespace(context=Context(behind, PUBLIC, source=source))
        filter = ArticleFilter(topics=ListFilter(some=["Tides"]))
        told = await subscribe_to_changes(info, after, filter)
        async with aclosing(told):
            event, _ = await anext(told)
        return event.kind

    assert asyncio.run(heard()) is EventKind.GAP


names = st.sampled_from(["Tides", "The Sea", "Sea"])
sea_changes = st.one_of(
    st.builds(named, st.sampled_from(["tides", "sea"]), names),
    st.builds(lambda slug, topic: put(slug, topics=(topic,)), st.sampled_from("ab"), names),
)


few_sea_changes = st.lists(sea_changes, max_size=3)


@given(few_sea_changes, few_sea_changes, st.lists(sea_changes, max_size=6), viewers)
def test_consumer_ends_with_what_a_query_shows_whatever_topics_are_called(
    before, away, live, viewer
):
    """Articles and the names of topics change while it is away and while it listens."""

    async def scenario() -> None:
        repository = MemoryRepository()
        for batch in before:
            await repository.apply(batch)
        consumer = ChangeConsumer(repository, viewer, of_topic("sea"))
        await consumer.start()
        for batch in away:
            await repository.apply(batch)
        await consumer.consume()
        assert consumer.articles == await consumer.query()
        await consumer.consume(batches=live)
        assert consumer.articles == await consumer.query()

    asyncio.run(scenario())


def of_heat(least: int) -> Condition:
    """Articles that are so hot."""
    return Condition(Field.HEAT, Operator.GTE, least)
