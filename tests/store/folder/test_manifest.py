"""The manifest: incremental updates equal a full computation."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store import check_folder
from store.collections.persistent_map import PersistentMap
from store.documents.diagnostics import DiagnosticCode, warning
from store.folder import manifest
from store.folder.manifest import ManifestIndex
from store.model import TopicDefinition
from store.repository import SourceFile
from tests.support.sizes import scaled

FOLDERS = ["", "a/", "a/b/", "ab/"]
PATHS = [f"{folder}{name}.md" for folder in FOLDERS for name in "xyz"]
TREE = ["_data/topics/t.yaml", "_data/topics/u.yaml"]
URLS = ["https://p.example/1", "https://p.example/2", "https://p.example/3"]


@st.composite
def files(draw):
    """A path and its source file; None for a removed file."""
    path = draw(st.sampled_from([*PATHS, *PATHS, *TREE]))
    if draw(st.integers(0, 3)) == 0:
        return path, None
    source = {"path": path, "size_bytes": draw(st.integers(0, 1)), "mtime_ns": 0}
    if path in TREE:
        slug = draw(st.sampled_from(["sea", "sky"]))
        parent = draw(st.sampled_from([None, "sea", "nowhere"]))
        topic = TopicDefinition(slug=slug, name=slug.title(), parent=parent)
        return path, SourceFile(**source, slug=slug, topic=topic)
    problems = (warning(path, DiagnosticCode.BAD_URL, "bad"),) if draw(st.booleans()) else ()
    return path, SourceFile(
        **source,
        slug=draw(st.none() | st.sampled_from(["one", "two", "three"])),
        locale=draw(st.sampled_from([None, None, "ja"])),
        topics=tuple(draw(st.lists(st.sampled_from(["Sea", "Sky", "Sun"]), unique=True))),
        url_keys=tuple(draw(st.lists(st.sampled_from(URLS), max_size=2, unique=True))),
        diagnostics=problems,
    )


def below(paths, folder):
    """The paths that are this one or in this folder."""
    return sorted(p for p in paths if not folder or p == folder or p.startswith(f"{folder}/"))


@settings(max_examples=scaled(80, long=300))
@given(st.lists(st.lists(files(), max_size=4).map(dict), max_size=12), st.booleans())
def test_index_is_the_same_whichever_way_it_came(steps, follows):
    """After any changes the index equals one that was built from the manifest."""
    index = ManifestIndex()
    present: dict[str, SourceFile] = {}
    for step in steps:
        present = {path: s for path, s in {**present, **step}.items() if s}
        if follows:
            index.update_to(PersistentMap(dict(present)))
        else:
            index.apply(step)
        assert index.sources == present
        assert index.claims == manifest.find_claims(present)
        assert index.topic_tree == manifest.build_topics(present)
        assert index.diagnostics() == manifest.find_diagnostics(present)
        for folder in ("", "a", "a/b", "ab", "a/x.md", "nowhere"):
            assert sorted(index.paths_below(folder)) == below(present, folder)


FIRST = SourceFile(path="a.md", size_bytes=1, mtime_ns=0, slug="one", url_keys=(URLS[0],))
SECOND = msgspec.structs.replace(FIRST, path="b.md", slug="two")


@pytest.mark.parametrize(
    "after",
    [
        None,
        msgspec.structs.replace(FIRST, url_keys=(URLS[1],)),
        msgspec.structs.replace(FIRST, slug=None, url_keys=()),
        msgspec.structs.replace(SECOND, path="a.md"),
    ],
)
def test_duplicate_url_ends_with_a_change_of_the_other_file(after):
    """An update of one file also updates the diagnostics of a file that shared its URL."""
    index = ManifestIndex()
    index.apply({"a.md": FIRST, "b.md": SECOND})
    assert [problem.path for problem in index.diagnostics()] == ["b.md"]
    index.apply({"a.md": after})
    present = {"b.md": SECOND} if after is None else {"a.md": after, "b.md": SECOND}
    assert index.diagnostics() == manifest.find_diagnostics(present)
    codes = {problem.code for problem in index.diagnostics()}
    assert DiagnosticCode.DUPLICATE_URL not in codes


def test_duplicate_url_has_the_line_of_its_address():
    """Of the several addresses of a file, the one that another file has."""
    second = msgspec.structs.replace(
        SECOND, url_keys=(URLS[1], URLS[0]), lines={"urls.0": 3, "urls.1": 7}
    )
    [problem] = manifest.find_diagnostics({"a.md": FIRST, "b.md": second})
    assert (problem.path, problem.line) == ("b.md", 7)
    assert URLS[0] in problem.message


@pytest.mark.parametrize(
    ("paths", "remedy"),
    [
        (("a.md", "b.mdx"), "such as 2020-01-02-cafe-2.mdx"),
        (("a/2020-01-02-cafe.md", "b/2020-01-02-cafe.md"), "Rename one of the two files"),
    ],
)
def test_remedy_of_a_duplicate_slug_helps(tmp_path, paths, remedy):
    """To rename a file helps only where its name gives the slug, or will give it."""
    for path, title in zip(paths, ("Cafe", "Café"), strict=True):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        keys = "publishedDateTime: 2020-01-02\nprovider: {name: A, domain: a.example}"
        file.write_text(f"---\ntitle: {title}\n{keys}\n---\n")
    report, (diagnostic,) = asyncio.run(check_folder(tmp_path))
    assert (report.articles, diagnostic.code) == (1, DiagnosticCode.DUPLICATE_SLUG)
    assert diagnostic.remedy
    assert remedy in diagnostic.remedy
