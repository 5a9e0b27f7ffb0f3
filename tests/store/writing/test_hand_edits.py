"""Hand edits during mutations: never lost, and never blocked."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from store import (
    Batch,
    ConflictError,
    FolderLoader,
    MemoryRepository,
    OutcomeUnknownError,
    StoreUnavailableError,
    Visibility,
)
from store.filesystem import guarded_change as module
from store.filesystem import renames
from store.filesystem.guarded_change import GuardedChange, digest
from store.folder.transaction import FolderTransaction, WriteIntent, recover_writes, save_intent
from store.names import article_id
from tests.stress.hand_edits import SAVE_METHODS, run_edits
from tests.support.sizes import scaled
from tests.support.writer_setup import REQUIRED, WriterSetup, document, path_of

SLUG = "2026-01-02-a-tide"
PATH = path_of(SLUG)
ASIDE, DECIDED = ".newsgraph-writing", ".newsgraph-written"


@pytest.fixture
def setup(tmp_path):
    """A setup with a folder that has one document, by hand."""
    setup = WriterSetup(MemoryRepository(), tmp_path / "folder")
    (tmp_path / "folder").mkdir()
    setup.edit(PATH, document("By hand"))
    setup.load()
    return setup


@pytest.fixture(params=["exchange", "no exchange"])
def system(request, monkeypatch):
    """A system that can exchange two files at once, and one that cannot."""
    if request.param == "no exchange":
        monkeypatch.setattr(renames, "_renameat2", None)


# Edits beside mutations


@pytest.mark.parametrize("method", SAVE_METHODS)
def test_edits_beside_mutations_are_not_lost(method, tmp_path):
    """However an editor saves a text, a mutation is based on it or precedes it."""
    outcome = run_edits(tmp_path, method, scaled(40, long=120), (0.005, 0.03))
    assert outcome.lost == []
    assert set(outcome.statuses) <= {"done", "CONFLICT", "NOT_FOUND", "NO_FRONT_MATTER"}
    assert outcome.statuses["done"]


class Editor:
    """Does something by hand right before each step that a change takes in the file system."""

    def __init__(self, file: Path, plan: list[str]) -> None:
        self.file = file
        self.plan = [*plan]
        self.edits = 0
        self.last: bytes | None = None
        self.is_dead = False

    def before(self, step):
        """The step, with what comes before it."""

        def act(*arguments, **named):
            self.act()
            return step(*arguments, **named)

        return act

    def act(self) -> None:
        """Do the next step of the plan. Raises: Killed."""
        what = self.plan.pop(0) if self.plan else "nothing"
        if what == "kill" and not self.is_dead and self.edits < 2:
            self.is_dead = True
            raise Killed
        if what in ("rename", "write"):
            self.edits += 1
            self.last = b"edit %d" % self.edits
            new = self.file if what == "write" else self.file.with_name(".new")
            new.write_bytes(self.last)
            new.replace(self.file)
        elif what == "remove" and self.file.exists():
            self.edits += 1
            self.last = None
            self.file.unlink()


class Killed(BaseException):
    """The simulated end of the process."""


PLANS = st.lists(
    st.sampled_from(["nothing", "nothing", "nothing", "rename", "write", "remove", "kill"]),
    max_size=24,
)
TEXTS = st.sampled_from([(b"base", b"new"), (None, b"new"), (b"base", None)])


@pytest.mark.parametrize("can_exchange", [True, False])
@settings(max_examples=scaled(80, long=300), deadline=None)
@example((b"base", b"new"), ["nothing"] * 5 + ["rename", "kill"], False, False)
@given(TEXTS, PLANS, st.booleans(), st.booleans())
def test_change_of_a_file_leaves_what_was_edited_meanwhile(can_exchange, texts, plan, ends, alone):
    """Whatever happens between two steps, even the process's end, the last edit is there; without
    one, the file is as it was or as it was to be.
    """
    base, new = texts
    with tempfile.TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        root = Path(place)
        file = root / "a.md"
        if base is not None:
            file.write_bytes(base)
        editor = Editor(file, plan)
        if not can_exchange:
            patch.setattr(renames, "_renameat2", None)
        for name in (
            "exchange",
            "rename_noreplace",
            "file_digest",
            "is_open_for_writing",
            "flush_folder",
        ):
            patch.setattr(module, name, editor.before(getattr(module, name)))
        change = GuardedChange(root, "a.md", digest(new), digest(base), ASIDE if alone else DECIDED)
        left = _changed(change, new, file, ends=ends)
        editor.is_dead = True
        while editor.plan:
            editor.act()
        recover_writes(root)
        found = file.read_bytes() if file.exists() else None
        now = editor.last if editor.edits else {"base": base, "new": new}.get(left, found)
        if left == "killed" and not alone and now == base:
            assert found in (base, new)  # it was committed
        elif left == "base" and new is now is None:
            assert found in (None, base)  # nobody can tell who has removed it
        else:
            assert found == now
        assert editor.edits or found in (base, new)
        assert [path.name for path in root.iterdir() if "newsgraph" in path.name] == []


def _changed(change, new, file, *, ends):
    """Make a change, and end it or undo it; what the file has to say if nobody edits it."""
    try:
        if new is not None:
            change.write_temporary(new, like=file)
        change.apply()
        if ends:
            change.close()
            return "new"
        change.rollback()
    except Killed:
        return "killed"
    except ConflictError:
        pass
    if (file.parent / DECIDED).exists():  # as `FolderTransaction` does
        (file.parent / DECIDED).rename(file.parent / ASIDE)
    return "base"


def test_change_of_a_file_that_a_program_has_open_to_write_is_refused(setup):
    """What is about to be written through an open file is waited for; the mutation is told."""
    with (setup.folder / PATH).open("r+") as opened:
        with pytest.raises(ConflictError, match=f"{PATH} was changed by hand"):
            setup.put({"heat": 1}, slug=SLUG)
        opened.write(document("Written"))
        opened.truncate()
    assert setup.put({"heat": 2}, slug=SLUG).title == "Written"
    assert "title: Written\n" in setup.text(PATH)
    assert "heat: 2\n" in setup.text(PATH)
    assert setup.state() == setup.fresh_state()


class EditedRepository(MemoryRepository):
    """A store during whose `apply` a file is edited."""

    edit: Callable[[], None] | None = None

    async def apply(self, batch):
        """First the edit."""
        edit, self.edit = self.edit, None
        if edit:
            edit()
        return await super().apply(batch)


@pytest.mark.usefixtures("system")
@pytest.mark.parametrize("is_new", [False, True])
@pytest.mark.parametrize("saves", [False, True])
def test_edit_through_a_file_that_was_opened_before_a_mutation_is_undone_is_kept(
    is_new, saves, tmp_path
):
    """A rollback skips a file that a program has open for writing."""
    repository = EditedRepository()
    setup = WriterSetup(repository, tmp_path)
    if not is_new:
        setup.edit(PATH, document("By hand"))
        setup.load()
    opened: list[Any] = []

    def disk_is_full():
        opened.append((tmp_path / PATH).open("r+"))
        raise StoreUnavailableError("The disk is full.")

    repository.edit = disk_is_full
    fields = {**REQUIRED, "title": "By hand", "heat": 1}
    with pytest.raises(OutcomeUnknownError, match=f"{PATH} could not be restored"):
        setup.put(fields if is_new else {"heat": 1}, slug=SLUG)
    with opened[0] as file:
        if saves:
            file.write(document("Saved"))
            file.truncate()
    setup.load()
    assert setup.get(SLUG).title == ("Saved" if saves else "By hand")
    assert [path.name for path in tmp_path.iterdir() if "newsgraph" in path.name] == []
    assert setup.state() == setup.fresh_state()


@pytest.mark.usefixtures("system")
def test_edit_of_one_of_several_documents_keeps_that_of_another(setup):
    """An edit has all files of a change undone, also one that somebody else has open by then."""
    setup.edit("b.md", document("B"))
    change = FolderTransaction(
        setup.folder,
        {PATH: b"new", "b.md": b"new b"},
        {PATH: document("By hand").encode(), "b.md": document("B").encode()},
    )
    change.commit()
    with (setup.folder / "b.md").open("r+") as file:
        change.rollback()
        file.write(document("Saved"))
        file.truncate()
    assert setup.text("b.md") == document("Saved")
    assert setup.text(PATH) == document("By hand")


@pytest.mark.usefixtures("system")
def test_edit_while_the_store_takes_a_mutation_comes_after_it(setup):
    """What a program writes to the former file, opened before, is restored."""
    change = FolderTransaction(setup.folder, {PATH: b"new"}, {PATH: document("By hand").encode()})
    change.commit()
    [aside] = (setup.folder / ".newsgraph-writing").rglob("*.md*")
    aside.write_text(document("Late"))
    change.close()
    assert setup.text(PATH) == document("Late")


@pytest.mark.usefixtures("system")
@pytest.mark.parametrize("kind", ["rename", "write"])
def test_edit_right_after_a_mutation_is_loaded(kind, tmp_path):
    """The state that is remembered is that of the text that the mutation wrote, not the edit's."""
    repository = EditedRepository()
    setup = WriterSetup(repository, tmp_path)
    setup.edit(PATH, document("By hand"))
    setup.load()
    repository.edit = lambda: SAVE_METHODS[kind][1](tmp_path / PATH, document("Edited"))
    setup.put({"heat": 1}, slug=SLUG)
    setup.load()
    assert setup.get(SLUG).title == "Edited"


