"""Random values of the schema's arguments, valid and invalid ones.

They are drawn from the articles of a model, so that look-ups, filters and cursors match about as
often as not.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from graphql import GraphQLField

from store import NEWEST_FIRST, CursorCodec, OrderField, OrderStep
from store.hosts import domain_key
from store.model import Article
from store.names import article_id, provider_id, topic_id
from tests.support import store_strategies
from tests.support.cursors import CURSORS, article_cursor
from tests.support.random_store import StoreModel

Maker = Callable[[Random, StoreModel], Any]
"""What draws a value for a model."""

_DOMAINS = [domain_key(domain) for domain in store_strategies.DOMAINS]
_IDS = [
    *map(provider_id, _DOMAINS * 2),
    *map(topic_id, store_strategies.TOPIC_SLUGS),
    *(article_id("nothing"), "a_", "", "x_0123456789abcdef"),
]
_TEXTS = [
    *store_strategies.TITLES,
    *store_strategies.SLUGS,
    *store_strategies.DOMAINS,
    "news",
    "en",
    "video",
    "",
]
_NUMBERS = [0, 1, 2, -1, 2**31 - 1, -(2**31)]
_MOMENTS = ["2026-01-02", "2026-01-03T00:00:00Z", "2026-01-02T23:00:00-01:00"]
_WIDTHS = [100, 150, 200]
_PIXELS = [None, 0, 300, *_WIDTHS]
_STRAYS = [
    "",
    "zzz",
    "WyJkIiwx",
    CursorCodec(bytes(32)).encode("d-", (1, "a")),
    "\N{SNOWMAN}",
    None,
]
_RANGE = ["gt", "gte", "lt", "lte"]
_ATTRIBUTES: dict[str, Callable[[Article], str | None]] = {
    "slug": lambda article: article.slug,
    "title": lambda article: article.title,
    "excerpt": lambda article: article.excerpt,
    "category": lambda article: article.category,
    "type": lambda article: article.type,
    "locale": lambda article: article.locale,
    "providerDomain": lambda article: article.provider.domain,
}
_NUMBER_MEMBERS = ("quality", "heat")
_LIST_MEMBERS = ("topics", "tags")
_FLAGS = ("published", "hasImages", "hasRelated")
MEMBERS = [*_ATTRIBUTES, *_NUMBER_MEMBERS, "publishedDateTime", *_LIST_MEMBERS, *_FLAGS]
"""The members of an `ArticleFilter` that compare something."""
_DRAWN_MEMBERS = [
    *MEMBERS,
    *_NUMBER_MEMBERS,
    *_LIST_MEMBERS * 2,
    *["publishedDateTime"] * 5,
    *["locale"] * 2,
]
"""The members as they are drawn: more often those that are alone in their type of operand."""


def field_arguments(rng: Random, model: StoreModel, definition: GraphQLField) -> dict[str, Any]:
    """The required arguments of a field and some others, as JSON values by name."""
    given: dict[str, Any] = {}
    for name, argument in definition.args.items():
        make = BY_NAME.get(name) or BY_TYPE.get(str(argument.type))
        if make and (str(argument.type).endswith("!") or rng.random() < 0.6):
            given[name] = make(rng, model)
    if "first" in definition.args:
        given.update(_window(rng, model, definition, given.get("orderBy")))
    return given


def _window(
    rng: Random, model: StoreModel, definition: GraphQLField, order_by: Any
) -> dict[str, Any]:
    """The arguments of pagination: mostly a valid pair, sometimes one too many."""
    pairs = [("first", "after"), ("last", "before")]
    known = [pair for pair in pairs if pair[0] in definition.args]
    size_name, cursor_name = rng.choice(known)
    given: dict[str, Any] = {}
    if rng.random() < 0.5:
        given[size_name] = size(rng, model)
    if rng.random() < 0.5:
        given[cursor_name] = cursor(rng, model, str(definition.type), order_by)
    if rng.random() < 0.05:
        given[rng.choice(rng.choice(known))] = None
    return given


def size(rng: Random, model: StoreModel) -> Any:
    """A page size; sometimes too large, or null."""
    maximum = model.page_sizes.maximum
    return rng.choice([1, 2, 3, 4, maximum] * 7 + [0, None, maximum + 1, -1])


def cursor(rng: Random, model: StoreModel, type: str, order_by: Any) -> Any:
    """A cursor of a list of this type and order, from a current or former article."""
    if rng.random() < 0.05:
        return rng.choice(_STRAYS)
    if type.startswith("Provider"):
        return CURSORS.encode("p", (rng.choice(_DOMAINS),))
    if type.startswith("Topic"):
        return CURSORS.encode("t", (rng.choice(store_strategies.TOPIC_SLUGS),))
    try:
        order = tuple(
            OrderStep(OrderField[step["field"]], step.get("direction") != "ASC")
            for step in order_by or ()
        )
    except (KeyError, TypeError):  # not an order: it was drawn to be refused
        order = ()
    return article_cursor(model.version(rng), order or NEWEST_FIRST)


def few(rng: Random, make: Maker, model: StoreModel, most: int = 3) -> list[Any]:
    """Zero to `most` values."""
    return [make(rng, model) for _ in range(rng.randint(0, most))]


def article_filter(rng: Random, model: StoreModel, depth: int = 0) -> dict[str, Any]:
    """A random tree of conditions; sometimes an empty filter, which is invalid."""
    kind = rng.random()
    if depth < 3 and kind < 0.3:
        return {rng.choice(["and", "or"]): few(rng, _deeper(depth), model)}
    if depth < 3 and kind < 0.4:
        return {"not": article_filter(rng, model, depth + 1)}
    if kind < 0.42:
        return rng.choice([{}, {rng.choice(MEMBERS): None}])
    members = rng.sample(_DRAWN_MEMBERS, rng.choice([1, 1, 1, 2, 3]))
    given = {member: condition(rng, model, member) for member in members}
    if depth < 3 and rng.random() < 0.1:
        given[rng.choice(["and", "or"])] = few(rng, _deeper(depth), model)
    return given


def _deeper(depth: int) -> Maker:
    return lambda rng, model: article_filter(rng, model, depth + 1)


def operators(member: str) -> list[str]:
    """The operators of a member of `ArticleFilter`; none for booleans."""
    if member in _ATTRIBUTES:
        texts = ["eq", "ne", "in", "notIn", "contains", "startsWith", "isNull"]
        return [*texts, "firstOf", "firstOf"] if member == "locale" else texts
    if member in _NUMBER_MEMBERS:
        return ["eq", "ne", "in", *_RANGE]
    if member == "publishedDateTime":
        return ["eq", *_RANGE]
    return ["some", "all", "none", "isEmpty"] if member in _LIST_MEMBERS else []


def condition(rng: Random, model: StoreModel, member: str) -> Any:
    """The value of a member of `ArticleFilter`: operators with operands, or a boolean."""
    if member in _FLAGS:
        return rng.random() < 0.7
    known = operators(member)
    if "gt" in known and rng.random() < 0.3:  # a range
        chosen = [rng.choice(["gt", "gte"]), rng.choice(["lt", "lte"])]
    else:
        chosen = rng.sample(known, rng.choice([1, 1, 1, 2]))
    return {operator: operand(rng, model, member, operator) for operator in chosen}


def operand(rng: Random, model: StoreModel, member: str, operator: str) -> Any:
    """An operand of an operator."""
    if operator in ("isNull", "isEmpty"):
        return rng.random() < 0.5
    if operator in ("contains", "startsWith"):
        return _part(rng, _value(rng, model, member) or "", operator == "startsWith")
    if operator == "firstOf":
        return few(rng, _any(store_strategies.RANGES), model, 4)
    if operator in ("in", "notIn", "some", "all", "none"):
        drawn = few(rng, lambda rng, model: _value(rng, model, member), model)
        return [value for value in drawn if value is not None]
    value = _value(rng, model, member)
    return rng.choice(_TEXTS) if value is None else value


def _value(rng: Random, model: StoreModel, member: str) -> Any:
    """A value that an article has or could have in this field."""
    article = model.version(rng)
    if member in _ATTRIBUTES:
        return rng.choice(_TEXTS) if rng.random() < 0.2 else _ATTRIBUTES[member](article)
    if member == "publishedDateTime":
        moment = article.published_date_time.isoformat()
        return rng.choice([moment, moment.replace("+00:00", "Z"), *_MOMENTS])
    if member == "topics":
        return rng.choice(
            [
                *store_strategies.TOPICS,
                *store_strategies.TOPIC_SLUGS,
                *store_strategies.DEFINED_NAMES,
            ]
        )
    if member == "tags":
        return rng.choice(["x", "y", "z"])
    return rng.choice([*_NUMBERS, *[getattr(article, member)] * 6])


def _part(rng: Random, text: str, is_prefix: bool) -> str:
    """A part of a text, in the same or another case."""
    start = 0 if is_prefix or not text else rng.randrange(len(text))
    part = text[start : start + rng.choice([0, 1, 1, 2, 3, 3, 4, 5, 8])]
    return rng.choice([part, part, part.upper(), part.lower(), part.swapcase()])


def article_order(rng: Random, _model: StoreModel) -> list[dict[str, str]]:
    """An order of up to three steps; rarely with a duplicate field, which is invalid."""
    steps = rng.choice([0, 1, 1, 1, 2, 2, 3])
    fields = rng.sample([field.name for field in OrderField], steps)
    if fields and rng.random() < 0.03:
        fields.append(fields[0])
    ways = [{}, {"direction": "ASC"}, {"direction": "DESC"}]
    return [{"field": field, **rng.choice(ways)} for field in fields]


def node_id(rng: Random, model: StoreModel) -> str:
    """The id of a node, or of none."""
    return model.id(rng) if rng.random() < 0.5 else rng.choice(_IDS)


def _look_up(members: dict[str, Maker]) -> Maker:
    """Draws a look-up by one of these members."""

    def make(rng: Random, model: StoreModel) -> dict[str, Any]:
        name = rng.choice(list(members))
        return {name: members[name](rng, model)}

    return make


def _article_by(rng: Random, model: StoreModel) -> dict[str, Any]:
    """A look-up of an article; sometimes by a slug in a locale, by none, or by too many."""
    makers: dict[str, Maker] = {
        "id": node_id,
        "slug": lambda rng, model: rng.choice(model.slugs),
        "url": _any([*store_strategies.URLS, "no"]),
    }
    names = rng.choice([["id"], ["slug"], ["slug"], ["url"]])
    if rng.random() < 0.05:
        names = rng.sample(list(makers), rng.choice([0, 2]))
    given = {name: makers[name](rng, model) for name in names}
    if rng.random() < (0.6 if "slug" in given else 0.03):
        given["locale"] = rng.choice([*store_strategies.RANGES, None])
    if rng.random() < 0.05:
        given[rng.choice(list(makers))] = None
    return given


def _any(values: list[Any]) -> Maker:
    return lambda rng, _model: rng.choice(values)


BY_NAME: dict[str, Maker] = {
    "id": node_id,
    "ids": lambda rng, model: few(rng, node_id, model, rng.choice([3, 5, 5, 6])),
    "severity": _any(["ERROR", "WARNING", "INFO"]),
    **dict.fromkeys(["width", "minWidth", "minHeight"], _any(_PIXELS)),
    "isCached": _any([True, False, None]),
    "format": _any(["JPEG", "WEBP", "PNG", None]),
}
"""The generators of arguments by name."""

BY_TYPE: dict[str, Maker] = {
    "ArticleBy!": _article_by,
    "ProviderBy!": _look_up(
        {"id": node_id, "domain": _any([*store_strategies.DOMAINS, "nowhere", ""])}
    ),
    "TopicBy!": _look_up(
        {
            "id": node_id,
            "slug": _any(store_strategies.TOPIC_SLUGS),
            "name": _any(store_strategies.TOPICS),
        }
    ),
    "ArticleFilter": article_filter,
    "[ArticleOrder!]": article_order,
}
"""The generators of arguments by type."""


def mutate_value(rng: Random, value: Any) -> Any:
    """Another value, mostly of the same type; sometimes of a similar one."""
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
