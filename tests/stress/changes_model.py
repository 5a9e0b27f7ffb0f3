"""Compares change events with a model, during writes, checkpoints, restarts and reconnects.

A run is a store that two repositories write to, sometimes several batches at once. Checkpoints are
frequent, and repositories are closed and reopened. Consumers with different rights and filters read
`changes` by query and by subscription, through either repository, disconnect anywhere, and continue
from their last cursor. Each event is compared with the model, which knows each revision with the
article before and after it:

- a consumer gets all visible changes in order, each once; only a GAP lets it continue elsewhere;
- after a GAP it reads all articles again, and continues from no later state;
- a GAP comes only if the next changes were evicted, or topics were renamed;
- the article of an event is its version then or later, and visible to the consumer;
- in the end the consumer's copy equals a query, which equals the model, topic names included.

`python -m tests.stress.changes_model --runs 2000 --seed 1` prints its progress.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import aclosing, suppress
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from unittest import mock

import msgspec
import orjson

from gql.composition.executors import build_executor
from gql.http import GraphQLRequest, Result
from gql.identity.viewer import PUBLIC, Permission, Viewer
from gql.realtime.operations import Operations, ResultStream
from gql.schema import Context, PageSizes
from gql.settings import load_settings
from store import Batch, Repository, TinyDBRepository
from store.engines.tinydb import background_checkpoints
from store.engines.tinydb import repository as tinydb_repository
from store.model import Article
from tests.support.change_consumer import CaughtUpError, ScriptedRepository
from tests.support.cursors import CURSORS, KEY
from tests.support.graph_client import SCHEMA
from tests.support.random_store import StoreModel, random_batch

EDITOR = Viewer({Permission.READ_DRAFTS})
SIZES = PageSizes(default=3, maximum=100)
HISTORY_LIMITS = [1, 4, 12, 10_000]
_TREE_SHARE = 0.3
_PROGRESS_EVERY = 20

ARTICLE_FIELDS = "id slug title excerpt revision topics { slug name }"
EVENT_FIELDS = f"cursor kind articleId deletedId slug article {{ {ARTICLE_FIELDS} }}"
LIST = f"articles(first: 100, filter: $filter) {{ nodes {{ {ARTICLE_FIELDS} }} }}"
QUERY = f"query ($filter: ArticleFilter) {{ {LIST} }}"
PAGE = (
    "query ($after: String, $first: Int) { changes(after: $after, first: $first)"
    f" {{ nodes {{ {EVENT_FIELDS} }} pageInfo {{ hasNextPage endCursor }} }} }}"
)
PAGE_AND_LIST = f"{PAGE[:-1]} {LIST} }}".replace("(", "($filter: ArticleFilter, ", 1)
SUBSCRIPTION = (
    "subscription ($after: String, $filter: ArticleFilter)"
    f" {{ changes(after: $after, filter: $filter) {{ {EVENT_FIELDS} }} }}"
)
CHAIN = {"locale": {"firstOf": ["de", "en"]}}
FILTERS = [None, None, None, {"quality": {"gte": 1}}, {"topics": {"some": ["tides"]}}, CHAIN]

OPERATIONS = [
    Operations(limit, limit)
    for limit in (
        build_executor(load_settings({"compiled": compiled}), SCHEMA) for compiled in (True, False)
    )
]


class ModelMismatchError(AssertionError):
    """An event or a list differs from the model."""


class ModelChange(NamedTuple):
    """The change of a revision: the article before and after it, or None."""

    revision: int
    id: str
    before: Article | None
    after: Article | None

    def kind(self, viewer: Viewer) -> str | None:
        """The kind of the event for a viewer; None if there is none."""
        if viewer is PUBLIC and self.after is not None and self.after.public_revision:
            return None
        if visible_article(self.after, viewer) is not None:
            return "PUT"
        return "DELETE" if visible_article(self.before, viewer) is not None else None


def visible_article(article: Article | None, viewer: Viewer) -> Article | None:
    """The article if it is visible to a viewer."""
    return article if article is not None and (viewer is EDITOR or article.published) else None


def article_node(article: Article, viewer: Viewer) -> dict[str, Any]:
    """The fields of an article in GraphQL, without topics."""
    return {
        "id": article.id,
        "slug": article.slug,
        "title": article.title,
        "excerpt": article.excerpt,
        "revision": CURSORS.revision(article.id, article.revision_for(viewer.visibility)),
        "topics": None,
    }


def without_topics(nodes: dict[str, Any]) -> dict[str, Any]:
    """Articles by id, without their topics."""
    return {id: {**node, "topics": None} for id, node in nodes.items()}


class ChangesModel:
    """A model of a store and its whole history.

    Attributes:
        history_limit: The number of changes that the store retains.
        changes: The change of each revision, from 1 on.
        articles: The current articles, by id.
        names: The names of the topics in the tree, by slug.
        renamings: The number of changes of these names.
    """

    def __init__(self, history_limit: int) -> None:
        self.history_limit = history_limit
        self.changes: list[ModelChange] = []
        self.articles: dict[str, Article] = {}
        self.names: dict[str, str] = {}
        self.renamings = 0

    @property
    def revision(self) -> int:
        """The newest revision."""
        return len(self.changes)

    def preview(self, batch: Batch) -> list[ModelChange]:
        """The changes that a batch would make."""
        steps: list[ModelChange] = []
        articles = dict(self.articles)
        for article in batch.puts:
            before = articles.get(article.id)
            if before is not None and _text(before) == _text(article):
                continue
            revision = self.revision + len(steps) + 1
            public = 0
            if before is not None and _open_text(before) == _open_text(article) is not None:
                public = before.public_revision or before.revision
            after = msgspec.structs.replace(article, revision=revision, public_revision=public)
            steps.append(ModelChange(revision, article.id, before, after))
            articles[article.id] = after
        for id in batch.deletes:
            if (before := articles.pop(id, None)) is not None:
                steps.append(ModelChange(self.revision + len(steps) + 1, id, before, None))
        return steps

    def commit(self, written: Iterable[tuple[Batch, int]]) -> None:
        """Apply concurrent batches in the order of their revisions."""
        left = sorted(written, key=lambda each: each[1])
        while left:
            for each in left:
                batch, revision = each
                steps = self.preview(batch)
                if self.revision + len(steps) == revision:
                    break
            else:
                raise ModelMismatchError(f"no order of the batches gives {[r for _, r in left]}")
            left.remove(each)
            names = {topic.slug: topic.name for topic in batch.topics or ()}
            if batch.topics is not None and names != self.names:
                self.names = names
                self.renamings += 1
            self.changes += steps
            for step in steps:
                self.articles.pop(step.id, None)
                if step.after is not None:
                    self.articles[step.id] = step.after

    def batches(self, rng: Random, count: int) -> list[Batch]:
        """Random batches to write at once; at most one changes the topic tree."""
        world = StoreModel()
        world.without_nan()
        world.articles = dict(self.articles)
        world.versions = list(self.articles.values())
        written = [random_batch(rng, world) for _ in range(count)]
        trees = [rng.random() < _TREE_SHARE, *[False] * count]
        return [
            batch if keeps_tree else msgspec.structs.replace(batch, topics=None)
            for batch, keeps_tree in zip(written, trees, strict=False)
        ]

    def nodes_at(self, revision: int, viewer: Viewer) -> dict[str, Any]:
        """The nodes that are visible to a viewer at a revision, by id."""
        articles: dict[str, Article | None] = {}
        for step in self.changes[:revision]:
            articles[step.id] = step.after
        visible = (visible_article(article, viewer) for article in articles.values())
        return {
            article.id: article_node(article, viewer) for article in visible if article is not None
        }

    def last_evicted(self, viewer: Viewer) -> int:
        """The newest visible revision that is no longer retained; -1 if all are."""
        visible_revisions = [
            step.revision for step in self.changes if step.kind(viewer) is not None
        ]
        return [-1, *visible_revisions[: -self.history_limit]][-1]

    def next_change(self, revision: int, viewer: Viewer) -> ModelChange | None:
        """The first visible change after a revision."""
        later = (step for step in self.changes[revision:] if step.kind(viewer) is not None)
        return next(later, None)


def _text(article: Article) -> bytes:
    return msgspec.json.encode(msgspec.structs.replace(article, revision=0, public_revision=0))


def _open_text(article: Article) -> bytes | None:
    """The public content of an article; None for drafts."""
    return _text(msgspec.structs.replace(article, secured=None)) if article.published else None


class Store:
    """A store's files, and two repositories on them."""

    def __init__(self, path: Path, rng: Random, model: ChangesModel) -> None:
        self.model = model
        self._path = path
        self._rng = rng
        self._all_opened: list[TinyDBRepository] = []
        self.repositories = [self._opened(), self._opened()]

    def any_repository(self) -> TinyDBRepository:
        """One of the repositories, at random."""
        return self._rng.choice(self.repositories)

    async def write(self, batches: Sequence[Batch]) -> None:
        """Write batches at once, through both repositories."""
        revisions = await asyncio.gather(*(self.any_repository().apply(batch) for batch in batches))
        self.model.commit(zip(batches, revisions, strict=True))

    async def write_random(self) -> None:
        """Write one to three random batches at once."""
        await self.write(self.model.batches(self._rng, self._rng.randint(1, 3)))

    async def reopen(self) -> None:
        """Replace a repository by a new one; the old one is closed, or just abandoned."""
        place = self._rng.randrange(2)
        if self._rng.random() < 0.5:
            await self.repositories[place].close()
        self.repositories[place] = self._opened()

    async def close(self) -> None:
        """Close all repositories that were ever opened."""
        for repository in self._all_opened:
            await repository.close()

    def _opened(self) -> TinyDBRepository:
        self._all_opened.append(
            TinyDBRepository.open(
                self._path,
                history_limit=self.model.history_limit,
                cursor_key=KEY,
                log_bytes=self._rng.choice([1, 1, 5_000, 1 << 20]),
            )
        )
        return self._all_opened[-1]


