"""The row cache: bounded in bytes, and never stale."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gql.executor.planning.operation_plan import MAX_FAILURES
from gql.executor.rows.row import ANY_ARTICLE, Row, make_row
from gql.executor.rows.row_cache import LINK_BYTES, REQUESTED_BYTES, RowCache, RowTable
from gql.executor.rows.rows_by_ordinal import RowsByOrdinal
from gql.http import GraphQLRequest
from gql.identity.viewer import PUBLIC, Permission, Viewer
from gql.schema import Context, PageSizes
from store import (
    Batch,
    MemoryRepository,
    Page,
    PageOrdinals,
    Repository,
    Snapshot,
    TinyDBRepository,
    Visibility,
)
from store.concurrency.cooperative import run_to_end
from store.engines.indexed.snapshot import IndexedSnapshot
from store.in_place_edits import InPlaceEdits
from store.model import Article, ProviderMention, Related, TopicDefinition
from store.names import new_version
from tests.support.counting_snapshot import WatchedSnapshot
from tests.support.cursors import CURSORS
from tests.support.differential import ExecutorPair
from tests.support.repository_contract import an_article

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


def asker(pair: ExecutorPair) -> Callable[..., Awaitable[Any]]:
    """Executes requests on both executors; returns decoded responses, which plans have to make."""
    requests: dict[str, GraphQLRequest] = {}

    async def ask(text: str, snapshot: Snapshot, viewer: Viewer = PUBLIC) -> Any:
        request = requests.setdefault(text, GraphQLRequest(query=text))
        result = await pair.check(request, snapshot, viewer)
        assert result.executor == "compiled"
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
async def test_row_is_never_stale(repository, write):
    """Every write shows at once, whichever document it changes; older snapshots stay unchanged."""
    ask = asker(ExecutorPair())
    before = await repository.snapshot()
    old = await ask(CARD, before)
    await repository.apply(write)
    after = await repository.snapshot()
    new = await ask(CARD, after)
    assert new != old
    assert await ask(CARD, before) == old
    assert await ask(CARD, after) == new


TITLES = "articles { nodes { title } }"
LINKED = "articles { nodes { title related { article { title } } } }"
NESTED = "articles { nodes { title referencedBy { nodes { title } } } }"
HOTTEST = "articles(orderBy: [{field: HEAT}]) { nodes { title } }"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("text", "edited", "misses"),
    [
        (f'{{ article(by: {{slug: "{STORY.slug}"}}) {{ title heat }} }}', OTHER, 0),
        (f'{{ article(by: {{slug: "{STORY.slug}"}}) {{ title heat }} }}', STORY, 1),
        (f"{{ {TITLES} }}", STORY, 1),
        (f"{{ {HOTTEST} }}", STORY, 1),
        (f"{{ {LINKED} }}", STORY, 1),
        (f"{{ {LINKED} }}", OTHER, 3),
        (f'{{ topic(by: {{slug: "tides"}}) {{ name {TITLES} }} }}', OTHER, 0),
        (f'{{ topic(by: {{slug: "tides"}}) {{ name {TITLES} }} }}', STORY, 2),
        (f'{{ topic(by: {{slug: "tides"}}) {{ name {LINKED} }} }}', OTHER, 3),
        (f'{{ topic(by: {{slug: "sea"}}) {{ name {NESTED} }} }}', OTHER, 0),
        (f'{{ topic(by: {{slug: "tides"}}) {{ name {HOTTEST} }} }}', OTHER, 1),
        (f"{{ providers {{ nodes {{ name {TITLES} }} }} {TITLES} }}", STORY, 3),
        (
            f'{{ nodes(ids: ["{STORY.id}", "{OTHER.id}"]) {{ ... on Article {{ title }} }} }}',
            OTHER,
            1,
        ),
    ],
)
async def test_edit_in_place_leaves_the_rows_of_other_articles_valid(text, edited, misses):
    """Only rows that contain an edited article, at any depth, are cache misses."""
    shows = misses > 0 and (HOTTEST not in text or edited is STORY)  # else its order may differ
    pair = ExecutorPair()
    ask = asker(pair)
    snapshot = IndexedSnapshot.build([STORY, OTHER], TREE)
    for title, heat in (("One", 1), ("Two", -1), ("Three", 1)):
        new = msgspec.structs.replace(edited, title=title, heat=heat)
        steps = snapshot.derive({new.id: new}, TREE, (), snapshot.history)
        snapshot, before = run_to_end(steps), pair.compiled.row_cache.misses
        assert (title in json.dumps(await ask(text, snapshot))) is shows
    assert pair.compiled.row_cache.misses - before == misses


@pytest.mark.anyio
async def test_page_of_the_hottest_follows_every_edit():
    """Also where none of its articles was edited."""
    snapshot, ask = IndexedSnapshot.build([STORY, OTHER], TREE), asker(ExecutorPair())
    text = "{ articles(first: 1, orderBy: [{field: HEAT}]) { nodes { slug } } }"
    for heat in (-1, -2, -3, 1, -1, 2):
        edited = msgspec.structs.replace(OTHER, heat=heat)
        snapshot = run_to_end(snapshot.derive({OTHER.id: edited}, TREE, (), snapshot.history))
        [node] = (await ask(text, snapshot))["articles"]["nodes"]
        assert node["slug"] == (OTHER if heat > 0 else STORY).slug


@pytest.mark.anyio
@pytest.mark.parametrize("order", ["ASC", "DESC"])
async def test_edit_in_place_shows_in_lists_that_are_joined_in_blocks(order):
    """Also among drafts, and articles that came in between."""
    pair = ExecutorPair(sizes=PageSizes(20, 150))
    ask = asker(pair)
    many = [
        an_article(f"n{n}", day=1 + n % 25, published=n % 7 > 0, topics=("Tides",))
        for n in range(200)
    ]
    snapshot = IndexedSnapshot.build(many[10:])
    snapshot = run_to_end(
        snapshot.derive({each.id: each for each in many[:10]}, (), (), snapshot.history)
    )
    texts = [
        f"""{{ articles({window}, orderBy: [{{field: {field}, direction: {order}}}]{more}) {{
          nodes {{ title }}
        }} }}"""
        for window in ("first: 150", "last: 90")
        for field in ("PUBLISHED_DATE_TIME", "TITLE")
        for more in ("", ', filter: {slug: {contains: "n1"}}')
    ]
    texts.append('{ topic(by: {slug: "tides"}) { articles(first: 150) { nodes { title } } } }')
    for number in range(0, 200, 9):
        for text in texts:
            await ask(text, snapshot)
        new = msgspec.structs.replace(many[number], content="New", title=f"edited n{number}")
        snapshot = run_to_end(snapshot.derive({new.id: new}, (), (), snapshot.history))
    by_ordinal = [
        each for table in pair.compiled.row_cache.tables for each in table.by_ordinal.values()
    ]
    assert any(each._blocks for each in by_ordinal)


@pytest.mark.anyio
@pytest.mark.parametrize(
    "text",
    [
        "related { article { related { article { title } } } }",
        "related { article { provider { articles { nodes { title } } } } }",
        "provider { articles { nodes { related { article { title } } } } }",
    ],
)
async def test_edit_in_place_shows_however_deep_the_article_is(text):
    """In an article that another one leads to, and in a list in what it leads to."""
    chain = [
        an_article(
            f"n{n}",
            domain=f"p{n}.example",
            web_url=f"https://p.example/{n}",
            related=(Related(title="next", web_url=f"https://p.example/{n + 1}"),),
        )
        for n in range(3)
    ]
    snapshot, ask = IndexedSnapshot.build(chain), asker(ExecutorPair())
    for number in range(12):
        await ask(f'{{ article(by: {{slug: "{chain[0].slug}"}}) {{ title {text} }} }}', snapshot)
        await ask(f"{{ articles {{ nodes {{ title {text} }} }} }}", snapshot)
        new = msgspec.structs.replace(chain[number % 3], title=f"New {number}")
        snapshot = run_to_end(snapshot.derive({new.id: new}, (), (), snapshot.history))


@pytest.mark.anyio
async def test_edit_in_place_of_an_article_shows_beside_lists_with_variables():
    """The key of such a row has the values of the variables, too."""
    pair, snapshot = ExecutorPair(), IndexedSnapshot.build([STORY, OTHER], TREE)
    text = """query ($slug: String!, $first: Int!) {
      article(by: {slug: $slug}) { title referencedBy(first: $first) { nodes { slug } } }
    }"""
    for number in range(12):
        for first in (1, 2):
            variables = {"slug": OTHER.slug, "first": first}
            await pair.check(GraphQLRequest(query=text, variables=variables), snapshot)
        new = msgspec.structs.replace((STORY, OTHER)[number % 2], title=f"New {number}")
        snapshot = run_to_end(snapshot.derive({new.id: new}, TREE, (), snapshot.history))


@pytest.mark.anyio
async def test_row_is_admitted_at_its_second_request(repository):
    """A document that is requested once takes little memory. Responses do not depend on that."""
    pair, snapshot = ExecutorPair(), await repository.snapshot()
    request = GraphQLRequest(query=CARD)
    counts, answers = [], set()
    for _ in range(3):
        result = await pair.compiled(request, Context(snapshot, PUBLIC, pair.sizes))
        answers.add((result.executor, result.body))
        counts.append(
            sum(b"Told elsewhere" in row.json for row in rows_in(pair.compiled.row_cache))
        )
    assert len(answers) == 1
    assert counts == [0, 1, 1]


@pytest.mark.anyio
async def test_links_are_memoized_by_single_keys(repository):
    """New combinations of topics whose rows are cached need no batch load, in any order."""
    alone = [("Energy",), ("Ocean",), ("energy",)]
    combinations = [*alone, ("Ocean", "energy", "Energy"), ("Energy", "Ocean")]
    stories = [an_article(f"n{n}", topics=topics) for n, topics in enumerate(combinations)]
    await repository.apply(Batch(puts=tuple(stories)))
    pair, watched = ExecutorPair(), WatchedSnapshot(await repository.snapshot())
    text = """query ($slug: String!) {
      article(by: {slug: $slug}) { provider { name } topics { name } }
    }"""

    async def ask(story: Article) -> Any:
        request = GraphQLRequest(query=text, variables={"slug": story.slug})
        result = await pair.compiled(request, Context(watched, PUBLIC, pair.sizes))
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
async def test_arguments_of_clients_are_not_memoized_as_links(repository):
    """Clients choose them, and their length; only links of documents are memoized."""
    pair, snapshot = ExecutorPair(), await repository.snapshot()
    text = """query ($slug: String!) {
      one: article(by: {slug: $slug}) { title provider { name } topics { name } }
      same: article(by: {slug: $slug}) { title }
    }"""
    for slug in (STORY.slug, OTHER.slug, STORY.slug, OTHER.slug, "x" * 1_000, "y" * 1_000):
        await pair.check(GraphQLRequest(query=text, variables={"slug": slug}), snapshot)
    links = [key for table in pair.compiled.row_cache.tables for key in table.links]
    assert sorted(links) == ["Tides", "news.example", "post.example"]


@pytest.mark.anyio
async def test_linked_row_that_holds_a_list_is_one_for_each_value_of_its_variables(repository):
    """The same document, reached by the same link, shows another list for another page size."""
    several = [
        an_article(f"from-{n}", day=3 + n, related=(Related(title="x", web_url=OTHER.web_url),))
        for n in range(2)
    ]
    await repository.apply(Batch(puts=tuple(several)))
    pair, snapshot = ExecutorPair(), await repository.snapshot()
    text = """query ($first: Int) { articles { nodes { related { article {
      referencedBy(first: $first) { nodes { slug } }
    } } } } }"""
    for first in (3, 1, 3, 2):
        request = GraphQLRequest(query=text, variables={"first": first})
        result = await pair.check(request, snapshot)
        nodes = json.loads(result.body)["data"]["articles"]["nodes"]
        shown = nodes[0]["related"][0]["article"]["referencedBy"]["nodes"]
        assert len(shown) == first


def rows_in(cache: RowCache) -> list[Row]:
    """All rows that are cached."""
    return [row for table in cache.tables for row in table.rows.values()]


@pytest.mark.anyio
async def test_related_article_comes_back_when_published_again(repository):
    """A link to a draft is null, and not null again once that is published."""
    ask = asker(ExecutorPair())
    shown = []
    for published in (True, False, True):
        await repository.apply(changed(OTHER, published=published))
        nodes = (await ask(CARD, await repository.snapshot()))["articles"]["nodes"]
        shown.append(nodes[-1]["related"][0]["article"] is not None)
    assert shown == [True, False, True]


@pytest.mark.anyio
async def test_rows_of_drafts_are_only_for_viewers_with_the_permission(repository):
    """A row that was rendered for one permission is no cache hit for another."""
    await repository.apply(changed(OTHER, published=False))
    snapshot, ask = await repository.snapshot(), asker(ExecutorPair())
    editor = Viewer({Permission.READ_DRAFTS})
    for viewer, count in [(editor, 2), (PUBLIC, 1), (editor, 2)]:
        nodes = (await ask(CARD, snapshot, viewer))["articles"]["nodes"]
        assert len(nodes) == count
        assert (nodes[-1]["related"][0]["article"] is None) is (viewer is PUBLIC)


@pytest.mark.anyio
@pytest.mark.parametrize("capacity_bytes", [0, 500, 1_500, 5_000])
async def test_responses_are_complete_where_rows_are_evicted(repository, capacity_bytes):
    """Rows that are evicted during an execution are in its response all the same."""
    many = tuple(an_article(f"n{n}", day=3 + n, topics=("Tides", "Sea")) for n in range(5))
    await repository.apply(Batch(puts=many))
    ask = asker(ExecutorPair(capacity_bytes=capacity_bytes))
    for text in (CARD, "{ articles { nodes { id title } } }", CARD):
        assert len((await ask(text, await repository.snapshot()))["articles"]["nodes"]) == 3


@pytest.mark.anyio
async def test_plan_that_keeps_failing_is_disabled_and_tried_again(repository):
    """Requests go to the reference executor at once; later the plan is tried again."""
    pair, snapshot = ExecutorPair(), await repository.snapshot()
    text = "query ($after: String) { articles(after: $after) { totalCount } }"
    for number in range(MAX_FAILURES + 1):
        bad = GraphQLRequest(query=text, variables={"after": f"zzz{number}"})
        await pair.check(bad, snapshot)
    fallbacks = pair.compiled.counts["fallback"]
    assert fallbacks == MAX_FAILURES + 1
    found = [
        (await pair.check(GraphQLRequest(query=text, variables={}), snapshot)).executor
        for _ in range(2 * MAX_FAILURES + 2)
    ]
    assert found[0] == "reference"
    assert found[-1] == "compiled"
    assert pair.compiled.counts["fallback"] == fallbacks


class Item(msgspec.Struct, frozen=True):
    """A document as the cache sees it."""

    id: str


ITEMS = [Item(name) for name in "abcdef"]


class State:
    """A version of a store of these documents, as the cache sees it."""

    def __init__(self, edits: InPlaceEdits | None = None) -> None:
        self.version = new_version()
        self.edits = edits or InPlaceEdits()
        self.numbering = "slots"
        self.cursors = CURSORS

    def edited(self, *ids: str) -> State:
        """The state after an edit in place of these."""
        return State(self.edits.extended(self.version, ids))

    def ordinals_of(self, ids: Sequence[str], _visibility: Visibility) -> dict[str, list[int]]:
        """The ordinals of these documents."""
        return {self.numbering: [ordinal for ordinal, item in enumerate(ITEMS) if item.id in ids]}


def use(table: RowTable, state: State) -> dict[Any, bytes]:
    """The rows of a table that are valid in a state."""
    return table.valid_rows(cast("Snapshot", state), Visibility.PUBLISHED)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 2), st.sampled_from(ITEMS), st.integers(0, 1_500)),
        st.tuples(st.just("page"), st.integers(0, 2), st.integers(0, 6), st.integers(0, 6)),
        st.tuples(st.just("write"), st.integers(0, 2), st.sampled_from([None, *ITEMS]), st.none()),
        st.tuples(st.just("request"), st.integers(0, 2), st.sampled_from(ITEMS), st.none()),
        st.tuples(st.just("link"), st.integers(0, 2), st.sampled_from(ITEMS), st.integers(0, 900)),
        st.tuples(st.just("sparse"), st.integers(0, 2), st.none(), st.none()),
    ),
    min_size=5,
    max_size=60,
)


def a_table(
    cache: RowCache,
    variant: Any = None,
    *,
    survives_writes: bool = True,
    embeds_articles: bool = False,
) -> RowTable:
    """A table of a plan of its own."""
    owner: dict[Any, RowTable] = {}
    owner[variant] = RowTable(
        cache, owner, variant, survives_writes=survives_writes, embeds_articles=embeds_articles
    )
    return owner[variant]


def row_of(item: Item, json: bytes, articles: Sequence[str] = ()) -> Row:
    """A row of a document that contains these articles."""
    return make_row(item.id, item, (), articles, json)


def add(table: RowTable, item: Item, json: bytes, articles: Sequence[str] = ()) -> None:
    """Request a document, so that its row is admitted."""
    table.record_requests([item.id])
    table.add({item.id: row_of(item, json, articles)})


def page_of(start: int, end: int, *, backwards: bool = False, run: bool = True) -> Page[Item]:
    """A page of the list of all items."""
    ordinals = list(range(start, end))
    slice_ = slice(start, end)
    if backwards:
        ordinals.reverse()
        slice_ = slice(end - 1, start - 1 if start else None, -1) if end else slice(0, 0)
    items = [ITEMS[ordinal] for ordinal in ordinals]
    return Page(
        items,
        ordinals=PageOrdinals("slots", ordinals, slice_ if run else None, len(ITEMS)),
    )


DO: dict[str, Callable[[RowTable, Any, Any], None]] = {
    "add": lambda table, item, size: add(
        table, item, item.id.encode() * size, NEXT[item.id] if table.embeds_articles else ()
    ),
    "request": lambda table, item, _: table.record_requests([item.id]),
    "link": lambda table, item, size: table.memoize_links(
        {item.id: row_of(item, b"x" * size), "": None}
    ),
    "sparse": lambda table, *_: setattr(table, "is_sparse", True),
    "write": lambda *_: None,
}
"""The effect of a step on a table; a write only changes the state."""


@given(steps, st.integers(0, 12_000), st.booleans(), st.booleans())
def test_row_cache_stays_within_its_bytes(steps, capacity_bytes, backwards, run):
    """The bytes counted are those held, and within the bound; no valid row is uncounted."""
    cache = RowCache(capacity_bytes)
    tables = [
        a_table(cache, survives_writes=number > 0, embeds_articles=number < 2)
        for number in range(3)
    ]
    state = State()
    for kind, number, what, size in steps:
        table = tables[number]
        if kind == "write":
            state = State() if what is None else state.edited(what.id)
        check_version(table, state)
        if kind == "page":
            start, end = sorted((what, size))
            check_page(table, page_of(start, end, backwards=backwards, run=run))
        else:
            DO[kind](table, what, size)
        assert cache.size_bytes == sum(map(held_bytes, tables)) <= capacity_bytes
        for each in tables:
            assert each.valid.keys() <= each.rows.keys()


NEXT: dict[str, tuple[str, ...]] = {
    "a": ("b",),
    "b": ("c", "d"),
    "c": (ANY_ARTICLE,),
    "d": (),
    "e": ("a",),
    "f": ("f",),
}
"""The articles in each document's row."""

