"""Responses from the row cache: never stale, whatever was written or evicted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gql.executor.planning.operation_plan import MAX_FAILURES
from gql.executor.rows.row import Row
from gql.executor.rows.row_cache import RowCache
from gql.http import GraphQLRequest
from gql.identity.viewer import PUBLIC, Permission, Viewer
from gql.schema import Context, PageSizes
from store import (
    Batch,
    MemoryRepository,
    Repository,
    Snapshot,
    TinyDBRepository,
)
from store.concurrency.cooperative import run_to_end
from store.engines.indexed.snapshot import IndexedSnapshot
from store.model import Article, ProviderMention, Related, TopicDefinition
from tests.support.differential import ExecutorPair
from tests.support.recording_snapshot import RecordingSnapshot
from tests.support.repository_contract import make_article

CARD = """{ articles { nodes {
  slug title provider { name articleCount }
  topics { name keywords parent { name } children { slug } }
  related { title article { title } }
} } }"""
STORY = make_article(
    "story",
    domain="post.example",
    topics=("Tides",),
    related=(Related(title="Told elsewhere", web_url="https://news.example/other"),),
)
OTHER = make_article("other", day=2, domain="news.example", web_url="https://news.example/other")
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
        Batch(puts=(make_article("third", day=3, topics=("Tides",)),)),
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
        make_article(f"n{n}", day=1 + n % 25, published=n % 7 > 0, topics=("Tides",))
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
        make_article(
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
    stories = [make_article(f"n{n}", topics=topics) for n, topics in enumerate(combinations)]
    await repository.apply(Batch(puts=tuple(stories)))
    pair, watched = ExecutorPair(), RecordingSnapshot(await repository.snapshot())
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
        make_article(f"from-{n}", day=3 + n, related=(Related(title="x", web_url=OTHER.web_url),))
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
    many = tuple(make_article(f"n{n}", day=3 + n, topics=("Tides", "Sea")) for n in range(5))
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


def test_rows_by_ordinal_are_of_one_numbering_of_a_state(tmp_path):
    """A state that is read from disk has the same version and other ordinals."""
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
            await grown.apply(Batch(puts=(make_article("a", day=day, heat=day),)))
        await ask(grown, *range(-5, 3))  # rows are cached, then stored by ordinal
        read = TinyDBRepository.open(path)
        assert (await read.snapshot()).version == (await grown.snapshot()).version
        await ask(read, 3, 4)

    asyncio.run(check())
