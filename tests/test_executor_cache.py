"""What compiled execution keeps: within its bytes, and never longer than it is true."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gql.executor.alongside import Alongside
from gql.executor.cache import FragmentCache
from gql.executor.fragments import (
    LINK_BYTES,
    SEEN_BYTES,
    DocumentFragments,
    Entry,
    Shown,
    entry_of,
    page_key,
)
from gql.executor.operation_plan import MAX_BAILS
from gql.http import GraphQLRequest
from gql.schema import Context
from gql.viewer import PUBLIC, Scope, Viewer
from store import Batch, MemoryRepository, Place, Repository, Snapshot, TinyDBRepository
from store.model import Article, ProviderMention, Related, TopicDefinition

from .differential import ExecutorPair
from .repository_contract import an_article
from .watched_snapshot import WatchedSnapshot

CARD = """{ articles { nodes {
  slug title provider { name articleCount }
  topics { name keywords parent { name } children { slug } }
  related { title article { title } }
} } }"""
STORY = an_article(
    "story",
    domain="post.example",
    topics=("Tides",),
    related=(Related(title="Told elsewhere", web_url="https://news.example/other"),),
)
OTHER = an_article("other", day=2, domain="news.example", web_url="https://news.example/other")
TREE = (
    TopicDefinition(slug="tides", name="Tides", keywords=("ebb",)),
    TopicDefinition(slug="sea", name="Sea"),
)


def changed(article: Article, **fields: Any) -> Batch:
    """A batch that changes an article."""
    return Batch(puts=(msgspec.structs.replace(article, **fields),))


@pytest.fixture
def anyio_backend() -> str:
    """The event loop that the program runs on."""
    return "asyncio"


@pytest.fixture(params=["memory", "tinydb"])
async def repository(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Repository]:
    """A store with two articles and two topics, on each engine."""
    made: Repository = MemoryRepository()
    if request.param == "tinydb":
        made = TinyDBRepository.open(tmp_path / "store.json")
    await made.apply(Batch(puts=(STORY, OTHER), topics=TREE))
    yield made
    await made.close()


def asker(ways: ExecutorPair) -> Callable[..., Awaitable[Any]]:
    """Asks the same request both ways; the decoded answer, which has to be compiled."""

    async def ask(text: str, snapshot: Snapshot, viewer: Viewer = PUBLIC) -> Any:
        result = await ways.check(GraphQLRequest(query=text), snapshot, viewer)
        assert result.way == "compiled"
        return json.loads(result.body)["data"]

    return ask


@pytest.mark.anyio
@pytest.mark.parametrize(
    "write",
    [
        changed(OTHER, provider=ProviderMention(domain="post.example", name="Renamed")),
        changed(OTHER, provider=ProviderMention(domain="news.example", name="Renamed")),
        changed(OTHER, title="Another title"),
        changed(OTHER, published=False),
        changed(OTHER, web_url=None),
        changed(STORY, metadata={"new": True}, title="New"),
        Batch(deletes=(OTHER.id,)),
        Batch(puts=(an_article("third", day=3, topics=("Tides",)),)),
        Batch(topics=(TopicDefinition(slug="tides", name="Tides", parent="sea"), TREE[1])),
        Batch(topics=(TopicDefinition(slug="tides", name="Renamed"), TREE[1])),
        Batch(topics=(*TREE, TopicDefinition(slug="neap", name="Neap", parent="tides"))),
        Batch(topics=()),
    ],
)
async def test_fragment_never_outlives_what_it_shows(repository, write):
    """Every write shows at once, whatever other document it changed; what was before shows not."""
    ask = asker(ExecutorPair())
    before = await repository.snapshot()
    old = await ask(CARD, before)
    await repository.apply(write)
    after = await repository.snapshot()
    new = await ask(CARD, after)
    assert new != old
    assert await ask(CARD, before) == old
    assert await ask(CARD, after) == new


@pytest.mark.anyio
async def test_results_are_kept_when_they_are_asked_for_again(repository):
    """What is asked once takes hardly any room; no answer depends on that."""
    ways, snapshot = ExecutorPair(), await repository.snapshot()
    request = GraphQLRequest(query=CARD)
    counts, answers = [], set()
    for _ in range(3):
        result = await ways.compiled(request, Context(snapshot, PUBLIC, ways.sizes))
        answers.add((result.way, result.body))
        counts.append(sum(b"Told elsewhere" in entry.json for entry in kept(ways.compiled.cache)))
    assert len(answers) == 1
    assert counts == [0, 1, 1]


@pytest.mark.anyio
async def test_where_several_keys_lead_is_known_from_each_of_them(repository):
    """New combinations of topics that were shown before need not be asked for, in any order."""
    alone = [("Energy",), ("Ocean",), ("energy",)]
    combinations = [*alone, ("Ocean", "energy", "Energy"), ("Energy", "Ocean")]
    stories = [an_article(f"n{n}", topics=topics) for n, topics in enumerate(combinations)]
    await repository.apply(Batch(puts=tuple(stories)))
    ways, watched = ExecutorPair(), WatchedSnapshot(await repository.snapshot())
    text = """query ($slug: String!) {
      article(by: {slug: $slug}) { provider { name } topics { name } }
    }"""

    async def ask(story: Article) -> Any:
        request = GraphQLRequest(query=text, variables={"slug": story.slug})
        result = await ways.compiled(request, Context(watched, PUBLIC, ways.sizes))
        return [topic["name"] for topic in json.loads(result.body)["data"]["article"]["topics"]]

    for story in stories[: len(alone)] * 3:
        await ask(story)
    watched.calls.clear()
    assert [await ask(story) for story in stories[len(alone) :]] == [
        ["Ocean", "Energy"],
        ["Energy", "Ocean"],
    ]
    assert {name for name, _ in watched.calls} == {"get_many"}


@pytest.mark.anyio
async def test_what_clients_look_up_is_not_remembered_as_links(repository):
    """They choose what they ask for, and how long it is; only documents' own links are kept."""
    ways, snapshot = ExecutorPair(), await repository.snapshot()
    text = """query ($slug: String!) {
      one: article(by: {slug: $slug}) { title provider { name } topics { name } }
      same: article(by: {slug: $slug}) { title }
    }"""
    for slug in (STORY.slug, OTHER.slug, STORY.slug, OTHER.slug, "x" * 1_000, "y" * 1_000):
        await ways.check(GraphQLRequest(query=text, variables={"slug": slug}), snapshot)
    links = [keys for each in ways.compiled.cache.sections for keys in each.links(None)]
    assert sorted(links) == [(), ("Tides",), ("news.example",), ("post.example",)]