ITEM_IDS = {item.id for item in ITEMS}


def check_version(table: RowTable, state: State) -> None:
    """Check that exactly the rows without a changed article are valid in a state."""
    expected: set[Any] = set(table.valid)
    if table.version != state.version:
        edited = state.edits.since(table.version)
        changed = {*ITEM_IDS} if edited is None else {*edited, ANY_ARTICLE}
        expected -= changed
        if table.embeds_articles:
            expected -= {id for id, shown in NEXT.items() if not changed.isdisjoint(shown)}
    assert use(table, state).keys() == expected
    assert table.survives_writes or table.rows.keys() == expected


def check_page(table: RowTable, page: Page[Item]) -> None:
    """Check that a page is a cache hit if each of its rows is valid, by id and by ordinal."""
    valid = [table.valid.get(item.id) for item in page.items]
    expected = None if None in valid else b",".join(row for row in valid if row is not None)
    for _ in range(2):
        pieces = table.join_page(page)
        joined = None if pieces is None else b"".join(pieces)
        # A row may be cached by id and not yet by ordinal.
        assert joined == expected or (joined is None and table.by_ordinal)
        table.store_ordinals(page)
    pieces = table.join_page(page)
    assert (None if pieces is None else b"".join(pieces)) == expected


@given(st.integers(1, 200), st.data())
def test_blocks_give_the_rows_of_any_run(length, data):
    """Joined by commas, upwards and downwards; None exactly where a row of a block is missing."""
    by_ordinal = RowsByOrdinal(length)
    rows = [b"%d" % number * (number % 3) for number in range(length)]
    by_ordinal.rows = list(rows)
    missing = data.draw(st.sets(st.integers(0, length - 1), max_size=2))
    for ordinal in missing:
        by_ordinal.rows[ordinal] = None
    for _ in range(3):
        start, end = sorted(data.draw(st.tuples(*[st.integers(0, length)] * 2)))
        if start == end:
            continue
        run = slice(start, end)
        if data.draw(st.booleans()):
            run = slice(end - 1, start - 1 if start else None, -1)
        pieces = by_ordinal.join(PageOrdinals("slots", range(length)[run], run, length))
        if missing.intersection(range(start, end)):
            assert pieces is None
        else:
            assert b"".join(pieces or ()) == b",".join(rows[run])
        # A row that has changed shows at once; its blocks go, and with them their bytes.
        by_ordinal.invalidate([start])
        assert by_ordinal.join(PageOrdinals("slots", [start], None, length)) is None
        blocks = sum(len(text) + 36 * len(offsets) for text, offsets in by_ordinal._blocks.values())
        assert by_ordinal.size_bytes == 8 * length + blocks
        if start not in missing:
            by_ordinal.rows[start] = rows[start] = rows[start] + b"x"