class WritingRepository(ScriptedRepository):
    """A repository that writes the next of its batches when a reader waits for one."""

    def __init__(self, repository: Repository, store: Store, batches: Sequence[Batch]) -> None:
        super().__init__(repository, ())
        self._store = store
        self._batches = list(batches)

    async def wait(self, version: str) -> Any:
        """See `Repository`. Raises: CaughtUpError: no batch is left."""
        while (snapshot := await self.snapshot()).version == version:
            if not self._batches:
                raise CaughtUpError
            await self._store.write([self._batches.pop(0)])
        return snapshot


class ConsumerState:
    """The received events and the copy of a consumer, checked against the model.

    Attributes:
        viewer: The rights of the consumer.
        filter: Its filter in GraphQL; None for all articles.
        renamings: The number of topic renamings when its current request began.
        articles: Its copy of the articles, by id.
        cursor: The cursor of its last event.
        events: The number of its events.
        gaps: The number of its GAP events.
    """

    def __init__(self, model: ChangesModel, viewer: Viewer, filter: Any = None) -> None:
        self.viewer = viewer
        self.filter = filter
        self.renamings = 0
        self.events = 0
        self.gaps = 0
        self._model = model
        self.reset()

    def reset(self) -> None:
        """Start before the first change."""
        self.articles: dict[str, Any] = {}
        self.cursor: str | None = None
        # The possible revisions of its position: the next event follows one of them.
        self._positions = {0}
        self._known_renamings = self._model.renamings

    def read(self, nodes: dict[str, Any], revision: int) -> None:
        """Take the articles of a list at a revision; the next event follows at or before it."""
        self._check_list(nodes, self._model.nodes_at(revision, self.viewer))
        self.articles = dict(nodes)
        self._positions = set(range(revision + 1))

    def handle(self, event: dict[str, Any], revision: int | None = None) -> None:
        """Check an event, and apply it. `revision`: that of the snapshot it came from, if known.

        Raises: ModelMismatchError: it follows none of the possible positions.
        """
        kind, id, article = event["kind"], event["articleId"], event["article"]
        if event["deletedId"] != (id if kind == "DELETE" else None):
            raise ModelMismatchError(f"{kind} of {id} has the deletedId {event['deletedId']}")
        fitting = self._positions_after(kind, id)
        if not fitting:
            raise ModelMismatchError(
                f"{kind} {event['slug']} after {sorted(self._positions)}; "
                f"the next one is {self._model.next_change(min(self._positions), self.viewer)}"
            )
        self.events += 1
        self.cursor = event["cursor"]
        self._positions = fitting
        self._known_renamings = self.renamings
        if kind == "DELETE":
            self.articles.pop(id, None)
        if article is not None:
            if kind != "PUT" or article["id"] != id:
                raise ModelMismatchError(f"{kind} of {id} shows {article}")
            self._check(article, revision)
            self.articles[id] = article

    def handle_gap(self, event: dict[str, Any], nodes: dict[str, Any], revision: int) -> None:
        """Check a GAP, and read the articles again. Raises: ModelMismatchError."""
        # The store also has to retain the last event, to know that it is the same one.
        forgotten = self._model.last_evicted(self.viewer)
        least = min(self._positions)
        if least > forgotten and self._known_renamings == self._model.renamings:
            raise ModelMismatchError(f"GAP after {self._positions}; {forgotten + 1} is retained")
        self.events += 1
        self.gaps += 1
        self.cursor = event["cursor"]
        self.read(nodes, revision)
        self._positions -= set(range(least))
        self._known_renamings = self.renamings

    def check_final(self, nodes: dict[str, Any]) -> None:
        """Compare the copy with a list at the end.

        Raises: ModelMismatchError: an event is missing, or the copy differs.
        """
        self._check_list(nodes, self._model.nodes_at(self._model.revision, self.viewer))
        following = [self._model.next_change(place, self.viewer) for place in self._positions]
        if self.filter is None and all(following):
            raise ModelMismatchError(f"missing: {following[-1]}")
        if without_topics(self.articles) != without_topics(nodes):
            copy, listed = without_topics(self.articles), without_topics(nodes)
            raise ModelMismatchError(f"the copy has {copy}; the list has {listed}")
        for id, article in nodes.items():
            if self._defined(article) != self._defined(self.articles[id]):
                raise ModelMismatchError(
                    f"the copy has {self.articles[id]}; the list has {article}"
                )

    def _positions_after(self, kind: str, id: str) -> set[int]:
        """The possible positions in the history after an event.

        With a filter, the model only knows that events may be missing, and that an article that no
        longer matches comes as a DELETE. With a chain of locales events of any article may come.
        """
        if self.filter is CHAIN:
            return self._positions
        if self.filter is not None:
            later = self._model.changes[min(self._positions) :]
            kinds = {"PUT": {"PUT"}, "DELETE": {"PUT", "DELETE"}}[kind]
            fits = (e.revision for e in later if e.id == id and e.kind(self.viewer) in kinds)
            return set(islice(fits, 1))
        following = (self._model.next_change(place, self.viewer) for place in self._positions)
        visible_revisions = (kind, id)
        return {
            e.revision for e in following if e and (e.kind(self.viewer), e.id) == visible_revisions
        }

    def _check_list(self, nodes: dict[str, Any], expected: dict[str, Any]) -> None:
        is_whole = self.filter is not None or len(nodes) == len(expected)
        listed = without_topics(nodes)
        if not is_whole or any(expected.get(id) != node for id, node in listed.items()):
            raise ModelMismatchError(f"the list has {listed}; the model has {expected}")

    def _defined(self, article: dict[str, Any]) -> dict[str, str]:
        """The names of an article's topics that are in the tree."""
        names = self._model.names
        return {t["slug"]: t["name"] for t in article["topics"] if t["slug"] in names}

    def _check(self, article: dict[str, Any], revision: int | None) -> None:
        """Compare the article of an event with its version at the revision that it shows."""
        newest = self._model.revision if revision is None else revision
        now = CURSORS.decode_revision(article["id"], article["revision"])
        if now is None:
            raise ModelMismatchError(f"unknown revision: {article}")
        step = self._model.changes[now - 1]
        after = visible_article(step.after, self.viewer)
        is_it = after is not None and article_node(after, self.viewer) == {
            **article,
            "topics": None,
        }
        if not is_it or not min(self._positions) <= now <= newest:
            raise ModelMismatchError(f"after {self._positions}: {article}; {now} was {step}")


