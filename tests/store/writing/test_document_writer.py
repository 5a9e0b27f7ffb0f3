"""The document writer: valid documents, in the folder and in the store alike."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import resource
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store import (
    Batch,
    ConflictError,
    DocumentWriter,
    FolderLoader,
    KeyReusedError,
    LoadOptions,
    MemoryRepository,
    OutcomeUnknownError,
    RefusedError,
    StoreUnavailableError,
    TinyDBRepository,
    Visibility,
)
from store.documents.article_reader import read_article
from store.documents.frontmatter import ParseOptions
from store.filesystem import atomic_file, guarded_change
from store.filesystem.guarded_change import digest
from store.folder import transaction
from store.model import Article, Image, ProviderMention, Related
from store.names import article_id
from store.writing.article_patch import ALL_METADATA, patch_document
from tests.store.folder.test_loader import unprivileged
from tests.support.sizes import scaled
from tests.support.writer_setup import (
    DATE,
    PROVIDER,
    REQUIRED,
    WriterSetup,
    document,
    path_of,
    state,
)

__all__ = ["unprivileged"]

SLUG = "2026-01-02-a-tide"
PATH = path_of(SLUG)
KINDS = ["memory", "folder", "folder and tinydb"]


def make_setup(kind: str, place: Path) -> WriterSetup:
    """An empty setup of one kind."""
    folder = None
    if kind != "memory":
        folder = place / "folder"
        folder.mkdir()
    if kind.endswith("tinydb"):
        return WriterSetup(TinyDBRepository.open(place / "store.json"), folder)
    return WriterSetup(MemoryRepository(), folder)


@pytest.fixture(params=KINDS)
def setup(request, tmp_path):
    """An empty setup of each kind."""
    return make_setup(request.param, tmp_path)


@pytest.fixture
def folder_setup(tmp_path):
    """An empty setup with a folder."""
    return make_setup("folder", tmp_path)


class FailingRepository(MemoryRepository):
    """A store whose disk is full from some time on."""

    full = False

    async def apply(self, batch: Batch) -> int:
        """Fail like a full disk."""
        if self.full:
            raise StoreUnavailableError("The disk is full.")
        return await super().apply(batch)


class RacingRepository(MemoryRepository):
    """A store into which somebody else writes right before a batch."""

    rival: Batch | None = None

    async def apply(self, batch: Batch) -> int:
        """Apply the other writer's batch first."""
        if self.rival:
            rival, self.rival = self.rival, None
            await super().apply(rival)
        return await super().apply(batch)


# What is written under a key is done once


@pytest.mark.parametrize("fields", [{"heat": 1}, {"heat": 5}])
def test_write_under_a_key_is_not_done_again_though_others_went_on(setup, fields):
    """Whether it changed anything or not, what others wrote since stays; the answer is the same."""
    setup.put({**REQUIRED, "heat": 1}, slug=SLUG)
    put = {"id": article_id(SLUG), "key": "name.this.a"}
    first = setup.run(setup.writer.put(fields, **put))
    setup.put({"heat": 7}, id=article_id(SLUG))
    again = setup.run(setup.writer.put(fields, **put))
    assert again.revision == first.revision
    assert [article.heat for article in again.articles] == [setup.get(SLUG).heat] == [7]


def test_key_of_another_request_is_refused(setup):
    """The name of a key stands for one request, all of whose steps may write."""
    setup.put({**REQUIRED, "heat": 1}, slug=SLUG)
    setup.put({"heat": 1}, id=article_id(SLUG), key="name.this.a")
    setup.put({"heat": 2}, id=article_id(SLUG), key="name.this.b")
    for write in (
        setup.writer.put({"heat": 3}, id=article_id(SLUG), key="name.that.c"),
        setup.writer.delete(article_id(SLUG), key="name.that.a"),
        setup.writer.import_documents([(PATH, document("B"))], key="name"),
    ):
        with pytest.raises(KeyReusedError):
            setup.run(write)
    assert setup.get(SLUG).heat == 2


# What is written is there


def test_import_takes_documents_as_files_are_read(setup):
    """An imported document is the article that a file with this text would be."""
    first, second = setup.import_documents(
        (PATH, document("B", "heat: 5\n", "text")), ("b/c.md", document("C"))
    )
    assert (first.slug, first.title, first.heat, first.content) == (SLUG, "B", 5, "text")
    assert second.slug == "2026-01-02-c"
    assert setup.get(SLUG) == first


def test_import_tells_what_might_be_better(setup):
    """A document with a warning is accepted, and the warning returned."""
    written = setup.run(setup.writer.import_documents([(PATH, document(more="heat: x\n"))]))
    assert [(d.path, d.line, d.code) for d in written.diagnostics] == [(PATH, 5, "WRONG_TYPE")]


def test_import_keeps_every_byte_in_the_folder(folder_setup):
    """The folder has the texts as they were sent; what was at a path is replaced."""
    text = document("Ä", "# mine\n", "body\r\n\r\n")
    folder_setup.import_documents((PATH, document("old")), ("x/y/z.txt", text))
    folder_setup.import_documents((PATH, text))
    assert folder_setup.text(PATH) == folder_setup.text("x/y/z.txt") == text
    assert sorted(folder_setup.files()) == [PATH, "x/y/z.txt"]


def test_put_makes_a_new_article_named_by_date_and_title(setup):
    """Without a slug, a new article gets it as a file without a name would."""
    article = setup.put({**REQUIRED, "content": "Hello", "heat": 3, "x": [1, {"y": None}]})
    assert (article.slug, article.content, article.heat) == (SLUG, "Hello", 3)
    assert article.metadata == {"x": [1, {"y": None}]}
    assert setup.get(SLUG) == article


def test_put_goes_to_the_folder_of_news(folder_setup):
    """A new document is a file of its slug's name in _news."""
    folder_setup.put(REQUIRED, slug="2026-05-05-else")
    assert list(folder_setup.files()) == [path_of("2026-05-05-else")]


