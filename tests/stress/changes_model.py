"""Holds `changes` to a plain model while writers, checkpoints and restarts come in between.

A life is a store that two repositories write to, some batches at once, whose file takes in the log
all the time, and which is closed and opened again; and of consumers, readers of drafts and the
public, some with a filter, who follow it by the query and by the subscription, through the one or
the other repository, stop anywhere, and go on from their last cursor. Each event is held to the
model, which knows each revision with the article before and after it:

- what a consumer is told is what happened, as it may see it, in order, each once; it is nowhere in
  the history where that does not fit, and only a GAP lets it be elsewhere;
- after a GAP it reads everything anew, and goes on from no later than what it has read;
- a GAP comes only where more has happened than is kept, or topics have other names;
- an article beside an event is one that was there then or later, and that it may see;
- in the end it holds what a query shows, which is what the model says, topics' names included.

`python -m tests.stress.changes_model --lives 2000 --seed 1` runs so many lives and says how far it
is.
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
_TELL_EVERY = 20

SHOWN = "id slug title excerpt revision topics { slug name }"
EVENT = f"cursor kind id slug article {{ {SHOWN} }}"
LIST = f"articles(first: 100, filter: $filter) {{ nodes {{ {SHOWN} }} }}"
QUERY = f"query ($filter: ArticleFilter) {{ {LIST} }}"
PAGE = (
    "query ($after: String, $first: Int) { changes(after: $after, first: $first)"
    f" {{ nodes {{ {EVENT} }} pageInfo {{ hasNextPage endCursor }} }} }}"
)
PAGE_AND_LIST = f"{PAGE[:-1]} {LIST} }}".replace("(", "($filter: ArticleFilter, ", 1)
FOLLOW = (
    "subscription ($after: String, $filter: ArticleFilter)"
    f" {{ changes(after: $after, filter: $filter) {{ {EVENT} }} }}"
)
FILTERS = [None, None, None, {"quality": {"gte": 1}}, {"topics": {"some": ["tides"]}}]

OPERATIONS = [
    Operations(limit, limit)
    for limit in (
        build_executor(load_settings({"compiled": compiled}), SCHEMA) for compiled in (True, False)
    )
]


class ChangesError(AssertionError):
    """A consumer was told what it must not be, or not told what it has to be."""


class Step(NamedTuple):
    """What a revision did to an article; None: it was not there, or is not."""

    revision: int
    id: str
    before: Article | None
    after: Article | None

    def kind(self, viewer: Viewer) -> str | None:
        """What a viewer is told; None: nothing."""
        if viewer is PUBLIC and self.after is not None and self.after.public_revision:
            return None
        if seen(self.after, viewer) is not None:
            return "PUT"
        return "DELETE" if seen(self.before, viewer) is not None else None


def seen(article: Article | None, viewer: Viewer) -> Article | None:
    """An article as a viewer sees it."""
    return article if article is not None and (viewer is EDITOR or article.published) else None


def shown(article: Article, viewer: Viewer) -> dict[str, Any]:
    """What the graph shows a viewer of an article, but for its topics."""
    return {
        "id": article.id,
        "slug": article.slug,
        "title": article.title,
        "excerpt": article.excerpt,
        "revision": CURSORS.revision(article.id, article.revision_for(viewer.visibility)),
        "topics": None,
    }


def plain(nodes: dict[str, Any]) -> dict[str, Any]:
    """Articles as the graph shows them, without their topics; by id."""
    return {id: {**node, "topics": None} for id, node in nodes.items()}


class Model:
    """A store, as plain as can be: everything that ever happened.

    Attributes:
        history_limit: How many changes are kept.
        steps: What each revision did, from 1 on.
        articles: The articles now, by id.
        names: What the topics of the tree are called, by slug.
        renamings: How often that has changed.
    """

    def __init__(self, history_limit: int) -> None:
        self.history_limit = history_limit
        self.steps: list[Step] = []
        self.articles: dict[str, Article] = {}
        self.names: dict[str, str] = {}
        self.renamings = 0

    @property
    def revision(self) -> int:
        """The newest revision."""
        return len(self.steps)

    def outcome(self, batch: Batch) -> list[Step]:
        """What a batch does now."""
        steps: list[Step] = []
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
            steps.append(Step(revision, article.id, before, after))
            articles[article.id] = after
        for id in batch.deletes:
            if (before := articles.pop(id, None)) is not None:
                steps.append(Step(self.revision + len(steps) + 1, id, before, None))
        return steps

    def take(self, written: Iterable[tuple[Batch, int]]) -> None:
        """Do batches that were written at once, in the order that their revisions tell."""
        left = sorted(written, key=lambda each: each[1])
        while left:
            for each in left:
                batch, revision = each
                steps = self.outcome(batch)
                if self.revision + len(steps) == revision:
                    break
            else:
                raise ChangesError(f"no order of the batches gives {[r for _, r in left]}")
            left.remove(each)
            names = {topic.slug: topic.name for topic in batch.topics or ()}
            if batch.topics is not None and names != self.names:
                self.names = names
                self.renamings += 1
            self.steps += steps
            for step in steps:
                self.articles.pop(step.id, None)
                if step.after is not None:
                    self.articles[step.id] = step.after

    def batches(self, rng: Random, count: int) -> list[Batch]:
        """So many batches to write at once; of them one may change the tree of topics."""
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

    def at(self, revision: int, viewer: Viewer) -> dict[str, Any]:
        """What a viewer sees at a revision, by id."""
        articles: dict[str, Article | None] = {}
        for step in self.steps[:revision]:
            articles[step.id] = step.after
        visible = (seen(article, viewer) for article in articles.values())
        return {article.id: shown(article, viewer) for article in visible if article is not None}

    def forgotten(self, viewer: Viewer) -> int:
        """The newest revision that a viewer was told of and that is not kept; -1: all is."""
        told = [step.revision for step in self.steps if step.kind(viewer) is not None]
        return [-1, *told[: -self.history_limit]][-1]

    def next(self, revision: int, viewer: Viewer) -> Step | None:
        """The first step after a revision of which a viewer is told."""
        later = (step for step in self.steps[revision:] if step.kind(viewer) is not None)
        return next(later, None)


def _text(article: Article) -> bytes:
    return msgspec.json.encode(msgspec.structs.replace(article, revision=0, public_revision=0))


def _open_text(article: Article) -> bytes | None:
    """What the public sees of an article."""
    return _text(msgspec.structs.replace(article, secured=None)) if article.published else None


class Store:
    """A store's files, and the two repositories that are open on them."""

    def __init__(self, path: Path, rng: Random, model: Model) -> None:
        self.model = model
        self._path = path
        self._rng = rng
        self._ever: list[TinyDBRepository] = []
        self.repositories = [self._opened(), self._opened()]

    def any(self) -> TinyDBRepository:
        """One of the repositories."""
        return self._rng.choice(self.repositories)

    async def write(self, batches: Sequence[Batch]) -> None:
        """Write batches at once, through both."""
        revisions = await asyncio.gather(*(self.any().apply(batch) for batch in batches))
        self.model.take(zip(batches, revisions, strict=True))

    async def write_some(self) -> None:
        """Write one to three batches at once."""
        await self.write(self.model.batches(self._rng, self._rng.randint(1, 3)))

    async def reopen(self) -> None:
        """Have one of the repositories opened anew; the one before was closed, or is forgotten."""
        place = self._rng.randrange(2)
        if self._rng.random() < 0.5:
            await self.repositories[place].close()
        self.repositories[place] = self._opened()

    async def close(self) -> None:
        """Close all that was ever opened."""
        for repository in self._ever:
            await repository.close()

    def _opened(self) -> TinyDBRepository:
        self._ever.append(
            TinyDBRepository.open(
                self._path,
                history_limit=self.model.history_limit,
                cursor_key=KEY,
                log_bytes=self._rng.choice([1, 1, 5_000, 1 << 20]),
            )
        )
        return self._ever[-1]


