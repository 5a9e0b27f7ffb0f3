"""Made-up arguments for the schema's fields, and values that ought to be refused.

They know the few addresses, names and dates of `store_strategies`, so that look-ups and cursors hit
as often as they miss.
"""

from __future__ import annotations

from random import Random
from typing import Any

from graphql import GraphQLField

from store import NEWEST_FIRST, Order, OrderField, article_cursor
from store.cursors import encode_cursor
from store.model import Article, ProviderMention
from store.names import article_id, domain_key, provider_id, topic_id

from . import store_strategies as some

MAX_SIZE = 5
"""The largest page that the fuzzed pipelines allow."""

_DOMAINS = [domain_key(domain) for domain in some.DOMAINS]
_IDS = [
    *map(article_id, some.SLUGS),
    *map(provider_id, _DOMAINS * 2),
    *map(topic_id, some.TOPIC_SLUGS),
    *(article_id("nothing"), "a_", "", "x_0123456789abcdef"),
]
_TEXTS = [*some.TITLES, *some.SLUGS, *some.DOMAINS, "news", "en", "video", ""]
_NUMBERS = [0, 1, 2, -1, 2**31 - 1, -(2**31)]
_MOMENTS = ["2026-01-02", "2026-01-03T00:00:00Z", "2026-01-02T23:00:00-01:00"]
_WIDTHS = [100, 150, 200]
_PIXELS = [None, 0, 300, *_WIDTHS]
_STRAYS = ["", "zzz", "WyJkIiwx", encode_cursor("d-", (1,)), "\N{SNOWMAN}", None]
_ITEM = Article(
    slug=some.SLUGS[3],
    title=some.TITLES[0],
    provider=ProviderMention(domain=some.DOMAINS[0], name="One"),
    published_date_time=some.EPOCH,
)


def of_field(rng: Random, definition: GraphQLField) -> dict[str, Any]:
    """Arguments of a field, as JSON values by name; the required ones are there."""
    given: dict[str, Any] = {}
    for name, argument in definition.args.items():
        make = _BY_NAME.get(name) or _BY_TYPE.get(str(argument.type))
        if make and (str(argument.type).endswith("!") or rng.random() < 0.6):
            given[name] = make(rng)
    if "first" in definition.args:
        given.update(_window(rng, definition, given.get("orderBy")))
    return given


def _window(rng: Random, definition: GraphQLField, order_by: Any) -> dict[str, Any]:
    """Sizes and cursors: mostly a pair that fits together, at times one too many."""
    pairs = [("first", "after"), ("last", "before")]
    known = [pair for pair in pairs if pair[0] in definition.args]
    size, cursor = rng.choice(known)
    given: dict[str, Any] = {}
    if rng.random() < 0.5:
        given[size] = rng.choice([1, 2, 3, 4, MAX_SIZE] * 5 + [0, None, MAX_SIZE + 1, -1])
    if rng.random() < 0.5:
        stray = rng.random() < 0.1
        given[cursor] = rng.choice(_STRAYS if stray else _cursors(str(definition.type), order_by))
    if rng.random() < 0.05:
        given[rng.choice(rng.choice(known))] = None
    return given


def _cursors(type: str, order_by: Any) -> list[str]:
    """Cursors of a list in this order; they need not be of anything that is there."""
    if type.startswith("Provider"):
        return [encode_cursor("p", (domain,)) for domain in _DOMAINS]
    if type.startswith("Topic"):
        return [encode_cursor("t", (slug,)) for slug in some.TOPIC_SLUGS]
    order = tuple(
        Order(OrderField[step["field"]], step.get("direction") != "ASC") for step in order_by or ()
    )
    return [article_cursor(_ITEM, order or NEWEST_FIRST)]


def _few(rng: Random, values: list[Any], most: int = 2) -> list[Any]:
    return [rng.choice(values) for _ in range(rng.randint(0, most))]


def _some(rng: Random, members: dict[str, Any]) -> dict[str, Any]:
    """One or two of these members."""
    return dict(rng.sample(list(members.items()), rng.choice([1, 1, 2])))