class GraphQLConsumer:
    """Follows a store through the GraphQL API.

    Attributes:
        state: Its events and its copy of the articles.
    """

    def __init__(self, store: Store, rng: Random, viewer: Viewer, filter: Any) -> None:
        self.state = ConsumerState(store.model, viewer, filter)
        self._store = store
        self._rng = rng

    async def start(self, batches: Sequence[Batch]) -> None:
        """Subscribe, query and receive events, as documented, while batches are written."""
        answers = await self._open_stream(batches)
        async with aclosing(answers):
            if self._rng.random() < 0.5:
                await self._store.write_random()
            self.state.read(*await self._list())
            await self._receive(answers, self._rng.choice([1, 2, 5]))
        if self.state.cursor is None:  # no event came, so there is no cursor to continue from
            self.state.reset()

    async def poll(self, pages: int | None = None) -> None:
        """Query some pages of changes, or all; the last page may be cut off."""
        while pages is None or pages > 0:
            pages = None if pages is None else pages - 1
            repository = self._store.any_repository()
            self.state.renamings = self._store.model.renamings
            snapshot = await repository.snapshot()
            if pages is not None and self._rng.random() < 0.3:
                await self._store.write_random()  # the request goes on with its snapshot
            with_list, first = self._rng.random() < 0.3, self._rng.choice([1, 2, 5, 50])
            variables: dict[str, Any] = {"after": self.state.cursor, "first": first}
            query = PAGE_AND_LIST if with_list else PAGE
            data = await self._query(query, repository, snapshot, **variables)
            nodes = data["changes"]["nodes"]
            if pages == 0 and self._rng.random() < 0.3:
                nodes = nodes[: self._rng.randrange(len(nodes) + 1)]
            for node in nodes:
                if node["kind"] != "GAP":
                    self.state.handle(node, snapshot.revision)
                elif with_list:
                    listed = _by_id(data["articles"]["nodes"])
                    self.state.handle_gap(node, listed, snapshot.revision)
                else:
                    self.state.handle_gap(node, *await self._list())
            if not data["changes"]["pageInfo"]["hasNextPage"]:
                return

    async def subscribe(self, most: int | None, batches: Sequence[Batch]) -> None:
        """Subscribe from the last cursor, for some events, while batches are written."""
        if self.state.cursor is None:
            await self.start(batches)
            return
        answers = await self._open_stream(batches)
        async with aclosing(answers):
            await self._receive(answers, most)

    async def finish(self) -> None:
        """Read all further events. Raises: ModelMismatchError: the copy differs then."""
        if self.state.filter is None and (self.state.cursor is None or self._rng.random() < 0.5):
            await self.poll()
        elif self.state.cursor is None:
            await self.start(())
            return
        else:
            await self.subscribe(None, ())
        nodes, _ = await self._list()
        self.state.check_final(nodes)

    async def _open_stream(self, batches: Sequence[Batch]) -> ResultStream:
        repository = self._store.any_repository()
        self.state.renamings = self._store.model.renamings
        source: Any = WritingRepository(repository, self._store, batches)
        context = Context(await repository.snapshot(), self.state.viewer, SIZES, source)
        variables = {"after": self.state.cursor, "filter": self.state.filter}
        request = GraphQLRequest(query=SUBSCRIPTION, variables=variables)
        answers = await self._rng.choice(OPERATIONS).subscribe(request, context, asyncio.Lock())
        assert not isinstance(answers, Result), answers.body
        return answers

    async def _receive(self, answers: ResultStream, most: int | None) -> None:
        """Receive and handle some events, or all."""
        with suppress(CaughtUpError):
            while most is None or most > 0:
                most = None if most is None else most - 1
                event = orjson.loads((await anext(answers)).body)["data"]["changes"]
                if event["kind"] == "GAP":
                    self.state.handle_gap(event, *await self._list())
                else:
                    self.state.handle(event)

    async def _list(self) -> tuple[dict[str, Any], int]:
        """The nodes of a query, by id, and their revision."""
        repository = self._store.any_repository()
        snapshot = await repository.snapshot()
        data = await self._query(QUERY, repository, snapshot, filter=self.state.filter)
        return _by_id(data["articles"]["nodes"]), snapshot.revision

    async def _query(
        self, query: str, repository: TinyDBRepository, snapshot: Any, **variables: Any
    ) -> Any:
        context = Context(snapshot, self.state.viewer, SIZES, repository)
        request = GraphQLRequest(query=query, variables=variables)
        executed = await self._rng.choice(OPERATIONS).execute(request, context)
        answer = orjson.loads(executed.body)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]


