"""The folder loader: the repository equals the folder, and no valid version is lost."""

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
from store.documents.frontmatter import ParseOptions
from store.engines.memory import MemoryRepository
from store.errors import StoreError
from store.folder.loader import FolderLoader, LoadOptions, check_folder
from store.model import Severity, Visibility
from store.querying.query import ArticleQuery, LookupKey, Window
from store.repository import Batch
from tests.support.sizes import scaled

EVERYTHING = Window(first=1_000)
TEXT = (
    "---\ntitle: {title}\npublishedDateTime: 2020-06-11\nprovider: {{name: P, domain: p.example}}\n"
)


def document(title="A", more=""):
    """The text of a document."""
    return TEXT.format(title=title) + more + "---\n"


class LoaderSetup:
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
        """Articles by key, topics and diagnostics, as a reader sees them."""
        return asyncio.run(self._state())

    async def _state(self):
        snapshot = await self.repository.snapshot()
        (page,) = await snapshot.pages([ArticleQuery(EVERYTHING)], Visibility.ALL)
        topics = await snapshot.topic_page(EVERYTHING, Visibility.ALL)
        problems = await snapshot.diagnostic_page(EVERYTHING)
        articles = {a.key: msgspec.structs.replace(a, revision=0) for a in page.items}
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
def setup(tmp_path):
    """An empty folder with a repository."""
    folder = tmp_path / "folder"
    folder.mkdir()
    return LoaderSetup(folder)


def test_load_takes_documents_and_reports(setup):
    """The report counts the loaded articles and their diagnostics."""
    setup.write("a.md", document("A"))
    setup.write("b.md", document("B", "heat: x\n"))
    setup.write("c.md", "---\n---\n")
    report = setup.load()
    assert (report.articles, report.read, report.unchanged, report.removed) == (2, 3, 0, 0)
    assert report.diagnostics == {Severity.WARNING: 1, Severity.ERROR: 3}
    assert report.revision == 2
    assert setup.titles() == ["A", "B"]


def test_load_reads_again_only_what_changed(setup):
    """A second load reads nothing and leaves the revision; a changed file alone is read."""
    setup.write("a.md", document("A"))
    setup.write("b.md", document("B"))
    revision = setup.load().revision
    report = setup.load()
    assert (report.read, report.unchanged, report.revision) == (0, 2, revision)
    setup.write("b.md", document("B2"))
    report = setup.load()
    assert (report.read, report.unchanged, report.revision) == (1, 1, revision + 2)
    assert setup.titles() == ["A", "B2"]


def test_load_removes_what_disappeared(setup):
    """A deleted file deletes its article."""
    setup.write("a.md", document("A"))
    setup.write("b.md", document("B"))
    setup.load()
    (setup.folder / "a.md").unlink()
    assert setup.load().removed == 1
    assert setup.titles() == ["B"]


@pytest.mark.parametrize("broken", ["---\ntitle: [\n---\n", "no front matter", "---\ntitle: x\n"])
def test_load_keeps_the_last_good_version(setup, broken):
    """A file that becomes invalid keeps its article until it is valid again."""
    setup.write("2020-06-11-a.md", document("Good"))
    setup.load()
    setup.write("2020-06-11-a.md", broken)
    setup.load()
    assert setup.titles() == ["Good"]
    assert [d.severity for d in setup.state()[2]] == [Severity.ERROR]
    setup.load()
    assert setup.titles() == ["Good"]
    setup.write("2020-06-11-a.md", document("Better"))
    setup.load()
    assert (setup.titles(), setup.problems()) == (["Better"], [])