class Writing(ScriptedRepository):
    """A repository to whoever follows it: when it has no news, the next of it is written."""

    def __init__(self, repository: Repository, store: Store, to_come: Sequence[Batch]) -> None:
        super().__init__(repository, ())
        self._store = store
        self._batches = list(to_come)

    async def wait(self, version: str) -> Any:
        """See `Repository`. Raises: CaughtUpError: there is no more news to come."""
        while (snapshot := await self.snapshot()).version == version:
            if not self._batches:
                raise CaughtUpError
            await self._store.write([self._batches.pop(0)])
        return snapshot


class Account:
    """What a consumer was told, and holds since; held to the model.

    Attributes:
        viewer: As whom it reads.
        wanted: Which articles, as a filter of the graph; None: all.
        renamings: How often topics had been renamed when the request began that tells it now.
        held: What it holds, by id.
        cursor: The last one that it was told.
        told: How many events it was told.
        gaps: How many of them were gaps.
    """

    def __init__(self, model: Model, viewer: Viewer, wanted: Any = None) -> None:
        self.viewer = viewer
        self.wanted = wanted
        self.renamings = 0
        self.told = 0
        self.gaps = 0
        self._model = model
        self.forget()

    def forget(self) -> None:
        """Begin before the first change."""
        self.held: dict[str, Any] = {}
        self.cursor: str | None = None
        # After which revisions it may be: what comes next after one of these has to be told.
        self._places = {0}
        self._known_renamings = self._model.renamings

    def read(self, held: dict[str, Any], revision: int) -> None:
        """Hold what a list has shown at a revision: what it is told next is no later than that."""
        self._check_list(held, self._model.at(revision, self.viewer))
        self.held = dict(held)
        self._places = set(range(revision + 1))

    def heed(self, event: dict[str, Any], revision: int | None = None) -> None:
        """Do what an event says, which a snapshot of some revision has shown.

        Raises: ChangesError: it follows after none of the places where the consumer may be.
        """
        kind, id, article = event["kind"], event["id"], event["article"]
        fitting = self._fitting(kind, id)
        if not fitting:
            raise ChangesError(
                f"told {kind} {event['slug']} after {sorted(self._places)}; "
                f"after the first of these comes {self._model.next(min(self._places), self.viewer)}"
            )
        self.told += 1
        self.cursor = event["cursor"]
        self._places = fitting
        self._known_renamings = self.renamings
        if kind == "DELETE":
            self.held.pop(id, None)
        if article is not None:
            if kind != "PUT" or article["id"] != id:
                raise ChangesError(f"{kind} of {id} shows {article}")
            self._check(article, revision)
            self.held[id] = article

    def heed_gap(self, event: dict[str, Any], held: dict[str, Any], revision: int) -> None:
        """Begin anew with what a list has shown at a revision. Raises: ChangesError."""
        # That the last change it was told is the one that it was has to be known, too.
        forgotten = self._model.forgotten(self.viewer)
        least = min(self._places)
        if least > forgotten and self._known_renamings == self._model.renamings:
            raise ChangesError(f"a GAP after {self._places}, though {forgotten + 1} is kept")
        self.told += 1
        self.gaps += 1
        self.cursor = event["cursor"]
        self.read(held, revision)
        self._places -= set(range(least))
        self._known_renamings = self.renamings

    def check_end(self, there: dict[str, Any]) -> None:
        """Hold what is held to what a list shows at the end.

        Raises: ChangesError: something was not told, or what is held is not what is there.
        """
        self._check_list(there, self._model.at(self._model.revision, self.viewer))
        following = [self._model.next(place, self.viewer) for place in self._places]
        if self.wanted is None and all(following):
            raise ChangesError(f"not told: {following[-1]}")
        if plain(self.held) != plain(there):
            raise ChangesError(f"held are {plain(self.held)}, and there are {plain(there)}")
        for id, article in there.items():
            if self._defined(article) != self._defined(self.held[id]):
                raise ChangesError(f"held is {self.held[id]}, and there is {article}")

    def _fitting(self, kind: str, id: str) -> set[int]:
        """After which revisions it is, once it was told this. Of a filter the model only knows that
        it leaves out what it likes, and that what does not match comes as a DELETE.
        """
        if self.wanted is not None:
            later = self._model.steps[min(self._places) :]
            kinds = {"PUT": {"PUT"}, "DELETE": {"PUT", "DELETE"}}[kind]
            fits = (e.revision for e in later if e.id == id and e.kind(self.viewer) in kinds)
            return set(islice(fits, 1))
        following = (self._model.next(place, self.viewer) for place in self._places)
        told = (kind, id)
        return {e.revision for e in following if e and (e.kind(self.viewer), e.id) == told}

    def _check_list(self, nodes: dict[str, Any], expected: dict[str, Any]) -> None:
        is_whole = self.wanted is not None or len(nodes) == len(expected)
        if not is_whole or any(expected.get(id) != node for id, node in plain(nodes).items()):
            raise ChangesError(f"a list shows {plain(nodes)}, and its snapshot has {expected}")

    def _defined(self, article: dict[str, Any]) -> dict[str, str]:
        """The names of an article's topics that are in the tree; others have none of their own."""
        names = self._model.names
        return {t["slug"]: t["name"] for t in article["topics"] if t["slug"] in names}

    def _check(self, article: dict[str, Any], revision: int | None) -> None:
        """Hold an article beside an event to what it was at the revision that it names."""
        newest = self._model.revision if revision is None else revision
        now = CURSORS.decode_revision(article["id"], article["revision"])
        if now is None:
            raise ChangesError(f"told of no revision of it: {article}")
        step = self._model.steps[now - 1]
        after = seen(step.after, self.viewer)
        is_it = after is not None and shown(after, self.viewer) == {**article, "topics": None}
        if not is_it or not min(self._places) <= now <= newest:
            raise ChangesError(f"told after {self._places}: {article}; {now} was {step}")