def _by_id(nodes: list[dict[str, Any]]) -> dict[str, Any]:
    return {node["id"]: node for node in nodes}


async def run_store(folder: Path, rng: Random, steps: int) -> Counter[str]:
    """Run one store for some steps; returns counts. Raises: ModelMismatchError."""
    model = ChangesModel(rng.choice(HISTORY_LIMITS))
    store = Store(folder / "store.json", rng, model)
    consumers: list[GraphQLConsumer] = []
    counts = Counter(runs=1)

    def batches(most: int) -> list[Batch]:
        return model.batches(rng, rng.randint(0, most))

    for _ in range(steps):
        consumer = rng.choice(consumers) if consumers else None
        match rng.choice(
            ["write", "write", "write", "begin", "page", "listen", "listen", "reopen"]
        ):
            case "write":
                await store.write(batches(3))
            case "reopen":
                await store.reopen()
                counts["openings"] += 1
            case "begin":
                viewer, filter = rng.choice([PUBLIC, EDITOR]), rng.choice(FILTERS)
                consumers.append(GraphQLConsumer(store, rng, viewer, filter))
                if rng.random() < 0.5:
                    await consumers[-1].start(batches(3))
            case "page" if consumer and consumer.state.filter is None:
                await consumer.poll(rng.randint(1, 3))
            case "listen" if consumer:
                await consumer.subscribe(rng.choice([None, 1, 2, 5]), batches(3))
    for consumer in consumers:
        await consumer.finish()
        account = consumer.state
        counts.update(events=account.events, gaps=account.gaps, consumers=1)
    await store.close()
    counts.update(revisions=model.revision, renamings=model.renamings)
    return counts