def test_load_makes_drafts_of_what_an_older_version_published(setup):
    """A store that holds a draft as published is corrected by the next load of the same files."""
    setup.write("a.md", document("A", "draft: true\n"))
    setup.load()

    async def publish():
        snapshot = await setup.repository.snapshot()
        (page,) = await snapshot.pages([ArticleQuery(EVERYTHING)], Visibility.ALL)
        puts = tuple(msgspec.structs.replace(a, published=True) for a in page.items)
        sources = (await setup.repository.sources()).values()
        olds = tuple(msgspec.structs.replace(source, reader=0) for source in sources)
        await setup.repository.apply(Batch(puts=puts, sources=olds))

    asyncio.run(publish())
    assert [a.published for a in setup.state()[0].values()] == [True]
    setup.load()
    assert [a.published for a in setup.state()[0].values()] == [False]


def test_load_lets_a_good_file_take_a_slug_from_a_broken_one(setup):
    """A last valid version loses its slug to the first file by path; no duplicate is reported."""
    setup.write("b/2020-06-11-x.md", document("Old"))
    setup.load()
    setup.write("b/2020-06-11-x.md", "---\n[\n---\n")
    setup.write("a/2020-06-11-x.md", document("New"))
    setup.load()
    assert setup.titles() == ["New"]
    assert [(path, code) for path, code, _ in setup.problems()] == [
        ("b/2020-06-11-x.md", DiagnosticCode.UNREADABLE_YAML)
    ]


def test_load_keeps_what_is_in_a_folder_that_cannot_be_listed(unprivileged):
    """Losing the right to a folder deletes none of its articles."""
    setup = LoaderSetup(unprivileged)
    setup.write("a/1.md", document("A"))
    setup.write("b.md", document("B"))
    setup.load()
    (setup.folder / "a").chmod(0)
    setup.load()
    assert setup.titles() == ["A", "B"]
    assert setup.problems() == [("a", DiagnosticCode.UNREADABLE_FILE, None)]
    (setup.folder / "a").chmod(0o755)
    setup.load()
    assert (setup.titles(), setup.problems()) == (["A", "B"], [])


def test_load_gives_a_slug_to_the_first_path(setup):
    """Of two files with one slug the first wins; the other has an error that names both."""
    setup.write("b/2020-06-11-x.md", document("Second"))
    setup.write("a/2020-06-11-x.md", document("First"))
    setup.load()
    assert setup.titles() == ["First"]
    assert setup.problems() == [("b/2020-06-11-x.md", DiagnosticCode.DUPLICATE_SLUG, 2)]
    (problem,) = setup.state()[2]
    assert "a/2020-06-11-x.md" in problem.message
    (setup.folder / "a/2020-06-11-x.md").unlink()
    setup.load()
    assert (setup.titles(), setup.problems()) == (["Second"], [])


def test_load_passes_a_slug_over_a_broken_heir(setup):
    """When the winner goes and the next claimant has become unreadable, the one after it wins."""
    for name in "abc":
        setup.write(f"{name}/2020-06-11-x.md", document(name))
    setup.load()
    (setup.folder / "a/2020-06-11-x.md").unlink()
    setup.write("b/2020-06-11-x.md", "---\n[\n---\n")
    setup.load()
    assert setup.titles() == ["c"]


def test_load_tells_of_shared_addresses(setup):
    """Two documents with one address are both kept, and the later one is warned about."""
    setup.write("a.md", document("A", "webUrl: https://p.example/x?utm_source=y\n"))
    setup.write("b.md", document("B", "webUrl: https://P.example/x\n"))
    setup.load()
    assert setup.titles() == ["A", "B"]
    assert setup.problems() == [("b.md", DiagnosticCode.DUPLICATE_URL, 5)]


def test_load_tells_of_topics_that_the_tree_lacks(setup):
    """Where there is a tree, a topic outside of it is a warning on its line."""
    setup.write("a.md", document("A", "topics:\n  - Rivers\n  - Lakes\n"))
    setup.load()
    assert setup.problems() == []
    setup.write("_data/topics/1.yaml", "name: Rivers\n")
    setup.load()
    assert setup.problems() == [("a.md", DiagnosticCode.UNKNOWN_TOPIC, 7)]