class Consumer:
    """Follows a store through the graph.

    Attributes:
        account: What it was told, and holds.
    """

    def __init__(self, store: Store, rng: Random, viewer: Viewer, wanted: Any) -> None:
        self.account = Account(store.model, viewer, wanted)
        self._store = store
        self._rng = rng

    async def begin(self, to_come: Sequence[Batch]) -> None:
        """Begin as the documentation says: subscribe, query, and listen, while more is written."""
        answers = await self._subscribed(to_come)
        async with aclosing(answers):
            if self._rng.random() < 0.5:
                await self._store.write_some()
            self.account.read(*await self._list())
            await self._hear(answers, self._rng.choice([1, 2, 5]))
        if self.account.cursor is None:  # nothing has come, so it has no place to go on from
            self.account.forget()

    async def page(self, pages: int | None = None) -> None:
        """Read on by the query: some pages, of the last perhaps a part; or all, without writes."""
        while pages is None or pages > 0:
            pages = None if pages is None else pages - 1
            repository = self._store.any()
            self.account.renamings = self._store.model.renamings
            snapshot = await repository.snapshot()
            if pages is not None and self._rng.random() < 0.3:
                await self._store.write_some()  # the request goes on with its snapshot
            with_list, first = self._rng.random() < 0.3, self._rng.choice([1, 2, 5, 50])
            variables: dict[str, Any] = {"after": self.account.cursor, "first": first}
            query = PAGE_AND_LIST if with_list else PAGE
            data = await self._ask(query, repository, snapshot, **variables)
            nodes = data["changes"]["nodes"]
            if pages == 0 and self._rng.random() < 0.3:
                nodes = nodes[: self._rng.randrange(len(nodes) + 1)]
            for node in nodes:
                if node["kind"] != "GAP":
                    self.account.heed(node, snapshot.revision)
                elif with_list:
                    held = _by_id(data["articles"]["nodes"])
                    self.account.heed_gap(node, held, snapshot.revision)
                else:
                    self.account.heed_gap(node, *await self._list())
            if not data["changes"]["pageInfo"]["hasNextPage"]:
                return

    async def listen(self, most: int | None, to_come: Sequence[Batch]) -> None:
        """Subscribe from the last cursor, for so many events, while more is written."""
        if self.account.cursor is None:
            await self.begin(to_come)
            return
        answers = await self._subscribed(to_come)
        async with aclosing(answers):
            await self._hear(answers, most)

    async def finish(self) -> None:
        """Read all that there is. Raises: ChangesError: what is held then is not what is there."""
        if self.account.wanted is None and (
            self.account.cursor is None or self._rng.random() < 0.5
        ):
            await self.page()
        elif self.account.cursor is None:
            await self.begin(())
            return
        else:
            await self.listen(None, ())
        there, _ = await self._list()
        self.account.check_end(there)

    async def _subscribed(self, to_come: Sequence[Batch]) -> ResultStream:
        repository = self._store.any()
        self.account.renamings = self._store.model.renamings
        source: Any = Writing(repository, self._store, to_come)
        context = Context(await repository.snapshot(), self.account.viewer, SIZES, source)
        variables = {"after": self.account.cursor, "filter": self.account.wanted}
        request = GraphQLRequest(query=FOLLOW, variables=variables)
        answers = await self._rng.choice(OPERATIONS).subscribe(request, context, asyncio.Lock())
        assert not isinstance(answers, Result), answers.body
        return answers

    async def _hear(self, answers: ResultStream, most: int | None) -> None:
        """Do what so many events say, or all."""
        with suppress(CaughtUpError):
            while most is None or most > 0:
                most = None if most is None else most - 1
                event = orjson.loads((await anext(answers)).body)["data"]["changes"]
                if event["kind"] == "GAP":
                    self.account.heed_gap(event, *await self._list())
                else:
                    self.account.heed(event)

    async def _list(self) -> tuple[dict[str, Any], int]:
        """What a query shows, by id, and at which revision."""
        repository = self._store.any()
        snapshot = await repository.snapshot()
        data = await self._ask(QUERY, repository, snapshot, filter=self.account.wanted)
        return _by_id(data["articles"]["nodes"]), snapshot.revision

    async def _ask(
        self, query: str, repository: TinyDBRepository, snapshot: Any, **variables: Any
    ) -> Any:
        context = Context(snapshot, self.account.viewer, SIZES, repository)
        request = GraphQLRequest(query=query, variables=variables)
        executed = await self._rng.choice(OPERATIONS).execute(request, context)
        answer = orjson.loads(executed.body)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]


