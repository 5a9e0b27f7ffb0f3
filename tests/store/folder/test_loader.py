"""A folder and its repository stay alike, and nothing good is lost on the way."""

import asyncio
import os
import shutil
import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.documents.diagnostics import DiagnosticCode
from store.documents.frontmatter import ParseLimits
from store.engines.memory import MemoryRepository
from store.errors import StoreError
from store.folder.loader import FolderLoader, LoadOptions, check_folder
from store.model import Severity, Visibility
from store.querying.query import ArticleQuery, Window
from tests.support.sizes import scaled

EVERYTHING = Window(first=1_000)
TEXT = (
    "---\ntitle: {title}\npublishedDateTime: 2020-06-11\nprovider: {{name: P, domain: p.example}}\n"
)


def document(title="A", more=""):
    """The text of a document."""
    return TEXT.format(title=title) + more + "---\n"


class Desk:
    """A folder, a repository and the loader between them."""

    def __init__(self, folder, repository=None):
        self.folder = folder
        self.repository = repository or MemoryRepository()
        self.clock = 1

    def write(self, path, text):
        """Write a file, with a time that no earlier version had."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        self.clock += 1
        os.utime(file, ns=(self.clock, self.clock))

    def load(self, progress=None, **options):
        """Load the folder."""
        loader = FolderLoader(self.repository, self.folder, LoadOptions(**options))
        return asyncio.run(loader.load(progress))

    def refresh(self, *paths):
        """Load some paths."""
        return asyncio.run(FolderLoader(self.repository, self.folder).refresh(paths))

    def state(self):
        """Articles by slug, topics and diagnostics, as a reader sees them."""
        return asyncio.run(self._state())

    async def _state(self):
        snapshot = await self.repository.snapshot()
        (page,) = await snapshot.pages([ArticleQuery(EVERYTHING)], Visibility.ALL)
        topics = await snapshot.topic_page(EVERYTHING, Visibility.ALL)
        problems = await snapshot.diagnostic_page(EVERYTHING)
        articles = {a.slug: msgspec.structs.replace(a, revision=0) for a in page.items}
        return articles, tuple(topics.items), tuple(problems.items)

    def titles(self):
        """The titles of all articles."""
        return sorted(article.title for article in self.state()[0].values())

    def problems(self):
        """Path, code and line of all diagnostics."""
        return [(d.path, d.code, d.line) for d in self.state()[2]]


@pytest.fixture
def unprivileged():
    """A folder of a user whom permissions bind, which they do not bind root."""
    with tempfile.TemporaryDirectory() as folder:
        if os.geteuid():
            yield Path(folder)
            return
        Path(folder).chmod(0o777)
        os.seteuid(65_534)
        try:
            yield Path(folder)
        finally:
            os.seteuid(0)


@pytest.fixture
def desk(tmp_path):
    """An empty folder with a repository."""
    folder = tmp_path / "folder"
    folder.mkdir()
    return Desk(folder)


def test_load_takes_documents_and_reports(desk):
    """What was loaded and what was wrong with it is in the report."""
    desk.write("a.md", document("A"))
    desk.write("b.md", document("B", "heat: x\n"))
    desk.write("c.md", "---\n---\n")
    report = desk.load()
    assert (report.articles, report.read, report.unchanged, report.removed) == (2, 3, 0, 0)
    assert report.diagnostics == {Severity.WARNING: 1, Severity.ERROR: 3}
    assert report.revision == 2
    assert desk.titles() == ["A", "B"]


def test_load_reads_again_only_what_changed(desk):
    """A second load reads nothing and leaves the revision; a changed file alone is read."""
    desk.write("a.md", document("A"))
    desk.write("b.md", document("B"))
    revision = desk.load().revision
    report = desk.load()
    assert (report.read, report.unchanged, report.revision) == (0, 2, revision)
    desk.write("b.md", document("B2"))
    report = desk.load()
    assert (report.read, report.unchanged, report.revision) == (1, 1, revision + 2)
    assert desk.titles() == ["A", "B2"]


def test_load_removes_what_disappeared(desk):
    """A deleted file deletes its article."""
    desk.write("a.md", document("A"))
    desk.write("b.md", document("B"))
    desk.load()
    (desk.folder / "a.md").unlink()
    assert desk.load().removed == 1
    assert desk.titles() == ["B"]


@pytest.mark.parametrize("broken", ["---\ntitle: [\n---\n", "no front matter", "---\ntitle: x\n"])
def test_load_keeps_the_last_good_version(desk, broken):
    """A file that no longer holds a document keeps its article until it is good again."""
    desk.write("2020-06-11-a.md", document("Good"))
    desk.load()
    desk.write("2020-06-11-a.md", broken)
    desk.load()
    assert desk.titles() == ["Good"]
    assert desk.problems()
    desk.load()
    assert desk.titles() == ["Good"]
    desk.write("2020-06-11-a.md", document("Better"))
    desk.load()
    assert (desk.titles(), desk.problems()) == (["Better"], [])


def test_load_lets_a_good_file_take_a_slug_from_a_broken_one(desk):
    """A last good version gives way to a file that comes first; no duplicate is reported."""
    desk.write("b/2020-06-11-x.md", document("Old"))
    desk.load()
    desk.write("b/2020-06-11-x.md", "---\n[\n---\n")
    desk.write("a/2020-06-11-x.md", document("New"))
    desk.load()
    assert desk.titles() == ["New"]
    assert [(path, code) for path, code, _ in desk.problems()] == [
        ("b/2020-06-11-x.md", DiagnosticCode.UNREADABLE_YAML)
    ]


def test_load_keeps_what_is_in_a_folder_that_cannot_be_listed(unprivileged):
    """Losing the right to a folder deletes none of its articles."""
    desk = Desk(unprivileged)
    desk.write("a/1.md", document("A"))
    desk.write("b.md", document("B"))
    desk.load()
    (desk.folder / "a").chmod(0)
    desk.load()
    assert desk.titles() == ["A", "B"]
    assert desk.problems() == [("a", DiagnosticCode.UNREADABLE_FILE, None)]
    (desk.folder / "a").chmod(0o755)
    desk.load()
    assert (desk.titles(), desk.problems()) == (["A", "B"], [])


def test_load_gives_a_slug_to_the_first_path(desk):
    """Of two files with one slug the first counts; the other is an error that names both."""
    desk.write("b/2020-06-11-x.md", document("Second"))
    desk.write("a/2020-06-11-x.md", document("First"))
    desk.load()
    assert desk.titles() == ["First"]
    assert desk.problems() == [("b/2020-06-11-x.md", DiagnosticCode.DUPLICATE_SLUG, 2)]
    (problem,) = desk.state()[2]
    assert "a/2020-06-11-x.md" in problem.message
    (desk.folder / "a/2020-06-11-x.md").unlink()
    desk.load()
    assert (desk.titles(), desk.problems()) == (["Second"], [])


def test_load_passes_a_slug_over_a_broken_heir(desk):
    """When the winner goes and the next claimant has become unreadable, the one after it wins."""
    for name in "abc":
        desk.write(f"{name}/2020-06-11-x.md", document(name))
    desk.load()
    (desk.folder / "a/2020-06-11-x.md").unlink()
    desk.write("b/2020-06-11-x.md", "---\n[\n---\n")
    desk.load()
    assert desk.titles() == ["c"]


def test_load_tells_of_shared_addresses(desk):
    """Two documents with one address are both kept, and the later one is warned about."""
    desk.write("a.md", document("A", "webUrl: https://p.example/x?utm_source=y\n"))
    desk.write("b.md", document("B", "webUrl: https://P.example/x\n"))
    desk.load()
    assert desk.titles() == ["A", "B"]
    assert desk.problems() == [("b.md", DiagnosticCode.DUPLICATE_URL, 5)]


def test_load_tells_of_topics_that_the_tree_lacks(desk):
    """Where there is a tree, a topic outside of it is a warning on its line."""
    desk.write("a.md", document("A", "topics:\n  - Rivers\n  - Lakes\n"))
    desk.load()
    assert desk.problems() == []
    desk.write("_data/topics/1.yaml", "name: Rivers\n")
    desk.load()
    assert desk.problems() == [("a.md", DiagnosticCode.UNKNOWN_TOPIC, 7)]


def test_load_joins_articles_to_a_topic_by_its_name_or_its_slug(desk):
    """Both are known to the tree; it is one topic, and follows the file that defines it."""
    desk.write("a.md", document("A", "topics: [Marine Biology]\n"))
    desk.write("b.md", document("B", "topics: [sea]\n"))
    desk.write("_data/topics/1.yaml", "_id: sea\nname: Marine biology\n")
    desk.load()
    assert desk.problems() == []
    assert topic_counts(desk) == {"sea": 2}
    desk.write("_data/topics/1.yaml", "_id: sea\nname: Oceans\n")
    desk.refresh("_data/topics/1.yaml")
    assert desk.problems() == [("a.md", DiagnosticCode.UNKNOWN_TOPIC, 5)]
    assert topic_counts(desk) == {"marine-biology": 1, "sea": 1}


def topic_counts(desk):
    """How many articles each topic has, by slug."""
    return {topic.slug: topic.article_count for topic in desk.state()[1]}


def test_load_keeps_the_last_good_topic(desk):
    """A topic file that cannot be read keeps what it said before."""
    desk.write("_data/topics/1.yaml", "name: Rivers\nkeywords: [water]\n")
    desk.load()
    before = desk.state()[1]
    desk.write("_data/topics/1.yaml", "name: [\n")
    desk.load()
    assert desk.state()[1] == before != ()
    assert [code for _, code, _ in desk.problems()] == [DiagnosticCode.UNREADABLE_YAML]


def test_load_refuses_another_folder(desk, tmp_path):
    """A folder with none of the known files is refused, so that a slip deletes nothing."""
    desk.write("a.md", document("A"))
    desk.load()
    (tmp_path / "other").mkdir()
    other = Desk(tmp_path / "other", desk.repository)
    with pytest.raises(StoreError, match="--prune"):
        other.load()
    assert desk.titles() == ["A"]
    assert other.load(prune=True).removed == 1
    assert desk.titles() == []


def test_load_says_that_a_folder_is_missing(tmp_path):
    """A folder that is not there is a StoreError with its path."""
    with pytest.raises(StoreError, match="nowhere"):
        Desk(tmp_path / "nowhere").load()
    with pytest.raises(StoreError, match="nowhere"):
        Desk(tmp_path / "nowhere").refresh("a.md")


def test_load_reads_again_when_the_limit_is_raised(desk):
    """A file that was too large is taken once the limit allows it, though it did not change."""
    desk.write("a.md", document("A"))
    desk.load(limits=ParseLimits(max_size_bytes=10))
    assert desk.problems() == [("a.md", DiagnosticCode.FILE_TOO_LARGE, None)]
    desk.load()
    assert (desk.titles(), desk.problems()) == (["A"], [])


def test_load_reads_many_files_on_all_cores(desk):
    """A large folder gives the same articles, and progress reaches its end."""
    titles = [f"Title {i:03}" for i in range(350)]
    for i, title in enumerate(titles):
        desk.write(f"{i}.md", document(title))
    seen = []
    report = desk.load(lambda done, total: seen.append((done, total)))
    assert (report.articles, report.read) == (350, 350)
    assert desk.titles() == titles
    assert seen == sorted(seen)
    assert seen[-1] == (350, 350)


def test_check_folder_loads_nothing_and_tells_all(desk):
    """Checking gives the diagnostics by path and line."""
    desk.write("b.md", document("B", "heat: x\nquality: x\n"))
    desk.write("a.md", "---\ntitle: A\n---\n")
    report, problems = asyncio.run(check_folder(desk.folder))
    assert report.articles == 1
    places = [(d.path, d.line) for d in problems]
    assert places == [("a.md", 2), ("a.md", 2), ("b.md", 5), ("b.md", 6)]


def test_refresh_follows_folders(desk):
    """A folder that moved is followed, from its old name to its new one."""
    desk.write("a/1.md", document("A"))
    desk.write("b.md", document("B"))
    desk.load()
    (desk.folder / "a").rename(desk.folder / "c")
    report = desk.refresh("a", "c")
    assert (report.removed, report.articles) == (1, 2)
    assert desk.titles() == ["A", "B"]


PATHS = ["1.md", "2.md", "x/2020-06-11-s.md", "y/2020-06-11-s.md", "y/3.md"]
TREE = ["_data/topics/t.yaml", "_data/topics/u.yaml"]
TEXTS = [
    document("A"),
    document("B", "webUrl: https://p.example/\n"),
    document("C", "webUrl: https://p.example/#c\ntopics: [T, U]\n"),
    document("D", "heat: x\npublished: false\n"),
    None,
]
TOPICS = ["name: T\n", "name: U\nparent: T\n", "name: T\nparent: U\n", "x: 1\n", None]
STEPS = st.lists(
    st.tuples(st.sampled_from(PATHS), st.sampled_from(TEXTS))
    | st.tuples(st.sampled_from(TREE), st.sampled_from([*TOPICS[:3], None])),
    max_size=12,
)


@settings(max_examples=scaled(20, long=60))
@given(STEPS)
def test_refresh_gives_the_state_of_a_fresh_load(steps):
    """After any changes, refreshing the changed paths equals loading all from scratch."""
    with tempfile.TemporaryDirectory() as folder:
        desk = Desk(Path(folder))
        for path, text in steps:
            if text is None:
                (desk.folder / path).unlink(missing_ok=True)
            else:
                desk.write(path, text)
            desk.refresh(path)
        fresh = Desk(desk.folder)
        fresh.load()
        assert desk.state() == fresh.state()


@settings(max_examples=scaled(15, long=40))
@given(
    st.lists(st.tuples(st.sampled_from(PATHS), st.sampled_from([*TEXTS, "broken"])), max_size=12)
)
def test_refresh_gives_the_state_of_a_load_with_the_same_past(steps):
    """Refreshing and loading agree step by step, last good versions included."""
    with tempfile.TemporaryDirectory() as folder:
        one = Desk(Path(folder))
        two = Desk(Path(folder))
        for path, text in steps:
            if text is None:
                (one.folder / path).unlink(missing_ok=True)
            else:
                one.write(path, text)
            one.refresh(path)
            two.load(prune=True)
            assert one.state() == two.state()


def test_load_survives_a_folder_that_is_emptied_between(desk):
    """Deleting a folder of documents deletes theirs only."""
    desk.write("a/1.md", document("A"))
    desk.write("b.md", document("B"))
    desk.load()
    shutil.rmtree(desk.folder / "a")
    desk.refresh("a")
    assert desk.titles() == ["B"]