def test_put_keeps_what_is_not_given_and_removes_what_is_null(setup):
    """Fields that are absent stay; null takes one away, and its default comes back."""
    setup.put({**REQUIRED, "heat": 3, "excerpt": "E", "tags": ("a",), "x": 1, "y": 2})
    article = setup.put({"heat": None, "title": "New", "x": None, "tags": ()}, slug=SLUG)
    assert (article.heat, article.title, article.excerpt, article.tags) == (0, "New", "E", ())
    assert article.metadata == {"y": 2}
    assert article.provider == PROVIDER


def test_put_stores_text_as_it_is(setup):
    """A title is plain text: what looks like HTML in it stays what it is."""
    article = setup.put({**REQUIRED, "title": "a &amp; <b>", "excerpt": "<i>x</i> & y"})
    assert (article.title, article.excerpt) == ("a &amp; <b>", "<i>x</i> & y")


@pytest.mark.parametrize(
    ("content", "body"),
    [
        ("New\n", "New"),
        ("New\r\nlines\r\n", "New\nlines"),
        ("\n\n  New  \n\n", "  New"),
        ("New\r", "New"),
        ("New\r\r\n", "New"),
        ("---\n", "---"),
        (" \n", None),
    ],
)
def test_put_writes_content_as_the_body(setup, content, body):
    """Content becomes the body; blank lines and line ends around it do not make it a key."""
    setup.put({**REQUIRED, "content": "Old"})
    assert setup.put({"content": content}, slug=SLUG).content == body
    created = setup.put({**REQUIRED, "content": content}, slug="2026-01-02-new")
    assert created.content == body
    for path in (PATH, path_of("2026-01-02-new")) if setup.folder else ():
        front_matter, _, text = setup.text(path).rpartition("provider")
        assert "content" not in front_matter
        assert text.endswith("---\n" if body is None else f"---\n\n{body}\n")


@pytest.mark.parametrize(
    ("fields", "input_path"),
    [
        ({"excerpt": "a\x00"}, ("excerpt",)),
        ({"content": "half \ud83d"}, ("content",)),
        ({"topics": ("Sea", "\x07")}, ("topics", "1")),
        ({"images": (Image(url="https://p.example/i", title="\x1b"),)}, ("images", "0", "title")),
        ({"note": {"deep": ["\x00"]}}, ("metadata",)),
        ({"note\x00": 1}, ("metadata",)),
    ],
)
def test_put_names_the_field_of_a_bad_text(setup, fields, input_path):
    """A text that no document can hold is refused under its field."""
    assert setup.refusals(setup.writer.put({**REQUIRED, **fields})) == [("BAD_TEXT", input_path)]


def test_put_changes_only_the_lines_of_what_changes(folder_setup):
    """Of a file, a put changes the lines of the keys that change."""
    text = document("'A'  # mine", "heat: 5 # hot\n\n# the end\n", "body\n")
    folder_setup.import_documents((PATH, text))
    folder_setup.put({"heat": 6, "title": "A"}, slug=SLUG)
    assert folder_setup.text(PATH) == text.replace("heat: 5", "heat: 6")


def test_put_that_changes_nothing_writes_no_revision(setup):
    """A put without a difference is a no-op, and the revision stays."""
    before = setup.put(REQUIRED)
    assert (
        setup.put(REQUIRED, slug=SLUG, expected_revision=before.revision).revision
        == before.revision
    )


def test_set_published_edits_one_line(folder_setup):
    """Publishing changes the line of `published`, or adds it."""
    folder_setup.import_documents((PATH, document(more="published: no # yet\n")))
    id = article_id(SLUG)
    assert folder_setup.run(folder_setup.writer.set_published(id, True)).articles[0].published
    assert folder_setup.text(PATH) == document(more="published: true # yet\n")
    folder_setup.import_documents((PATH, document()))
    assert not folder_setup.run(folder_setup.writer.set_published(id, False)).articles[0].published
    assert "\npublished: false\n" in folder_setup.text(PATH)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("draft: true # yet\n", "draft: false # yet\n"),
        ("published: true\nDraft: yes\n", "published: true\nDraft: false\n"),
        ("draft: soon\n", "draft: false\n"),
    ],
)
def test_set_published_writes_the_documents_own_key(folder_setup, before, after):
    """A draft by `draft: true` is published by that key, and made a draft again."""
    folder_setup.import_documents((PATH, document(more=before)))
    id = article_id(SLUG)
    assert folder_setup.run(folder_setup.writer.set_published(id, True)).articles[0].published
    assert folder_setup.text(PATH) == document(more=after)
    assert not folder_setup.run(folder_setup.writer.set_published(id, False)).articles[0].published
    assert "raft: true" in folder_setup.text(PATH)


def test_publishing_is_refused_where_the_folder_forbids_it():
    """An article in `_drafts` cannot be published: the mutation says why."""
    path, options = f"_drafts/{SLUG}.md", ParseOptions()
    article = read_article(path, document().encode(), options).article
    assert article is not None
    with pytest.raises(RefusedError, match="_drafts") as refused:
        patch_document(article, path, document(), {"published": True}, options)
    assert refused.value.refusals[0].input_path == ("published",)


def test_publishing_is_refused_where_the_status_forbids_it(folder_setup):
    """The refusal names `status`; a change of the status in the same mutation publishes."""
    folder_setup.import_documents((PATH, document(more="status: draft # yet\n")))
    with pytest.raises(RefusedError, match="status"):
        folder_setup.run(folder_setup.writer.set_published(article_id(SLUG), True))
    assert folder_setup.text(PATH) == document(more="status: draft # yet\n")
    assert folder_setup.put({"published": True, "status": "live"}, slug=SLUG).published
    assert "\nstatus: live # yet\n" in folder_setup.text(PATH)