def held_bytes(table: RowTable) -> int:
    """The size of a table, computed from its contents."""
    if table not in table.cache.tables:
        assert not table.rows
        assert not table.requested
        assert not table.links
        assert not table.by_ordinal
        return 0
    rows = sum(len(row.json) + 500 + 8 * len(row.articles) for row in table.rows.values())
    requested = REQUESTED_BYTES * len(table.requested)
    by_ordinal = sum(each.size_bytes for each in table.by_ordinal.values())
    return table.own_bytes + rows + requested + table.links_bytes + by_ordinal


def test_rows_by_ordinal_are_cleared_for_another_numbering():
    """A state that is read anew numbers its articles anew: of the old ordinals it tells nothing."""
    table, before = a_table(RowCache(1 << 20)), State()
    use(table, before)
    for item in ITEMS[:2]:
        add(table, item, b"old")
    table.store_ordinals(page_of(0, 2))
    assert table.by_ordinal
    after = before.edited("a")
    after.numbering = "slots 2"
    assert use(table, after).keys() == {"b"}
    assert not table.by_ordinal


def test_links_that_are_memoized_again_are_counted_once():
    """A key is often loaded again."""
    table = a_table(RowCache(1 << 20))
    add(table, ITEMS[0], b"x" * 100)
    for _ in range(2):
        table.memoize_links({"key": table.rows["a"]})
    assert LINK_BYTES <= table.links_bytes < LINK_BYTES + 100