def run_stores(
    runs: int, seed: int, place: Path, progress: Callable[[Counter[str]], None] = lambda _: None
) -> Counter[str]:
    """Run several stores in subfolders of `place`; returns counts.

    `progress` is called after each. Raises: ModelMismatchError, with the seed of the run.
    """
    counts = Counter[str]()
    with (
        asyncio.Runner() as runner,
        mock.patch.object(tinydb_repository, "FILE_CHECK_INTERVAL_S", 0),
        mock.patch.object(background_checkpoints, "BUSY_RETRY_S", 0),
    ):
        for run_seed in range(seed, seed + runs):
            folder = place / str(run_seed)
            folder.mkdir()
            rng = Random(run_seed)
            try:
                counts += runner.run(run_store(folder, rng, rng.choice([10, 25, 60])))
            except Exception as error:
                error.add_note(f"Repeat with --seed {run_seed} --runs 1; its store is in {folder}")
                raise
            shutil.rmtree(folder)
            progress(counts)
    return counts


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description="Compare change events with a model.")
    parser.add_argument("--runs", type=int, default=2_000, help="how many stores")
    parser.add_argument("--seed", type=int, default=1, help="the seed of the first run")
    arguments = parser.parse_args()
    started = time.monotonic()

    def tell(counts: Counter[str]) -> None:
        if counts["runs"] % _PROGRESS_EVERY == 0:
            print(f"{time.monotonic() - started:6.0f} s  {dict(counts)}", flush=True)

    place = Path(tempfile.mkdtemp(prefix="changes-model-"))
    counts = run_stores(arguments.runs, arguments.seed, place, tell)
    shutil.rmtree(place)
    print(f"{time.monotonic() - started:6.0f} s  {dict(counts)}: all agree with the model")


if __name__ == "__main__":
    main()