def test_put_keeps_the_slug_of_a_file_that_is_named_otherwise(folder_setup):
    """An article keeps its identity under a new title, though its slug came from the old one."""
    folder_setup.edit("blog/post.md", document("A tide", "# mine\n"))
    folder_setup.load()
    article = folder_setup.put({"title": "Another"}, slug=SLUG)
    assert (article.slug, article.title) == (SLUG, "Another")
    assert {path: text for path, (text, _) in folder_setup.files().items()} == {
        f"blog/{SLUG}.md": document("Another", "# mine\n").encode()
    }


def test_delete_removes_article_and_file(setup):
    """A deleted article is gone from folder and store."""
    article = setup.put(REQUIRED)
    setup.delete(article.id, article.revision)
    assert setup.find(SLUG) is None
    assert setup.folder is None or setup.files() == {}


def test_writing_comes_back_after_a_restart(tmp_path):
    """A write is flushed before its result is returned."""
    setup = make_setup("folder and tinydb", tmp_path)
    article = setup.put(REQUIRED)
    setup.run(setup.repository.close())
    assert (
        WriterSetup(TinyDBRepository.open(tmp_path / "store.json"), setup.folder).get(SLUG)
        == article
    )


# Where the folder is not written


@pytest.fixture
def alone(tmp_path):
    """A setup over a folder with a document, and one that writes into its store alone."""
    setup = make_setup("folder", tmp_path)
    setup.edit(PATH, document("File", "heat: x\n"))
    setup.edit("other.md", document("Other"))
    setup.load()
    return setup, WriterSetup(setup.repository, None)


def loaded(setup, **options):
    """Return the detached and overwritten files of a load."""
    loader = FolderLoader(setup.repository, setup.folder, LoadOptions(**options))
    report = setup.run(loader.load())
    return report.detached, report.overwritten


def test_writing_into_the_store_alone_stays_after_a_load(alone):
    """A load skips and reports a detached file."""
    setup, writer = alone
    assert writer.put({"title": "Store"}, slug=SLUG).title == "Store"
    for _ in range(2):
        assert loaded(setup) == ((PATH,), ())
        assert setup.get(SLUG).title == "Store"


def test_writing_into_the_store_alone_gives_way_if_that_is_wanted(alone):
    """A load with `overwrite` loads a detached file and reports it once."""
    setup, writer = alone
    writer.put({"title": "Store", "topics": ("T",), "webUrl": "https://p.example/"}, slug=SLUG)
    assert loaded(setup, overwrite=True) == ((), (PATH,))
    assert setup.get(SLUG).title == "File"
    assert setup.state() == setup.fresh_state()
    assert loaded(setup, overwrite=True) == ((), ())


def test_writing_into_the_store_alone_gives_way_to_a_file_that_changes(alone):
    """An edit of a detached file is loaded; the load reports what it replaced."""
    setup, writer = alone
    writer.put({"title": "Store"}, slug=SLUG)
    setup.edit(PATH, document("Edited"))
    assert loaded(setup) == ((), (PATH,))
    assert setup.get(SLUG).title == "Edited"
    assert setup.state() == setup.fresh_state()


def test_writing_nothing_new_into_the_store_alone_leaves_no_file_behind(alone):
    """A no-op does not detach the file."""
    setup, writer = alone
    writer.put({"title": "File"}, slug=SLUG)
    assert loaded(setup) == ((), ())


def test_deleting_from_the_store_alone_stays_after_a_load(alone):
    """A removed article returns only if its file changes, or with `overwrite`."""
    setup, writer = alone
    writer.delete(article_id(SLUG))
    assert loaded(setup) == ((PATH,), ())
    assert setup.find(SLUG) is None
    assert loaded(setup, overwrite=True) == ((), (PATH,))
    assert setup.state() == setup.fresh_state()


def test_writing_into_the_folder_ends_what_the_store_had_alone(alone):
    """A mutation that writes the file writes all that the store says."""
    setup, writer = alone
    writer.put({"title": "Store"}, slug=SLUG)
    writer.delete(article_id("2026-01-02-other"))
    setup.put({"heat": 3}, slug=SLUG)
    assert (setup.get(SLUG).title, setup.get(SLUG).heat) == ("Store", 3)
    setup.import_documents(("other.md", document("Other")))
    assert loaded(setup) == ((), ())
    assert setup.state() == setup.fresh_state()


# What cannot be taken


TOO_LARGE = document(body="x" * (1 << 20))


@pytest.mark.parametrize(
    ("path", "text", "code"),
    [
        (PATH, "---\npublishedDateTime: 2026-01-02\nprovider: {domain: p}\n---\n", "MISSING_TITLE"),
        (PATH, "---\ntitle: A\nprovider: {domain: p}\n---\n", "MISSING_DATE"),
        (PATH, "---\ntitle: A\npublishedDateTime: 2026-01-02\n---\n", "MISSING_PROVIDER"),
        (PATH, document().replace("2026-01-02", "2026-02-31"), "BAD_DATE"),
        (PATH, document().replace("title: A", "title: [A]"), "WRONG_TYPE"),
        (PATH, "---\ntitle: [\n---\n", "UNREADABLE_YAML"),
        (PATH, "---\ntitle: A\n", "UNCLOSED_FRONT_MATTER"),
        (PATH, "Just text.", "NO_FRONT_MATTER"),
        ("README.md", "Just text.", "NO_FRONT_MATTER"),
        (PATH, document(more=f"x: {'[' * 50}{']' * 50}\n"), "TOO_DEEP"),
        (PATH, document(more="a: &a [*a]\n"), "ALIASES_EXPLODE"),
        (PATH, TOO_LARGE, "FILE_TOO_LARGE"),
        (PATH, document("\ud800"), "NOT_UTF8"),
    ],
)
def test_import_refuses_what_a_load_would_not_take(setup, path, text, code):
    """Refusals have the codes of diagnostics, and the path of the document in the input."""
    documents = [("_news/2026-01-03-good.md", document()), (path, text)]
    found = setup.refusals(setup.writer.import_documents(documents))
    assert (code, ("documents", "1", "text")) in found
    assert setup.state() == ({}, [], [])
    assert setup.folder is None or setup.files() == {}