def test_expected_revision_of_a_file_that_is_edited_meanwhile_is_a_conflict_at_once(setup):
    """With an expected revision an edit is a conflict; without one the write is retried."""
    article = setup.get(SLUG)
    change = FolderTransaction.commit
    made: list[FolderTransaction] = []

    def make(self):
        if len(made) < 2:
            made.append(self)
            setup.edit(PATH, document(f"Edited {len(made)}"))
        change(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FolderTransaction, "commit", make)
        with pytest.raises(ConflictError):
            setup.run(setup.writer.put({"heat": 1}, slug=SLUG, expected_revision=article.revision))
        assert setup.get(SLUG).title == "Edited 1"
        article = setup.put({"heat": 2}, slug=SLUG)
    assert (article.title, article.heat) == ("Edited 2", 2)


@pytest.mark.parametrize("what", ["delete", "import", "rename"])
def test_edit_right_before_any_kind_of_write_is_kept_or_taken_into_account(what, setup):
    """A removal, an import and a put that moves the file look at it, too, and begin again."""
    setup.edit("blog/post.md", document("Moves"))
    setup.edit("b.md", document("B"))
    setup.load()
    path = {"delete": PATH, "import": "b.md", "rename": "blog/post.md"}[what]
    make = FolderTransaction.commit
    edits: list[str] = []

    def edited(self):
        if not edits:
            edits.append(path)
            setup.edit(path, document("By hand" if what != "rename" else "Moves", "x: edited\n"))
        make(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FolderTransaction, "commit", edited)
        if what == "delete":
            setup.delete(article_id(SLUG))
            assert setup.find(SLUG) is None
        elif what == "import":
            setup.import_documents(("b.md", document("B2")), ("c.md", document("C")))
            assert setup.text("b.md") == document("B2")
        else:
            article = setup.put({"title": "Another"}, slug="2026-01-02-moves")
            assert article.metadata == {"x": "edited"}
            assert sorted(setup.files()) == [PATH, "b.md", "blog/2026-01-02-moves.md"]
    assert edits
    assert setup.run(setup.repository.snapshot()).revision >= 5  # the edit has one of its own
    assert setup.state() == setup.fresh_state()