def test_load_joins_articles_to_a_topic_by_its_name_or_its_slug(setup):
    """Both are known to the tree; it is one topic, and follows the file that defines it."""
    setup.write("a.md", document("A", "topics: [Marine Biology]\n"))
    setup.write("b.md", document("B", "topics: [sea]\n"))
    setup.write("_data/topics/1.yaml", "_id: sea\nname: Marine biology\n")
    setup.load()
    assert setup.problems() == []
    assert topic_counts(setup) == {"sea": 2}
    setup.write("_data/topics/1.yaml", "_id: sea\nname: Oceans\n")
    setup.refresh("_data/topics/1.yaml")
    assert setup.problems() == [("a.md", DiagnosticCode.UNKNOWN_TOPIC, 5)]
    assert topic_counts(setup) == {"marine-biology": 1, "sea": 1}


def topic_counts(setup):
    """How many articles each topic has, by slug."""
    return {topic.slug: topic.article_count for topic in setup.state()[1]}


def test_load_keeps_the_last_good_topic(setup):
    """A topic file that cannot be read keeps what it said before."""
    setup.write("_data/topics/1.yaml", "name: Rivers\nkeywords: [water]\n")
    setup.load()
    before = setup.state()[1]
    setup.write("_data/topics/1.yaml", "name: [\n")
    setup.load()
    assert setup.state()[1] == before != ()
    assert [code for _, code, _ in setup.problems()] == [DiagnosticCode.UNREADABLE_YAML]


def test_load_refuses_another_folder(setup, tmp_path):
    """A folder with none of the loaded files is refused, so that a mistake deletes nothing."""
    setup.write("a.md", document("A"))
    setup.load()
    (tmp_path / "other").mkdir()
    other = LoaderSetup(tmp_path / "other", setup.repository)
    with pytest.raises(StoreError, match="--prune"):
        other.load()
    assert setup.titles() == ["A"]
    assert other.load(prune=True).removed == 1
    assert setup.titles() == []


def test_load_says_that_a_folder_is_missing(tmp_path):
    """A missing folder is a StoreError with its path."""
    with pytest.raises(StoreError, match="nowhere"):
        LoaderSetup(tmp_path / "nowhere").load()
    with pytest.raises(StoreError, match="nowhere"):
        LoaderSetup(tmp_path / "nowhere").refresh("a.md")


def test_load_reads_again_when_the_limit_is_raised(setup):
    """A file that was too large is loaded after the limit was raised."""
    setup.write("a.md", document("A"))
    setup.load(parsing=ParseOptions(max_size_bytes=10))
    assert setup.problems() == [("a.md", DiagnosticCode.FILE_TOO_LARGE, None)]
    setup.load()
    assert (setup.titles(), setup.problems()) == (["A"], [])


def test_load_reads_many_files_on_all_cores(setup):
    """A large folder gives the same articles, and progress reaches its end."""
    titles = [f"Title {i:03}" for i in range(350)]
    for i, title in enumerate(titles):
        setup.write(f"{i}.md", document(title))
    seen = []
    report = setup.load(lambda done, total: seen.append((done, total)))
    assert (report.articles, report.read) == (350, 350)
    assert setup.titles() == titles
    assert seen == sorted(seen)
    assert seen[-1] == (350, 350)


def test_check_folder_loads_nothing_and_tells_all(setup):
    """Checking gives the diagnostics by path and line."""
    setup.write("b.md", document("B", "heat: x\nquality: x\n"))
    setup.write("a.md", "---\ntitle: A\n---\n")
    report, problems = asyncio.run(check_folder(setup.folder))
    assert report.articles == 1
    places = [(d.path, d.line) for d in problems]
    assert places == [("a.md", 2), ("a.md", 2), ("b.md", 5), ("b.md", 6)]