@pytest.mark.parametrize(
    "path",
    [
        "../x.md",
        "/etc/x.md",
        "a/../../x.md",
        "a//x.md",
        "./x.md",
        "a\\..\\x.md",
        ".hidden.md",
        ".git/x.md",
        "a/.x/y.md",
        "_drafts/x.md",
        "_data/topics/x.yaml",
        "_data/x.md",
        "x.exe",
        "x",
        "",
        "x.md/",
        "a\0b.md",
        "a\nb.md",
        "a\u2028b.md",
        "\ud800.md",
        "x.md ",
        "a:b.md",
        "y" * 300 + ".md",
        "a/" * 300 + "x.md",
    ],
)
def test_import_refuses_paths_that_leave_the_folder_or_are_not_read(setup, path):
    """A document goes where a load would find it, and nowhere else."""
    found = setup.refusals(setup.writer.import_documents([(path, document())]))
    assert found == [("BAD_PATH", ("documents", "0", "path"))]
    assert setup.folder is None or list(setup.folder.parent.rglob("*.md")) == []


def test_import_follows_no_link(folder_setup, tmp_path):
    """A link in the folder does not lead a document elsewhere, nor is it replaced."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file.md").write_text("theirs")
    (folder_setup.folder / "way").symlink_to(outside)
    (folder_setup.folder / "link.md").symlink_to(outside / "file.md")
    (folder_setup.folder / "file.md").write_text("x")
    for path in ("way/x.md", "way/file.md", "link.md", "file.md/x.md"):
        work = folder_setup.writer.import_documents([(path, document())])
        assert folder_setup.refusals(work) == [("BAD_PATH", ("documents", "0", "path"))]
    assert [(f.name, f.read_text()) for f in outside.iterdir()] == [("file.md", "theirs")]


def test_import_refuses_two_documents_of_one_slug_or_path(setup):
    """In one import, each document has a path and a slug of its own."""
    same_slug = [("a/post.md", document("A tide")), (PATH, document())]
    found = setup.refusals(setup.writer.import_documents(same_slug))
    assert found == [("DUPLICATE_SLUG", ("documents", "1", "path"))]
    found = setup.refusals(setup.writer.import_documents([(PATH, document())] * 2))
    assert found == [("BAD_PATH", ("documents", "1", "path"))]
    assert setup.state() == ({}, [], [])


def test_import_refuses_a_slug_that_another_file_has(folder_setup):
    """A slug belongs to one file, also to one that nobody has loaded yet."""
    folder_setup.edit(PATH, document())
    work = folder_setup.writer.import_documents([(f"z/{SLUG}.md", document())])
    assert folder_setup.refusals(work) == [("DUPLICATE_SLUG", ("documents", "0", "path"))]


def test_import_refuses_too_many_documents():
    """The number of documents of an import is limited."""
    setup = WriterSetup(MemoryRepository(), None, max_documents=1)
    found = setup.refusals(setup.writer.import_documents([("a.md", "x"), ("b.md", "x")]))
    assert found == [("TOO_MANY_DOCUMENTS", ("documents",))]


@pytest.mark.parametrize(
    ("fields", "named", "found"),
    [
        (
            {},
            {},
            [
                ("MISSING_TITLE", ("title",)),
                ("MISSING_DATE", ("publishedDateTime",)),
                ("MISSING_PROVIDER", ("provider",)),
            ],
        ),
        ({**REQUIRED, "title": " "}, {}, [("MISSING_TITLE", ("title",))]),
        ({**REQUIRED, "webUrl": "ftp://x"}, {}, [("BAD_URL", ("webUrl",))]),
        (
            {**REQUIRED, "images": (Image(url="https://p.example/i", width=-1), Image(url="no"))},
            {},
            [("OUT_OF_RANGE", ("images", "0", "width")), ("BAD_URL", ("images", "1", "url"))],
        ),
        ({**REQUIRED, "content": "a\x01b\n" * 3}, {}, [("BAD_TEXT", ("content",))]),
        ({**REQUIRED, "content": "x" * (1 << 20)}, {}, [("FILE_TOO_LARGE", ())]),
        ({**REQUIRED, "x": json.loads("[" * 40 + "]" * 40)}, {}, [("TOO_DEEP", ())]),
        (REQUIRED, {"slug": "no-date"}, [("BAD_SLUG", ("slug",))]),
        (REQUIRED, {"slug": "2026-01-02-a/b"}, [("BAD_SLUG", ("slug",))]),
        (REQUIRED, {"slug": "2026-01-02-" + "x" * 200}, [("BAD_SLUG", ("slug",))]),
        (REQUIRED, {"id": "a_nothing"}, [("NOT_FOUND", ("id",))]),
    ],
)
def test_put_refuses_what_a_document_cannot_say(setup, fields, named, found):
    """An invalid value is refused with its input path, never kept in metadata."""
    assert setup.refusals(setup.writer.put(fields, **named)) == found
    assert setup.state() == ({}, [], [])
    assert setup.folder is None or setup.files() == {}


def test_put_refuses_to_remove_what_a_document_needs(setup):
    """An article cannot lose its title, its date or its provider."""
    setup.put(REQUIRED)
    for key, code in {
        "title": "MISSING_TITLE",
        "publishedDateTime": "MISSING_DATE",
        "provider": "MISSING_PROVIDER",
    }.items():
        assert setup.refusals(setup.writer.put({key: None}, slug=SLUG)) == [(code, (key,))]


def test_put_of_a_new_article_never_replaces_another(setup):
    """Without a slug or id, date and title of an article that is there are refused."""
    setup.put({**REQUIRED, "heat": 1})
    assert setup.refusals(setup.writer.put(REQUIRED)) == [("DUPLICATE_SLUG", ("slug",))]
    assert setup.get(SLUG).heat == 1


def test_put_refuses_another_slug_for_an_id(setup):
    """A slug never changes: it is what the id is made of."""
    id = setup.put(REQUIRED).id
    work = setup.writer.put({}, id=id, slug="2026-01-02-other")
    assert setup.refusals(work) == [("BAD_SLUG", ("slug",))]
    assert setup.put({"heat": 1}, id=id, slug=SLUG).heat == 1


def test_put_leaves_old_problems_of_a_document_alone(folder_setup):
    """A document with a fault of its own can be changed; its fault stays, and so does its line."""
    text = document(more="webUrl: nonsense\nheat: many\nheat: 1\n")
    folder_setup.import_documents((PATH, text))
    folder_setup.put({"quality": 4}, slug=SLUG)
    assert "webUrl: nonsense\n" in folder_setup.text(PATH)
    assert folder_setup.refusals(folder_setup.writer.put({"webUrl": "nonsense"}, slug=SLUG)) == [
        ("BAD_URL", ("webUrl",))
    ]
    assert folder_setup.put({"webUrl": "https://p.example/"}, slug=SLUG).web_url


def test_put_refuses_a_file_that_must_be_mended_first(folder_setup):
    """A put refuses an invalid file; a delete or an import replaces it."""
    folder_setup.import_documents((PATH, document()))
    folder_setup.edit(PATH, "---\ntitle: [\n---\n")
    assert folder_setup.refusals(folder_setup.writer.put({"heat": 1}, slug=SLUG)) == [
        ("UNREADABLE_YAML", ())
    ]
    assert folder_setup.text(PATH) == "---\ntitle: [\n---\n"
    folder_setup.import_documents((PATH, document("Whole")))
    assert folder_setup.get(SLUG).title == "Whole"
    folder_setup.edit(PATH, "---\ntitle: [\n---\n")
    folder_setup.delete(article_id(SLUG))
    assert folder_setup.state() == folder_setup.fresh_state() == ({}, [], [])


def test_put_never_writes_over_a_file_that_is_no_document(folder_setup):
    """Where a new document would go, there may be a file that holds something else."""
    folder_setup.edit(PATH, "notes of somebody")
    assert folder_setup.refusals(folder_setup.writer.put(REQUIRED)) == [("BAD_PATH", ("slug",))]
    assert folder_setup.text(PATH) == "notes of somebody"


def test_delete_refuses_an_article_of_two_files(folder_setup):
    """If another file claims the slug, it would take the article's place: it has to go first."""
    folder_setup.edit(PATH, document())
    folder_setup.edit(f"b/{SLUG}.md", document("B"))
    folder_setup.load()
    work = folder_setup.writer.delete(article_id(SLUG))
    assert folder_setup.refusals(work) == [("DUPLICATE_SLUG", ("id",))]
    assert folder_setup.refusals(folder_setup.writer.delete("a_nothing")) == [
        ("NOT_FOUND", ("id",))
    ]