def kept(cache: FragmentCache) -> list[Entry]:
    """All results that are kept."""
    return [entry for section in cache.sections for entry in section.entries.values()]


@pytest.mark.anyio
async def test_related_article_comes_back_when_published_again(repository):
    """A link that led nowhere leads somewhere again."""
    ask = asker(ExecutorPair())
    shown = []
    for published in (True, False, True):
        await repository.apply(changed(OTHER, published=published))
        nodes = (await ask(CARD, await repository.snapshot()))["articles"]["nodes"]
        shown.append(nodes[-1]["related"][0]["article"] is not None)
    assert shown == [True, False, True]


@pytest.mark.anyio
async def test_fragments_of_drafts_stay_with_those_who_may_see_them(repository):
    """What was rendered for one role is not found by another."""
    await repository.apply(changed(OTHER, published=False))
    snapshot, ask = await repository.snapshot(), asker(ExecutorPair())
    editor = Viewer({Scope.READ_DRAFTS})
    for viewer, count in [(editor, 2), (PUBLIC, 1), (editor, 2)]:
        nodes = (await ask(CARD, snapshot, viewer))["articles"]["nodes"]
        assert len(nodes) == count
        assert (nodes[-1]["related"][0]["article"] is None) is (viewer is PUBLIC)


@pytest.mark.anyio
@pytest.mark.parametrize("capacity_bytes", [0, 500, 1_500, 5_000])
async def test_answers_are_whole_though_there_is_no_room_to_keep_them(repository, capacity_bytes):
    """Results that are dropped while an answer is made are in it all the same."""
    many = tuple(an_article(f"n{n}", day=3 + n, topics=("Tides", "Sea")) for n in range(5))
    await repository.apply(Batch(puts=many))
    ask = asker(ExecutorPair(capacity_bytes=capacity_bytes))
    for text in (CARD, "{ articles { nodes { id title } } }", CARD):
        assert len((await ask(text, await repository.snapshot()))["articles"]["nodes"]) == 3


