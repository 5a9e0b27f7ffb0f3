"""Hypothesis strategies for the values of documents, with unusual texts."""

from datetime import UTC, datetime

from hypothesis import strategies as st

from store.characters import clean_name
from store.hosts import domain_key
from store.model import Article, Author, Image, ProviderMention, Related, TopicDefinition
from store.names import article_slug, topic_slug
from store.text import collapse_whitespace, unescape_excerpt, unescape_title
from store.urls import is_web_url

_CHARACTERS = st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff")
_NASTY = st.sampled_from(
    [
        "&#038; &amp;amp; &lt;b&gt;",
        "<b>bold</b> 5 < 6 <3",
        "\"double\" and 'single' \\ back",
        "colon: value #comment",
        "- dash",
        "[1, {a: b}]",
        "yes",
        "null",
        "2021",
        "1.0",
        "2020-06-11",
        "~",
        "|",
        ">-",
        "---",
        "...",
        "@at `tick` %percent *star &and !bang",
        "ünïcödé 日本語 🎉",
        "a\u2028b\u0085c\ufeffd\u00a0e",
        "<<",
        "y",
        "0x1F",
        "12:30:45",
        "",
    ]
)
LINES = st.text(_CHARACTERS, max_size=40) | st.lists(_NASTY, max_size=3).map(" ".join)
TEXTS = LINES | st.lists(LINES, max_size=4).map("\n".join) | st.text("ab \n\r\t:-#'\"", max_size=20)

_WORDS = LINES.map(collapse_whitespace).filter(bool).map(clean_name)
_TITLES = LINES.map(unescape_title).filter(bool)
_NAMES = _TITLES.map(clean_name)
_EXCERPTS = TEXTS.map(unescape_excerpt).filter(bool)
_VERBATIM = TEXTS.filter(bool)

INTEGERS = st.integers(-(2**31), 2**31 - 1)
SIZES = st.integers(0, 2**31 - 1)
MOMENTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)).map(  # noqa: DTZ001
    lambda moment: moment.replace(tzinfo=UTC)
)
DOMAINS = st.sampled_from(["press.example", "news.example", "xn--bcher-kva.example"]) | _WORDS.map(
    domain_key
).filter(lambda d: d == domain_key(d) != "")
URLS = st.builds(
    "{}://{}{}{}".format,
    st.sampled_from(["http", "https"]),
    st.sampled_from(["press.example", "NEWS.example:8080", "www.example"]),
    st.sampled_from(["", "/", "/a/b.html", "/ü/日本"]),
    st.sampled_from(["", "?a=1&copy=2", "?x=&amp;", "?x=&#038;b=1", "#part", "?a=[1]'"]),
).filter(is_web_url)

JSON_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
)
JSON = st.recursive(
    JSON_SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


def _metadata():
    """Keys that no field has: with a leading digit, and special ones of YAML."""
    keys = TEXTS.map(lambda key: f"1{key}") | st.sampled_from(
        ["_id", "layout", "<<", "yes", "a: b"]
    )
    return st.dictionaries(keys, JSON, max_size=3)


METADATA = _metadata()


def _maybe(strategy):
    return st.none() | strategy


IMAGES = st.builds(
    Image,
    url=URLS,
    width=_maybe(SIZES),
    height=_maybe(SIZES),
    title=_maybe(_TITLES),
    attribution=_maybe(_VERBATIM),
    is_cached=st.booleans(),
    metadata=METADATA,
)
AUTHORS = st.builds(Author, name=_WORDS, url=_maybe(URLS), image=_maybe(URLS), metadata=METADATA)
PROVIDERS = st.builds(
    ProviderMention,
    domain=DOMAINS,
    name=_NAMES,
    images=st.lists(IMAGES, max_size=2).map(tuple),
    metadata=METADATA,
)
_LINKS = {
    "web_url": _maybe(URLS),
    "original_url": _maybe(URLS),
    "amp_web_url": _maybe(URLS),
    "cdn_amp_web_url": _maybe(URLS),
}
_RELATED = {
    "title": _TITLES,
    "excerpt": _maybe(_EXCERPTS),
    "type": _maybe(_VERBATIM),
    "published_date_time": _maybe(MOMENTS),
    "quality": _maybe(INTEGERS),
    "images": st.lists(IMAGES, max_size=2).map(tuple),
    "metadata": METADATA,
}
# A story without a provider has no address either, else its provider is taken from there.
RELATED = st.builds(Related, provider=PROVIDERS, **_LINKS, **_RELATED) | st.builds(
    Related, **_RELATED
)
TOPIC_NAMES = st.lists(_WORDS, max_size=3, unique_by=topic_slug).map(tuple)


@st.composite
def articles(draw):
    """All articles that a document can hold."""
    title, published = draw(_TITLES), draw(MOMENTS)
    stem = draw(st.sampled_from(["2020-06-11-a-story", "2020-06-11-Ein Ünding", "post", "a.b"]))
    values = {
        "slug": st.just(article_slug(stem, title, published)),
        "title": st.just(title),
        "published_date_time": st.just(published),
        "provider": PROVIDERS,
        "updated_date_time": _maybe(MOMENTS),
        "excerpt": _maybe(_EXCERPTS),
        "content": _maybe(_VERBATIM),
        "category": _maybe(_VERBATIM.map(clean_name)),
        "type": _VERBATIM,
        "quality": INTEGERS,
        "heat": INTEGERS,
        "published": st.booleans(),
        "locale": _maybe(_VERBATIM),
        "translation_key": _maybe(_VERBATIM),
        "authors": st.lists(AUTHORS, max_size=2, unique_by=lambda a: a.name).map(tuple),
        "tags": st.lists(_WORDS, max_size=3, unique=True).map(tuple),
        "topics": TOPIC_NAMES,
        "featured_content": _maybe(_VERBATIM),
        "images": st.lists(IMAGES, max_size=2).map(tuple),
        "related": st.lists(RELATED, max_size=2).map(tuple),
        "secured": _maybe(_VERBATIM),
        "metadata": METADATA,
    }
    return draw(st.builds(Article, **values, **_LINKS))


ARTICLES = articles()
TOPICS = st.builds(
    TopicDefinition,
    slug=_WORDS.map(topic_slug),
    name=_NAMES,
    parent=_maybe(_TITLES),
    keywords=st.lists(_WORDS, max_size=3, unique=True).map(tuple),
    metadata=METADATA.map(lambda m: {k: v for k, v in m.items() if k != "_id"}),
)
