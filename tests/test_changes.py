"""The history as clients read it: pages, gaps, visibility, and following without loss."""

from __future__ import annotations

import asyncio
from copy import copy
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gql.schema.following import EventKind
from gql.viewer import PUBLIC, Scope, Viewer
from store import (
    EVERYTHING,
    Batch,
    Condition,
    Field,
    Filter,
    MemoryRepository,
    Operator,
    change_cursor,
    decode_change_cursor,
)
from store.cursors import encode_cursor
from store.errors import CursorError
from store.model import TopicDefinition

from .followers import Follower
from .graph import Graph
from .sites import article
from .store_strategies import batches, filters

EDITOR = Viewer({Scope.READ_DRAFTS})
PAGE = """query ($after: String, $first: Int) { changes(after: $after, first: $first) {
  nodes { cursor kind id slug at article { slug title } } edges { cursor node { cursor } }
  pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"""
viewers = st.sampled_from([PUBLIC, EDITOR])


def written(*batches_: Batch, kept: int = 10_000) -> MemoryRepository:
    """A store after these batches."""
    repository = MemoryRepository(history_limit=kept)

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


times = st.datetimes(datetime(1971, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # made so


@given(st.integers(0, 2**62), st.none() | times, st.text())
def test_change_cursor_comes_back_as_it_went(revision, at, topics):
    """A cursor is opaque to clients and exact to us."""
    assert decode_change_cursor(change_cursor(revision, at, topics)) == (revision, at, topics)


def test_change_cursor_of_an_earlier_version_is_taken():
    """One that names a revision and nothing else goes on from there."""
    assert decode_change_cursor("WyJjIiwyXQ") == (2, None, "")
    graph = Graph(written(put("a", "b", "c")))
    assert told(graph.ask(PAGE, after="WyJjIiwyXQ")) == [("PUT", "c")]


FOREIGN = [
    *("", "7", "WyJkIiwxXQ", "WyJjIiwieCJd", "WyJjIiwtMV0", "é"),
    *(
        encode_cursor("c", position)
        for position in ((-1, 1, ""), (1, -1, ""), (1, 2**62, ""), (1, 2))
    ),
]


@pytest.mark.parametrize("cursor", FOREIGN)
def test_changes_foreign_cursor_is_refused(cursor):
    """A cursor of another list, or of nobody's making, is an error and not the beginning."""
    with pytest.raises(CursorError):
        decode_change_cursor(cursor)
    code, message = Graph(written()).refusal(PAGE, after=cursor)
    assert code == "BAD_CURSOR"
    assert cursor in message


def test_changes_show_each_step_and_the_article_as_it_is_now():
    """Oldest first; an article that has gone since is null, and so is that of a DELETE."""
    graph = Graph(written(put("a", "b"), put("a", title="Newer"), deleted("b")))
    nodes = graph.ask(PAGE)["changes"]["nodes"]
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
    graph = Graph(written(put("a", "b", "c"), deleted("b"), put("d"), put("a", title="Newer")))
    whole = graph.ask(PAGE)["changes"]["nodes"]
    after, pages = None, []
    while True:
        page = graph.ask(PAGE, after=after, first=first)["changes"]
        assert [edge["cursor"] for edge in page["edges"]] == [n["cursor"] for n in page["nodes"]]
        assert page["pageInfo"]["hasPreviousPage"] == (after is not None)
        pages += page["nodes"]
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    assert pages == whole
    assert graph.ask(PAGE, after=page["pageInfo"]["endCursor"])["changes"]["nodes"] == []


@pytest.mark.parametrize("first", [-1, 101])
def test_changes_page_size_is_held_to_its_bounds(first):
    """As of any other list."""
    assert Graph(written()).refusal(PAGE, first=first)[0] == "BAD_PAGE_SIZE"


def test_changes_before_the_kept_history_are_a_gap():
    """A cursor older than what is kept gives one GAP first, from which all that is kept follows."""
    graph = Graph(written(put("a", "b", "c", "d"), kept=2))
    for after in (None, change_cursor(1)):
        answer = graph.ask(PAGE, after=after)
        assert told(answer) == [("GAP", None), ("PUT", "c"), ("PUT", "d")]
        assert not answer["changes"]["pageInfo"]["hasPreviousPage"]
    [gap] = graph.ask(PAGE, first=1)["changes"]["nodes"]
    assert told(graph.ask(PAGE, after=gap["cursor"])) == [("PUT", "c"), ("PUT", "d")]


def test_changes_kept_to_the_cursor_are_no_gap():
    """The oldest cursor from which nothing is missing gives none."""
    graph = Graph(written(put("a", "b", "c", "d"), kept=2))
    assert told(graph.ask(PAGE, after=change_cursor(2))) == [("PUT", "c"), ("PUT", "d")]


def test_changes_after_a_cursor_from_the_future_are_a_gap():
    """A restored backup has not reached what clients have seen, so they are told."""
    graph = Graph(written(put("a")))
    answer = graph.ask(PAGE, after=change_cursor(1_000))
    assert told(answer) == [("GAP", None)]
    assert told(graph.ask(PAGE, after=answer["changes"]["nodes"][0]["cursor"])) == []


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
    restored = Graph(went_on(backup, put("d"), put("e"), put("f")))
    seen = [node["cursor"] for node in Graph(lost).ask(PAGE)["changes"]["nodes"]]
    assert told(restored.ask(PAGE, after=seen[0])) == [("PUT", "d"), ("PUT", "e"), ("PUT", "f")]
    assert told(restored.ask(PAGE, after=seen[1])) == [("GAP", None), ("PUT", "e"), ("PUT", "f")]
    assert told(restored.ask(PAGE, after=seen[2])) == [("GAP", None), ("PUT", "f")]


@given(st.lists(batches, max_size=3), st.lists(batches, max_size=3), st.lists(batches, max_size=5),
       viewers)  # fmt: skip
def test_follower_ends_with_what_a_query_shows_whatever_backup_was_restored(
    saved, lost, later, viewer
):
    """It held what is there no more, and comes back when the store has gone on otherwise."""
    many = put(*(f"later-{number}" for number in range(20)))  # more than can have been lost

    async def scenario() -> None:
        repository = MemoryRepository()
        for batch in saved:
            await repository.apply(batch)
        backup = copy(repository)
        follower = Follower(repository, viewer)
        await follower.begin()
        for batch in lost:
            await repository.apply(batch)
        await follower.listen()
        for batch in (*later, many):
            await backup.apply(batch)
        follower.turn_to(backup)
        await follower.listen()
        assert follower.articles == await follower.queried()

    asyncio.run(scenario())


def test_changes_of_drafts_are_those_that_the_public_saw():
    """A draft's put is nothing, its publishing a PUT, its withdrawal a DELETE."""
    repository = written(
        put("a", published=False), put("a"), put("a", published=False), deleted("a"), put("b")
    )
    assert told(Graph(repository).ask(PAGE)) == [("PUT", "a"), ("DELETE", "a"), ("PUT", "b")]
    kinds = [kind for kind, _ in told(Graph(repository).seen_by(EDITOR).ask(PAGE))]
    assert kinds == ["PUT", "PUT", "PUT", "DELETE", "PUT"]


steps = st.lists(st.tuples(batches, st.none() | st.integers(0, 3)), min_size=1, max_size=6)


few_batches = st.lists(batches, max_size=3)
kept_changes = st.sampled_from([1, 3, 10_000])


@given(few_batches, steps, few_batches, st.tuples(viewers, st.just(EVERYTHING) | filters),
       kept_changes)  # fmt: skip
def test_follower_ends_with_what_a_query_shows(before, steps, live, who_wants_what, kept):
    """Whatever is written, filtered, forgotten and disconnected, and wherever the client began."""

    async def scenario() -> None:
        repository = MemoryRepository(history_limit=kept)
        for batch in before:
            await repository.apply(batch)
        follower = Follower(repository, *who_wants_what)
        await follower.begin()
        for batch, heard in steps:
            await repository.apply(batch)
            await follower.listen(heard)
        await follower.listen(to_come=live)
        assert follower.articles == await follower.queried()
        assert follower.told_twice() == []

    asyncio.run(scenario())


@given(st.lists(batches, min_size=1, max_size=5))
def test_follower_is_told_of_no_draft(history):
    """No event of the public's names an article that has never been published."""

    async def scenario() -> None:
        repository = MemoryRepository()
        follower = Follower(repository, PUBLIC)
        for batch in history:
            await repository.apply(batch)
        await follower.listen()
        published = {a.id for batch in history for a in batch.puts if a.published}
        assert {event.id for event in follower.told} <= published

    asyncio.run(scenario())


def test_follower_with_a_filter_is_not_told_of_new_articles_that_do_not_match():
    """What the public cannot have held is no DELETE; what may have matched before is one."""

    async def scenario() -> None:
        repository = MemoryRepository()
        wanted = of_heat(5)
        follower = Follower(repository, PUBLIC, wanted)
        await repository.apply(put("cold", heat=1))
        await repository.apply(put("hot", heat=9))
        await follower.listen()
        await repository.apply(put("hot", heat=2))
        await follower.listen()
        told = [(event.kind, short(event.slug)) for event in follower.told]
        assert told == [(EventKind.PUT, "hot"), (EventKind.DELETE, "hot")]

    asyncio.run(scenario())


def test_follower_with_a_filter_goes_by_topics_as_the_tree_names_them_now():
    """A topic that gets another name in the tree brings other articles: a gap, then these."""

    async def scenario() -> None:
        repository = MemoryRepository()
        follower = Follower(repository, PUBLIC, of_topic("tides"))
        await repository.apply(put("old", topics=("The Sea",)))
        await follower.listen(to_come=[named("tides", "The Sea"), put("new", topics=("The Sea",))])
        told = [(event.kind, event.slug and short(event.slug)) for event in follower.told]
        assert told == [(EventKind.GAP, None), (EventKind.PUT, "new")]
        assert {article.slug for article in follower.articles.values()} == {
            article(name).slug for name in ("old", "new")
        }
        await follower.listen(to_come=[named("tides", "Tides"), put("new", heat=1)])
        assert follower.articles == await follower.queried() == {}

    asyncio.run(scenario())


def named(slug: str, name: str) -> Batch:
    """A batch after which the topic tree has this topic alone."""
    return Batch(topics=(TopicDefinition(slug=slug, name=name),))


def of_topic(slug: str) -> Condition:
    """Articles about a topic."""
    return Condition(Field.TOPICS, Operator.SOME, (slug,))


both = pytest.mark.parametrize("wanted", [EVERYTHING, of_topic("tides")], ids=["all", "some"])


def back_after(*away: Batch, wanted: Filter) -> list[tuple[EventKind, str | None]]:
    """What a follower is told that comes back after these batches, to a topic "tides"."""
    repository = written(named("tides", "The Sea"), put("old", topics=("Oceans",)))
    follower = Follower(repository, PUBLIC, wanted)
    asyncio.run(follower.begin())
    for batch in away:
        asyncio.run(repository.apply(batch))
    asyncio.run(follower.listen())
    assert follower.articles == asyncio.run(follower.queried())
    told = [(event.kind, short(event.slug)) for event in follower.told]
    asyncio.run(follower.listen())
    assert len(told) == len(follower.told)
    return told


@both
def test_follower_that_comes_back_is_told_that_topics_were_renamed(wanted):
    """A gap, once: by which names it knew its topics is in its cursor."""
    oceans = named("tides", "Oceans")
    assert back_after(oceans, wanted=wanted) == [(EventKind.GAP, None)]
    away = [oceans, put("new", topics=("Oceans",))]
    assert back_after(*away, wanted=wanted) == [(EventKind.GAP, None)]


@both
def test_follower_that_comes_back_is_told_that_a_topic_is_spelt_otherwise(wanted):
    """Articles show its name, also where the same articles are about it."""
    assert back_after(named("tides", "the sea"), wanted=wanted) == [(EventKind.GAP, None)]


@both
def test_follower_that_comes_back_to_the_same_names_is_told_no_gap(wanted):
    """What else changes in the tree, or changes and is changed back, is no gap."""
    keywords = TopicDefinition(slug="tides", name="The Sea", keywords=("ebb",))
    away = [named("tides", "Oceans"), Batch(topics=(keywords,)), put("new", topics=("Tides",))]
    assert back_after(*away, wanted=wanted) == [(EventKind.PUT, "new")]


def test_follower_without_a_filter_is_told_at_once_that_topics_were_renamed():
    """Its articles show the topics' names: with the gap it reads them as they are now."""

    async def scenario() -> None:
        repository = MemoryRepository()
        follower = Follower(repository, PUBLIC)
        await repository.apply(put("old", topics=("Tides",)))
        await follower.begin()
        await follower.listen(to_come=[named("tides", "The Sea"), put("new")])
        told = [(event.kind, event.slug and short(event.slug)) for event in follower.told]
        assert told == [(EventKind.GAP, None), (EventKind.PUT, "new")]

    asyncio.run(scenario())


def test_changes_by_query_are_a_gap_once_topics_were_renamed():
    """As by subscription: then on from there."""
    repository = written(named("tides", "The Sea"), put("old", topics=("Tides",)))
    [*_, last] = Graph(repository).ask(PAGE)["changes"]["nodes"]
    asyncio.run(repository.apply(named("tides", "Oceans")))
    asyncio.run(repository.apply(put("new")))
    answer = Graph(repository).ask(PAGE, after=last["cursor"])
    assert told(answer) == [("GAP", None)]
    asyncio.run(repository.apply(put("newer")))
    after = answer["changes"]["pageInfo"]["endCursor"]
    assert told(Graph(repository).ask(PAGE, after=after)) == [("PUT", "newer")]


names = st.sampled_from(["Tides", "The Sea", "Sea"])
sea_changes = st.one_of(
    st.builds(named, st.sampled_from(["tides", "sea"]), names),
    st.builds(lambda slug, topic: put(slug, topics=(topic,)), st.sampled_from("ab"), names),
)


few_sea_changes = st.lists(sea_changes, max_size=3)


@given(few_sea_changes, few_sea_changes, st.lists(sea_changes, max_size=6), viewers)
def test_follower_ends_with_what_a_query_shows_whatever_topics_are_called(
    before, away, live, viewer
):
    """Articles and the names of topics change while it is away and while it listens."""

    async def scenario() -> None:
        repository = MemoryRepository()
        for batch in before:
            await repository.apply(batch)
        follower = Follower(repository, viewer, of_topic("sea"))
        await follower.begin()
        for batch in away:
            await repository.apply(batch)
        await follower.listen()
        assert follower.articles == await follower.queried()
        await follower.listen(to_come=live)
        assert follower.articles == await follower.queried()

    asyncio.run(scenario())


def of_heat(least: int) -> Condition:
    """Articles that are so hot."""
    return Condition(Field.HEAT, Operator.GTE, least)
