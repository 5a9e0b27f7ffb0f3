"""Strategies for the arguments of the schema's fields, and for values that ought to be refused.

They know the few addresses, names and dates of `store_strategies`, so that look-ups and cursors hit
as often as they miss.
"""

from __future__ import annotations

from typing import Any

from graphql import GraphQLField
from hypothesis import strategies as st

from store import NEWEST_FIRST, Order, OrderField, article_cursor
from store.cursors import encode_cursor
from store.model import Article, ProviderMention
from store.names import article_id, domain_key, provider_id, topic_id

from . import store_strategies as some

MAX_SIZE = 5
"""The largest page that the fuzzed pipelines allow."""

_DOMAINS = [domain_key(domain) for domain in some.DOMAINS]
_ids = st.sampled_from(
    [
        *map(article_id, some.SLUGS),
        *map(provider_id, _DOMAINS),
        *map(topic_id, some.TOPIC_SLUGS),
        article_id("nothing"),
        "a_",
        "",
        "x_0123456789abcdef",
    ]
)
_texts = st.sampled_from([*some.TITLES, *some.SLUGS, *some.DOMAINS, "news", "en", "video", ""])
_numbers = st.sampled_from([0, 1, 2, -1, 2**31 - 1, -(2**31)])
_moments = st.sampled_from(["2026-01-02", "2026-01-03T00:00:00Z", "2026-01-02T23:00:00-01:00"])
_sizes = st.sampled_from([1, 2, 3, 4, MAX_SIZE] * 4 + [0, MAX_SIZE + 1, -1])
_pixels = st.sampled_from([None, 0, 100, 150, 200, 300])
_strays = st.sampled_from(["", "zzz", "WyJkIiwx", encode_cursor("d-", (1,)), "\N{SNOWMAN}"])

_text_filters = st.fixed_dictionaries(
    {},
    optional={
        "eq": _texts,
        "ne": _texts,
        "in": st.lists(_texts, max_size=2),
        "notIn": st.lists(_texts, max_size=2),
        "contains": _texts,
        "startsWith": _texts,
        "isNull": st.booleans(),
    },
)
_number_filters = st.dictionaries(
    st.sampled_from(["eq", "ne", "gt", "gte", "lt", "lte"]), _numbers, min_size=1, max_size=2
)
_moment_filters = st.dictionaries(
    st.sampled_from(["eq", "gt", "gte", "lt", "lte"]), _moments, min_size=1, max_size=2
)
_list_filters = st.dictionaries(
    st.sampled_from(["some", "all", "none"]),
    st.lists(st.sampled_from([*some.TOPICS, "x", "y"]), max_size=2),
    min_size=1,
    max_size=2,
) | st.fixed_dictionaries({"isEmpty": st.booleans()})
_conditions = st.one_of(
    st.dictionaries(
        st.sampled_from(["slug", "title", "excerpt", "type", "locale", "providerDomain"]),
        _text_filters,
        min_size=1,
        max_size=1,
    ),
    st.fixed_dictionaries({"quality": _number_filters}),
    st.fixed_dictionaries({"heat": _number_filters}),
    st.fixed_dictionaries({"publishedDateTime": _moment_filters}),
    st.dictionaries(st.sampled_from(["topics", "tags"]), _list_filters, min_size=1, max_size=2),
    st.dictionaries(
        st.sampled_from(["published", "hasImages", "hasRelated"]), st.booleans(), max_size=2
    ),
)
filters: st.SearchStrategy[Any] = st.recursive(
    _conditions,
    lambda inner: st.one_of(
        st.fixed_dictionaries({"not": inner}),
        st.dictionaries(
            st.sampled_from(["and", "or"]), st.lists(inner, max_size=2), min_size=1, max_size=1
        ),
    ),
    max_leaves=3,
)
_orders = st.lists(
    st.fixed_dictionaries(
        {"field": st.sampled_from([field.name for field in OrderField])},
        optional={"direction": st.sampled_from(["ASC", "DESC"])},
    ),
    max_size=2,
)
_lookups = st.one_of(
    st.fixed_dictionaries({"id": _ids}),
    st.fixed_dictionaries({"slug": st.sampled_from([*some.SLUGS, *some.TOPIC_SLUGS, ""])}),
)
_by = {
    "ArticleBy!": _lookups | st.fixed_dictionaries({"url": st.sampled_from([*some.URLS, "no"])}),
    "ProviderBy!": st.fixed_dictionaries({"id": _ids})
    | st.fixed_dictionaries({"domain": st.sampled_from([*some.DOMAINS, "nowhere"])}),
    "TopicBy!": _lookups | st.fixed_dictionaries({"name": st.sampled_from(some.TOPICS)}),
}
_by_name: dict[str, st.SearchStrategy[Any]] = {
    "id": _ids,
    "ids": st.lists(_ids, max_size=MAX_SIZE),
    "filter": filters,
    "severity": st.sampled_from(["ERROR", "WARNING", "INFO"]),
    "width": _pixels,
    "minWidth": _pixels,
    "minHeight": _pixels,
    "isCached": st.sampled_from([True, False, None]),
}
_ITEM = Article(
    slug=some.SLUGS[3],
    title=some.TITLES[0],
    provider=ProviderMention(domain=some.DOMAINS[0], name="One"),
    published_date_time=some.EPOCH,
)


