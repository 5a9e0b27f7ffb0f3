"""Several languages in a folder: loads, ids, groups of translations, and exports."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.documents.diagnostics import DiagnosticCode
from store.documents.field_mapping import DefaultProvider, FieldMapping
from store.documents.frontmatter import ParseOptions
from store.engines.memory import MemoryRepository
from store.folder.export import export_folder
from store.folder.loader import FolderLoader, LoadOptions
from store.model import Article, Visibility
from store.names import article_id
from store.querying.query import ArticleQuery, Window
from store.repository import Batch
from tests.support.sizes import scaled

SLUG = "2026-01-02-hello"
MAPPING = FieldMapping(
    fields={"publishedDateTime": ("date",), "locale": ("lang",)},
    provider=DefaultProvider("courier.example"),
    locales=("en", "ja", "zh_TW"),
    default_locale="en",
)
TEXT = (
    "---\ntitle: {}\npublishedDateTime: 2026-01-02\n"
    "provider: {{name: C, domain: courier.example}}\n{}---\n"
)


def document(title="Hello", more=""):
    """The text of a document."""
    return TEXT.format(title, more)


class Folder:
    """A folder, its repository and the options of its loads."""

    def __init__(self, path, mapping=None, repository=None):
        self.path = Path(path)
        self.repository = repository or MemoryRepository()
        self.options = LoadOptions(parsing=ParseOptions(mapping=mapping))

    def write_file(self, name, text):
        """Write a file, or remove it."""
        file = self.path / name
        if text is None:
            file.unlink(missing_ok=True)
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def load(self):
        """Load the folder."""
        return asyncio.run(FolderLoader(self.repository, self.path, self.options).load())

    def refresh(self, *paths):
        """Load some paths."""
        loader = FolderLoader(self.repository, self.path, self.options)
        return asyncio.run(loader.refresh(paths))

    def articles(self):
        """The articles by id, without their revisions."""
        return asyncio.run(self._articles())

    async def _articles(self):
        snapshot = await self.repository.snapshot()
        (page,) = await snapshot.pages([ArticleQuery(Window(first=1_000))], Visibility.ALL)
        return {a.id: msgspec.structs.replace(a, revision=0) for a in page.items}

    def groups(self):
        """The locales of each group of translations."""
        key = lambda article: article.translation_group  # noqa: E731
        articles = sorted(self.articles().values(), key=key)
        return {
            group: sorted(article.locale or "" for article in members)
            for group, members in itertools.groupby(articles, key)
        }

    def problems(self):
        """Path, code and remedy of all diagnostics."""
        snapshot = asyncio.run(self.repository.snapshot())
        page = asyncio.run(snapshot.diagnostic_page(Window(first=1_000)))
        return [(d.path, d.code, d.remedy) for d in page.items]


@pytest.fixture
def folder(tmp_path):
    """An empty folder without a mapping."""
    return Folder(tmp_path / "folder")


@pytest.fixture
def mapped(tmp_path):
    """An empty folder with a mapping of several locales."""
    return Folder(tmp_path / "mapped", MAPPING)


def write(folder, files):
    """Write files and load the folder."""
    folder.path.mkdir(exist_ok=True)
    for name, text in files.items():
        folder.write_file(name, text)
    return folder.load()


def test_one_name_in_two_languages_is_no_duplicate(folder):
    """Folders that name the documents' locales keep their articles apart."""
    report = write(
        folder,
        {
            f"en/{SLUG}.md": document("Hello", "locale: en\n"),
            f"ja/{SLUG}.md": document("こんにちは", "locale: ja\n"),
            f"{SLUG}.de.md": document("Hallo", "locale: de\n"),
        },
    )
    assert (report.articles, folder.problems()) == (3, [])
    assert {*folder.articles()} == {article_id(SLUG, each) for each in ("en", "ja", "de")}
    assert {article.slug for article in folder.articles().values()} == {SLUG}
    assert folder.groups() == {SLUG: ["de", "en", "ja"]}


def test_a_folder_that_is_no_locale_of_its_documents_is_no_identity(folder):
    """Articles that are not in a folder of their locale keep the ids of former releases."""
    write(folder, {f"it/{SLUG}.md": document("Servers", "locale: en\n")})
    assert [*folder.articles()] == [article_id(SLUG)]


def test_translations_have_other_titles_and_one_group(mapped):
    """The path without the locale is the group, also beside documents of the default language."""
    write(
        mapped,
        {
            "posts/hello.md": document("Hello"),
            "ja/posts/hello.md": document("こんにちは"),
            "posts/hello.zh_TW.md": document("你好"),
            "posts/other.md": document("Other"),
            "posts/keyed.md": document("Keyed", "translationKey: posts/other\nlang: ja\n"),
        },
    )
    assert mapped.groups() == {
        "posts/hello": ["en", "ja", "zh_TW"],
        "posts/other": ["en", "ja"],
    }
    assert mapped.problems() == []


def test_a_number_may_be_a_translation_key(mapped):
    """Tools number their documents; that needs no quotes and no warning."""
    files = {"a.md": document("A", "translationKey: 12\n"), "ja/b.md": document("B", "ref: 12\n")}
    mapped.options = LoadOptions(
        parsing=ParseOptions(
            mapping=msgspec.structs.replace(MAPPING, fields={"translationKey": ("ref",)})
        )
    )
    write(mapped, files)
    assert (mapped.groups(), mapped.problems()) == ({"12": ["en", "ja"]}, [])


