"""Random writes to a store, and a model of its content.

Values are drawn from small sets, so that ties, joins and conflicts are frequent. Hypothesis is not
used here, because it repeats the same values in a document too often.
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
from tests.support import store_strategies

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
    """New values for fields of an article; a no-op if the store does not hold it."""

    id: str
    fields: Mapping[str, Any]


Write = Batch | Edit


class StoreModel:
    """A model of a store: the articles that the writes so far leave in it.

    Attributes:
        slugs: The possible slugs of articles.
        page_sizes: The page sizes of the lists.
        fields: The generators of field values, by field.
        articles: The current articles, by id.
        versions: All versions of articles so far.
    """

    def __init__(
        self, articles: int = len(store_strategies.SLUGS), page_sizes: PageSizes = SMALL
    ) -> None:
        is_large = articles > len(store_strategies.SLUGS)
        numbered = [
            f"2026-01-02-n{number}" for number in range(articles - len(store_strategies.SLUGS))
        ]
        self.slugs = [*store_strategies.SLUGS, *numbered]
        self.page_sizes = page_sizes
        self.fields = {**_FIELDS, **_VARIED} if is_large else dict(_FIELDS)
        self.articles: dict[str, Article] = {}
        self.versions: list[Article] = []

    @property
    def is_large(self) -> bool:
        """Whether it has more articles than a page."""
        return len(self.slugs) > len(store_strategies.SLUGS)

    def without_nan(self) -> None:
        """Never draw NaN: it differs from itself, so that equal puts may count as changes."""
        self.fields["metadata"] = one_of(_METADATA[:-1])

    def apply(self, write: Write) -> None:
        """Apply a write to the model."""
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
        """A current or former version of an article; a new article if there are none."""
        return rng.choice(self.versions) if self.versions else random_article(rng, self)

    def id(self, rng: Random) -> str:
        """The id of an article that the store may hold."""
        if self.articles and rng.random() < 0.5:
            return rng.choice(list(self.articles))
        return article_id(rng.choice(self.slugs))


IN_PLACE = "title content quality heat secured featured_content updated_date_time metadata".split()
"""The fields whose edits change no index."""

WRITE_KINDS = [
    *("puts", "deletes", "topics", "publishing", "a new date", "an edit", "an edit in place")
]


def write_kinds(write: Write) -> set[str]:
    """The kinds of a write, as in `WRITE_KINDS`."""
    if isinstance(write, Edit):
        names = dict.fromkeys(IN_PLACE, "an edit in place")
        names |= {"published": "publishing", "published_date_time": "a new date"}
        return {names.get(name, "an edit") for name in write.fields}
    return {name for name in ("puts", "deletes", "topics") if getattr(write, name)}


def random_article(rng: Random, model: StoreModel) -> Article:
    """An article with one of the model's slugs."""
    fields = {name: make(rng) for name, make in model.fields.items()}
    slug = rng.choice(model.slugs)
    in_id = fields["locale"] if rng.random() < 0.4 else None
    return Article(slug=slug, id=article_id(slug, in_id), **fields)


def first_write(rng: Random, model: StoreModel) -> Batch:
    """The first batch of a store."""
    count = len(model.slugs) if model.is_large else rng.randint(3, 12)
    return Batch(
        puts=tuple(random_article(rng, model) for _ in range(count)), topics=topic_tree(rng)
    )


def random_write(rng: Random, model: StoreModel) -> Write:
    """A write of one article, of several, or of the topic tree."""
    write: Callable[[Random, StoreModel], Write] = rng.choice(_WRITES)
    return write(rng, model)


def random_batch(rng: Random, model: StoreModel) -> Batch:
    """A random write as a batch, which is also applied to the model."""
    write = random_write(rng, model)
    if isinstance(write, Edit):
        article = model.articles.get(write.id)
        changed = article and msgspec.structs.replace(article, **write.fields)
        write = Batch(puts=(changed,) if changed else ())
    model.apply(write)
    return write


def topic_tree(rng: Random) -> tuple[TopicDefinition, ...]:
    """A topic tree; parents may be missing or form a cycle."""
    return tuple({each.slug: each for each in few(rng, _definition, 4)}.values())


def few(rng: Random, make: Callable[[Random], Any], most: int) -> tuple[Any, ...]:
    """Zero to `most` values."""
    return tuple(make(rng) for _ in range(rng.randint(0, most)))


def one_of(values: Sequence[Any]) -> Callable[[Random], Any]:
    """A function that draws one of these values."""
    return lambda rng: rng.choice(values)


_SIZES = [
    f"https://one.example/{name}{size}.{extension}"
    for name in "ab"
    for size in ("", "-150x150", "-300x200")
    for extension in ("jpg", "webp")
]
"""URLs of two pictures, each in three sizes and two formats."""


def _image(rng: Random) -> Image:
    return Image(
        url=rng.choice([*store_strategies.URLS, *_SIZES]),
        width=rng.choice([None, 100, 200]),
        height=rng.choice([None, 50, 150]),
        title=rng.choice([None, *store_strategies.TITLES]),
        is_cached=rng.random() < 0.5,
    )


