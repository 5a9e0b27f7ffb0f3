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
from store.querying.predicates import uses_translations
from tests.support.change_consumer import CaughtUpError, ChangeConsumer
from tests.support.cursors import CURSORS, KEY, change_cursor
from tests.support.factories import article
from tests.support.graph_client import CARD, GraphClient
from tests.support.store_strategies import batches, filters

EDITOR = Viewer({Permission.READ_DRAFTS})
PAGE = """query ($after: String, $first: Int, $filter: ArticleFilter) {
  changes(after: $after, first: $first, filter: $filter) {
  nodes { cursor kind articleId deletedId slug at article { slug title } }
  edges { cursor node { cursor } } latestCursor
  pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"""
CURSOR = "query ($filter: ArticleFilter) { changesCursor(filter: $filter) }"
viewers = st.sampled_from([PUBLIC, EDITOR])


def written(*batches_: Batch, kept: int = 10_000) -> MemoryRepository:
    """A repository after these batches."""
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
    """The cursors of all changes."""
    return [node["cursor"] for node in graph.query(PAGE)["changes"]["nodes"]]


FOREIGN = ["", "7", "WyJkIiwxXQ", "é", CURSORS.encode("d-", (1, "a")), "x" * 55, "x" * 57, "=" * 56]


@pytest.mark.parametrize("cursor", FOREIGN)
def test_changes_text_that_is_no_change_cursor_is_refused(cursor):
    """An invalid cursor, or one of another list, is an error."""
    code, message = GraphClient(written()).error(PAGE, after=cursor)
    assert code == "BAD_CURSOR"
    assert cursor[:40] in message


@pytest.mark.parametrize("cursor", ["x" * 56, "WyJjIiwyXQ", "WyJjIiwyLDE3OTM2MTE5MjA0NzI4MjJd"])
def test_changes_after_a_cursor_of_another_store_are_a_gap(cursor):
    """A cursor of another or of a former store gives a gap, so that consumers can continue."""
    graph = GraphClient(written(put("a")))
    [gap] = graph.query(PAGE, after=cursor)["changes"]["nodes"]
    assert gap["kind"] == "GAP"
    assert told(graph.query(PAGE, after=gap["cursor"])) == []


def test_changes_show_each_step_and_the_article_as_it_is_now():
    """Changes are ordered from old to new; the article of a deleted one is null."""
    graph = GraphClient(written(put("a", "b"), put("a", title="Newer"), deleted("b")))
    nodes = graph.query(PAGE)["changes"]["nodes"]
    assert [(n["kind"], short(n["slug"]), (n["article"] or {}).get("title")) for n in nodes] == [
        ("PUT", "a", "Newer"),
        ("PUT", "b", None),
        ("PUT", "a", "Newer"),
        ("DELETE", "b", None),
    ]
    assert nodes[0]["articleId"] == article("a").id
    ids = [(n["articleId"], n["deletedId"]) for n in nodes[2:]]
    assert ids == [(article("a").id, None), (article("b").id, article("b").id)]


def test_change_has_no_identity_that_caches_would_take_for_another_objects():
    """Caches merge objects of one type and `id` (Apollo, urql), or of one `id` (Relay)."""
    fields = GraphClient(written()).query('{ __type(name: "Change") { fields { name } } }')
    names = {field["name"] for field in fields["__type"]["fields"]}
    assert {"articleId", "deletedId"} <= names
    assert not names & {"id", "_id", "key"}


@given(first=st.integers(1, 4))
def test_changes_pages_hold_the_whole_history_once(first):
    """All pages together equal the whole history."""
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
    """The page size has the limits of other lists."""
    assert GraphClient(written()).error(PAGE, first=first)[0] == "BAD_PAGE_SIZE"


