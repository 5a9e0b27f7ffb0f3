"""The cost of mutations, from a field to the disk: `python -m tests.benchmarks.mutations`.

`DocumentWriter` changes one field of an article at a time, without HTTP and GraphQL, with the store
alone and with a folder of documents. A baseline loop does for files of the same length what the
disk must do for each document: write a new file, flush, rename. Each round measures everything
once, and the medians over the rounds are printed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import tempfile
import time
from itertools import count
from pathlib import Path

from gql import gc_tuning
from gql.composition.app import shorten_switch_interval
from store import DocumentWriter, FolderLoader, TinyDBRepository
from tests.benchmarks.corpus import write_corpus
from tests.benchmarks.writes import Measurements

_ROUND_S = 3.0
_CALLERS = (1, 32)
_BARE_FILES = 200
_BARE = "bare loop: write, flush, rename (files/s)"
_NUMBERS = count(1)


async def _change(writer: DocumentWriter, slugs: list[str], until: float) -> int:
    """One caller, which changes articles one after the other; returns the number of changes."""
    changed = 0
    while time.perf_counter() < until:
        number = next(_NUMBERS)
        await writer.put({"heat": number}, slug=slugs[number * 7919 % len(slugs)])
        changed += 1
    return changed


async def _mutations_per_s(writer: DocumentWriter, slugs: list[str], callers: int) -> float:
    start = time.perf_counter()
    until = start + _ROUND_S
    done = await asyncio.gather(*(_change(writer, slugs, until) for _ in range(callers)))
    return sum(done) / (time.perf_counter() - start)


def _files_per_s(folder: Path, size_bytes: int) -> float:
    folder.mkdir(exist_ok=True)
    text = b"x" * size_bytes
    done, start = 0, time.perf_counter()
    while time.perf_counter() < start + _ROUND_S / 2:
        with (folder / "aside").open("wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        (folder / "aside").rename(folder / str(done % _BARE_FILES))
        done += 1
    return done / (time.perf_counter() - start)


async def _open_store(place: Path, name: str, source: Path) -> TinyDBRepository:
    repository = TinyDBRepository.open(place / f"{name}.json")
    await FolderLoader(repository, source).load()
    return repository


async def _measure(documents: int, rounds: int, place: Path) -> None:
    folder = place / "folder"
    write_corpus(folder, documents)
    stores = {name: await _open_store(place, name, folder) for name in ("alone", "with a folder")}
    writers = {
        name: DocumentWriter(store, folder if name != "alone" else None)
        for name, store in stores.items()
    }
    articles = (await stores["alone"].snapshot()).articles.values()
    slugs = [article.slug for article in articles]
    size_bytes = sum(f.stat().st_size for f in (folder / "_news").iterdir()) // documents
    gc_tuning.freeze_and_enable()
    shorten_switch_interval()
    figures = Measurements()
    for _ in range(rounds):
        figures.add(_BARE, await asyncio.to_thread(_files_per_s, place / "bare", size_bytes))
        for name, writer in writers.items():
            for callers in _CALLERS:
                figures.add(
                    f"store {name}, {callers} callers (mutations/s)",
                    await _mutations_per_s(writer, slugs, callers),
                )
    for store in stores.values():
        await store.close()
    figures.show()
    for callers in _CALLERS:
        share = figures.median(f"store with a folder, {callers} callers (mutations/s)")
        share /= figures.median(_BARE)
        print(f"{f'share of the bare loop, with a folder, {callers} callers':<58} {share:10.2f}")


def main() -> None:
    """Print a table of the costs on this machine."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="how many documents")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where to keep all of it while measuring")
    given = parser.parse_args()
    print(f"{given.count:,} documents, Python {platform.python_version()}, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        asyncio.run(_measure(given.count, given.rounds, Path(folder)))


if __name__ == "__main__":
    main()