def _by_id(nodes: list[dict[str, Any]]) -> dict[str, Any]:
    return {node["id"]: node for node in nodes}


async def live(folder: Path, rng: Random, steps: int) -> Counter[str]:
    """One life, of so many steps; what came up how often. Raises: ChangesError."""
    model = Model(rng.choice(HISTORY_LIMITS))
    store = Store(folder / "store.json", rng, model)
    consumers: list[Consumer] = []
    counted = Counter(lives=1)

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
                counted["openings"] += 1
            case "begin":
                viewer, wanted = rng.choice([PUBLIC, EDITOR]), rng.choice(FILTERS)
                consumers.append(Consumer(store, rng, viewer, wanted))
                if rng.random() < 0.5:
                    await consumers[-1].begin(batches(3))
            case "page" if consumer and consumer.account.wanted is None:
                await consumer.page(rng.randint(1, 3))
            case "listen" if consumer:
                await consumer.listen(rng.choice([None, 1, 2, 5]), batches(3))
    for consumer in consumers:
        await consumer.finish()
        account = consumer.account
        counted.update(events=account.told, gaps=account.gaps, consumers=1)
    await store.close()
    counted.update(revisions=model.revision, renamings=model.renamings)
    return counted


def run(
    lives: int, seed: int, place: Path, progress: Callable[[Counter[str]], None] = lambda _: None
) -> Counter[str]:
    """Run so many lives, in folders of a place; what came up how often.

    `progress` is told after each. Raises: ChangesError, with the life's seed.
    """
    counted = Counter[str]()
    with (
        asyncio.Runner() as runner,
        mock.patch.object(tinydb_repository, "FILE_CHECK_INTERVAL_S", 0),
        mock.patch.object(background_checkpoints, "BUSY_RETRY_S", 0),
    ):
        for life in range(seed, seed + lives):
            folder = place / str(life)
            folder.mkdir()
            rng = Random(life)
            try:
                counted += runner.run(live(folder, rng, rng.choice([10, 25, 60])))
            except Exception as error:
                error.add_note(f"The life of --seed {life} --lives 1; its store is in {folder}")
                raise
            shutil.rmtree(folder)
            progress(counted)
    return counted


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description="Hold changes to a plain model.")
    parser.add_argument("--lives", type=int, default=2_000, help="how many stores live")
    parser.add_argument("--seed", type=int, default=1, help="that of the first life")
    arguments = parser.parse_args()
    started = time.monotonic()

    def tell(counted: Counter[str]) -> None:
        if counted["lives"] % _TELL_EVERY == 0:
            print(f"{time.monotonic() - started:6.0f} s  {dict(counted)}", flush=True)

    place = Path(tempfile.mkdtemp(prefix="changes-model-"))
    counted = run(arguments.lives, arguments.seed, place, tell)
    shutil.rmtree(place)
    print(f"{time.monotonic() - started:6.0f} s  {dict(counted)}: all as the model says")


if __name__ == "__main__":
    main()