def test_the_document_says_its_locale_before_its_path(mapped):
    """The front matter comes first, then the path, then the default."""
    write(
        mapped,
        {
            "ja/a.md": document("A", "lang: zh-tw\n"),
            "ja/b.md": document("B"),
            "c.md": document("C"),
        },
    )
    locales = {a.title: (a.locale, a.identity_locale) for a in mapped.articles().values()}
    assert locales == {"A": ("zh-tw", "zh-tw"), "B": ("ja", "ja"), "C": ("en", None)}


def test_two_files_of_one_language_are_duplicates(mapped):
    """A slug is unique within a locale; the first path wins."""
    write(mapped, {f"ja/a/{SLUG}.md": document(), f"ja/b/{SLUG}.md": document()})
    remedy = "Rename one of the two files, or remove it."
    assert mapped.problems() == [(f"ja/b/{SLUG}.md", DiagnosticCode.DUPLICATE_SLUG, remedy)]


def test_a_duplicate_in_folders_like_locales_names_the_remedy(folder):
    """Without a mapping and without locales the diagnostic says what to do."""
    write(folder, {f"en/{SLUG}.md": document(), f"ja/{SLUG}.md": document()})
    [(path, code, remedy)] = folder.problems()
    assert (path, code) == (f"ja/{SLUG}.md", DiagnosticCode.DUPLICATE_SLUG)
    assert "newsgraph init" in remedy
    assert "locales" in remedy


PATHS = [
    f"{SLUG}.md",
    f"ja/{SLUG}.md",
    f"a/ja/{SLUG}.md",
    f"{SLUG}.ja.md",
    "zh_TW/hello.md",
    "hello.zh_TW.md",
    "hello.md",
]
TEXTS = [
    document(),
    document("Hello", "locale: ja\n"),
    document("Hello", "locale: zh-tw\ntranslationKey: greeting\n"),
    document("Other", "locale: en\n"),
    None,
]
STEPS = st.lists(st.tuples(st.sampled_from(PATHS), st.sampled_from(TEXTS)), max_size=10)
MAPPINGS = st.sampled_from([None, MAPPING])


@settings(max_examples=scaled(40, long=300))
@given(STEPS, MAPPINGS)
def test_a_load_in_pieces_gives_the_state_of_a_load_at_once(steps, mapping):
    """Whatever the order of changes, articles, ids and groups are the same."""
    with tempfile.TemporaryDirectory() as path:
        one, two = Folder(path, mapping), Folder(path, mapping)
        for name, text in steps:
            one.write_file(name, text)
            one.refresh(name)
        two.load()
        assert one.articles() == two.articles()
        assert one.problems() == two.problems()


DOCUMENTS = {
    f"{SLUG}.md": document("Hello"),
    f"a/{SLUG}.de.md": document("Hallo", "locale: de\n"),
    f"ja/{SLUG}.md": document("こんにちは", "locale: ja\n"),
    f"b/zh_TW/{SLUG}.md": document("你好", "locale: zh_TW\n"),
    "hello.md": document("Hello all"),
    "ja/hello.md": document("みなさん", "locale: ja\n"),
    "it/other.md": document("Other", "locale: en\n"),
    "it/third.md": document("Terzo", "locale: it\ntranslationKey: hello\n"),
}


@settings(max_examples=scaled(30, long=255))
@given(st.lists(st.sampled_from([*DOCUMENTS]), unique=True), MAPPINGS)
def test_no_article_depends_on_other_documents(names, mapping):
    """A folder has the articles that each document gives alone: the same ids and groups."""
    with tempfile.TemporaryDirectory() as path:
        alone: dict[str, Article] = {}
        for i, name in enumerate(names):
            one = Folder(Path(path, str(i)), mapping)
            write(one, {name: DOCUMENTS[name]})
            alone |= one.articles()
        together = Folder(Path(path, "all"), mapping)
        write(together, {name: DOCUMENTS[name] for name in names})
        assert together.articles() == alone
        assert len(alone) == len(names)


@settings(max_examples=scaled(40, long=300))
@given(STEPS, MAPPINGS)
def test_an_export_loads_back_as_the_same_articles(steps, mapping):
    """Ids, slugs, locales and groups survive an export, which has no mapping."""
    with tempfile.TemporaryDirectory() as path:
        folder = Folder(Path(path, "in"), mapping)
        folder.path.mkdir()
        for name, text in steps:
            folder.write_file(name, text)
        folder.load()
        asyncio.run(export_folder(folder.repository, Path(path, "out")))
        again = Folder(Path(path, "out"))
        again.path.mkdir(exist_ok=True)
        again.load()
        assert again.articles() == folder.articles()
        assert again.groups() == folder.groups()


def test_a_store_of_the_last_release_keeps_ids_without_a_locale(folder):
    """Its next load reads the files again; only articles in folders of their locale get new ids."""
    files = {
        f"{SLUG}.md": document("Hello", "locale: en\n"),
        "ja/other.md": document("Other", "locale: ja\n"),
        "it/third.md": document("Third"),
    }
    write(folder, files)
    now = folder.articles()
    _make_former(folder.repository, now)
    assert {*folder.articles()} == {article_id(each.slug) for each in now.values()}
    report = folder.load()
    assert (report.read, report.articles) == (3, 3)
    assert folder.articles() == now
    kept = {id for id, article in now.items() if article.identity_locale is None}
    assert kept == {article_id(SLUG), article_id("2026-01-02-third")}


def _make_former(store, articles):
    """Make the store what the last release would have made of the folder."""
    former = [
        msgspec.structs.replace(each, id="", translation_key=None) for each in articles.values()
    ]
    sources = [
        msgspec.structs.replace(source, reader=2, locale=None)
        for source in asyncio.run(store.sources()).values()
    ]
    new_ids = articles.keys() - {article.id for article in former}
    batch = Batch(puts=tuple(former), deletes=tuple(new_ids), sources=tuple(sources))
    asyncio.run(store.apply(batch))
