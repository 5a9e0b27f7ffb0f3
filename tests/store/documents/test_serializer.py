"""Export writes documents that load as what was exported."""

import asyncio
import os
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from store.documents.article_reader import read_article
from store.documents.diagnostics import DiagnosticCode
from store.documents.frontmatter import ParseOptions
from store.documents.serializer import serialize_article, serialize_topic
from store.documents.topic_reader import read_topic
from store.engines.memory import MemoryRepository
from store.errors import FolderNotEmptyError, StoreError
from store.folder.export import export_folder
from store.folder.loader import FolderLoader
from store.model import Severity, Visibility
from store.querying.query import ArticleQuery, Window
from tests.support.document_strategies import ARTICLES, TEXTS, TOPICS
from tests.support.sizes import scaled

OPTIONS = ParseOptions()
SLOW = settings(
    max_examples=scaled(30, long=60),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
REAL = os.environ.get("NEWSGRAPH_REAL_DOCUMENTS")


def read(text, path="_news/2020-06-11-a-story.md"):
    """Parse a text like a file of the folder."""
    return read_article(path, text.encode(), OPTIONS)


@SLOW
@given(ARTICLES)
def test_article_text_reads_back_as_the_same_article(article):
    """An exported article loads as the same article, without invalid values."""
    parse_result = read(serialize_article(article), f"_news/{article.slug}.md")
    assert parse_result.article == article
    assert {d.code for d in parse_result.diagnostics} <= {
        DiagnosticCode.MISSING_PROVIDER
    }  # of a related story


@SLOW
@given(TOPICS)
def test_topic_text_reads_back_as_the_same_topic(topic):
    """A topic file written by export loads as the same topic."""
    parse_result = read_topic("_data/topics/t.yaml", serialize_topic(topic).encode(), OPTIONS)
    assert (parse_result.topic, parse_result.diagnostics) == (topic, ())


FIELD_KEYS = """title excerpt publishedDateTime updatedDateTime webUrl originalUrl ampWebUrl
category type quality heat published locale translationKey tags topics featuredContent content
secured provider images related layout""".split()
NESTED = "name domain url width height title images quality provider webUrl isCached extra".split()
WRITTEN = st.sampled_from(
    """yes no 2021 010 1.5 -1 99999999999 ~ "" 'text' "a \\" b" word 2020-06-11 2020-02-31 0x1F
    2020-06-11T17:30:00Z https://press.example/a?b=1&#038;c=2 ftp://x [] {} [1,two] !!str&nbsp;1
    {domain:&nbsp;press.example} [{url:&nbsp;"https://press.example/i.jpg"}] .inf""".replace(
        "&nbsp;", "\N{NO-BREAK SPACE}"
    ).split(),
).map(lambda text: text.replace("\N{NO-BREAK SPACE}", " "))


MINIMAL = "---\ntitle: T\npublishedDateTime: 2020-06-11\nprovider: {domain: press.example}\n"


@st.composite
def documents(draw):
    """Front matter as people write it: known fields with all sorts of values, nested ones too."""
    lines = [
        'title: "A title"',
        "publishedDateTime: 2020-06-11",
        "provider:",
        "  domain: press.example",
    ]
    lines += [f"  {k}: {draw(WRITTEN)}" for k in draw(st.sets(st.sampled_from(NESTED)))]
    for key in draw(st.sets(st.sampled_from(FIELD_KEYS))):
        kind = draw(st.sampled_from(["value", "list", "mappings"]))
        if kind == "value":
            lines.append(f"{key}: {draw(WRITTEN)}")
        elif kind == "list":
            lines += [f"{key}:", *(f"  - {draw(WRITTEN)}" for _ in range(2))]
        else:
            keys = draw(st.lists(st.sampled_from(NESTED), min_size=1, unique=True))
            lines += [f"{key}:", "  -", *(f"    {k}: {draw(WRITTEN)}" for k in keys)]
    return "\n".join(["---", *lines, "---", draw(TEXTS)])


@settings(SLOW, max_examples=scaled(60, long=200))
@given(documents())
@example(MINIMAL + "topics: [AI, {a: 1}]\nheat: 0x1F\n---\n")
@example(MINIMAL + "images:\n  - {url: 'https://press.example/'}\n  - {width: 1}\n---\n")
@example(MINIMAL + "content: key\n---\nbody\n")
def test_article_text_keeps_everything_of_a_document_that_was_read(text):
    """A document with invalid values survives a round trip."""
    first = read(text).article
    if first is not None:
        assert read(serialize_article(first)).article == first


@pytest.mark.skipif(not REAL, reason="NEWSGRAPH_REAL_DOCUMENTS names no folder of real documents")
def test_article_text_keeps_real_documents():
    """Every real document survives a round trip."""
    files = [p for p in Path(REAL or "").rglob("*") if p.suffix in (".md", ".txt")]
    assert files
    parse_results = [read_article(f"_news/{f.name}", f.read_bytes(), OPTIONS) for f in files]
    for parse_result in parse_results:
        assert not [d for d in parse_result.diagnostics if d.severity is Severity.ERROR]
    articles = [parse_result.article for parse_result in parse_results if parse_result.article]
    assert articles
    for article in articles:
        assert read(serialize_article(article), f"_news/{article.slug}.md").article == article


ARTICLE = """---
title: {0}
publishedDateTime: 2020-06-11
published: {1}
provider: {{name: P, domain: press.example}}
---
Body
"""


async def loaded(folder):
    """A folder's repository, its articles by slug, and its topics."""
    repository = MemoryRepository()
    await FolderLoader(repository, folder).load()
    query = ArticleQuery(Window(first=1_000))
    snapshot = await repository.snapshot()
    (page,) = await snapshot.pages([query], Visibility.ALL)
    topics = await snapshot.topic_page(Window(first=1_000), Visibility.ALL)
    return repository, {article.slug: article for article in page.items}, topics.items


def without_revision(articles):
    """The articles as they are before a store gives them revisions."""
    return {slug: msgspec.structs.replace(a, revision=0) for slug, a in articles.items()}


@pytest.fixture
def folder(tmp_path):
    """A folder of two articles, one a draft, and a topic tree."""
    source = tmp_path / "source"
    (source / "_data/topics").mkdir(parents=True)
    (source / "_data/topics/01.yaml").write_text("name: Rivers\nshortname: R\nparent: Water\n")
    (source / "_data/topics/02.yaml").write_text("name: Water\n_id: aqua\n")
    (source / "one.md").write_text(ARTICLE.format("One", "true"))
    (source / "two.md").write_text(ARTICLE.format("Two", "false"))
    return source


async def _export_and_load(folder, target):
    repository, articles, topics = await loaded(folder)
    written = await export_folder(repository, target)
    _, again, topics_again = await loaded(target)
    assert without_revision(again) == without_revision(articles)
    assert topics_again == topics
    return written


def test_export_folder_writes_a_folder_that_loads_as_the_same_store(folder, tmp_path):
    """Drafts and topics are exported too, and what is loaded from the export is the same."""
    assert asyncio.run(_export_and_load(folder, tmp_path / "out")) == 4
    assert not list((tmp_path / "out").rglob("*.new"))
    assert "shortname: R" in (tmp_path / "out/_data/topics/rivers.yaml").read_text()


def test_export_folder_refuses_a_folder_with_files_unless_told(folder, tmp_path):
    """Export refuses a folder that is not empty."""
    repository, _, _ = asyncio.run(loaded(folder))
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine.txt").write_text("mine")
    with pytest.raises(FolderNotEmptyError, match="not empty"):
        asyncio.run(export_folder(repository, tmp_path / "out"))
    assert asyncio.run(export_folder(repository, tmp_path / "out", overwrite=True)) == 4
    assert (tmp_path / "out/mine.txt").read_text() == "mine"


def test_export_folder_reports_a_place_that_cannot_be_written(folder, tmp_path):
    """A file where a folder should be is a StoreError that names it."""
    repository, _, _ = asyncio.run(loaded(folder))
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        asyncio.run(export_folder(repository, tmp_path / "file/out"))