@pytest.mark.parametrize("is_done", [True, False])
def test_edit_after_a_crash_is_not_taken_for_the_write_that_was_interrupted(is_done, setup):
    """Asked for again under its key, a write is done where its text is not what is in the file."""
    text = document("By hand", "heat: 5\n")
    id = article_id(SLUG)
    save_intent(
        setup.folder, WriteIntent({PATH: digest(text.encode())}, {PATH: (id, "name.this.a")})
    )
    setup.edit(PATH, text if is_done else document("Edited"))
    article = setup.put({"heat": 5}, id=id, key="name.this.a")
    assert (article.title, article.heat) == ("By hand" if is_done else "Edited", 5)
    changes = setup.run(setup.repository.current().changes(None, Visibility.ALL)).changes
    assert [change.key for change in changes[1:]] == (["name"] if is_done else [None, "name"])


def test_new_article_never_takes_the_place_of_a_file_that_comes_meanwhile(setup):
    """Where a new document goes, somebody may have made one: theirs is taken, then changed."""
    slug = "2026-01-02-b"
    make = FolderTransaction.commit

    def made_by_hand(self):
        if not (setup.folder / path_of(slug)).exists():
            setup.edit(path_of(slug), document("Theirs", "x: theirs\n"))
        make(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FolderTransaction, "commit", made_by_hand)
        article = setup.put({**REQUIRED, "heat": 1}, slug=slug)
    assert (article.heat, article.metadata) == (1, {"x": "theirs"})
    assert setup.state() == setup.fresh_state()


def test_text_that_is_being_saved_is_a_refusal_with_a_reason(setup):
    """A file that is empty for now is no error of a document, but has to be mended all the same."""
    setup.edit(PATH, "")
    assert setup.refusals(setup.writer.put({"heat": 1}, slug=SLUG)) == [("NO_FRONT_MATTER", ())]


# Files that were moved by hand