@pytest.mark.anyio
async def test_plan_that_keeps_failing_is_given_up_and_tried_again(repository):
    """Requests go the reference's way at once; a plan that works again is used again."""
    ways, snapshot = ExecutorPair(), await repository.snapshot()
    text = "query ($after: String) { articles(after: $after) { totalCount } }"
    for number in range(MAX_BAILS + 1):
        bad = GraphQLRequest(query=text, variables={"after": f"zzz{number}"})
        await ways.check(bad, snapshot)
    surprises = ways.compiled.counts["surprise"]
    assert surprises == MAX_BAILS + 1
    found = [
        (await ways.check(GraphQLRequest(query=text, variables={}), snapshot)).way
        for _ in range(2 * MAX_BAILS + 2)
    ]
    assert found[0] == "reference"
    assert found[-1] == "compiled"
    assert ways.compiled.counts["surprise"] == surprises


class Item(msgspec.Struct, frozen=True):
    """A document as far as the cache cares."""

    id: str


ITEMS = [Item(name) for name in "abcdef"]
steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 2), st.sampled_from(ITEMS), st.integers(0, 1_500)),
        st.tuples(st.just("page"), st.integers(0, 2), st.integers(0, 6), st.integers(0, 6)),
        st.tuples(st.just("at"), st.integers(0, 2), st.sampled_from(["v1", "v2"]), st.none()),
        st.tuples(st.just("see"), st.integers(0, 2), st.sampled_from(ITEMS), st.none()),
        st.tuples(st.just("link"), st.integers(0, 2), st.sampled_from(ITEMS), st.none()),
    ),
    min_size=5,
    max_size=60,
)


def put(section: DocumentFragments, item: Item, json: bytes) -> None:
    """Keep a result."""
    section.put(item.id, entry_of(item, (), json, None))


@given(steps, st.integers(0, 3_000), st.booleans())
def test_fragment_cache_stays_within_its_bytes(steps, capacity_bytes, backwards):
    """The bytes counted are those held, never more than allowed; nothing is found uncounted."""
    cache = FragmentCache(capacity_bytes)
    sections = [DocumentFragments(cache, lasting=number > 0) for number in range(3)]
    for kind, number, what, size in steps:
        section = sections[number]
        if kind == "at":
            section.at(what)
        elif kind == "put":
            put(section, what, what.id.encode() * size)
        elif kind == "see":
            section.see([what.id], None)
        elif kind == "link":
            section.keep_links(None, {(what.id,): what}, {what.id: Shown("", what)}, {what.id})
        else:
            start, end = sorted((what, size))
            keep_page(section, Place(ITEMS, start, end, backwards))
        assert cache.size_bytes == sum(map(held_bytes, sections)) <= capacity_bytes
        for section in sections:
            assert section.current.keys() <= section.entries.keys()
            assert section.entries.keys() >= {keys[0] for keys in section.links(None)}
            assert section.entries.keys() >= section.singles(None).keys()


def keep_page(section: DocumentFragments, place: Place) -> None:
    """Keep the results of a page along its list, and see that just they are found there."""
    items = ITEMS[place.start : place.end]
    if place.backwards:
        items.reverse()
    keys = [item.id for item in items]
    results = [section.current[key].json for key in keys if key in section.current]
    part = page_key(place, None)
    section.keep_page(part, place.whole, keys)
    found = section.page(part)
    assert found is None or b"".join(found) == b"".join(result + b"," for result in results)
    assert section.page(page_key(place, "another variant")) is None


