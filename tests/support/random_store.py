"""Random stores: documents in which things collide, writes to them, and what they hold afterwards.

Hypothesis is not used here: it would fill documents with the same thing over and over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from random import Random
from typing import Any, NamedTuple

import msgspec

from gql.schema import PageSizes
from store import Batch, Severity
from store.model import Article, Diagnostic, Image, ProviderMention, Related, TopicDefinition
from store.names import article_id
from tests.support import store_strategies as some

SMALL = PageSizes(default=3, maximum=5)
LARGE = PageSizes(default=10, maximum=40)
_BODIES = [None, "Tide &amp; time.\n\u2028", '"quoted" \\', "s3cret"]
_METADATA: list[dict[str, Any]] = [
    {},
    {"flag": True},
    {"flag": 1},
    {"é": [1.5, {"deep": [None, "x"]}]},
    {"not": float("nan")},
]
_WORDS = ["Tide", "harbour", "STRASSE", "straße", "Été", "İzmir", "ﬁsh", "%_", "\\", "🦀"]
_TOO_LARGE = 2**31


class Edit(NamedTuple):
    """New values for fields of an article; without effect where the store does not hold it."""

    id: str
    fields: Mapping[str, Any]


Write = Batch | Edit


class World:
    """The contents of a random store as its session goes on.

    Attributes:
        slugs: The slugs that its articles may have.
        page_sizes: The sizes of pages that its readers may ask for.
        fields: How values of its articles' fields are drawn.
        articles: The articles that it holds now, by id.
        versions: Every version of an article that it has ever held.
    """

    def __init__(self, articles: int = len(some.SLUGS), page_sizes: PageSizes = SMALL) -> None:
        is_large = articles > len(some.SLUGS)
        numbered = [f"2026-01-02-n{number}" for number in range(articles - len(some.SLUGS))]
        self.slugs = [*some.SLUGS, *numbered]
        self.page_sizes = page_sizes
        self.fields = {**_FIELDS, **_VARIED} if is_large else dict(_FIELDS)
        self.articles: dict[str, Article] = {}
        self.versions: list[Article] = []

    @property
    def is_large(self) -> bool:
        """Whether it has more articles than a page shows."""
        return len(self.slugs) > len(some.SLUGS)

    def without_nan(self) -> None:
        """Leave out NaN, which equals nothing: whether a put of it changes anything is chance."""
        self.fields["metadata"] = one_of(_METADATA[:-1])

    def apply(self, write: Write) -> None:
        """Do to this what a write does to a store."""
        if isinstance(write, Edit):
            article = self.articles.get(write.id)
            changed = article and msgspec.structs.replace(article, **write.fields)
            write = Batch(puts=(changed,) if changed else ())
        for article in write.puts:
            self.articles[article.id] = article
        for id in write.deletes:
            self.articles.pop(id, None)
        self.versions.extend(write.puts)

    def version(self, rng: Random) -> Article:
        """An article as it is or was here; one that never was where there are none."""
        return rng.choice(self.versions) if self.versions else random_article(rng, self)

    def id(self, rng: Random) -> str:
        """The id of an article that may be here."""
        return article_id(rng.choice(self.slugs))


IN_PLACE = "title content quality heat secured featured_content updated_date_time metadata".split()
"""The fields whose edits leave articles where lists, look-ups and links find them."""

WRITE_KINDS = [
    *("puts", "deletes", "topics", "publishing", "a new date", "an edit", "an edit in place")
]


def write_kinds(write: Write) -> set[str]:
    """What a write does, as in `WRITE_KINDS`."""
    if isinstance(write, Edit):
        names = dict.fromkeys(IN_PLACE, "an edit in place")
        names |= {"published": "publishing", "published_date_time": "a new date"}
        return {names.get(name, "an edit") for name in write.fields}
    return {name for name in ("puts", "deletes", "topics") if getattr(write, name)}


def random_article(rng: Random, world: World) -> Article:
    """A document with one of the world's slugs."""
    fields = {name: make(rng) for name, make in world.fields.items()}
    return Article(slug=rng.choice(world.slugs), **fields)


def first_write(rng: Random, world: World) -> Batch:
    """The documents that a store begins with."""
    count = len(world.slugs) if world.is_large else rng.randint(3, 12)
    return Batch(
        puts=tuple(random_article(rng, world) for _ in range(count)), topics=topic_tree(rng)
    )


def random_write(rng: Random, world: World) -> Write:
    """Something that changes a store: one article, several, or the tree of topics."""
    write: Callable[[Random, World], Write] = rng.choice(_WRITES)
    return write(rng, world)


def random_batch(rng: Random, world: World) -> Batch:
    """The same as a batch for a store that holds what the world does, which then holds more."""
    write = random_write(rng, world)
    if isinstance(write, Edit):
        article = world.articles.get(write.id)
        changed = article and msgspec.structs.replace(article, **write.fields)
        write = Batch(puts=(changed,) if changed else ())
    world.apply(write)
    return write


def topic_tree(rng: Random) -> tuple[TopicDefinition, ...]:
    """A tree of topics, in which parents may be missing or go round in a circle."""
    return tuple({each.slug: each for each in few(rng, _definition, 4)}.values())


def few(rng: Random, make: Callable[[Random], Any], most: int) -> tuple[Any, ...]:
    """None to `most` values."""
    return tuple(make(rng) for _ in range(rng.randint(0, most)))


def one_of(values: Sequence[Any]) -> Callable[[Random], Any]:
    """The function that draws one of these values."""
    return lambda rng: rng.choice(values)