@st.composite
def of_field(draw: st.DrawFn, definition: GraphQLField) -> dict[str, Any]:
    """Arguments of a field, as JSON values by name; the required ones are there."""
    given: dict[str, Any] = {}
    for name, argument in definition.args.items():
        if name == "by":
            given[name] = draw(_by[str(argument.type)])
        elif name in _by_name and (name in ("id", "ids") or draw(st.booleans())):
            given[name] = draw(_by_name[name])
    if "orderBy" in definition.args and draw(st.integers(0, 3)) == 0:
        given["orderBy"] = draw(_orders)
    if "first" in definition.args:
        given.update(draw(_windows(definition, given.get("orderBy"))))
    return given


@st.composite
def _windows(draw: st.DrawFn, definition: GraphQLField, order_by: Any) -> dict[str, Any]:
    """Sizes and cursors: mostly a pair that fits together, at times one too many."""
    cursors = _cursors(str(definition.type), order_by) | _strays.filter(lambda _: draw(_rarely))
    pairs = [("first", "after"), ("last", "before")]
    size, cursor = draw(st.sampled_from([each for each in pairs if each[0] in definition.args]))
    given: dict[str, Any] = {}
    if draw(st.booleans()):
        given[size] = draw(_sizes)
    if draw(st.booleans()):
        given[cursor] = draw(cursors)
    if draw(_rarely):
        given[draw(st.sampled_from([name for pair in pairs for name in pair if name in definition.args]))] = None
    return given


_rarely = st.integers(0, 9).map(lambda n: n == 0)


def _cursors(type: str, order_by: Any) -> st.SearchStrategy[str]:
    """Cursors of a list in this order; they need not be of anything that is there."""
    if type.startswith("Provider"):
        return st.sampled_from([encode_cursor("p", (domain,)) for domain in _DOMAINS])
    if type.startswith("Topic"):
        return st.sampled_from([encode_cursor("t", (slug,)) for slug in some.TOPIC_SLUGS])
    order = tuple(
        Order(OrderField[step["field"]], step.get("direction") != "ASC") for step in order_by or ()
    )
    return st.just(article_cursor(_ITEM, order or NEWEST_FIRST))


def confused(value: Any) -> st.SearchStrategy[Any]:
    """The value itself, or something that is like it to a program or to a person."""
    alike: list[Any] = [value, value, None]
    if isinstance(value, bool | int):
        alike += [0, 1, True, False, 1.0, 0.0, "1", "true", 2**31, 1.5]
    elif isinstance(value, str):
        alike += [value, 1, True, ["x"], value.lower(), value + " "]
    elif isinstance(value, list):
        alike += [[], [None], *value, value * 2]
    elif isinstance(value, dict):
        alike += [{}, *({key: None} for key in value), *value.values(), {**value, "odd": 1}]
    return st.sampled_from(alike)
