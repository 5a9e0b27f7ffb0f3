"""Filter fields: one entry declares the conditions and the index of a field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import Enum
from operator import attrgetter
from typing import Any, NamedTuple

from store.model import Article
from store.names import former_topic_slugs
from store.normal_forms import nfc

from .order_fields import OrderField
from .query import Field, Operator
from .terms import (
    Aliases,
    former_slugs,
    provider_domain,
    related_domains,
    related_urls,
    topic_slugs,
)


class FieldType(NamedTuple):
    """The type of a filter field.

    Attributes:
        name: the type in messages.
        operators: the operators that it supports.
        value_type: the Python type of one operand.
    """

    name: str
    operators: frozenset[Operator]
    value_type: type


class IndexType(Enum):
    """The index that answers the conditions of a field."""

    IDS = "the articles by id"
    TERMS = "posting lists by value"
    TEXT = "the sort order of the folded texts, and trigrams"
    NUMBER = "the sort order of the numbers"
    TIME = "the order of ordinals"
    FLAG = "the set of published articles"


class FilterField(NamedTuple):
    """The declaration of a filter field.

    Attributes:
        type: its operators and operands.
        index_type: the index that answers its conditions.
        read: its value in an article; None or an empty tuple if absent.
    """

    type: FieldType
    index_type: IndexType
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
_ID = FieldType("an id", frozenset({*_EQUALITY, *_MEMBERSHIP}), str)
_LOCALE = FieldType("a locale", _TEXT.operators | {Operator.FIRST_OF}, str)
_NUMBER = FieldType("a whole number", frozenset({*_EQUALITY, *_MEMBERSHIP, *RANGES}), int)
_TIME = FieldType("a moment in time", frozenset({*_EQUALITY, *RANGES}), datetime)
_FLAG = FieldType("true or false", frozenset(_EQUALITY), bool)
_LIST = FieldType(
    "a list of texts",
    frozenset({Operator.SOME, Operator.ALL, Operator.NONE, Operator.IS_EMPTY}),
    str,
)
_OBJECT_LIST = FieldType("a list", frozenset({Operator.IS_EMPTY}), str)
_LINKS = FieldType("a list of addresses", frozenset({Operator.SOME}), str)


def _attribute(name: str) -> Callable[[Article, Aliases], Any]:
    read = attrgetter(name)
    return lambda article, _: read(article)


FILTER_FIELDS: Mapping[Field, FilterField] = {
    Field.ID: FilterField(_ID, IndexType.IDS, _attribute("id")),
    Field.SLUG: FilterField(_TEXT, IndexType.TEXT, _attribute("slug")),
    Field.TITLE: FilterField(_TEXT, IndexType.TEXT, _attribute("title")),
    Field.EXCERPT: FilterField(_TEXT, IndexType.TEXT, _attribute("excerpt")),
    Field.CATEGORY: FilterField(_TEXT, IndexType.TERMS, _attribute("category")),
    Field.TYPE: FilterField(_TEXT, IndexType.TERMS, _attribute("type")),
    Field.LOCALE: FilterField(_LOCALE, IndexType.TERMS, _attribute("locale")),
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
    Field.IMAGES: FilterField(_OBJECT_LIST, IndexType.TERMS, _attribute("images")),
    Field.RELATED: FilterField(_OBJECT_LIST, IndexType.TERMS, _attribute("related")),
    Field.RELATED_URLS: FilterField(
        _LINKS, IndexType.TERMS, lambda article, _: related_urls(article)
    ),
}

EDITABLE_IN_PLACE: frozenset[str] = frozenset(
    [
        field
        for field, each in FILTER_FIELDS.items()
        if each.index_type in (IndexType.TEXT, IndexType.NUMBER)
    ]
    + [field.value for field in OrderField if field.value not in FILTER_FIELDS]
)
"""The fields of filters and orders whose values an edit in place may change."""

URL = "url"
RELATED_DOMAIN = "relatedDomain"
FORMER_SLUG = "formerSlug"
FORMER_TOPICS = "formerTopics"
"""The indexed fields of slugs as former releases made them, by which look-ups still find."""
LOCALIZED_SLUG = "localizedSlug"
"""The indexed field of the slugs of articles whose id has a locale. Others are found by id."""
TRANSLATION_GROUP = "translationGroup"
"""The indexed field of translation groups. It lacks the article that is found by id: the one whose
slug is the group's name, and whose id has no locale."""
PRESENT = "present"
"""The indexed field whose terms are the names of an article's fields that have a value."""

_NULLABLE = [
    field
    for field, each in FILTER_FIELDS.items()
    if each.type.operators & {Operator.IS_NULL, Operator.IS_EMPTY}
]
_TERM_FIELDS = [
    (field, each.read)
    for field, each in FILTER_FIELDS.items()
    if each.index_type is IndexType.TERMS and each.type is not _OBJECT_LIST
]

_LOOKUPS = (URL, RELATED_DOMAIN, FORMER_SLUG, FORMER_TOPICS, LOCALIZED_SLUG, TRANSLATION_GROUP)

INDEXED_FIELDS = (*(field for field, _ in _TERM_FIELDS), *_LOOKUPS, PRESENT)
"""The fields of an inverted index: those with `IndexType.TERMS`, those of look-ups, `PRESENT`."""

Terms = Mapping[str, tuple[str, ...]]
"""An article's terms by indexed field, without repetition."""


def index_terms(article: Article, aliases: Aliases) -> Terms:
    """The index terms of an article. `aliases`: those of the topic tree."""
    terms: dict[str, tuple[str, ...]] = {
        field: _as_terms(read(article, aliases)) for field, read in _TERM_FIELDS
    }
    terms[URL] = article.url_keys
    terms[RELATED_DOMAIN] = related_domains(article)
    terms[FORMER_SLUG] = () if article.title.isascii() else former_slugs(article)
    terms[FORMER_TOPICS] = former_topic_slugs(article.topics) if article.topics else ()
    slug, group = article.slug, article.translation_group
    has_locale = article.has_locale_in_id
    terms[LOCALIZED_SLUG] = (slug,) if has_locale else ()
    terms[TRANSLATION_GROUP] = (group,) if has_locale or group != slug else ()
    terms[PRESENT] = tuple(
        [f for f in _NULLABLE if FILTER_FIELDS[f].read(article, aliases) not in (None, ())]
    )
    return terms


def _as_terms(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value if value.isascii() else nfc(value),)
    if not value:
        return ()
    return tuple(dict.fromkeys([each if each.isascii() else nfc(each) for each in value]))