def test_changes_before_the_kept_history_are_a_gap():
    """A cursor before the retained history gives a GAP up to the newest change."""
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
    """Without a cursor, the GAP ends at the oldest retained change, and the rest follows."""
    graph = GraphClient(written(put("a", "b", "c", "d"), kept=3))
    assert told(graph.query(PAGE)) == [("GAP", None), ("PUT", "c"), ("PUT", "d")]
    after, has_next, pages = None, True, []
    while has_next:
        page = graph.query(PAGE, after=after, first=first)["changes"]
        pages += [node["kind"] for node in page["nodes"]]
        after, has_next = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
    assert pages == ["GAP", "PUT", "PUT"]


def test_changes_after_a_cursor_from_the_future_are_a_gap():
    """A restored backup may be older than a cursor, which gives a gap."""
    backup = written(put("a"))
    *_, ahead = places(GraphClient(went_on(backup, put("b", "c"))))
    graph = GraphClient(backup)
    answer = graph.query(PAGE, after=ahead)
    assert told(answer) == [("GAP", None)]
    assert told(graph.query(PAGE, after=answer["changes"]["nodes"][0]["cursor"])) == []


def went_on(repository: MemoryRepository, *batches_: Batch) -> MemoryRepository:
    """A copy of a store, as from a backup, after these batches."""
    other = copy(repository)
    for batch in batches_:
        asyncio.run(other.apply(batch))
    return other


def test_changes_after_a_cursor_that_a_restored_backup_has_outgrown_are_a_gap():
    """A revision that is another change after a restore gives a gap."""
    backup = written(put("a"))
    lost = went_on(backup, put("b", "c"))
    restored = GraphClient(went_on(backup, put("d"), put("e"), put("f")))
    seen = places(GraphClient(lost))
    assert told(restored.query(PAGE, after=seen[0])) == [("PUT", "d"), ("PUT", "e"), ("PUT", "f")]
    assert told(restored.query(PAGE, after=seen[1])) == [("GAP", None)]
    assert told(restored.query(PAGE, after=seen[2])) == [("GAP", None)]


@pytest.mark.parametrize("viewer", [PUBLIC, EDITOR])
def test_changes_place_of_a_request_is_the_one_of_all_that_it_shows(viewer):
    """The latest cursor of a request belongs to the snapshot of all its reads."""
    repository = written(put("a"), put("draft", published=False))
    graph = GraphClient(repository).as_viewer(viewer)
    answer = graph.query(f"{{ changesCursor articles {CARD} }}")
    asyncio.run(repository.apply(put("b")))
    held = {short(node["slug"]) for node in answer["articles"]["nodes"]}
    after = answer["changesCursor"]
    assert told(graph.query(PAGE, after=after)) == [("PUT", "b")]
    now = graph.query(f"{{ articles {CARD} }}")["articles"]["nodes"]
    assert held | {"b"} == {short(node["slug"]) for node in now}


def test_changes_in_a_request_are_of_its_snapshot():
    """The GAP of a response belongs to the snapshot of its articles."""
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
    """An empty page has an end cursor, with a filter, too."""
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
    """Public cursors do not change when a draft is written."""
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
    """After a change of rights, an earlier cursor gives a gap."""
    graph = GraphClient(written(put("a")))
    after = graph.as_viewer(before).query(PAGE)["changes"]["latestCursor"]
    found = told(graph.as_viewer(now).query(PAGE, after=after))
    assert found == ([] if before is now else [("GAP", None)])


@pytest.mark.parametrize("viewer", [PUBLIC, EDITOR, SECURED])
@pytest.mark.parametrize("wanted", [None, {"heat": {"gte": 5}}, {"topics": {"some": ["Tides"]}}])
def test_changes_cursor_is_that_of_the_same_filter_and_rights(viewer, wanted):
    """It is the cursor of the newest change that the viewer may see, also of an empty history."""
    for repository in (written(), written(put("a"), put("draft", published=False))):
        graph = GraphClient(repository).as_viewer(viewer)
        cursor = graph.query(CURSOR, filter=wanted)["changesCursor"]
        page = graph.query(PAGE, filter=wanted, first=0)["changes"]
        assert cursor == page["latestCursor"]
        assert told(graph.query(PAGE, after=cursor, filter=wanted)) == []
        asyncio.run(repository.apply(put("hot", heat=9, topics=("Tides",))))
        assert told(graph.query(PAGE, after=cursor, filter=wanted)) == [("PUT", "hot")]


