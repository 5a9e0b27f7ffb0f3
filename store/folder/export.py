"""Export: every article and topic of a repository into a folder of documents."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path, PurePosixPath

from store.documents.format_writer import serialize_article_as
from store.documents.front_matter_format import FrontMatterFormat
from store.documents.serializer import serialize_topic
from store.documents.topic_reader import TOPICS_FOLDER
from store.errors import FolderNotEmptyError, StoreError, system_remedy
from store.model import Article, Visibility
from store.names import article_key, is_jekyll_named
from store.querying.query import NEWEST_FIRST, ArticleQuery, Window
from store.repository import Repository, Snapshot, SourceFile

from .scanner import EXTENSIONS

_PAGE_SIZE = 500
_ARTICLES_FOLDER = "_news"


async def export_folder(
    repository: Repository,
    folder: Path,
    *,
    overwrite: bool = False,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Write every article, drafts included, and every topic into files; return their number.

    The files are `_news/{slug}.md` and `_data/topics/{slug}.yaml`. A locale that is part of an
    article's identity names a folder (`_news/ja/{slug}.md`). Extension and format are those of the
    file that the article was loaded from. Each file is replaced atomically.
    `progress` receives the number of files written so far. `overwrite` allows a folder that is not
    empty.

    Raises: FolderNotEmptyError. StoreError: the folder cannot be written.
    """
    written = 0
    try:
        if not overwrite:
            await asyncio.to_thread(_require_empty, folder)
        snapshot = await repository.snapshot()
        async for texts in _serialized_pages(repository, snapshot):
            await asyncio.to_thread(_write_files, folder, texts)
            written += len(texts)
            if progress:
                progress(written)
    except OSError as e:
        raise StoreError(
            f"{e.filename or folder} cannot be written: {e.strerror}. "
            + system_remedy(e, "Give a folder that can be written, on a disk with room.")
        ) from e
    return written


def _require_empty(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        raise FolderNotEmptyError(
            f"The folder {folder} is not empty. Export into an empty one, "
            "or allow files in it to be overwritten (--force)."
        )


async def _serialized_pages(
    repository: Repository, snapshot: Snapshot
) -> AsyncIterator[dict[str, str]]:
    """Yield the texts of all files by path, one page of articles at a time."""
    sources = (await repository.sources()).values()
    files = {source.article_key: source for source in sources if source.article_key}
    topics = {source.topic.slug: source.topic for source in sources if source.topic}
    yield {
        f"{TOPICS_FOLDER}/{_file_name(slug)}.yaml": serialize_topic(topic)
        for slug, topic in topics.items()
    }
    after: str | None = None
    while True:
        query = ArticleQuery(Window(first=_PAGE_SIZE, after=after))
        (page,) = await snapshot.pages([query], Visibility.ALL)
        yield {
            _article_path(a, files.get(a.key)): serialize_article_as(a, _format(files.get(a.key)))
            for a in page.items
        }
        if not page.has_next:
            return
        after = snapshot.cursors.article(page.items[-1], NEWEST_FIRST)


def _extension(article: Article, source: SourceFile | None) -> str:
    """The extension of an article's file; that of its content's format without one."""
    suffix = PurePosixPath(source.path).suffix.lower() if source else ""
    return suffix if suffix in EXTENSIONS else article.content_format.extension


def _format(source: SourceFile | None) -> FrontMatterFormat:
    return source.format if source else FrontMatterFormat.YAML


def _article_path(article: Article, source: SourceFile | None) -> str:
    key = article_key(_article_file_name(article.slug), article.identity_locale)
    return f"{_ARTICLES_FOLDER}/{key}{_extension(article, source)}"


def _article_file_name(slug: str) -> str:
    if is_jekyll_named(slug):
        return _file_name(slug)
    raise StoreError(
        f"The slug {slug!r} is no file name that would load as this slug again. "
        "Rename the article to a date and a title, like 2020-06-11-title."
    )


def _file_name(slug: str) -> str:
    if "/" in slug or "\0" in slug or slug.startswith("."):
        raise StoreError(f"The slug {slug!r} cannot be a file's name. Rename it.")
    return slug


def _write_files(folder: Path, texts: dict[str, str]) -> None:
    for path, text in texts.items():
        _write_atomically(folder / path, text.encode())


def _write_atomically(path: Path, data: bytes) -> None:
    """Replace a file atomically: no reader sees a part of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".new")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        temporary.chmod(0o644)  # documents are for others to read
        temporary.replace(path)
    except BaseException:
        temporary.unlink()
        raise
