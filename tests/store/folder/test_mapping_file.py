"""The mapping file: what is refused, and that a changed mapping reads all files again."""

from __future__ import annotations

import asyncio
import os

import pytest

from store import FolderLoader, LoadOptions, MemoryRepository
from store.documents.field_mapping import DefaultProvider, FieldMapping
from store.documents.frontmatter import ParseOptions
from store.folder.mapping_file import MappingError, load_mapping


def options(mapping: FieldMapping | None) -> LoadOptions:
    """Load options with a mapping."""
    return LoadOptions(parsing=ParseOptions(mapping=mapping))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[documents\n", "is not valid TOML"),
        ("[documents]\nbase = 'x'\n", "unknown field `base`"),
        ("[documents]\nbase_url = 'blog'\n", "base_url is 'blog'"),
        ("[documents]\nlist_separator = ''\n", "list_separator is empty"),
        ("[documents]\nlocales = ['en', '']\n", "'' is no locale"),
        ("[documents]\nlocales = ['../x']\n", "'../x' is no locale"),
        ("[documents]\ndefault_locale = 'the English'\n", "'the English' is no locale"),
        ("[documents.fields]\ntitel = ['title']\n", "there is no field 'titel'"),
        ("[documents.fields]\ntitle = ['a..b']\n", "title has the source 'a..b'"),
        ("[documents.fields]\ntitle = ['file.nam']\n", "title has the source 'file.nam'"),
        ("[documents.fields]\ntitle = 'heading'\n", "Expected `array`"),
        ("[documents]\nprovider = 'Blog'\n", "Expected `object | null`"),
        *(
            (f"[documents]\ncollections = ['a', '{path}']\n", f"collections has {path!r}")
            for path in ("", ".", "..", "../a", "a/../..", "/etc")
        ),
        ("a = " + "[" * 100_000, "nested"),
        (".".join("a" * 50_000) + " = 1\n", "nested"),
        ("a = 1\n" * 3, "is not valid TOML"),
        ("\n".join(f"a{i} = 1" for i in range(20_000)), "values"),
        ("#" * (1 << 20) + "\n", "larger than"),
    ],
)
def test_mapping_that_is_invalid_is_refused(tmp_path, text, message):
    """The error names the file, the table and what is wrong."""
    (tmp_path / "newsgraph.toml").write_text(text)
    with pytest.raises(MappingError, match=r"newsgraph\.toml") as raised:
        load_mapping(tmp_path)
    assert message in str(raised.value)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_mapping_that_is_no_file_is_refused(tmp_path, make):
    """A pipe does not block, and a device does not fill the memory."""
    make(tmp_path / "newsgraph.toml")
    with pytest.raises(MappingError, match="is no regular file"):
        load_mapping(tmp_path)


def test_mapping_has_normal_paths_and_any_line_ends(tmp_path):
    """Also with a byte order mark, as some editors write it."""
    text = "\ufeff[documents]\r\ncollections = ['./_posts/', 'a//b']\r\n"
    (tmp_path / "newsgraph.toml").write_bytes(text.encode())
    mapping = load_mapping(tmp_path)
    assert mapping is not None
    assert mapping.collections == ("_posts", "a/b")


def test_mapping_is_optional(tmp_path):
    """A folder may have no file, or a file with settings alone."""
    assert load_mapping(tmp_path) is None
    (tmp_path / "newsgraph.toml").write_text("port = 8080\n")
    assert load_mapping(tmp_path) is None


def test_load_with_another_mapping_reads_all_files_again(tmp_path):
    """Files did not change, but what they mean has."""
    (tmp_path / "a.md").write_text("---\ntitle: A\ndate: 2026-01-02\n---\n")
    mapping = FieldMapping(
        fields={"publishedDateTime": ("date",)}, provider=DefaultProvider("blog.example")
    )

    async def load() -> list[tuple[int, int]]:
        repository = MemoryRepository()
        reports = [
            await FolderLoader(repository, tmp_path, options(each)).load()
            for each in (None, mapping, mapping, None)
        ]
        return [(report.read, report.articles) for report in reports]

    # A file that became invalid keeps the last valid version of its article.
    assert asyncio.run(load()) == [(1, 0), (1, 1), (0, 1), (1, 1)]


def test_collections_are_the_only_folders_with_documents(tmp_path):
    """Files elsewhere are ignored, and hidden or underscored folders count if they are named."""
    for path in ("_docs/a.md", "src/posts/b.md", "src/c.md", "d.md", "node_modules/x/e.md"):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"---\ntitle: {path}\npublishedDateTime: 2026-01-02\n---\n")
    mapping = FieldMapping(
        provider=DefaultProvider("blog.example"), collections=("_docs", "src/posts")
    )

    async def load() -> set[str]:
        repository = MemoryRepository()
        await FolderLoader(repository, tmp_path, options(mapping)).load()
        return {*(await repository.sources())}

    assert asyncio.run(load()) == {"_docs/a.md", "src/posts/b.md"}
