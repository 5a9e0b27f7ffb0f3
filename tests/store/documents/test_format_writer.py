"""Documents are written in the format that they were read in."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store import FolderLoader, MemoryRepository
from store.documents.article_reader import read_article
from store.documents.format_writer import serialize_article_as
from store.documents.front_matter_format import FrontMatterFormat, front_matter_format
from store.documents.frontmatter import ParseLimits
from store.folder.export import export_folder
from tests.support.document_strategies import ARTICLES
from tests.support.writer_setup import state

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
    parsed = read_article(f"{article.slug}.md", text.encode(), ParseLimits())
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