def _mention(rng: Random) -> ProviderMention:
    return ProviderMention(
        domain=rng.choice(store_strategies.DOMAINS),
        name=rng.choice(["One", "Two"]),
        images=few(rng, _image, 1),
    )


def _related(rng: Random) -> Related:
    return Related(
        title=rng.choice(store_strategies.TITLES),
        provider=rng.choice([None, _mention(rng)]),
        web_url=rng.choice([None, *store_strategies.URLS]),
        original_url=rng.choice([None, *store_strategies.URLS]),
        quality=rng.choice([None, 1]),
        images=few(rng, _image, 2),
    )


def _moment(rng: Random) -> Any:
    return store_strategies.EPOCH + timedelta(days=rng.randint(0, 3))


_FIELDS: dict[str, Callable[[Random], Any]] = {
    "title": one_of(store_strategies.TITLES),
    "provider": _mention,
    "published_date_time": _moment,
    "updated_date_time": lambda rng: rng.choice([None, _moment(rng)]),
    "excerpt": one_of([None, *store_strategies.TITLES]),
    "content": one_of(_BODIES),
    "category": one_of([None, "news"]),
    "type": one_of(store_strategies.KINDS),
    "locale": one_of([None, "en", "de", *store_strategies.LOCALES]),
    "translation_key": one_of([None, None, *store_strategies.GROUPS]),
    "quality": one_of([-1, 0, 1, 2]),
    "heat": one_of([-1, 0, 1, 2]),
    "published": one_of([True, True, False]),
    "tags": lambda rng: few(rng, one_of(["x", "y"]), 2),
    "topics": lambda rng: few(rng, one_of(store_strategies.TOPICS), 2),
    "images": lambda rng: few(rng, _image, 3),
    "related": lambda rng: few(rng, _related, 2),
    "secured": one_of(_BODIES),
    "featured_content": one_of(_BODIES),
    "web_url": one_of([None, *store_strategies.URLS]),
    "original_url": one_of([None, *store_strategies.URLS]),
    "cdn_amp_web_url": one_of([None, *store_strategies.URLS]),
    "metadata": one_of(_METADATA),
}

# In large stores, articles differ in more fields.
_VARIED: dict[str, Callable[[Random], Any]] = {
    "title": lambda rng: " ".join(rng.choices(_WORDS, k=rng.randint(1, 3))),
    "excerpt": lambda rng: rng.choice([None, f"No. {rng.randint(0, 99)} {rng.choice(_WORDS)}"]),
    "published_date_time": lambda rng: store_strategies.EPOCH + timedelta(hours=rng.randint(0, 96)),
    "heat": lambda rng: rng.choice([0, 0, 0, rng.randint(-20, 200)]),
    "published": one_of([True] * 9 + [False]),
    "web_url": lambda rng: rng.choice(
        [*store_strategies.URLS, f"https://one.example/{rng.randint(0, 99)}"]
    ),
}


def _definition(rng: Random) -> TopicDefinition:
    return TopicDefinition(
        slug=rng.choice(store_strategies.TOPIC_SLUGS),
        name=rng.choice(store_strategies.DEFINED_NAMES),
        parent=rng.choice([None, *store_strategies.TOPIC_SLUGS, "nowhere"]),
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


def _batch(rng: Random, model: StoreModel) -> Batch:
    return Batch(
        puts=few(rng, lambda rng: random_article(rng, model), 3),
        deletes=few(rng, model.id, 1),
        topics=rng.choice([None, topic_tree(rng)]),
        diagnostics=few(rng, _diagnostic, 4),
    )


def _import(rng: Random, model: StoreModel) -> Batch:
    return Batch(puts=few(rng, lambda rng: random_article(rng, model), len(model.slugs) // 2))


def _edit(rng: Random, model: StoreModel) -> Edit:
    name = rng.choice(list(model.fields))
    if rng.random() < 0.02:
        return Edit(model.id(rng), {"heat": _TOO_LARGE})  # which an Int cannot show
    return Edit(model.id(rng), {name: model.fields[name](rng)})


def edit_in_place(rng: Random, model: StoreModel) -> Edit:
    """An edit that mostly changes a field of `IN_PLACE`."""
    name = rng.choice(["title", "heat", *IN_PLACE])
    return Edit(model.id(rng), {name: model.fields[name](rng)})


def _new_date(rng: Random, model: StoreModel) -> Edit:
    return Edit(model.id(rng), {"published_date_time": model.fields["published_date_time"](rng)})


def _publishing(rng: Random, model: StoreModel) -> Edit:
    return Edit(model.id(rng), {"published": rng.random() < 0.5})


def _deletion(rng: Random, model: StoreModel) -> Batch:
    return Batch(deletes=(model.id(rng),))


def _return(rng: Random, model: StoreModel) -> Batch:
    return Batch(puts=(model.version(rng),))


def _new_tree(rng: Random, _model: StoreModel) -> Batch:
    return Batch(topics=topic_tree(rng))


_WRITES: list[Callable[[Random, StoreModel], Write]] = [
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
