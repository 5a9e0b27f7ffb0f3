"""The cost of translations: chains of locales, look-ups, groups, and writes of one translation.

A part of `tests.benchmarks.store`; alone `python -m tests.benchmarks.store_translations
[--count 100000] [--locales 12]`. Times are medians.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice

import msgspec

from store import (
    And,
    ArticleQuery,
    Condition,
    Field,
    LocalizedSlug,
    LookupKey,
    Operator,
    Visibility,
    Window,
)
from store.concurrency.cooperative import run_to_end
from store.engines.indexed.planner import Planner
from store.engines.indexed.snapshot import IndexedSnapshot
from store.model import Article, ProviderMention
from store.names import article_id

LOCALES = "en de fr es it ja pt-BR zh-TW ko nl pl cs".split()
"""The locales; the first has no part in ids."""

_PUBLIC = Visibility.PUBLISHED
_NEW_VALUES = 40
_REPEATED = 5
_WRITES = 40
_START = datetime(2026, 1, 1, tzinfo=UTC)

AddRow = Callable[[str, float, str], None]
Changed = Mapping[str, Article | None]


def translated_articles(count: int, locales: Sequence[str]) -> list[Article]:
    """Articles in groups of one for each locale, at distinct times."""
    provider = ProviderMention(domain="post.example", name="Post")
    return [
        _article(f"2026-01-01-story-{n // len(locales)}", locales[n % len(locales)], n, provider)
        for n in range(count)
    ]


def _article(slug: str, locale: str, number: int, provider: ProviderMention) -> Article:
    return Article(
        id=article_id(slug, None if locale == LOCALES[0] else locale),
        slug=slug,
        title=f"Story {number}",
        locale=locale,
        category=f"c{number % 7}",
        provider=provider,
        published_date_time=_START + timedelta(seconds=number * 7 % 100_003),
    )


def _seconds(do: Callable[[], object], times: int = 1) -> float:
    """The minimum of several runs, to exclude other work of the machine."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        do()
        taken.append(time.perf_counter() - start)
    return min(taken)


class _Chains:
    """Chains of locales, each one another, drawn with a seed."""

    def __init__(self, locales: Sequence[str]) -> None:
        self._rng = random.Random(5)
        self._locales = locales
        self._number = 0

    def __call__(self, length: int) -> Condition:
        """A chain of so many of the locales; an unknown one makes it new."""
        self._number += 1
        chain = self._rng.sample(self._locales, min(length, len(self._locales)))
        return Condition(Field.LOCALE, Operator.FIRST_OF, (*chain, f"x-{self._number}"))


def measure_translations(count: int, locales: Sequence[str], row: AddRow) -> None:
    """Print the costs in a store of so many articles in these locales."""
    articles = translated_articles(count, locales)
    start = time.perf_counter()
    snapshot = IndexedSnapshot.build(articles)
    row("build of the indexes", time.perf_counter() - start, "")
    _measure_lists(snapshot, _Chains(locales), len(locales), row)
    _measure_look_ups(snapshot, articles, row)
    for name, make in (
        ("derive, another title of a translation", _with_other_title),
        ("derive, a new translation", _in_new_locale),
        ("derive, a translation deleted", _without),
    ):
        _measure_writes(snapshot, articles, name, make, row)


def _measure_lists(snapshot: IndexedSnapshot, chains: _Chains, locales: int, row: AddRow) -> None:
    index, planner = snapshot._published.index, snapshot._published.planner

    def fresh() -> Planner:
        """One that keeps no page yet."""
        return Planner(index, index, snapshot._orders, snapshot.aliases, snapshot.cursors)

    news = Condition(Field.CATEGORY, Operator.EQ, "c1")
    for length in sorted({2, min(3, locales), locales}):
        for name, make in (
            (f"chain of {length}", lambda n=length: ArticleQuery(Window(first=20), chains(n))),
            (
                f"chain of {length}, total",
                lambda n=length: ArticleQuery(Window(first=20), chains(n), with_total=True),
            ),
            (
                f"chain of {length}, category",
                lambda n=length: ArticleQuery(Window(first=20), And((chains(n), news))),
            ),
        ):
            queries = [make() for _ in range(_NEW_VALUES)]
            taken = [_seconds(lambda q=each: fresh().page(q), _REPEATED) for each in queries]  # type: ignore[misc]
            row(name, statistics.median(taken), "")
    again = ArticleQuery(Window(first=20), chains(2), with_total=True)
    planner.page(again)
    row("chain of 2, total, the same again", _seconds(lambda: planner.page(again), 1_000), "")


def _measure_look_ups(snapshot: IndexedSnapshot, articles: Sequence[Article], row: AddRow) -> None:
    keys = [LocalizedSlug(each.slug, each.locale or "") for each in articles[:_NEW_VALUES]]
    groups = [each.translation_group for each in islice(articles, 0, None, 97)][:_NEW_VALUES]

    async def measure() -> None:
        start = time.perf_counter()
        for key in keys:
            await snapshot.get_many(LookupKey.SLUG_IN_LOCALE, [key], _PUBLIC)
        row("get_many, 1 slug in a locale", (time.perf_counter() - start) / len(keys), "")
        start = time.perf_counter()
        for group in groups:
            await snapshot.translations([group], _PUBLIC)
        row("translations, 1 group", (time.perf_counter() - start) / len(groups), "")

    asyncio.run(measure())


def _with_other_title(article: Article) -> Changed:
    return {article.id: msgspec.structs.replace(article, title=f"{article.title}!")}


def _in_new_locale(article: Article) -> Changed:
    id = article_id(article.slug, "sv")
    return {id: msgspec.structs.replace(article, locale="sv", id=id)}


def _without(article: Article) -> Changed:
    return {article.id: None}


def _measure_writes(
    snapshot: IndexedSnapshot,
    articles: Sequence[Article],
    name: str,
    make: Callable[[Article], Changed],
    row: AddRow,
) -> None:
    chain = ArticleQuery(
        Window(first=20), Condition(Field.LOCALE, Operator.FIRST_OF, ("de", "en")), with_total=True
    )
    derived, listed = [], []
    for article in islice(articles, 1, None, max(1, len(articles) // _WRITES)):
        changed = make(article)
        start = time.perf_counter()
        snapshot = run_to_end(snapshot.derive(changed, (), (), snapshot.history))
        derived.append(time.perf_counter() - start)
        listed.append(_seconds(lambda s=snapshot: s._published.planner.page(chain)))  # type: ignore[misc]
    then = f"then a chain of 2, total {statistics.median(listed) * 1e3:.3f} ms"
    row(name, statistics.median(derived), then)


def _print_row(name: str, seconds: float, note: str) -> None:
    print(f"{name:<44} {seconds * 1e3:10.3f} ms  {note}", flush=True)


def main() -> None:
    """Print a table of the costs on this machine."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="how many articles")
    parser.add_argument("--locales", type=int, default=2, help="in how many locales, at most 12")
    given = parser.parse_args()
    print(f"{given.count:,} articles in {given.locales} locales")
    measure_translations(given.count, LOCALES[: given.locales], _print_row)


if __name__ == "__main__":
    main()