def test_changes_cursor_does_not_move_with_drafts():
    """Nor is a filter that no list takes good for a cursor."""
    repository = written(put("a"))
    graph = GraphClient(repository)
    before = graph.query(CURSOR)
    asyncio.run(repository.apply(put("draft", published=False)))
    assert graph.query(CURSOR) == before
    assert graph.error(CURSOR, filter={})[0] == "BAD_FILTER"


def test_changes_after_a_cursor_of_another_filter_are_a_gap():
    """A cursor of another filter gives a gap."""
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
    """After a change of rights and filter, the consumer's copy equals a query."""

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
    """After a restore and further writes, the consumer's copy equals a query."""
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
    """For the public, publishing is a PUT, withdrawal a DELETE, and a put of a draft nothing."""
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
    """The consumer's copy equals a query, whatever is written, filtered or evicted."""

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
        # Under a chain of locales a change has several events.
        assert uses_translations(who_wants_what[1]) or consumer.repeated_revisions() == []

    asyncio.run(scenario())


@given(st.lists(batches, min_size=1, max_size=5))
def test_consumer_is_told_of_no_draft(history):
    """No public event names an article that was never published."""

    async def scenario() -> None:
        repository = MemoryRepository()
        consumer = ChangeConsumer(repository, PUBLIC)
        for batch in history:
            await repository.apply(batch)
        await consumer.consume()
        published = {a.id for batch in history for a in batch.puts if a.published}
        assert {event.article_id for event in consumer.events} <= published

    asyncio.run(scenario())


def test_consumer_with_a_filter_is_not_told_of_new_articles_that_do_not_match():
    """A DELETE comes only for articles that may have matched before."""

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
    """A renamed topic changes the articles of a filter, which is a gap."""

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
    """A batch that makes this topic the whole tree."""
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
    """One gap after a rename: the cursor contains a digest of the topic names."""
    oceans = named("tides", "Oceans")
    assert back_after(oceans, wanted=wanted) == [(EventKind.GAP, None)]
    away = [oceans, put("new", topics=("Oceans",))]
    assert back_after(*away, wanted=wanted) == [(EventKind.GAP, None)]


@both
def test_consumer_that_comes_back_is_told_that_a_topic_is_spelt_otherwise(wanted):
    """A new spelling of a name is a gap, because articles show it."""
    assert back_after(named("tides", "the sea"), wanted=wanted) == [(EventKind.GAP, None)]


@both
def test_consumer_that_comes_back_to_the_same_names_is_told_no_gap(wanted):
    """Other changes of the tree, or a rename that was reverted, are no gap."""
    keywords = TopicDefinition(slug="tides", name="The Sea", keywords=("ebb",))
    away = [named("tides", "Oceans"), Batch(topics=(keywords,)), put("new", topics=("Tides",))]
    assert back_after(*away, wanted=wanted) == [(EventKind.PUT, "new")]


def test_consumer_without_a_filter_is_told_at_once_that_topics_were_renamed():
    """A rename is a gap for connected consumers, too."""

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
    """A query gets the gap once, as a subscription does."""
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
    """A repository that lags behind another process, and then catches up at once."""

    def __init__(self, behind: Snapshot, now: Snapshot) -> None:
        self._behind = behind
        self._now = now

    async def snapshot(self) -> Snapshot:
        """See `Repository`."""
        return self._behind

    async def wait(self, version: str) -> Snapshot:
        """See `Repository`. Raises: CaughtUpError: there are no more changes."""
        if version == self._now.version:
            raise CaughtUpError
        return self._now


def test_consumer_that_comes_to_a_process_that_is_behind_is_told_of_renamed_topics():
    """The topic names of a cursor are compared with the state at the process that lags behind."""
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
    """The consumer's copy equals a query, whatever topics are renamed."""

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
    """Articles with at least this heat."""
    return Condition(Field.HEAT, Operator.GTE, least)
