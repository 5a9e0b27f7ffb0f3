"""The cost of the embedded store: `python -m tests.benchmarks.store [--count 100000] [--explain]`.

Articles are read from the generated corpus, then multiplied with other names and dates, so that
YAML does not dominate. Times are medians.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import resource
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from store import Batch, LookupKey, TinyDBRepository, Visibility
from store.documents.article_reader import read_article
from store.documents.frontmatter import ParseOptions
from store.engines.indexed.snapshot import IndexedSnapshot
from store.model import Article
from store.names import article_id
from tests.benchmarks.corpus import documents
from tests.benchmarks.store_lists import (
    explain_lists,
    measure_derivation,
    measure_lists,
    measure_texts,
)
from tests.benchmarks.store_translations import LOCALES, measure_translations

_READ = 1_000
_PUBLIC = Visibility.PUBLISHED


def articles(count: int) -> list[Article]:
    """Generated articles."""
    readings = (
        read_article(path, text.encode(), ParseOptions()) for path, text in documents(_READ)
    )
    read = [reading.article for reading in readings if reading.article]
    return [_copy(read[n % len(read)], n // len(read)) for n in range(count)]


def _copy(article: Article, number: int) -> Article:
    slug = f"{article.slug}-{number}"
    return msgspec.structs.replace(
        article,
        slug=slug,
        id=article_id(slug),
        web_url=article.web_url and f"{article.web_url}?copy={number}",
        published_date_time=article.published_date_time - timedelta(minutes=number),
    )


def _seconds(do: Callable[[], Any], times: int) -> float:
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        do()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


async def _seconds_async(do: Callable[[int], Awaitable[Any]], times: int) -> float:
    taken = []
    for n in range(times):
        start = time.perf_counter()
        await do(n)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def _row(name: str, seconds: float, note: str = "") -> None:
    shown = f"{seconds * 1e3:10.2f} ms" if seconds >= 1e-3 else f"{seconds * 1e6:10.2f} us"
    print(f"{name:<44} {shown}  {note}", flush=True)


def _size(path: Path) -> str:
    return f"{path.stat().st_size / 1e6:.0f} MB"


async def _measure(count: int, path: Path) -> IndexedSnapshot:
    corpus = articles(count)
    repository = TinyDBRepository.open(path)
    start = time.perf_counter()
    await repository.apply(Batch(puts=tuple(corpus)))
    _row("first apply, all articles", time.perf_counter() - start)
    stored = tuple((await repository.snapshot()).articles.values())
    _row("build of the indexes", _seconds(lambda: IndexedSnapshot.build(stored), 3))
    _row("open", _seconds(lambda: TinyDBRepository.open(path), 3), _size(path))
    await _measure_writes(repository, corpus)
    await _measure_reads(repository, [article.id for article in corpus])
    snapshot = await repository.snapshot()
    await repository.close()
    return snapshot


async def _measure_writes(repository: TinyDBRepository, corpus: list[Article]) -> None:
    def put(n: int) -> Article:
        return msgspec.structs.replace(corpus[n], heat=corpus[n].heat + 1, revision=10**9 + n)

    _row(
        "apply one article, durable",
        await _seconds_async(lambda n: repository.apply(Batch(puts=(put(n),))), 10),
    )


async def _measure_reads(repository: TinyDBRepository, ids: list[str]) -> None:
    snapshot = await repository.snapshot()
    _row("snapshot()", await _seconds_async(lambda _: repository.snapshot(), 1_000))
    _row(
        "get_many, 1 id",
        await _seconds_async(lambda n: snapshot.get_many(LookupKey.ID, [ids[n]], _PUBLIC), 1_000),
    )
    _row(
        "get_many, 1,000 ids",
        await _seconds_async(lambda _: snapshot.get_many(LookupKey.ID, ids[:1_000], _PUBLIC), 100),
    )


def _measure_planner(snapshot: IndexedSnapshot, *, explain: bool) -> None:
    corpus = list(snapshot.articles.values())
    if explain:
        explain_lists(snapshot, corpus)
        return
    print("\nlists of 20 after a cursor, each with new values")
    measure_lists(snapshot, corpus, _row)
    print("\nwrites and text indexes")
    measure_derivation(snapshot, corpus, _row)
    measure_texts(corpus, _row)
    print(f"\ntranslations in {len(LOCALES)} locales, each chain a new one")
    measure_translations(len(corpus), LOCALES, _row)


def main() -> None:
    """Print a table of the costs on this machine."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="how many articles")
    parser.add_argument("--folder", type=Path, help="where to keep the store while measuring")
    parser.add_argument("--explain", action="store_true", help="print the access paths of lists")
    given = parser.parse_args()
    print(f"{given.count:,} articles, Python {platform.python_version()}, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        snapshot = asyncio.run(_measure(given.count, Path(folder) / "store.json"))
    _measure_planner(snapshot, explain=given.explain)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{'peak memory':<44} {peak_mb:10.0f} MB")


if __name__ == "__main__":
    main()