# Who comes first


def test_expected_revision_that_is_past_is_a_conflict(setup):
    """A wrong expected revision is a conflict that has the present one, and changes nothing."""
    old = setup.put(REQUIRED)
    new = setup.put({"heat": 1}, slug=SLUG)
    for work in (
        setup.writer.put({"heat": 2}, slug=SLUG, expected_revision=old.revision),
        setup.writer.set_published(new.id, False, old.revision),
        setup.writer.delete(new.id, old.revision),
    ):
        with pytest.raises(ConflictError, match=f"revision {new.revision}") as raised:
            setup.run(work)
        assert raised.value.current == new.revision
    with pytest.raises(ConflictError, match="does not exist"):
        setup.run(setup.writer.put(REQUIRED, slug="2026-01-02-other", expected_revision=1))
    assert setup.get(SLUG) == new


def test_expected_revision_counts_edits_that_were_not_loaded(folder_setup):
    """An edit that was not loaded yet is loaded before a write."""
    old = folder_setup.put(REQUIRED)
    folder_setup.edit(PATH, document("By hand", "# mine\n"))
    with pytest.raises(ConflictError):
        folder_setup.run(
            folder_setup.writer.put({"heat": 2}, slug=SLUG, expected_revision=old.revision)
        )
    folder_setup.put({"heat": 2}, slug=SLUG)
    assert folder_setup.text(PATH) == document("By hand", "# mine\n").replace(
        "2026-01-02\n", "2026-01-02\nheat: 2\n"
    )


def rivals(kind: str, place: Path) -> list[DocumentWriter]:
    """Two writers of one setup, as two processes would have them."""
    setup = make_setup(kind, place)
    if not kind.endswith("tinydb"):
        return [DocumentWriter(setup.repository, setup.folder) for _ in range(2)]
    stores = [TinyDBRepository.open(place / "store.json") for _ in range(2)]
    return [DocumentWriter(store, setup.folder) for store in stores]


@pytest.mark.parametrize("kind", KINDS)
def test_of_two_writers_with_one_expectation_one_wins(kind, tmp_path):
    """Of concurrent writes with the same expected revision exactly one succeeds."""

    async def race() -> list[object]:
        writers = rivals(kind, tmp_path)
        [article] = (await writers[0].put(REQUIRED)).articles
        return await asyncio.gather(
            *(
                writers[i % 2].put({"heat": i}, slug=SLUG, expected_revision=article.revision)
                for i in range(1, 9)
            ),
            return_exceptions=True,
        )

    results = WriterSetup.run(race())
    assert sum(isinstance(result, ConflictError) for result in results) == 7


