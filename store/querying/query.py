"""Queries to a repository as values: filter, order, window.

They do not depend on GraphQL or on an engine, which may scan, use indexes or translate them into
another query language. `predicates.py` defines what each condition means.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from store.errors import QueryError
from store.model import Article, WebResource

from .order_fields import OrderField
from .page_items import PageItems

T = TypeVar("T")


class LookupKey(StrEnum):
    """The keys of look-ups: articles by id, slug, slug in a locale, url; providers by id, domain;
    topics by id, slug, name.
    """

    ID = "id"
    SLUG = "slug"
    SLUG_IN_LOCALE = "slugInLocale"  # keys are `LocalizedSlug`
    URL = "url"
    DOMAIN = "domain"
    NAME = "name"


class LocalizedSlug(NamedTuple):
    """A slug in a range of locales: `de` is in `de`, and so is `de-CH`."""

    slug: str
    range: str


ARTICLE_KEYS = frozenset({LookupKey.ID, LookupKey.SLUG, LookupKey.SLUG_IN_LOCALE, LookupKey.URL})
PROVIDER_KEYS = frozenset({LookupKey.ID, LookupKey.DOMAIN})
TOPIC_KEYS = frozenset({LookupKey.ID, LookupKey.SLUG, LookupKey.NAME})


def check_lookup_key(by: LookupKey, allowed: frozenset[LookupKey]) -> None:
    """Raise QueryError unless `by` is an allowed key."""
    if by not in allowed:
        raise QueryError(f"There is no look-up by {by} here; use {', '.join(sorted(allowed))}.")


class Field(StrEnum):
    """The fields that conditions compare."""

    ID = "id"
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
    """The operators of conditions. The value of IS_NULL and IS_EMPTY is a bool; of IN, NOT_IN,
    SOME, ALL, NONE and FIRST_OF a tuple; of the others one value. A field that is null equals
    nothing, so NE and NOT_IN hold for it and the others do not. Texts are compared in NFC, by
    CONTAINS and STARTS_WITH in their folded form (`normal_forms.fold`).

    FIRST_OF holds for one article of each group of translations: the one that the first range of
    locales picks that matches any article of the group that the reader may see (`translations`).
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
    FIRST_OF = "firstOf"


Scalar = str | int | bool | datetime


class Condition(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """One comparison of one field.

    Attributes:
        ignore_accents: a comparison of texts ignores accents, see `normal_forms.remove_accents`.
    """

    field: Field
    operator: Operator
    value: Scalar | tuple[str, ...] | tuple[int, ...]
    ignore_accents: bool = False


class And(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """Conjunction: all filters hold; true if there are none."""

    filters: tuple[Filter, ...]


class Or(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """Disjunction: at least one filter holds; false if there are none."""

    filters: tuple[Filter, ...]


class Not(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """Negation."""

    filter: Filter


Filter = Condition | And | Or | Not

MATCH_ALL = And(())


def all_of(*filters: Filter | None) -> Filter:
    """The conjunction of the filters that are given."""
    given = tuple(f for f in filters if f is not None and f != MATCH_ALL)
    return given[0] if len(given) == 1 else And(given)


@lru_cache(maxsize=4_096)
def provider_filter(domain: str) -> Filter:
    """The articles of one provider."""
    return Condition(Field.PROVIDER_DOMAIN, Operator.EQ, domain)


@lru_cache(maxsize=4_096)
def topic_filter(slug: str) -> Filter:
    """The articles of one topic."""
    return Condition(Field.TOPICS, Operator.SOME, (slug,))


def referencing_filter(resource: WebResource) -> Filter:
    """The articles whose related stories have a URL of this resource."""
    return Condition(Field.RELATED_URLS, Operator.SOME, resource.url_keys)


class OrderStep(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """One step of an order: a sort field and a direction. The id breaks the last ties."""

    field: OrderField
    descending: bool = True


NEWEST_FIRST = (OrderStep(OrderField.PUBLISHED_DATE_TIME),)


class Window(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """Pagination arguments: the `first` items after a cursor, or the `last` before one.

    Exactly one of `first` and `last` is set, and not negative. See `cursors.py` for cursors.
    """

    first: int | None = None
    after: str | None = None
    last: int | None = None
    before: str | None = None


class ArticleQuery(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """A query for one page of articles.

    Attributes:
        window: the page of the list.
        filter: the articles of the list.
        order: the steps of the order.
        with_total: whether to count the whole list, which may be expensive.
    """

    window: Window
    filter: Filter = MATCH_ALL
    order: tuple[OrderStep, ...] = NEWEST_FIRST
    with_total: bool = False


class PageOrdinals(msgspec.Struct, frozen=True, gc=False):
    """The ordinals of a page's items in one numbering of the documents.

    They are valid for one visibility, until a write that is no edit in place (`in_place_edits`).
    Caches of documents keyed by ordinal are faster than those keyed by id.

    Attributes:
        numbering: the name of the numbering, unique in this process. In another numbering the
            same ordinal is another document.
        numbers: the ordinal of each item, in the page's order.
        as_slice: the ordinals as a slice, if they are consecutive.
        size: how many ordinals there are.
    """

    numbering: str
    numbers: Sequence[int]
    as_slice: slice | None
    size: int


class Page(msgspec.Struct, Generic[T], frozen=True, gc=False):
    """A page of an ordered list.

    Attributes:
        items: the items in order.
        has_previous: whether the whole list has items before the page.
        has_next: whether the whole list has items after the page.
        total: the size of the whole list; None if it was not counted.
        ordinals: the ordinals of the items, if the engine has any.
        survives_edits: whether edits in place (see `in_place_edits`) leave the ids of the page, its
            flags and its total as they are.
    """

    items: Sequence[T]
    has_previous: bool = False
    has_next: bool = False
    total: int | None = None
    ordinals: PageOrdinals | None = None
    survives_edits: bool = False

    def item_ids(self) -> Sequence[str]:
        """The ids of the items, for entities that have ids."""
        if isinstance(self.items, PageItems):
            return self.items.ids
        items: Sequence[Any] = self.items
        return [item.id for item in items]


ArticlePage = Page[Article]