def _filter(rng: Random, depth: int = 0) -> dict[str, Any]:
    """Which articles; at times one that says nothing, which is refused."""
    if depth < 2 and rng.random() < 0.2:
        if rng.random() < 0.3:
            return {"not": _filter(rng, depth + 1)}
        parts = [_filter(rng, depth + 1) for _ in range(rng.randint(0, 2))]
        return {rng.choice(["and", "or"]): parts}
    name = rng.choice(list(_CONDITIONS))
    return {} if rng.random() < 0.03 else {name: _CONDITIONS[name](rng)}


def _text_filter(rng: Random) -> dict[str, Any]:
    one, few = rng.choice(_TEXTS), _few(rng, _TEXTS)
    names = ["eq", "ne", "contains", "startsWith"]
    members = {**dict.fromkeys(names, one), "in": few, "notIn": few, "isNull": rng.random() < 0.5}
    return _some(rng, members)


def _number_filter(rng: Random) -> dict[str, Any]:
    names = ["eq", "ne", "gt", "gte", "lt", "lte"]
    members = {**dict.fromkeys(names, rng.choice(_NUMBERS)), "in": _few(rng, _NUMBERS)}
    return _some(rng, members)


def _moment_filter(rng: Random) -> dict[str, Any]:
    return _some(rng, dict.fromkeys(["eq", "gt", "gte", "lt", "lte"], rng.choice(_MOMENTS)))


def _list_filter(rng: Random) -> dict[str, Any]:
    few = _few(rng, [*some.TOPICS, "x", "y"])
    return _some(rng, {"some": few, "all": few, "none": few, "isEmpty": rng.random() < 0.5})


def _boolean(rng: Random) -> bool:
    return rng.random() < 0.5


_CONDITIONS = {
    **dict.fromkeys(["slug", "title", "excerpt", "type", "locale"], _text_filter),
    "providerDomain": _text_filter,
    "publishedDateTime": _moment_filter,
    **dict.fromkeys(["quality", "heat"], _number_filter),
    **dict.fromkeys(["topics", "tags"], _list_filter),
    **dict.fromkeys(["published", "hasImages", "hasRelated"], _boolean),
}


def _order(rng: Random) -> list[dict[str, str]]:
    fields = _few(rng, [field.name for field in OrderField])
    ways = [{}, {"direction": "ASC"}, {"direction": "DESC"}]
    return [{"field": field, **rng.choice(ways)} for field in fields]


def _one_of(choices: dict[str, list[Any]]) -> Any:
    """Makes a look-up by one of these members."""

    def make(rng: Random) -> dict[str, Any]:
        name = rng.choice(list(choices))
        return {name: rng.choice(choices[name])}

    return make


_BY_NAME: dict[str, Any] = {
    "id": lambda rng: rng.choice(_IDS),
    "ids": lambda rng: _few(rng, _IDS, MAX_SIZE + 1),
    "severity": lambda rng: rng.choice(["ERROR", "WARNING", "INFO"]),
    **dict.fromkeys(["width", "minWidth", "minHeight"], lambda rng: rng.choice(_PIXELS)),
    "isCached": lambda rng: rng.choice([True, False, None]),
}
_BY_TYPE: dict[str, Any] = {
    "ArticleBy!": _one_of({"id": _IDS, "slug": some.SLUGS, "url": [*some.URLS, "no"]}),
    "ProviderBy!": _one_of({"id": _IDS, "domain": [*some.DOMAINS, "nowhere", ""]}),
    "TopicBy!": _one_of({"id": _IDS, "slug": some.TOPIC_SLUGS, "name": some.TOPICS}),
    "ArticleFilter": _filter,
    "[ArticleOrder!]": _order,
}


def changed(rng: Random, value: Any) -> Any:
    """Another value of the same kind; at times one that is only like it, to programs or people."""
    alike: list[Any] = [None]
    if isinstance(value, bool):
        kin: list[Any] = [not value]
        alike += [not value, 0, 1, 1.0, "true"]
    elif isinstance(value, int):
        kin = [value + 1, 1, 0, float(value), *_WIDTHS]
        alike += [True, False, 1.5, 2**31, str(value)]
    elif isinstance(value, str):
        kin = [value.lower(), value + " ", *_IDS, *_TEXTS]
        alike += [1, True, [value]]
    elif isinstance(value, list):
        kin = [[], value * 2, *value]
        alike += [[None], {}, *value]
    else:
        kin = [value]
        alike += [{}, {**(value or {}), "odd": 1}, *({key: None} for key in value or {})]
    return rng.choice(kin if rng.random() < 0.85 else alike)