@pytest.mark.parametrize("kind", KINDS)
def test_writers_without_expectations_all_get_their_turn(kind, tmp_path):
    """Concurrent changes of different fields are all applied."""
    keys = ["heat", "quality", "x", "y"]

    async def write() -> Article:
        writers = rivals(kind, tmp_path)
        await writers[0].put(REQUIRED)
        await asyncio.gather(
            *(writers[i % 2].put({key: 7}, slug=SLUG) for i, key in enumerate(keys))
        )
        articles, _, _ = await state(writers[0]._repository)
        found: Article = articles[SLUG]
        return found

    article = WriterSetup.run(write())
    assert (article.heat, article.quality, article.metadata) == (7, 7, {"x": 7, "y": 7})


def test_writing_goes_on_when_nobody_waits_for_it(folder_setup):
    """A cancelled request leaves folder and store equal."""

    async def give_up() -> None:
        write = asyncio.create_task(folder_setup.writer.put(REQUIRED))
        await asyncio.sleep(0)
        write.cancel()
        await asyncio.wait([write])
        await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()})

    WriterSetup.run(give_up())
    assert folder_setup.get(SLUG)
    assert folder_setup.state() == folder_setup.fresh_state()


# What goes wrong


def test_store_written_by_others_meanwhile_is_a_conflict(tmp_path):
    """A conflict with a writer of the store only rolls the file back."""
    repository = RacingRepository()
    setup = WriterSetup(repository, tmp_path)
    article = setup.put(REQUIRED)
    before = setup.files()
    repository.rival = Batch(puts=(msgspec.structs.replace(article, heat=9),))
    with pytest.raises(ConflictError):
        setup.run(setup.writer.put({"heat": 1}, slug=SLUG, expected_revision=article.revision))
    assert setup.files() == before
    assert setup.get(SLUG).heat == 9


def test_write_that_another_process_began_is_finished_by_the_next(folder_setup):
    """The next write recovers the committed write of a killed process."""
    for folder, path in (
        (".newsgraph-written", "_news/2026-01-02-b.md"),
        (".newsgraph-writing", "c.md"),
    ):
        text = document(path[-4].upper()).encode()
        folder_setup.edit(f"{folder}/{path}.{digest(text)}.{digest(None)}", text)
    folder_setup.put(REQUIRED)
    assert sorted(folder_setup.files()) == [PATH, "_news/2026-01-02-b.md"]
    assert folder_setup.get("2026-01-02-b").title == "B"
    assert folder_setup.state() == folder_setup.fresh_state()


def test_folder_is_as_it_was_when_the_store_cannot_write(tmp_path):
    """A write that the store refuses is rolled back, file times included."""
    repository = FailingRepository()
    setup = WriterSetup(repository, tmp_path)
    setup.edit("blog/post.md", document("A tide"))
    setup.load()
    setup.import_documents(("a.md", document("Old")))
    before, seen = setup.files(), setup.state()
    repository.full = True
    for work in (
        setup.writer.put({"heat": 1}, slug="2026-01-02-old"),
        setup.writer.put({"title": "Renamed"}, slug=SLUG),
        setup.writer.put({**REQUIRED, "title": "New"}),
        setup.writer.delete(article_id(SLUG)),
        setup.writer.import_documents([("a.md", document("B")), ("new/b.md", document("C"))]),
    ):
        with pytest.raises(StoreUnavailableError):
            setup.run(work)
        assert setup.files() == before
    assert setup.state() == seen == setup.fresh_state()


class UnsureRepository(MemoryRepository):
    """A store that fails once, having written or not."""

    writes: bool | None = None

    async def apply(self, batch: Batch) -> int:
        """Fail like a broken disk."""
        writes, self.writes = self.writes, None
        if writes is not None:
            if writes:
                await super().apply(batch)
            raise OutcomeUnknownError("The disk failed.")
        return await super().apply(batch)


@pytest.mark.parametrize("writes", [True, False])
@pytest.mark.parametrize("together", [True, False])
def test_write_whose_outcome_nobody_knows_is_done_once_when_it_is_asked_for_again(
    writes, together, tmp_path
):
    """Everyone in its group is told so; folder and store agree, and the key finds what was done."""
    repository = UnsureRepository()
    setup = WriterSetup(repository, tmp_path)
    setup.import_documents((PATH, document()), ("b.md", document("B")))
    repository.writes = writes
    first: dict[str, Any] = {"id": article_id(SLUG), "key": "name.this.a"}

    async def write() -> list[object]:
        works = [setup.writer.put({"heat": 1}, **first)]
        if together:
            works.append(setup.writer.put({"heat": 2}, slug="2026-01-02-b"))
        return await asyncio.gather(*works, return_exceptions=True)

    done = setup.run(write())
    assert {type(each) for each in done} == {OutcomeUnknownError}
    again = setup.run(setup.writer.put({"heat": 1}, **first))
    assert [article.heat for article in again.articles] == [1]
    changes = setup.run(repository.current().changes(None, Visibility.ALL)).changes
    assert [change.key for change in changes if change.id == article_id(SLUG)] == [None, "name"]
    setup.load()
    assert (setup.get(SLUG).heat, setup.get("2026-01-02-b").heat) == (1, 2 * together)
    assert setup.state() == setup.fresh_state()


@pytest.mark.parametrize("times", [1, 9])
def test_folder_whose_disk_fails_says_nothing_has_changed_only_where_it_knows(
    times, folder_setup, monkeypatch
):
    """A rollback restores the files; if it fails, the outcome is unknown."""
    folder_setup.import_documents((PATH, document("Old")))
    before, left = folder_setup.files(), [None] * times
    flush = atomic_file.flush_folder

    def fail(folder: Path) -> None:
        if left and folder.name == "_news":
            left.pop()
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        flush(folder)

    monkeypatch.setattr(transaction, "flush_folder", fail)
    monkeypatch.setattr(guarded_change, "flush_folder", fail)
    expected = StoreUnavailableError if times == 1 else OutcomeUnknownError
    with pytest.raises(expected):
        folder_setup.put({"heat": 1}, slug=SLUG)
    left.clear()
    assert (folder_setup.files() == before) or times > 1
    assert folder_setup.put({"heat": 2}, slug=SLUG).heat == 2
    assert folder_setup.state() == folder_setup.fresh_state()
    assert list(folder_setup.files()) == [PATH]