def test_linked_row_that_is_not_cached_is_counted_with_its_link():
    """The link refers to it, so it takes memory."""
    table = a_table(RowCache(1 << 20))
    table.memoize_links({"key": row_of(ITEMS[0], b"x" * 10_000)})
    assert table.links_bytes > 10_000


def test_row_that_shows_a_list_survives_no_other_write_than_edits():
    """It takes no room when another version is read, while others wait to be revalidated."""
    cache = RowCache(10_000)
    lasting, passing = a_table(cache), a_table(cache, survives_writes=False, embeds_articles=True)
    for table in (lasting, passing):
        before = State()
        use(table, before)
        add(table, ITEMS[0], b"x" * 100, ("b",))
        assert use(table, before.edited("c")).keys() == {"a"}
        assert use(table, State()) == {}
    assert cache.entries == 1
    assert lasting.revalidate("a", ITEMS[0], ()) is not None
    assert list(lasting.valid) == ["a"]


@pytest.mark.parametrize("change", ["document", "dependencies"])
def test_row_is_not_valid_once_anything_it_shows_has_changed(change):
    """Neither for another document with the same id, nor for other rows in it."""
    table = a_table(RowCache(10_000))
    table.record_requests(["a"])
    table.add({"a": make_row("a", ITEMS[0], (1,), (), b"x")})
    use(table, State())
    document, dependencies = ITEMS[0], (1,)
    if change == "document":
        document = Item("other")
    else:
        dependencies = (2,)
    assert table.revalidate("a", document, dependencies) is None
    assert table.revalidate("a", ITEMS[0], (1,)) is not None


