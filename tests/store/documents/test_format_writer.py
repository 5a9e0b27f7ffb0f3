"""Documents are written in the format that they were read in."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from store import FolderLoader, MemoryRepository
from store.documents.article_reader import read_article
from store.documents.format_writer import serialize_article_as
from store.documents.front_matter_format import FrontMatterFormat, front_matter_format
from store.documents.frontmatter import ParseOptions
from store.folder.export import export_folder
from store.model import Article, ContentFormat
from store.repository import Batch
from tests.support.document_strategies import ARTICLES
from tests.support.writer_setup import WriterSetup, state

TEXTS = {
    "2026-01-02-a.mdx": "---\ntitle: A\npublishedDateTime: 2026-01-02\n"
    "provider: {name: P, domain: p.example}\n---\n\nBody.\n",
    "b.qmd": "+++\ntitle = 'B'\npublishedDateTime = 2026-01-02\n"
    "provider = {name = 'P', domain = 'p.example'}\n[params]\nx = [1, {y = 1.5}]\n+++\n\n= Body\n",
    "2026-01-02-c.adoc": '{"title": "C", "publishedDateTime": "2026-01-02",'
    ' "provider": {"name": "P", "domain": "p.example"}, "n": null}\n\nBody.\n',
    "2026-01-02-d.yaml": "title: D\npublishedDateTime: 2026-01-02\n"
    "provider: {name: P, domain: p.example}\n",
}


@given(ARTICLES, st.sampled_from(FrontMatterFormat))
def test_articles_round_trip_in_every_format(article, format):
    """Whatever is in them, they are read as they were."""
    text = serialize_article_as(article, format)
    parsed = read_article(f"{article.slug}.md", text.encode(), ParseOptions())
    assert parsed.article == article, text


def load(folder):
    """The articles of a folder by slug, and the repository."""

    async def run():
        repository = MemoryRepository()
        await FolderLoader(repository, folder).load()
        return repository, (await state(repository))[0]

    return asyncio.run(run())


@pytest.fixture
def folder(tmp_path):
    """A folder with documents of all formats."""
    folder = tmp_path / "in"
    folder.mkdir()
    for name, text in TEXTS.items():
        (folder / name).write_text(text)
    return folder


def test_export_keeps_extensions_and_formats(folder, tmp_path):
    """And what is exported loads as the same."""
    repository, articles = load(folder)
    assert len(articles) == len(TEXTS)
    asyncio.run(export_folder(repository, tmp_path / "out"))
    written = {path.name: path.read_text() for path in (tmp_path / "out" / "_news").iterdir()}
    formats = {name: front_matter_format(text) for name, text in written.items()}
    assert formats == {
        "2026-01-02-a.mdx": FrontMatterFormat.YAML,
        "2026-01-02-b.qmd": FrontMatterFormat.TOML,
        "2026-01-02-c.adoc": FrontMatterFormat.JSON,
        "2026-01-02-d.yaml": FrontMatterFormat.YAML,
    }
    assert load(tmp_path / "out")[1] == articles


def test_format_of_the_content_stays_without_files(folder, tmp_path):
    """It is stored with the article: a store without a folder writes and exports it."""
    _, articles = load(folder)
    assert {a.content_format for a in articles.values()} == {
        ContentFormat.MARKDOWN,
        ContentFormat.MDX,
        ContentFormat.ASCIIDOC,
    }
    setup = WriterSetup(MemoryRepository(), None)
    setup.run(setup.repository.apply(Batch(puts=tuple(articles.values()))))
    for slug, article in articles.items():
        assert setup.put({"heat": 3}, slug=slug).content_format is article.content_format
    setup.run(export_folder(setup.repository, tmp_path / "out"))
    exported = load(tmp_path / "out")[1]
    formats = {slug: article.content_format for slug, article in articles.items()}
    assert {slug: article.content_format for slug, article in exported.items()} == formats


def test_store_without_formats_has_markdown():
    """A store that was written before reads so; the next load of its folder finds the formats."""
    [article] = articles_of("2026-01-02-a.html")
    stored = msgspec.json.encode(article)
    old = msgspec.json.decode(stored.replace(b',"contentFormat":"html"', b""), type=Article)
    assert old.content_format is ContentFormat.MARKDOWN
    assert old == msgspec.structs.replace(article, content_format=ContentFormat.MARKDOWN)


def articles_of(path):
    """The article of a document at a path."""
    article = read_article(path, TEXTS["2026-01-02-a.mdx"].encode(), ParseOptions()).article
    assert article is not None
    return [article]
