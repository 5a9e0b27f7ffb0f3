"""Translations: the articles of one group, and those that ranges of locales select.

Articles with one translation key (`Article.translation_group`) are a group. Ranges match as basic
filtering does (https://www.rfc-editor.org/rfc/rfc4647#section-3.3.1), and `*` matches an article
without a locale, too. Of several articles that a range matches, the first is the one whose locale
equals the range; the others follow by locale, those without one last. Of one locale, the first is
the article whose id has no locale, then the newest.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import lru_cache

from store.locales import is_in_range
from store.model import Article
from store.names import locale_key
from store.normal_forms import nfc

MAX_TRANSLATIONS = 100
"""The largest group. A key that more visible articles have is no translation key: each of them is
its own group. So no write and no link costs more, whatever the documents say."""

_MAX_CACHED_LENGTH = 100
"""Clients send ranges: a cache of long ones would take gigabytes."""

ANY_LOCALE = "*"
"""The range of all articles."""

Translations = Callable[[Article], Sequence[Article]]
"""Gives the visible articles of an article's group, with itself; none if the group is too large."""


def no_translations(_: Article) -> Sequence[Article]:
    """No translations: each article is its own group."""
    return ()


def range_key(range: str) -> str:
    """The normal form of a range, and of a locale as ranges match it."""
    return _cached_range_key(range) if len(range) <= _MAX_CACHED_LENGTH else _range_key(range)


def _range_key(range: str) -> str:
    return locale_key(nfc(range))


_cached_range_key = lru_cache(maxsize=1_024)(_range_key)


def locale_of(article: Article) -> str | None:
    """The locale of an article in its normal form."""
    return None if article.locale is None else range_key(article.locale)


def in_order(articles: Collection[Article]) -> list[Article]:
    """The articles by locale, and of one locale the first one first (see above)."""
    newest_first = sorted(articles, key=lambda a: (a.published_date_time, a.id), reverse=True)
    return sorted(newest_first, key=_rank)


def _rank(article: Article) -> tuple[bool, str, bool]:
    locale = locale_of(article)
    return locale is None, locale or "", article.has_locale_in_id


def without_range(articles: Sequence[Article]) -> Article | None:
    """Of articles with one slug, newest first: the one whose id has no locale, else the newest."""
    plain = (article for article in articles if not article.has_locale_in_id)
    return next(plain, articles[0] if articles else None)


def pick(articles: Collection[Article], range: str) -> Article | None:
    """The first of these articles that a range in its normal form matches."""
    matching = [article for article in articles if _matches(locale_of(article), range)]
    if len(matching) > 1:
        matching = sorted(in_order(matching), key=lambda article: locale_of(article) != range)
    return matching[0] if matching else None


def pick_by_chain(articles: Collection[Article], chain: Sequence[str]) -> Article | None:
    """The article that the first range that matches any of these articles picks."""
    picked = (pick(articles, range) for range in chain)
    return next((article for article in picked if article is not None), None)


def _matches(locale: str | None, range: str) -> bool:
    return range == ANY_LOCALE or (locale is not None and is_in_range(locale, range))


def locales_of_chain(chain: Sequence[str], locales: Collection[str]) -> Iterator[str | None]:
    """The locales, of those that articles have, in the order in which a chain prefers them.

    None stands for articles without a locale.
    """
    ordered, seen = sorted(locales), set[str | None]()
    for range in chain:
        if range == ANY_LOCALE:
            matching: list[str | None] = [range, *ordered, None]
        else:
            # "." is the character after "-".
            start, end = bisect_left(ordered, f"{range}-"), bisect_left(ordered, f"{range}.")
            matching = [range, *ordered[start:end]]
        for locale in matching:
            if locale not in seen and (locale is None or locale in locales):
                seen.add(locale)
                yield locale
