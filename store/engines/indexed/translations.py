"""Translations in bitmaps: what the groups of one visibility's articles mean for chains of locales.

A chain `de, en` picks all articles in `de`, and those in `en` whose group has none in `de`. So for
each locale one bitmap of the articles whose group has it is enough, whatever the chain.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from typing import Any

from store.collections.bitmaps import (
    EMPTY,
    BitMap,
    Ordinals,
    PostingList,
    as_array,
    as_bitmap,
    bitmap_of,
    update_posting_list,
)
from store.concurrency.cooperative import Cooperative
from store.model import Article
from store.querying.translations import in_order, locale_of

from .ordinals import IndexChange

YIELD_EVERY = 64
"""After how many groups an update yields to others."""

Members = Sequence[tuple[int, Article]]
"""The articles of a group, each with its ordinal."""


class TranslationGroups:
    """The groups of at least two visible articles. Immutable; empty where nothing is translated.

    Attributes:
        having: by locale, or None for articles without one: the members of all groups that have an
            article in it.
        repeated: the articles before which their group has another in the same locale.
    """

    __slots__ = ("having", "repeated")

    def __init__(
        self, having: Mapping[str | None, PostingList] | None = None, repeated: PostingList = ()
    ) -> None:
        self.having = having or {}
        self.repeated = repeated

    def derive(
        self,
        names: Iterable[str],
        after: Callable[[str], Members],
        before: Callable[[str], Members] = lambda _: (),
    ) -> Cooperative[TranslationGroups]:
        """The groups after a write that has touched those of these names.

        `before`, `after`: their members before and after it.
        """
        removed: defaultdict[str | None, list[int]] = defaultdict(list)
        added: defaultdict[str | None, list[int]] = defaultdict(list)
        not_repeated: list[int] = []
        repeated: list[int] = []
        for n, name in enumerate(names):
            _add_group(before(name), removed, not_repeated)
            _add_group(after(name), added, repeated)
            if n % YIELD_EVERY == 0:
                yield
        if not removed and not added:
            return self
        having = dict(self.having)
        for locale in {**removed, **added}:
            having[locale] = update_posting_list(
                having.get(locale, ()), removed[locale], added[locale]
            )
            if not having[locale]:
                del having[locale]
            yield
        return TranslationGroups(having, update_posting_list(self.repeated, not_repeated, repeated))

    def compacted(self, new_ordinals: Ordinals, size: int) -> TranslationGroups:
        """The groups with other ordinals. `new_ordinals`: new ordinals by old ones."""
        having = {
            locale: _renumber(each, new_ordinals, size) for locale, each in self.having.items()
        }
        return TranslationGroups(having, _renumber(self.repeated, new_ordinals, size))

    def having_locale(self, locale: str | None) -> BitMap:
        """The members of all groups that have an article in a locale; None: one without locale."""
        posting_list = self.having.get(locale)
        return EMPTY if posting_list is None else as_bitmap(posting_list)


def touched_groups(
    changes: Collection[IndexChange], before: Container[str], after: Container[str]
) -> list[str]:
    """The names of the groups that changes touch.

    `before`, `after`: the terms of `TRANSLATION_GROUP`. A name that is in neither had one article.
    """
    names: dict[str, None] = {}
    for change in changes:
        if change.old_terms is not None or change.new_terms is not None:
            articles = change.before, change.after
            names.update(dict.fromkeys([each.translation_group for each in articles if each]))
    return [name for name in names if name in before or name in after]


def _add_group(
    group: Members, having: defaultdict[str | None, list[int]], repeated: list[int]
) -> None:
    """Add what a group contributes to `TranslationGroups`."""
    if len(group) < 2:
        return
    ordinals = [ordinal for ordinal, _ in group]
    locales = {locale_of(article) for _, article in group}
    for locale in locales:
        having[locale] += ordinals
    if len(locales) < len(group):
        repeated += _repeated(group)


def _repeated(group: Members) -> Iterator[int]:
    ordinals = {article.id: ordinal for ordinal, article in group}
    seen = set()
    for article in in_order([article for _, article in group]):
        locale = locale_of(article)
        if locale in seen:
            yield ordinals[article.id]
        seen.add(locale)


def _renumber(posting_list: PostingList, new_ordinals: Ordinals, size: int) -> PostingList:
    if isinstance(posting_list, tuple):
        renumbered: Any = new_ordinals[list(posting_list)]
        return tuple(sorted(renumbered.tolist()))
    return bitmap_of(new_ordinals[as_array(posting_list)], size)