def _image(rng: Random) -> Image:
    return Image(
        url=rng.choice(some.URLS),
        width=rng.choice([None, 100, 200]),
        height=rng.choice([None, 50, 150]),
        title=rng.choice([None, *some.TITLES]),
        is_cached=rng.random() < 0.5,
    )


def _mention(rng: Random) -> ProviderMention:
    return ProviderMention(
        domain=rng.choice(some.DOMAINS),
        name=rng.choice(["One", "Two"]),
        images=few(rng, _image, 1),
    )


def _related(rng: Random) -> Related:
    return Related(
        title=rng.choice(some.TITLES),
        provider=rng.choice([None, _mention(rng)]),
        web_url=rng.choice([None, *some.URLS]),
        original_url=rng.choice([None, *some.URLS]),
        quality=rng.choice([None, 1]),
        images=few(rng, _image, 2),
    )


def _moment(rng: Random) -> Any:
    return some.EPOCH + timedelta(days=rng.randint(0, 3))


_FIELDS: dict[str, Callable[[Random], Any]] = {
    "title": one_of(some.TITLES),
    "provider": _mention,
    "published_date_time": _moment,
    "updated_date_time": lambda rng: rng.choice([None, _moment(rng)]),
    "excerpt": one_of([None, *some.TITLES]),
    "content": one_of(_BODIES),
    "category": one_of([None, "news"]),
    "type": one_of(some.KINDS),
    "locale": one_of([None, "en", "de"]),
    "quality": one_of([-1, 0, 1, 2]),
    "heat": one_of([-1, 0, 1, 2]),
    "published": one_of([True, True, False]),
    "tags": lambda rng: few(rng, one_of(["x", "y"]), 2),
    "topics": lambda rng: few(rng, one_of(some.TOPICS), 2),
    "images": lambda rng: few(rng, _image, 3),
    "related": lambda rng: few(rng, _related, 2),
    "secured": one_of(_BODIES),
    "featured_content": one_of(_BODIES),
    "web_url": one_of([None, *some.URLS]),
    "original_url": one_of([None, *some.URLS]),
    "cdn_amp_web_url": one_of([None, *some.URLS]),
    "metadata": one_of(_METADATA),
}

# In large stores fields are to tell articles apart, too.
_VARIED: dict[str, Callable[[Random], Any]] = {
    "title": lambda rng: " ".join(rng.choices(_WORDS, k=rng.randint(1, 3))),
    "excerpt": lambda rng: rng.choice([None, f"No. {rng.randint(0, 99)} {rng.choice(_WORDS)}"]),
    "published_date_time": lambda rng: some.EPOCH + timedelta(hours=rng.randint(0, 96)),
    "heat": lambda rng: rng.choice([0, 0, 0, rng.randint(-20, 200)]),
    "published": one_of([True] * 9 + [False]),
    "web_url": lambda rng: rng.choice([*some.URLS, f"https://one.example/{rng.randint(0, 99)}"]),
}


def _definition(rng: Random) -> TopicDefinition:
    return TopicDefinition(
        slug=rng.choice(some.TOPIC_SLUGS),
        name=rng.choice(some.DEFINED_NAMES),
        parent=rng.choice([None, *some.TOPIC_SLUGS, "nowhere"]),
        keywords=few(rng, one_of(["sea", "rail"]), 2),
    )


def _diagnostic(rng: Random) -> Diagnostic:
    line = rng.choice([None, 1, 2])
    return Diagnostic(
        path=rng.choice(["a.md", "b.md"]),
        severity=Severity.WARNING if line else Severity.ERROR,
        code="BAD_DATE",
        message="It is bad.",
        line=line,
    )


def _batch(rng: Random, world: World) -> Batch:
    return Batch(
        puts=few(rng, lambda rng: random_article(rng, world), 3),
        deletes=few(rng, world.id, 1),
        topics=rng.choice([None, topic_tree(rng)]),
        diagnostics=few(rng, _diagnostic, 4),
    )


def _import(rng: Random, world: World) -> Batch:
    return Batch(puts=few(rng, lambda rng: random_article(rng, world), len(world.slugs) // 2))


def _edit(rng: Random, world: World) -> Edit:
    name = rng.choice(list(world.fields))
    if rng.random() < 0.02:
        return Edit(world.id(rng), {"heat": _TOO_LARGE})  # which an Int cannot show
    return Edit(world.id(rng), {name: world.fields[name](rng)})


def edit_in_place(rng: Random, world: World) -> Edit:
    """Another value where an article stays where it is found."""
    name = rng.choice(["title", "heat", *IN_PLACE])
    return Edit(world.id(rng), {name: world.fields[name](rng)})


def _new_date(rng: Random, world: World) -> Edit:
    return Edit(world.id(rng), {"published_date_time": world.fields["published_date_time"](rng)})


def _publishing(rng: Random, world: World) -> Edit:
    return Edit(world.id(rng), {"published": rng.random() < 0.5})


def _deletion(rng: Random, world: World) -> Batch:
    return Batch(deletes=(world.id(rng),))


def _return(rng: Random, world: World) -> Batch:
    return Batch(puts=(world.version(rng),))


def _new_tree(rng: Random, _world: World) -> Batch:
    return Batch(topics=topic_tree(rng))


_WRITES: list[Callable[[Random, World], Write]] = [
    _edit,
    _edit,
    _edit,
    edit_in_place,
    edit_in_place,
    _new_date,
    _publishing,
    _publishing,
    _batch,
    _import,
    _new_tree,
    _deletion,
    _return,
]