@given(st.integers(1, 200), st.lists(st.tuples(st.integers(0, 200), st.integers(0, 200))))
def test_results_along_a_list_are_those_that_were_put(length, pages):
    """A page is there as soon as each of its results is, in whatever pages they came."""
    texts = [b"%d" % number for number in range(length)]
    alongside = Alongside(texts)
    known: set[int] = set()
    for page in pages:
        start, end = (min(place, length) for place in sorted(page))
        found = alongside.get(start, end)
        assert (found is not None) == known.issuperset(range(start, end))
        whole = b"".join(text + b"," for text in texts[start:end])
        if found is not None:
            assert b"".join(found) == whole
        alongside.put(start, texts[start:end])
        known.update(range(start, end))
        assert b"".join(alongside.get(start, end) or []) == whole


def held_bytes(section: DocumentFragments) -> int:
    """What a section holds, counted anew."""
    entries_bytes = sum(entry.size_bytes for entry in section.entries.values())
    assert section.seen_bytes == SEEN_BYTES * len(section.seen)
    return entries_bytes + section.state_bytes + section.seen_bytes


def test_links_that_are_known_already_take_no_more_room():
    """What a key leads to is often found anew, together with others that it was not asked with."""
    section = DocumentFragments(FragmentCache(1 << 20))
    item = ITEMS[0]
    put(section, item, item.id.encode())
    for _ in range(2):
        section.keep_links(None, {(item.id,): item}, {item.id: Shown(item.id, item)}, {item.id})
    assert section.state_bytes == 2 * LINK_BYTES


def test_result_that_shows_a_list_is_true_for_one_state():
    """It takes no room when another state is read, while others wait to be found true again."""
    cache = FragmentCache(10_000)
    lasting, passing = DocumentFragments(cache), DocumentFragments(cache, lasting=False)
    for section in (lasting, passing):
        section.at("v1")
        put(section, ITEMS[0], b"x" * 100)
        assert section.at("v2") == {}
    assert len(cache) == 1
    assert lasting.find("a", ITEMS[0], ()) is not None
    assert list(lasting.current) == ["a"]


def test_plan_that_is_not_used_again_lets_go_of_an_old_state():
    """What is kept for a state holds a store in memory: another plan's use of the next ends it."""
    cache = FragmentCache(10_000)
    lasting, passing = DocumentFragments(cache), DocumentFragments(cache, lasting=False)
    for section in (lasting, passing):
        section.at("v1")
        put(section, ITEMS[0], b"x")
        section.keep_page(page_key(Place(ITEMS, 0, 1, backwards=False), None), ITEMS, ["a"])
    DocumentFragments(cache).at("v2")
    assert (lasting.lists, passing.lists, passing.entries) == ({}, {}, {})
    assert list(lasting.entries) == ["a"]


def test_long_values_of_variables_take_their_room():
    """What tells results apart is kept with them, and clients choose how long it is."""
    short, long = (entry_of(ITEMS[0], (), b"x", (str, "v" * n)) for n in (1, 10_000))
    assert long.size_bytes - short.size_bytes == 9_999


def test_result_that_is_too_large_to_keep_drives_out_no_other():
    """What cannot be kept anyhow costs nobody their place."""
    cache = FragmentCache(1_000)
    section = DocumentFragments(cache)
    put(section, ITEMS[0], b"x" * 100)
    put(section, ITEMS[1], b"x" * 1_000)
    assert list(section.entries) == ["a"]


def test_room_for_a_large_result_is_made_at_once():
    """As many results go as it takes, and no more than a tenth beyond."""
    cache = FragmentCache(10_000)
    section = DocumentFragments(cache)
    for number in range(20):
        put(section, Item(f"{number}"), b"x" * 100)
    put(section, Item("large"), b"x" * 5_000)
    assert 8_000 <= cache.size_bytes <= 10_000
    assert "large" in section.entries


def test_full_cache_keeps_what_was_used_last():
    """Room is made at the cost of the plan that was not used for longest."""
    cache = FragmentCache(1_500)
    sections = [DocumentFragments(cache) for _ in range(3)]
    for section in (*sections, sections[0]):
        section.at("v")
        if not section.entries:
            put(section, ITEMS[0], b"x" * 50)
    sections[2].at("v")
    put(sections[0], ITEMS[1], b"x" * 50)
    assert [len(section.entries) for section in sections] == [2, 0, 1]
