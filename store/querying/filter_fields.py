"""The fields that filters compare: one entry declares what conditions and indexes need."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import Enum
from operator import attrgetter
from typing import Any, NamedTuple

from store.model import Article

from .query import Field, Operator
from .terms import Aliases, provider_domain, related_domains, related_urls, topic_slugs


class FieldType(NamedTuple):
    """A kind of field.

    Attributes:
        name: what messages call it.
        operators: those that it takes.
        type: what one value of theirs must be.
    """

    name: str
    operators: frozenset[Operator]
    type: type


class IndexType(Enum):
    """How an index finds the articles that a condition on the field allows."""

    TERMS = "a posting for each value"
    TEXT = "the order of the texts without case, and trigrams"
    NUMBER = "the order of the numbers"
    TIME = "the order by date"
    FLAG = "the set of the published"


class FilterField(NamedTuple):
    """A field that filters compare.

    Attributes:
        kind: its operators and values.
        access: how an index finds what matches.
        read: its value in an article: None or an empty tuple where there is none.
    """

    kind: FieldType
    access: IndexType
    read: Callable[[Article, Aliases], Any]


RANGES = frozenset({Operator.GT, Operator.GTE, Operator.LT, Operator.LTE})
_EQUALITY = {Operator.EQ, Operator.NE}
_MEMBERSHIP = {Operator.IN, Operator.NOT_IN}

_TEXT = FieldType(
    "a text",
    frozenset(
        {*_EQUALITY, *_MEMBERSHIP, Operator.CONTAINS, Operator.STARTS_WITH, Operator.IS_NULL}
    ),
    str,
)
_NUMBER = FieldType("a whole number", frozenset({*_EQUALITY, *_MEMBERSHIP, *RANGES}), int)
_TIME = FieldType("a moment in time", frozenset({*_EQUALITY, *RANGES}), datetime)
_FLAG = FieldType("true or false", frozenset(_EQUALITY), bool)
_LIST = FieldType(
    "a list of texts",
    frozenset({Operator.SOME, Operator.ALL, Operator.NONE, Operator.IS_EMPTY}),
    str,
)
_PARTS = FieldType("a list", frozenset({Operator.IS_EMPTY}), str)
_LINKS = FieldType("a list of addresses", frozenset({Operator.SOME}), str)


def _attribute(name: str) -> Callable[[Article, Aliases], Any]:
    read = attrgetter(name)
    return lambda article, _: read(article)


FILTER_FIELDS: Mapping[Field, FilterField] = {
    Field.SLUG: FilterField(_TEXT, IndexType.TEXT, _attribute("slug")),
    Field.TITLE: FilterField(_TEXT, IndexType.TEXT, _attribute("title")),
    Field.EXCERPT: FilterField(_TEXT, IndexType.TEXT, _attribute("excerpt")),
    Field.CATEGORY: FilterField(_TEXT, IndexType.TERMS, _attribute("category")),
    Field.TYPE: FilterField(_TEXT, IndexType.TERMS, _attribute("type")),
    Field.LOCALE: FilterField(_TEXT, IndexType.TERMS, _attribute("locale")),
    Field.PUBLISHED_DATE_TIME: FilterField(
        _TIME, IndexType.TIME, _attribute("published_date_time")
    ),
    Field.QUALITY: FilterField(_NUMBER, IndexType.NUMBER, _attribute("quality")),
    Field.HEAT: FilterField(_NUMBER, IndexType.NUMBER, _attribute("heat")),
    Field.PUBLISHED: FilterField(_FLAG, IndexType.FLAG, _attribute("published")),
    Field.PROVIDER_DOMAIN: FilterField(
        _TEXT, IndexType.TERMS, lambda article, _: provider_domain(article)
    ),
    Field.TOPICS: FilterField(_LIST, IndexType.TERMS, topic_slugs),
    Field.TAGS: FilterField(_LIST, IndexType.TERMS, _attribute("tags")),
    Field.IMAGES: FilterField(_PARTS, IndexType.TERMS, _attribute("images")),
    Field.RELATED: FilterField(_PARTS, IndexType.TERMS, _attribute("related")),
    Field.RELATED_URLS: FilterField(
        _LINKS, IndexType.TERMS, lambda article, _: related_urls(article)
    ),
}

EDITABLE_IN_PLACE = frozenset(
    field
    for field, each in FILTER_FIELDS.items()
    if each.access in (IndexType.TEXT, IndexType.NUMBER)
)
"""The fields whose values may change while an article keeps its terms and its date."""

URL = "url"
RELATED_DOMAIN = "relatedDomain"
PRESENT = "present"
"""The family whose terms are the fields in which an article has something."""

_NULLABLE = [
    field
    for field, each in FILTER_FIELDS.items()
    if each.kind.operators & {Operator.IS_NULL, Operator.IS_EMPTY}
]
_LISTED = [
    (field, each.read)
    for field, each in FILTER_FIELDS.items()
    if each.access is IndexType.TERMS and each.kind is not _PARTS
]

INDEXED_FIELDS = (*(field for field, _ in _LISTED), URL, RELATED_DOMAIN, PRESENT)
"""The kinds of term in an index: the fields with `IndexType.TERMS`, and three more."""

Terms = Mapping[str, tuple[str, ...]]
"""An article's terms in each family, without repetition."""


def index_terms(article: Article, aliases: Aliases) -> Terms:
    """The terms under which an article is indexed; `aliases` are those of the topic tree."""
    terms: dict[str, tuple[str, ...]] = {
        field: _as_terms(read(article, aliases)) for field, read in _LISTED
    }
    terms[URL] = article.url_keys
    terms[RELATED_DOMAIN] = related_domains(article)
    terms[PRESENT] = tuple(
        [f for f in _NULLABLE if FILTER_FIELDS[f].read(article, aliases) not in (None, ())]
    )
    return terms


def _as_terms(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple(dict.fromkeys(value)) if value else ()