def test_article_that_is_removed_right_after_it_was_written_is_given_as_it_was_written():
    """A result has the written articles, whatever others have written since."""

    class VanishingRepository(MemoryRepository):
        async def apply(self, batch: Batch) -> int:
            revision = await super().apply(batch)
            if batch.puts:
                await super().apply(Batch(deletes=(batch.puts[0].id,)))
            return revision

    setup = WriterSetup(VanishingRepository(), None)
    written = setup.run(setup.writer.put({**REQUIRED, "heat": 3}))
    assert [(a.slug, a.heat, a.revision) for a in written.articles] == [(SLUG, 3, written.revision)]


def test_folder_that_cannot_be_written_is_told(unprivileged):
    """A read-only folder gives an error that says so, and nothing changes."""
    folder = unprivileged / "folder"
    folder.mkdir(mode=0o555)
    setup = WriterSetup(MemoryRepository(), folder)
    with pytest.raises(StoreUnavailableError, match="Nothing has changed"):
        setup.put(REQUIRED)
    assert setup.state() == ({}, [], [])


def test_folder_on_a_full_disk_loses_nothing(folder_setup):
    """A file that cannot be written completely is not replaced."""
    folder_setup.import_documents((PATH, document("Old")), ("b.md", document("B")))
    before, seen = folder_setup.files(), folder_setup.state()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, limits[1]))
    try:
        for work in (
            folder_setup.writer.put({"content": "x" * 10_000}, slug=SLUG),
            folder_setup.writer.import_documents(
                [("c.md", document("C")), ("b.md", document("B", body="x" * 10_000))]
            ),
        ):
            with pytest.raises(StoreUnavailableError, match="Nothing has changed"):
                folder_setup.run(work)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert folder_setup.files() == before
    assert folder_setup.state() == seen


def test_watching_the_folder_sees_nothing_new_in_our_own_writes(folder_setup):
    """A watcher finds a written file unchanged."""
    [article] = folder_setup.import_documents((PATH, document()))
    folder_setup.run(FolderLoader(folder_setup.repository, folder_setup.folder).refresh([PATH]))
    folder_setup.load()
    assert folder_setup.get(SLUG) == article


def test_folder_that_is_gone_is_told(folder_setup):
    """Without the folder nothing is written, and the articles stay."""
    folder_setup.put(REQUIRED)
    folder_setup.folder.rename(folder_setup.folder.with_name("elsewhere"))
    with pytest.raises(StoreUnavailableError):
        folder_setup.put({"heat": 1}, slug=SLUG)
    assert folder_setup.get(SLUG).heat == 0


# Folder and store never disagree

SLUGS = [f"2026-01-02-{name}" for name in "abc"]
PATHS = [path_of(slug) for slug in SLUGS] + ["b/post.md", f"b/{SLUGS[0]}.md", "c.yaml"]
GOOD = st.sampled_from(
    [
        document("A"),
        document("B", "published: false # no\n", "body\n"),
        document("C", "heat: x\ntopics: [Sea]\nwebUrl: https://p.example/\n"),
        document("C", "heat: 3\n").replace("\n", "\r\n"),
    ]
)
BAD = st.sampled_from(["---\ntitle: [\n---\n", "plain"])
FIELDS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "title": st.sampled_from(["A", "B", "Z", " "]),
        "heat": st.none() | st.integers(0, 2),
        "webUrl": st.sampled_from([None, "https://p.example/", "no"]),
        "topics": st.sampled_from([(), ("Sea",), ("Sky", "Sea")]),
        "content": st.sampled_from([None, "text", "---"]),
        "x": st.sampled_from([None, 1, {"y": []}]),
    },
)
STEPS = st.lists(
    st.tuples(st.just("put"), st.sampled_from([*SLUGS, None]), FIELDS)
    | st.tuples(st.just("new"), st.none() | st.sampled_from(SLUGS), FIELDS)
    | st.tuples(st.just("publish"), st.sampled_from(SLUGS), st.booleans())
    | st.tuples(st.just("delete"), st.sampled_from(SLUGS), st.none())
    | st.tuples(
        st.just("import"),
        st.none(),
        st.lists(st.tuples(st.sampled_from(PATHS), GOOD | BAD), min_size=1, max_size=3),
    )
    | st.tuples(st.just("edit"), st.sampled_from(PATHS), st.none() | GOOD)
    | st.tuples(st.just("edit"), st.just("bad.md"), BAD)
    | st.tuples(st.just("load"), st.none(), st.none()),
    max_size=8,
)


def step(setup, kind, name, what):
    """Do one step; whether the store may know less than the folder after it."""
    writer = setup.writer
    try:
        if kind == "put":
            setup.put(what, slug=name)
        elif kind == "new":
            setup.put({"publishedDateTime": DATE, "provider": PROVIDER, **what}, slug=name)
        elif kind == "publish":
            setup.run(writer.set_published(article_id(name), what))
        elif kind == "delete":
            setup.delete(article_id(name))
        elif kind == "import":
            setup.import_documents(*what)
        elif kind == "load":
            setup.load()
        elif what is not None:
            setup.edit(name, what)
        else:
            (setup.folder / name).unlink(missing_ok=True)
    except RefusedError:
        pass
    return kind == "edit"


