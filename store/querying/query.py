"""Questions to a repository, as values: filter, order, window.

They know nothing of GraphQL and assume no engine: an engine may scan, use indexes or translate
them into a remote query language. `filters.py` says what each condition means.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, Generic, TypeVar

import msgspec

from store.errors import QueryError
from store.model import Article, WebResource

from .order_fields import OrderField
from .page_items import PageItems

T = TypeVar("T")


class LookupKey(StrEnum):
    """By what an entity can be looked up: articles by id, slug, url; providers by id, domain;
    topics by id, slug, name.
    """

    ID = "id"
    SLUG = "slug"
    URL = "url"
    DOMAIN = "domain"
    NAME = "name"


ARTICLE_KEYS = frozenset({LookupKey.ID, LookupKey.SLUG, LookupKey.URL})
PROVIDER_KEYS = frozenset({LookupKey.ID, LookupKey.DOMAIN})
TOPIC_KEYS = frozenset({LookupKey.ID, LookupKey.SLUG, LookupKey.NAME})


def check_lookup_key(by: LookupKey, known: frozenset[LookupKey]) -> None:
    """Raise QueryError unless `by` is one of the keys that such entities have."""
    if by not in known:
        raise QueryError(f"Nothing is looked up by {by} here; use {', '.join(sorted(known))}.")


class Field(StrEnum):
    """What a condition can speak of."""

    SLUG = "slug"
    TITLE = "title"
    EXCERPT = "excerpt"
    CATEGORY = "category"
    TYPE = "type"
    LOCALE = "locale"
    PUBLISHED_DATE_TIME = "publishedDateTime"
    QUALITY = "quality"
    HEAT = "heat"
    PUBLISHED = "published"
    PROVIDER_DOMAIN = "providerDomain"
    TOPICS = "topics"  # as slugs of topics or of their names
    TAGS = "tags"
    IMAGES = "images"  # only IS_EMPTY
    RELATED = "related"  # only IS_EMPTY
    RELATED_URLS = "relatedUrls"  # canonical URLs of the related stories; only SOME


class Operator(StrEnum):
    """How a condition compares. The value of IS_NULL and IS_EMPTY is a bool; of IN, NOT_IN, SOME,
    ALL and NONE a tuple; of the others one value. A field that is null equals nothing, so NE and
    NOT_IN hold for it and the others do not.
    """

    EQ = "eq"
    NE = "ne"
    IN = "in"
    NOT_IN = "notIn"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    CONTAINS = "contains"  # ignores case
    STARTS_WITH = "startsWith"  # ignores case
    IS_NULL = "isNull"
    SOME = "some"
    ALL = "all"
    NONE = "none"
    IS_EMPTY = "isEmpty"


Scalar = str | int | bool | datetime


class Condition(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """One comparison of one field."""

    field: Field
    operator: Operator
    value: Scalar | tuple[str, ...] | tuple[int, ...]


class And(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """All of them; true where there are none."""

    filters: tuple[Filter, ...]


class Or(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """At least one of them; false where there are none."""

    filters: tuple[Filter, ...]


class Not(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """The opposite."""

    filter: Filter


Filter = Condition | And | Or | Not

MATCH_ALL = And(())


def all_of(*filters: Filter | None) -> Filter:
    """Those that are given, joined by and."""
    given = tuple(f for f in filters if f is not None and f != MATCH_ALL)
    return given[0] if len(given) == 1 else And(given)


@lru_cache(maxsize=4_096)
def provider_filter(domain: str) -> Filter:
    """The articles of one provider."""
    return Condition(Field.PROVIDER_DOMAIN, Operator.EQ, domain)


@lru_cache(maxsize=4_096)
def topic_filter(slug: str) -> Filter:
    """The articles that name one topic."""
    return Condition(Field.TOPICS, Operator.SOME, (slug,))


def referencing_filter(page: WebResource) -> Filter:
    """The articles whose related stories have an address of this page."""
    return Condition(Field.RELATED_URLS, Operator.SOME, page.url_keys)


class OrderStep(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """One step of an order; equal articles are told apart by the next, at last by id."""

    field: OrderField
    descending: bool = True


NEWEST_FIRST = (OrderStep(OrderField.PUBLISHED_DATE_TIME),)


class Window(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """Which part of an ordered list: up to `first` items after a cursor, or `last` before one.

    Give one of `first` and `last`; sizes are not negative. Cursors are those of `cursors.py`.
    """

    first: int | None = None
    after: str | None = None
    last: int | None = None
    before: str | None = None


class ArticleQuery(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """One list of articles. `with_total` asks for the size of the whole list, which may cost."""

    window: Window
    filter: Filter = MATCH_ALL
    order: tuple[OrderStep, ...] = NEWEST_FIRST
    with_total: bool = False


class PageOrdinals(msgspec.Struct, frozen=True, gc=False):
    """The numbers of a page's items among all documents of their kind that the reader may see.

    They hold for one visibility, and until a write that is no edit in place (see `edits`). Callers
    may file by them what they keep of documents, which is faster than by id.

    Attributes:
        numbering: the name of this numbering, which no other of this version has; the same number
            is another document in another one.
        numbers: the number of each item, in the page's order.
        as_slice: the numbers as a slice, where they follow each other.
        size: how many numbers there are.
    """

    numbering: str
    numbers: Sequence[int]
    as_slice: slice | None
    size: int


class Page(msgspec.Struct, Generic[T], frozen=True, gc=False):
    """A part of an ordered list; both flags are true to the whole list, not only to the window.

    `total` is the size of the whole list, or None where it was not asked for. `ordinals` say where
    the items stand, where the engine knows that. `survives_edits`: no edit in place (see `edits`)
    changes anything of the page but what its items say.
    """

    items: Sequence[T]
    has_previous: bool = False
    has_next: bool = False
    total: int | None = None
    ordinals: PageOrdinals | None = None
    survives_edits: bool = False

    def item_ids(self) -> Sequence[str]:
        """The ids of the items, of entities that have one."""
        if isinstance(self.items, PageItems):
            return self.items.ids
        items: Sequence[Any] = self.items
        return [item.id for item in items]


ArticlePage = Page[Article]
