"""Hostile documents: bounded time and memory for every document of a size."""

from __future__ import annotations

import asyncio
import gc
import os
import time
from collections.abc import Awaitable
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from store import DocumentWriter, FolderLoader, MemoryRepository, RefusedError, Severity, Window
from store.documents.article_reader import read_article
from store.documents.diagnostics import MAX_DIAGNOSTICS, DiagnosticCode
from store.documents.field_reader import MAX_LIST_ITEMS
from store.documents.frontmatter import ParseOptions
from store.documents.parse_result import ParseResult
from store.model import Diagnostic
from store.text import unescape_excerpt
from store.writing.import_batch import MAX_REFUSALS
from tests.support.hostile_documents import (
    HEAD,
    KINDS,
    document,
    ordinary_document,
    random_document,
    repeat_to_size,
)

SIZE = 256 * 1024
OPTIONS = ParseOptions(max_size_bytes=SIZE * 3 // 2)
MAX_RATIO = 60
"""The most CPU time that a document takes, in times of what a plain one of its size takes.

About 20 is the most there is: HTML's references are replaced one by one. What takes quadratic time
takes thousands.
"""
MEGABYTE = 1 << 20


def read(text: str) -> tuple[float, ParseResult]:
    """What reading a document takes, in seconds of CPU time, and what came of it.

    Read twice: a round of the garbage collector looks through all that the tests have loaded.
    """
    data, costs = text.encode("utf-8", "surrogatepass"), []
    for _ in range(2):
        began = time.thread_time()
        parse_result = read_article("_news/a.md", data, OPTIONS)
        costs.append(time.thread_time() - began)
    return min(costs), parse_result


@pytest.fixture(scope="module")
def plain_cost() -> float:
    """Return the median CPU time of plain documents."""
    return sorted(read(ordinary_document(SIZE))[0] for _ in range(9))[4]


def check(parse_result: ParseResult) -> None:
    """A parse result has a bounded size, and a reason if it has no article."""
    assert len(parse_result.diagnostics) <= MAX_DIAGNOSTICS + 1
    assert all(len(d.message) < 500 for d in parse_result.diagnostics)
    assert parse_result.article or parse_result.diagnostics


@pytest.mark.parametrize("kind", KINDS)
def test_document_costs_little_more_than_a_plain_one(kind, plain_cost):
    """Of every feature that YAML, HTML, numbers and dates have."""
    cost, parse_result = read(KINDS[kind](SIZE))
    check(parse_result)
    assert cost < MAX_RATIO * plain_cost


@pytest.mark.parametrize("seed", range(40))
def test_document_of_several_features_costs_little_more(seed, plain_cost):
    """However they are mixed, and whatever is broken in between."""
    name, text = random_document(Random(seed), SIZE)
    cost, parse_result = read(text)
    check(parse_result)
    assert cost < MAX_RATIO * plain_cost, name


def resident_bytes() -> int:
    """Return the memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_hostile_documents_leave_no_memory_behind():
    """Memory of parsed and refused documents is freed."""
    texts = [make(MEGABYTE // 2) for make in KINDS.values()]
    sizes = []
    for _ in range(3):
        for text in texts:
            read(text)
        sizes.append(resident_bytes())
    assert max(sizes[1:]) < sizes[0] + 8 * MEGABYTE


def refused(documents: list[tuple[str, str]]) -> RefusedError:
    """Return the refusals of an import."""

    async def run() -> RefusedError:
        writer = DocumentWriter(MemoryRepository())
        with pytest.raises(RefusedError) as caught:
            await writer.import_documents(documents)
        return caught.value

    return asyncio.run(run())


def test_import_of_many_documents_shares_what_one_may_hold(plain_cost):
    """A hundred documents are refused at the cost of a few, and the reasons are bounded."""
    text = KINDS["keys"](SIZE // 25)
    began = time.thread_time()
    error = refused([(f"_news/2026-01-02-{i}.md", text) for i in range(100)])
    assert time.thread_time() - began < MAX_RATIO * plain_cost
    assert {refusal.code for refusal in error.refusals} == {DiagnosticCode.TOO_MANY_VALUES}
    bad = document(head="")
    assert len(refused([(f"{i}.md", bad) for i in range(100)]).refusals) == MAX_REFUSALS


async def longest_turn_s(work: Awaitable[object]) -> float:
    """The longest that an event loop was busy at a time while work was done, in CPU time."""
    turns = [0.0]

    async def watch() -> None:
        while True:
            began = time.thread_time()
            await asyncio.sleep(0)
            turns.append(time.thread_time() - began)

    watching = asyncio.create_task(watch())
    gc.collect()
    gc.disable()  # a round of the collector looks through all that the tests have loaded
    try:
        await work
    finally:
        gc.enable()
        watching.cancel()
    return max(turns)


async def imported(text: str) -> float:
    """How long the import of one document keeps the loop busy at a time, whether it is taken."""

    async def write() -> None:
        with suppress(RefusedError):
            await writer.import_documents([("_news/2026-01-02-a.md", text)])

    writer = DocumentWriter(MemoryRepository())
    return await longest_turn_s(write())


@pytest.mark.parametrize("kind", KINDS)
def test_import_lets_others_have_their_turn(kind):
    """No document holds the event loop for 50 ms; about 5 is the most there is."""
    assert asyncio.run(imported(KINDS[kind](MEGABYTE - 1_000))) < 0.05


def test_folder_of_hostile_documents_loads(tmp_path):
    """Each document is accepted, or has a problem with its path and line."""
    for number, make in enumerate(KINDS.values()):
        text = make(SIZE // 4).encode("utf-8", "surrogatepass")
        (tmp_path / f"2026-01-02-{number}.md").write_bytes(text)

    async def load() -> tuple[int, list[Diagnostic]]:
        repository = MemoryRepository()
        report = await FolderLoader(repository, tmp_path).load()
        page = await (await repository.snapshot()).diagnostic_page(Window(first=10_000))
        return report.articles, list(page.items)

    articles, problems = asyncio.run(load())
    failed = {problem.path for problem in problems if problem.severity is Severity.ERROR}
    assert articles + len(failed) == len(KINDS)
    assert all(problem.line for problem in problems)


def test_warnings_beyond_the_first_are_one():
    """The last warning says from which line there are more; errors are always reported."""
    _, parse_result = read(document(repeat_to_size("a: 1\n", 3_000)))
    assert [d.code for d in parse_result.diagnostics[-2:]] == [
        DiagnosticCode.DUPLICATE_KEY,
        DiagnosticCode.TOO_MANY_PROBLEMS,
    ]
    assert parse_result.diagnostics[-1].line == MAX_DIAGNOSTICS + 6
    _, parse_result = read(
        document(repeat_to_size("a: 1\n", 3_000), head=HEAD.replace("p.example", ""))
    )
    assert parse_result.diagnostics[-1].code == DiagnosticCode.MISSING_PROVIDER


def test_list_entries_beyond_the_first_stay_in_the_metadata():
    """Nothing of the document is lost, and a diagnostic names what is not used."""
    names = [f"t{i}" for i in range(MAX_LIST_ITEMS + 2)]
    _, parse_result = read(document(f"topics: [{','.join(names)}]"))
    assert parse_result.article
    assert list(parse_result.article.topics) == names[:MAX_LIST_ITEMS]
    assert parse_result.article.metadata == {"topics": names[MAX_LIST_ITEMS:]}
    [problem] = parse_result.diagnostics
    assert (problem.code, problem.line) == (DiagnosticCode.TOO_MANY_VALUES, 5)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("a <!-- b --> c", "a c"),
        ("a <!-- b <!-- c --> d", "a d"),
        ("a <!-- b", "a <!-- b"),
        ("a <!--> b --> c", "a c"),
        ("a <b <!-- x --> c> d", "a <b c> d"),
        ("a <!-- <i> --> <i>b</i>", "a b"),
        ("&#" + "1" * 5_000 + "; a", "\ufffd a"),
        ("&#" + "1" * 5_000 + " a", "\ufffd a"),
    ],
)
def test_markup_that_is_odd_is_read_as_before(raw, text):
    """Comments end at their first end, tags are not made of what is left of others."""
    assert unescape_excerpt(raw) == text