def test_long_values_of_variables_take_their_room():
    """What tells tables and rows apart is held with them, and clients choose how long it is."""
    sizes = []
    for length in (1, 5_000):
        cache = RowCache(1 << 20)
        table = a_table(cache, (str, "v" * length))
        table.record_requests([((str, "w" * length), "a")])
        table.add({((str, "w" * length), "a"): row_of(ITEMS[0], b"x")})
        sizes.append(cache.size_bytes)
    assert sizes[1] - sizes[0] == 2 * 4_999


def test_row_that_is_too_large_evicts_no_other():
    """What cannot be cached anyhow costs nobody their room."""
    cache = RowCache(3_000)
    table = a_table(cache)
    add(table, ITEMS[0], b"x" * 100)
    add(table, ITEMS[1], b"x" * 3_000)
    assert list(table.rows) == ["a"]


def test_full_cache_evicts_the_table_that_was_not_used_for_longest():
    """What is in use stays."""
    cache = RowCache(20_000)
    tables = [a_table(cache) for _ in range(6)]
    state = State()
    for table in (*tables, tables[0]):
        use(table, state)
        if not table.rows:
            add(table, ITEMS[0], b"x" * 1_200)
    for table in tables[2:]:
        use(table, state)
    add(tables[0], ITEMS[1], b"x" * 1_500)
    assert [len(table.rows) for table in tables] == [2, 0, 1, 1, 1, 1]