@pytest.mark.parametrize("target", [f"archive/2026/{SLUG}.md", f"_news/x/{SLUG}.markdown"])
@pytest.mark.parametrize("what", ["put", "put by id", "delete", "import"])
def test_document_that_was_moved_by_hand_is_changed_where_it_is(what, target, setup):
    """A mutation loads a moved file, and creates no second one."""
    setup.edit("keep.md", document("Keep"))
    setup.load()
    (setup.folder / target).parent.mkdir(parents=True)
    (setup.folder / PATH).rename(setup.folder / target)
    if what == "put":
        assert setup.put({**REQUIRED, "heat": 1}, slug=SLUG).heat == 1
    elif what == "put by id":
        assert setup.put({"heat": 1}, id=article_id(SLUG)).heat == 1
    elif what == "delete":
        setup.delete(article_id(SLUG))
    else:
        work = setup.writer.import_documents([(PATH, document())])
        [refusal] = setup.expect_refusals(work)
        assert (refusal.code, target in refusal.message) == ("DUPLICATE_SLUG", True)
    files = sorted(setup.files())
    assert files == (["keep.md"] if what == "delete" else sorted([target, "keep.md"]))
    assert setup.state() == setup.fresh_state()


def test_folder_that_was_moved_by_hand_takes_its_documents_with_it(setup):
    """All its documents go on at their new paths, not only the one that is asked for."""
    setup.edit("_news/2026-01-02-b.md", document("B"))
    setup.edit("keep.md", document("Keep"))
    setup.load()
    (setup.folder / "_news").rename(setup.folder / "old")
    setup.put({"heat": 1}, slug=SLUG)
    assert setup.state() == setup.fresh_state()
    assert sorted(setup.files()) == ["keep.md", "old/2026-01-02-a-tide.md", "old/2026-01-02-b.md"]


def test_document_that_was_removed_by_hand_is_not_found(setup):
    """A file that is nowhere is gone; where it was the last one, no other article goes with it."""
    setup.edit("keep.md", document("Keep"))
    setup.load()
    for path in (PATH, "keep.md"):
        (setup.folder / path).unlink()
    work = setup.writer.put({"heat": 1}, id=article_id(SLUG))
    assert setup.refusals(work) == [("NOT_FOUND", ("id",))]
    assert setup.find("2026-01-02-keep")


# Folders that are made


def test_new_folders_are_on_the_disk_before_a_write_is_acknowledged(setup, monkeypatch):
    """Each new folder's name is flushed, and the folder with the file in it after the file."""
    flushed: list[str] = []
    flush = os.fsync

    def fsync(handle: int) -> None:
        flushed.append(str(Path(f"/proc/self/fd/{handle}").readlink()))
        flush(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    setup.import_documents(("a/b/c.md", document("C")))
    root = str(setup.folder)
    assert {root, f"{root}/a", f"{root}/a/b"} <= set(flushed)
    assert flushed.index(f"{root}/a") < flushed.index(f"{root}/a/b")


def test_folder_that_vanishes_is_not_made_anew(setup):
    """An unmounted volume gets no new folder at its path."""
    gone = setup.folder.with_name("gone")
    change = FolderTransaction(setup.folder, {"x/a.md": b"new"}, {})
    setup.folder.rename(gone)
    with pytest.raises(OSError, match="No such file"):
        change.commit()
    assert not setup.folder.exists()
    gone.rename(setup.folder)
    setup.put({"heat": 1}, slug=SLUG)


# What a load notices


@pytest.mark.parametrize("method", ["copied over", "written over"])
def test_load_reads_a_file_whose_size_and_time_are_the_same(method, setup):
    """Another text with the times of the one before, as `cp -p` and checkouts leave it, is read."""
    file = setup.folder / PATH
    before = file.stat()
    new = file if method == "written over" else setup.folder / "new.md"
    new.write_text(document("In hand"))
    os.utime(new, ns=(before.st_atime_ns, before.st_mtime_ns))
    new.replace(file)
    assert file.stat().st_mtime_ns == before.st_mtime_ns
    assert file.stat().st_size == before.st_size
    setup.load()
    assert setup.get(SLUG).title == "In hand"


@pytest.mark.parametrize("unknown", [{"ctime_ns": 0, "inode": 0}, {"reader": 0}])
def test_load_reads_files_once_whose_states_an_older_store_did_not_know(tmp_path, unknown):
    """What was written before is opened as it is; an unchanged folder is read that once only."""
    setup = WriterSetup(MemoryRepository(), tmp_path)
    setup.edit(PATH, document("By hand"))
    setup.load()

    async def reads() -> int:
        return (await FolderLoader(setup.repository, tmp_path).load()).read

    async def forget() -> None:
        sources = (await setup.repository.sources()).values()
        olds = [msgspec.structs.replace(source, **unknown) for source in sources]
        await setup.repository.apply(Batch(sources=tuple(olds)))

    assert setup.run(reads()) == 0
    setup.run(forget())
    assert [setup.run(reads()) for _ in range(2)] == [1, 0]
    setup.put({"heat": 1}, slug=SLUG)
    assert setup.run(reads()) == 0
