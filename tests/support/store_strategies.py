"""Hypothesis strategies for small stores in which values collide.

There are few domains, topics, URLs and dates, so that ties, joins and empty lists are frequent.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import strategies as st

from store import (
    And,
    ArticleQuery,
    Batch,
    Condition,
    Field,
    Filter,
    LocalizedSlug,
    Not,
    Operator,
    Or,
    OrderField,
    OrderStep,
    Window,
)
from store.concurrency.cooperative import run_to_end
from store.engines.changes import HISTORY_LIMIT, apply_batch
from store.engines.indexed.snapshot import IndexedSnapshot
from store.model import Article, Diagnostic, Image, ProviderMention, Related, Severity
from store.model import TopicDefinition as Definition
from store.names import article_id, article_slug, topic_slug
from tests.support.cursors import CURSORS, article_cursor

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)

CYRILLIC = "Приливы 1"
SLUGS = [
    *(f"2026-01-01-{name}" for name in "abcdef"),
    article_slug("", CYRILLIC, EPOCH),
    "2026-01-01-1",  # its former slug
]
DOMAINS = ["one.example", "two.example", "Three.Example.", "Bücher.example"]
TOPICS = ["Tides", "tides", "Sea  Birds", "Sea birds", "Tram", "reefs", "Приливы 1", "ПРИЛИВЫ 1"]
TOPIC_SLUGS = ["tides", "sea-birds", "tram", "reefs", topic_slug("приливы 1"), "1"]
DEFINED_NAMES = ["Tides!", "Birds", "Sea Birds", "Tram"]  # with slugs that need not be theirs
URLS = [
    "https://one.example/a",
    "https://ONE.example/a?utm_source=x",
    "https://one.example/a#part",
    "https://two.example/b",
    "https://two.example/c",
]
TITLES = [
    "Tide",
    "tide",
    "STRASSE",
    "straße",
    "Été",
    "E\u0301te\u0301",
    "Łódź",
    "\uff34ide",
    CYRILLIC,
]
KINDS = ["article", "video"]
LOCALES = ["en", "de", "de-CH", "DE_ch", "de-AT", "den"]
RANGES = [*LOCALES, "de-", "*", "ja", "", "EN"]
GROUPS = ["g", *SLUGS[:3]]
TRANSLATION_GROUPS = [*GROUPS, *SLUGS, "none"]
LOCALIZED_SLUGS = [
    LocalizedSlug(slug, range) for slug in SLUGS for range in ("de", "DE_ch", "en", "*", "ja")
]


def optional(values: list[str]) -> st.SearchStrategy[str | None]:
    """None or one of these values."""
    return st.none() | st.sampled_from(values)


def short_lists(values: list[str], most: int = 2) -> st.SearchStrategy[tuple[str, ...]]:
    """Up to `most` of these values, with duplicates."""
    return st.lists(st.sampled_from(values), max_size=most).map(tuple)


dates = st.integers(0, 3).map(lambda days: EPOCH + timedelta(days=days))
numbers = st.integers(-1, 2)
images = st.builds(Image, url=st.sampled_from(URLS), width=st.sampled_from([None, 100, 200]))
mentions = st.builds(
    ProviderMention,
    domain=st.sampled_from(DOMAINS),
    name=st.sampled_from(["One", "Two"]),
    images=st.lists(images, max_size=1).map(tuple),
)
related = st.builds(
    Related,
    title=st.sampled_from(TITLES),
    provider=st.none() | mentions,
    web_url=optional(URLS),
    original_url=optional(URLS),
)
plain_articles = st.builds(
    Article,
    slug=st.sampled_from(SLUGS),
    title=st.sampled_from(TITLES),
    provider=mentions,
    published_date_time=dates,
    excerpt=optional(TITLES),
    category=optional(["news", "opinion"]),
    type=st.sampled_from(KINDS),
    locale=optional(LOCALES),
    translation_key=optional(GROUPS),
    quality=numbers,
    heat=numbers,
    published=st.booleans(),
    tags=short_lists(["x", "y"]),
    topics=short_lists(TOPICS),
    images=st.lists(images, max_size=1).map(tuple),
    related=st.lists(related, max_size=2).map(tuple),
    web_url=optional(URLS),
    original_url=optional(URLS),
    metadata=st.sampled_from([{}, {"flag": True}, {"flag": 1}]),
)


def _with_locale_in_id(article: Article, has_locale: bool) -> Article:
    """The article with its locale in its id, if it has one."""
    id = article_id(article.slug, article.locale if has_locale else None)
    return msgspec.structs.replace(article, id=id)


articles = st.builds(_with_locale_in_id, plain_articles, st.booleans())
definitions = st.lists(
    st.builds(
        Definition,
        slug=st.sampled_from(TOPIC_SLUGS),
        name=st.sampled_from(DEFINED_NAMES),
        parent=optional([*TOPIC_SLUGS, "nowhere"]),
    ),
    max_size=3,
    unique_by=lambda definition: definition.slug,
).map(tuple)
diagnostics = st.lists(
    st.builds(
        Diagnostic,
        path=st.sampled_from(["a.md", "b.md"]),
        severity=st.sampled_from(Severity),
        code=st.sampled_from(["BAD_DATE", "BAD_URL"]),
        message=st.just("It is bad."),
        line=st.none() | st.integers(1, 2),
    ),
    max_size=4,
    # One text at one place has one severity: cursors rely on it, as files do.
    unique_by=lambda d: (d.path, d.line or 0, d.code, d.message),
).map(tuple)
full_batches = st.builds(
    Batch, puts=st.lists(articles, min_size=4, max_size=10).map(tuple), topics=definitions
)
batches = st.builds(
    Batch,
    puts=st.lists(articles, max_size=4).map(tuple),
    deletes=st.lists(articles.map(lambda article: article.id), max_size=2).map(tuple),
    topics=st.none() | definitions,
    diagnostics=st.none() | diagnostics,
)

histories = st.builds(
    lambda first, rest: [first, *rest], full_batches, st.lists(batches, max_size=3)
)


def apply_to_snapshot(batch: Batch, before: IndexedSnapshot) -> IndexedSnapshot:
    """The snapshot after a batch."""
    done = apply_batch(batch, before.articles, before.revision, EPOCH)
    topics = before.definitions if batch.topics is None else batch.topics
    diagnostics = before.diagnostics if batch.diagnostics is None else batch.diagnostics
    history = before.history.extended(done.changes, HISTORY_LIMIT)
    return run_to_end(before.derive(done.articles, topics, diagnostics, history))


def snapshot_after(
    batches: Sequence[Batch], before: IndexedSnapshot | None = None
) -> IndexedSnapshot:
    """The snapshot after batches on `before`, or on an empty store."""
    snapshot = before or IndexedSnapshot.build(cursors=CURSORS)
    for batch in batches:
        snapshot = apply_to_snapshot(batch, snapshot)
    return snapshot


_texts = [*TITLES, *SLUGS, *KINDS, "news", "opinion", "en", "one.example", "three.example", "zzz"]
IDS = [*map(article_id, SLUGS), "nothing"]
_TEXT_FIELDS = [
    Field.SLUG,
    Field.TITLE,
    Field.EXCERPT,
    Field.CATEGORY,
    Field.TYPE,
    Field.LOCALE,
    Field.PROVIDER_DOMAIN,
]
_COMPARE = [Operator.EQ, Operator.NE, Operator.GT, Operator.GTE, Operator.LT, Operator.LTE]
_condition = st.one_of(
    st.builds(
        Condition,
        st.sampled_from(_TEXT_FIELDS),
        st.sampled_from([Operator.EQ, Operator.NE]),
        st.sampled_from(_texts),
        st.booleans(),
    ),
    st.builds(
        Condition,
        st.sampled_from(_TEXT_FIELDS),
        st.sampled_from([Operator.IN, Operator.NOT_IN]),
        short_lists(_texts, 3),
        st.booleans(),
    ),
    st.builds(
        Condition,
        st.sampled_from(_TEXT_FIELDS),
        st.sampled_from([Operator.CONTAINS, Operator.STARTS_WITH]),
        st.sampled_from(
            [
                "",
                "T",
                "e",
                "d",
                "id",
                "tid",
                "ss",
                "ße",
                "STRASSE",
                "ÉT",
                "é",
                "one",
                "2026-01",
                "\0",
                "zzzz",
                "ete",
                "lodz",
                "Łó",
                "приЛ",
                "\u0301",
            ]
        ),
        st.booleans(),
    ),
    st.builds(
        Condition,
        st.just(Field.ID),
        st.sampled_from([Operator.EQ, Operator.NE]),
        st.sampled_from(IDS),
    ),
    st.builds(
        Condition,
        st.just(Field.ID),
        st.sampled_from([Operator.IN, Operator.NOT_IN]),
        short_lists(IDS, 3),
    ),
    st.builds(Condition, st.sampled_from(_TEXT_FIELDS), st.just(Operator.IS_NULL), st.booleans()),
    st.builds(Condition, st.just(Field.LOCALE), st.just(Operator.FIRST_OF), short_lists(RANGES, 4)),
    st.builds(
        Condition, st.sampled_from([Field.HEAT, Field.QUALITY]), st.sampled_from(_COMPARE), numbers
    ),
    st.builds(
        Condition,
        st.sampled_from([Field.HEAT, Field.QUALITY]),
        st.sampled_from([Operator.IN, Operator.NOT_IN]),
        st.lists(numbers, max_size=2).map(tuple),
    ),
    st.builds(Condition, st.just(Field.PUBLISHED_DATE_TIME), st.sampled_from(_COMPARE), dates),
    st.builds(Condition, st.just(Field.PUBLISHED), st.just(Operator.EQ), st.booleans()),
    st.builds(
        Condition,
        st.just(Field.TOPICS),
        st.sampled_from([Operator.SOME, Operator.ALL, Operator.NONE]),
        short_lists(TOPIC_SLUGS),
    ),
    st.builds(
        Condition,
        st.just(Field.TAGS),
        st.sampled_from([Operator.SOME, Operator.ALL, Operator.NONE]),
        short_lists(["x", "y", "z"]),
    ),
    st.builds(
        Condition,
        st.sampled_from([Field.TOPICS, Field.TAGS, Field.IMAGES, Field.RELATED]),
        st.just(Operator.IS_EMPTY),
        st.booleans(),
    ),
    st.builds(
        Condition,
        st.just(Field.RELATED_URLS),
        st.just(Operator.SOME),
        short_lists(["https://one.example/a", "https://two.example/b", "https://nowhere.example/"]),
    ),
)


def _joined(parts: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
    several = st.lists(parts, max_size=3).map(tuple)
    return st.builds(And, several) | st.builds(Or, several) | st.builds(Not, parts)


_range = st.builds(
    lambda field, bounds: And(tuple(Condition(field, how, value) for how, value in bounds)),
    st.sampled_from([Field.HEAT, Field.QUALITY]),
    st.lists(st.tuples(st.sampled_from(_COMPARE[2:]), numbers), min_size=2, max_size=3),
)

filters: st.SearchStrategy[Filter] = (
    _condition
    | _range
    | st.lists(_condition, max_size=3).map(tuple).map(And)
    | st.recursive(_condition, _joined, max_leaves=5)
)
_steps = st.builds(OrderStep, st.sampled_from(OrderField), st.booleans())
_by_date = st.builds(OrderStep, st.just(OrderField.PUBLISHED_DATE_TIME), st.booleans())
orders = st.tuples(_by_date) | st.lists(_steps, min_size=1, max_size=3).map(tuple)
sizes = st.integers(0, 5)
windows = st.builds(Window, first=sizes) | st.builds(Window, last=sizes)
queries = st.builds(
    ArticleQuery, window=windows, filter=filters, order=orders, with_total=st.booleans()
)


def _between(query: ArticleQuery, after: Article | None, before: Article | None) -> ArticleQuery:
    """The query with a window between the positions of two articles."""
    window = msgspec.structs.replace(
        query.window,
        after=after and article_cursor(after, query.order),
        before=before and article_cursor(before, query.order),
    )
    return msgspec.structs.replace(query, window=window)


queries_between_cursors = st.builds(_between, queries, st.none() | articles, st.none() | articles)