def test_refresh_follows_folders(setup):
    """A folder that moved is followed, from its old name to its new one."""
    setup.write("a/1.md", document("A"))
    setup.write("b.md", document("B"))
    setup.load()
    (setup.folder / "a").rename(setup.folder / "c")
    report = setup.refresh("a", "c")
    assert (report.removed, report.articles) == (1, 2)
    assert setup.titles() == ["A", "B"]


PATHS = ["1.md", "2.md", "x/2020-06-11-s.md", "ja/2020-06-11-s.md", "y/3.md"]
TREE = ["_data/topics/t.yaml", "_data/topics/u.yaml"]
TEXTS = [
    document("A"),
    document("B", "webUrl: https://p.example/\n"),
    document("C", "webUrl: https://p.example/#c\ntopics: [T, U]\n"),
    document("D", "heat: x\npublished: false\n"),
    document("E", "locale: ja\n"),
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
        setup = LoaderSetup(Path(folder))
        for path, text in steps:
            if text is None:
                (setup.folder / path).unlink(missing_ok=True)
            else:
                setup.write(path, text)
            setup.refresh(path)
        fresh = LoaderSetup(setup.folder)
        fresh.load()
        assert setup.state() == fresh.state()


@settings(max_examples=scaled(15, long=40))
@given(
    st.lists(st.tuples(st.sampled_from(PATHS), st.sampled_from([*TEXTS, "broken"])), max_size=12)
)
def test_refresh_gives_the_state_of_a_load_with_the_same_past(steps):
    """Refreshing and loading agree step by step, last good versions included."""
    with tempfile.TemporaryDirectory() as folder:
        one = LoaderSetup(Path(folder))
        two = LoaderSetup(Path(folder))
        for path, text in steps:
            if text is None:
                (one.folder / path).unlink(missing_ok=True)
            else:
                one.write(path, text)
            one.refresh(path)
            two.load(prune=True)
            assert one.state() == two.state()


def test_load_survives_a_folder_that_is_emptied_between(setup):
    """Deleting a folder of documents deletes theirs only."""
    setup.write("a/1.md", document("A"))
    setup.write("b.md", document("B"))
    setup.load()
    shutil.rmtree(setup.folder / "a")
    setup.refresh("a")
    assert setup.titles() == ["B"]


def test_files_read_by_former_rules_are_read_again(setup):
    """A store of an earlier release gets the present slugs and topics; look-ups by the old ones
    still find; what mutations have changed in the store alone stays.
    """
    setup.write("a.md", document("Łódź", "topics: [AI, 中国 AI]\n"))
    setup.write("b.md", document("Kraków"))
    setup.write("c.md", document("Detached"))
    setup.load()
    former = _apply_former_rules(setup.repository)
    report = setup.load()
    assert (report.read, report.unchanged, report.articles) == (2, 1, 3)
    assert setup.load().read == 0
    articles, topics, _ = setup.state()
    assert sorted(articles) == ["2020-06-11-detached", "2020-06-11-krakow", LODZ]
    assert {topic.name for topic in topics} == {"AI", "中国 AI"}
    snapshot = setup.repository.current()
    [found] = asyncio.run(snapshot.get_many(LookupKey.SLUG, [former], Visibility.ALL))
    assert found
    assert found.slug == LODZ


LODZ = "2020-06-11-lodz-4a1ba79c"


def _apply_former_rules(repository):
    """Make the store what an earlier release would have made of the folder."""
    (article,) = asyncio.run(repository.current().get_many(LookupKey.SLUG, [LODZ], Visibility.ALL))
    old = msgspec.structs.replace(article, slug="2020-06-11-odz", id="", topics=("AI",))
    sources = asyncio.run(repository.sources())
    changes = {"a.md": {"slug": old.slug, "topics": old.topics}, "c.md": {"detached": True}}
    former = [
        msgspec.structs.replace(source, reader=0, **changes.get(path, {}))
        for path, source in sources.items()
    ]
    batch = Batch(puts=(old,), deletes=(article.id,), sources=tuple(former))
    asyncio.run(repository.apply(batch))
    return old.slug