@settings(max_examples=scaled(20, long=60), suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
def test_folder_and_store_agree_after_anything(steps):
    """After any mutations and edits the store equals one that was loaded from scratch."""
    with tempfile.TemporaryDirectory() as place:
        setup = make_setup("folder", Path(place))
        setup.edit("keep.md", document("Keep"))
        setup.load()
        behind = False
        for kind, name, what in steps:
            behind = (step(setup, kind, name, what) or behind) and kind != "load"
            if not behind:
                assert setup.state() == setup.fresh_state()
        setup.load()
        assert setup.state() == setup.fresh_state()


def test_mutation_on_a_read_only_file_system_has_changed_nothing(tmp_path):
    """A failed write without changes needs no rollback."""
    folder = tmp_path / "folder"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only who may mount a file system can have one that is read-only")
    try:
        setup = WriterSetup(MemoryRepository(), folder)
        setup.import_documents((PATH, document()))
        before = setup.text(PATH)
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        for slug in (SLUG, "2026-01-02-b"):
            with pytest.raises(StoreUnavailableError, match="Read-only file system"):
                setup.put({**REQUIRED, "heat": 7}, slug=slug)
        assert setup.text(PATH) == before
    finally:
        subprocess.run(["umount", str(folder)], check=True)


# Files that a write must leave alone


@pytest.mark.parametrize(
    "edit",
    ["", "notes", "+++\ntitle = 'x'\n+++\n", "---\ntitle: [\n---\n", "---\n---\n", "---\ntitle: a"],
)
def test_no_write_replaces_an_edit_that_cannot_be_read(folder_setup, edit):
    """A put says what the file lacks; a delete with an expected revision is a conflict."""
    article = folder_setup.put(REQUIRED)
    folder_setup.edit(PATH, edit)
    for key in ({"slug": SLUG}, {"id": article.id}):
        refusals = folder_setup.expect_refusals(folder_setup.writer.put({"heat": 1}, **key))
        assert refusals
        assert all(PATH in refusal.message for refusal in refusals)
    with pytest.raises(ConflictError, match="changed by hand"):
        folder_setup.delete(article.id, article.revision)
    assert folder_setup.text(PATH) == edit
    folder_setup.delete(article.id)
    assert folder_setup.files() == {}


def test_no_write_replaces_a_read_only_file(folder_setup):
    """A file that nobody may write stays, although the folder would allow a rename."""
    article = folder_setup.put(REQUIRED)
    (folder_setup.folder / PATH).chmod(0o444)
    text = folder_setup.text(PATH)
    writer = folder_setup.writer
    for work, input_path in (
        (writer.put({"heat": 1}, slug=SLUG), ()),
        (writer.set_published(article.id, False), ()),
        (writer.delete(article.id), ()),
        (writer.import_documents([(PATH, document("B"))]), ("documents", "0", "path")),
    ):
        assert folder_setup.refusals(work) == [("READ_ONLY_FILE", input_path)]
    assert folder_setup.text(PATH) == text


def test_no_write_parts_a_hard_link(folder_setup):
    """The other name of a file would keep the old text; a delete removes one name only."""
    article = folder_setup.put(REQUIRED)
    other = folder_setup.folder / "other.txt.bak"
    other.hardlink_to(folder_setup.folder / PATH)
    refusals = folder_setup.refusals(folder_setup.writer.put({"heat": 1}, slug=SLUG))
    assert refusals == [("HARD_LINK", ())]
    assert other.read_text() == folder_setup.text(PATH)
    folder_setup.delete(article.id)
    assert other.exists()


def test_put_under_a_slug_that_no_article_has_says_so(setup):
    """A mistyped slug is told as such, not only by the fields that a new article needs."""
    found = setup.expect_refusals(setup.writer.put({"heat": 1}, slug="2026-01-02-typo"))
    assert (found[0].code, found[0].input_path) == ("NOT_FOUND", ("slug",))
    assert {refusal.code for refusal in found[1:]} == {
        "MISSING_TITLE",
        "MISSING_DATE",
        "MISSING_PROVIDER",
    }
    assert not any("line" in refusal.message for refusal in found)


def test_put_removes_all_metadata(setup):
    """All other keys of a document go, those with invalid values of fields, too."""
    setup.import_documents((PATH, document(more="x: 1\nquality: many\nheat: 2\ny: {z: 1}\n")))
    article = setup.put({ALL_METADATA: None, "y": 2}, slug=SLUG)
    assert (article.metadata, article.heat, article.quality) == ({"y": 2}, 2, 0)


def test_put_keeps_unknown_keys_within_values_that_stay(setup):
    """A client cannot send the metadata of an image, so it stays with the image."""
    images = "images:\n  - url: https://p.example/1\n    credit: A\n    width: wide\n"
    provider = "{name: R, domain: r.example, x: 1}"
    related = (
        f"related: [{{title: R, webUrl: https://r.example/, rank: 1, provider: {provider}}}]\n"
    )
    setup.import_documents((PATH, document(more=images + related)))
    image = Image(url="https://p.example/1", width=640)
    story = Related(
        title="R2",
        web_url="https://r.example/",
        provider=ProviderMention(domain="r.example", name="R"),
    )
    article = setup.put({"images": (image,), "related": (story,)}, slug=SLUG)
    assert article.images == (msgspec.structs.replace(image, metadata={"credit": "A"}),)
    assert article.related[0].metadata == {"rank": 1}
    assert article.related[0].provider.metadata == {"x": 1}
    assert (
        setup.put({"images": (Image(url="https://p.example/2"),)}, slug=SLUG).images[0].metadata
        == {}
    )


def test_put_notices_what_it_changes_beyond_the_fields(folder_setup):
    """A rewrite and a new name of the file are told; an edit in place needs no notice."""
    folder_setup.edit("_news/a-tide.md", document("A tide", "base: &b {x: 1, y: 1}\n<<: *b\n"))
    folder_setup.load()

    def notices(fields):
        result = folder_setup.run(folder_setup.writer.put(fields, slug=SLUG))
        return [notice.code for notice in result.notices]

    assert notices({"heat": 1}) == []
    assert notices({"x": None}) == ["DOCUMENT_REWRITTEN"]
    assert notices({"title": "Ebb"}) == ["FILE_RENAMED"]
    assert "y: 1\n" in folder_setup.text(PATH)