def test_table_that_outgrows_the_cache_keeps_most_of_its_rows():
    """Rows that are requested in turn and do not all fit are found as far as they fit."""
    cache = RowCache(60_000)
    table = a_table(cache)
    items = [Item(f"{number:03}") for number in range(200)]
    state, found = State(), 0
    for turn in range(10):
        for item in items:
            if item.id in use(table, state):
                found += turn > 4
            else:
                add(table, item, b"x" * 100)
    assert found / (5 * len(items)) > 0.6 * cache.capacity_bytes / (len(items) * 720)


def test_rows_by_ordinal_are_of_one_numbering_of_a_state(tmp_path):
    """A state that is read anew has the same name; its articles have other ordinals."""
    path, pair = tmp_path / "store.json", ExecutorPair()
    query = (
        "query ($heat: Int) { articles(filter: {heat: {gte: $heat}}, first: 5) { nodes { slug } } }"
    )

    async def ask(repository: Repository, *heats: int) -> None:
        snapshot = await repository.snapshot()
        for heat in heats:
            await pair.check(GraphQLRequest(query=query, variables={"heat": heat}), snapshot)

    async def check() -> None:
        grown = TinyDBRepository.open(path)
        for day in (3, 1, 5, 2, 4):
            await grown.apply(Batch(puts=(an_article("a", day=day, heat=day),)))
        await ask(grown, *range(-5, 3))  # rows are kept, then filed by ordinal
        read = TinyDBRepository.open(path)
        assert (await read.snapshot()).version == (await grown.snapshot()).version
        await ask(read, 3, 4)

    asyncio.run(check())
