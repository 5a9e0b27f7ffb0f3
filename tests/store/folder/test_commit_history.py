"""Commit dates of a folder's files: right, bounded, and safe in a repository of a stranger."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from store import DocumentWriter, FolderLoader, LoadOptions, check_folder
from store.documents.diagnostics import DiagnosticCode
from store.documents.field_mapping import FieldMapping
from store.documents.frontmatter import ParseOptions
from store.engines.memory import MemoryRepository
from store.errors import RefusedError
from store.folder import commit_history
from store.folder.commit_history import CommitHistory
from store.model import ProviderMention, Visibility
from store.querying.query import ArticleQuery, Window

pytestmark = pytest.mark.anyio

MAPPING = FieldMapping(
    fields={
        "publishedDateTime": ("date", "file.firstCommit"),
        "updatedDateTime": ("file.lastCommit",),
    }
)
OPTIONS = LoadOptions(parsing=ParseOptions(mapping=MAPPING))
DOCUMENT = "---\ntitle: {title}\nprovider: {{name: A, domain: a.example}}\n---\nText\n"


def git(folder: Path, *arguments: str, date: str = "2020-01-02T03:04:05Z") -> str:
    """Run git in a folder, at a date."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GIT_CONFIG_NOSYSTEM": "1",
        **{f"GIT_{who}_{key}": "a@a.example" for who in ("AUTHOR", "COMMITTER") for key in _WHO},
        "GIT_AUTHOR_DATE": date,
        "GIT_COMMITTER_DATE": date,
    }
    result = subprocess.run(
        ["git", *arguments], cwd=folder, env=environment, check=True, capture_output=True
    )
    return result.stdout.decode()


_WHO = ("NAME", "EMAIL")


def commit(folder: Path, path: str, date: str) -> None:
    """Commit a change of a file at a date."""
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    text = file.read_text() + "More\n" if file.exists() else DOCUMENT.format(title=path)
    file.write_text(text)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "x", date=date)


@pytest.fixture
def repository(tmp_path):
    """An empty git repository."""
    folder = tmp_path / "site"
    folder.mkdir()
    git(folder, "init", "-q")
    return folder


async def _load(folder):
    store = MemoryRepository()
    loader = FolderLoader(store, folder, OPTIONS)
    await loader.load()
    return store, loader


async def _articles(store):
    snapshot = await store.snapshot()
    (page,) = await snapshot.pages([ArticleQuery(Window(first=100))], Visibility.ALL)
    return {
        each.title: tuple(
            date and date.isoformat() for date in (each.published_date_time, each.updated_date_time)
        )
        for each in page.items
    }


async def test_dates_are_those_of_the_first_and_the_last_commit(repository):
    """Also in a folder below the repository's, and with names that git would quote."""
    commit(repository, "posts/ä \t.md", "2020-01-02T03:04:05Z")
    commit(repository, "posts/b.md", "2021-01-02T03:04:05+01:00")
    commit(repository, "posts/ä \t.md", "2022-01-02T03:04:05Z")
    store, _ = await _load(repository / "posts")
    assert await _articles(store) == {
        "posts/ä .md": ("2020-01-02T03:04:05+00:00", "2022-01-02T03:04:05+00:00"),
        "posts/b.md": ("2021-01-02T02:04:05+00:00", "2021-01-02T02:04:05+00:00"),
    }


async def test_next_load_reads_files_that_were_committed_since(repository):
    """A commit changes no file, but its date. A document that is not committed says so."""
    commit(repository, "a.md", "2020-01-02T00:00:00Z")
    (repository / "b.md").write_text(DOCUMENT.format(title="b.md"))
    store, loader = await _load(repository)
    assert {*await _articles(store)} == {"a.md"}
    _, diagnostics = await check_folder(repository, OPTIONS)
    codes = {each.code: each for each in diagnostics}
    assert "never committed" in codes[DiagnosticCode.NO_COMMIT_DATES].message
    assert {*codes} == {DiagnosticCode.NO_COMMIT_DATES, DiagnosticCode.MISSING_DATE}
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "x", date="2021-01-02T00:00:00Z")
    report = await loader.load()
    assert report.read == 1
    assert (await _articles(store))["b.md"][0] == "2021-01-02T00:00:00+00:00"
    assert (await loader.load()).read == 0


async def test_dates_of_the_document_come_first(repository):
    """The order of the sources counts."""
    text = DOCUMENT.format(title="a").replace("title", "date: 2019-01-01\ntitle")
    (repository / "a.md").write_text(text)
    commit(repository, "a.md", "2020-01-02T00:00:00Z")
    store, _ = await _load(repository)
    assert (await _articles(store))["a"][0] == "2019-01-01T00:00:00+00:00"


async def test_mutation_keeps_the_date_of_git(repository):
    """A change of the title keeps the file's name, by which git has its date."""
    commit(repository, "a.md", "2020-01-02T00:00:00Z")
    store, _ = await _load(repository)
    writer = DocumentWriter(store, repository, OPTIONS)
    await writer.put({"excerpt": "Short"}, slug="2020-01-02-amd")
    assert "date" not in (repository / "a.md").read_text().lower()
    await writer.put({"title": "Other"}, slug="2020-01-02-amd")
    assert (await _articles(store))["Other"][0] == "2020-01-02T00:00:00+00:00"
    text = (repository / "a.md").read_text()
    assert 'newsgraphSlug: "2020-01-02-amd"' in text
    assert "date:" not in text


async def test_mutation_creates_articles_where_git_has_no_dates(tmp_path):
    """A new file was never committed, and the folder need not be a repository."""
    store, _ = await _load(tmp_path)
    writer = DocumentWriter(store, tmp_path, OPTIONS)
    provider = ProviderMention(domain="a.example", name="A")
    fields = {"title": "New", "provider": provider}
    date = datetime(2020, 1, 2, tzinfo=UTC)
    await writer.put({**fields, "publishedDateTime": date})
    assert (await _articles(store))["New"][0] == "2020-01-02T00:00:00+00:00"
    with pytest.raises(RefusedError) as refused:
        await writer.put({**fields, "title": "Undated"})
    assert [each.code for each in refused.value.refusals] == [DiagnosticCode.MISSING_DATE]


def _problem(folder):
    return CommitHistory(folder).read().problem


def test_reason_is_named_where_git_has_no_dates(repository, tmp_path, monkeypatch):
    """Outside a repository, without a commit, in a shallow clone, without git."""
    outside = tmp_path / "outside"
    outside.mkdir()
    assert "in no git repository" in _problem(outside)
    assert "no commit" in _problem(repository)
    commit(repository, "a.md", "2020-01-02T00:00:00Z")
    commit(repository, "a.md", "2020-01-03T00:00:00Z")
    assert not _problem(repository)
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{repository}", "shallow")
    assert "shallow" in _problem(tmp_path / "shallow")
    monkeypatch.setenv("PATH", str(outside))
    assert "not installed" in _problem(repository)


async def test_update_that_git_does_not_know_is_a_warning(tmp_path):
    """A document with a date is an article; that its change has no date is said."""
    text = DOCUMENT.format(title="a").replace("title", "date: 2019-01-01\ntitle")
    (tmp_path / "a.md").write_text(text)
    report, (diagnostic,) = await check_folder(tmp_path, OPTIONS)
    assert report.articles == 1
    assert diagnostic.code == DiagnosticCode.NO_COMMIT_DATES
    assert (diagnostic.severity, diagnostic.line) == ("WARNING", 2)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_repository_of_another_user_is_refused(repository):
    """Its configuration is a stranger's. The remedy is git's own."""
    commit(repository, "a.md", "2020-01-02T00:00:00Z")
    for path in (repository, *repository.rglob("*")):
        shutil.chown(path, 12345)
    table = CommitHistory(repository).read()
    assert "another user" in table.problem
    assert f"safe.directory {repository}" in table.remedy


def test_repository_of_a_stranger_runs_nothing(repository, tmp_path):
    """No hook, monitor, pager, signature program, filter, transport or alias of it is run."""
    commit(repository, "a.md", "2020-01-02T00:00:00Z")
    commit(repository, "a.md", "2020-01-03T00:00:00Z")
    mark = tmp_path / "mark"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {mark}\n")
    program.chmod(0o755)
    included = tmp_path / "included"
    included.write_text(f"[core]\n\tfsmonitor = {program}\n\tpager = {program}\n")
    keys = (
        *("core.fsmonitor", "core.pager", "pager.log", "gpg.program", "core.sshCommand"),
        *("diff.external", "diff.x.textconv", "diff.x.command", "filter.x.smudge", "alias.log"),
        *("core.editor", "core.askPass", "credential.helper", "core.gitProxy", "gpg.ssh.program"),
        *("interactive.diffFilter", "uploadpack.packObjectsHook", "core.alternateRefsCommand"),
    )
    for key in keys:
        git(repository, "config", key, f"!{program}" if key == "alias.log" else str(program))
    git(repository, "config", "include.path", str(included))
    git(repository, "config", "log.showSignature", "true")
    git(repository, "config", "log.follow", "true")
    git(repository, "config", "remote.origin.url", f"ext::{program}")
    git(repository, "config", "remote.origin.promisor", "true")
    git(repository, "config", "extensions.partialClone", "origin")
    (repository / ".gitattributes").write_text("* diff=x filter=x\n")
    text = git(repository, "cat-file", "commit", "HEAD")
    head, _, message = text.partition("\n\n")
    signature = "gpgsig -----BEGIN PGP SIGNATURE-----\n \n x\n -----END PGP SIGNATURE-----"
    (tmp_path / "commit").write_text(f"{head}\n{signature}\n\n{message}")
    signed = git(repository, "hash-object", "-t", "commit", "-w", str(tmp_path / "commit")).strip()
    git(repository, "update-ref", "refs/heads/signed", signed)
    (repository / ".git" / "HEAD").write_text("ref: refs/heads/signed\n")
    git(repository, "log")
    assert mark.exists(), "this repository runs programs where git is called as usual"
    mark.unlink()
    hooks = repository / ".git" / "hooks"
    for name in ("post-checkout", "reference-transaction", "post-index-change", "fsmonitor"):
        shutil.copy(program, hooks / name)
    table = CommitHistory(repository).read()
    assert {*table.dates} == {"a.md"}
    tree = git(repository, "rev-parse", "HEAD~1^{tree}").strip()
    (repository / ".git" / "objects" / tree[:2] / tree[2:]).unlink()
    assert "history" in _problem(repository)
    assert not mark.exists()


def test_environment_of_git_does_not_come_from_the_server(repository, tmp_path, monkeypatch):
    """Variables such as GIT_DIR would lead to another repository."""
    commit(repository, "a.md", "2020-01-02T00:00:00Z")
    monkeypatch.setenv("GIT_DIR", str(tmp_path))
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", "false")
    assert {*CommitHistory(repository).read().dates} == {"a.md"}


def test_dates_beyond_the_calendar_are_none(repository):
    """An author chooses the date of a commit."""
    commit(repository, "a.md", "@9999999999999 +0000")
    commit(repository, "b.md", "2020-01-02T00:00:00Z")
    assert {*CommitHistory(repository).read().dates} == {"b.md"}


def test_history_is_read_once_for_a_commit(repository):
    """A refresh asks only which commit is checked out."""
    commit(repository, "a.md", "2020-01-02T00:00:00Z")
    history = CommitHistory(repository)
    table = history.read()
    assert history.read() is table
    commit(repository, "b.md", "2020-01-03T00:00:00Z")
    assert {*history.read().dates} == {"a.md", "b.md"}


def test_pipe_as_head_does_not_hang(repository, monkeypatch):
    """Git waits for a writer that never comes; it is ended."""
    monkeypatch.setattr("store.folder.commit_history._HEAD_TIMEOUT_S", 0.2)
    head = repository / ".git" / "HEAD"
    head.unlink()
    os.mkfifo(head)
    assert "git failed" in _problem(repository)


def test_pipe_as_order_of_files_does_not_hang(repository, tmp_path):
    """`diff.orderFile` is not read: /dev/zero would fill the memory."""
    commit(repository, "a.md", "2020-01-02T03:04:05Z")
    os.mkfifo(tmp_path / "order")
    git(repository, "config", "diff.orderFile", str(tmp_path / "order"))
    assert "a.md" in CommitHistory(repository).read().dates


@pytest.mark.skipif(sys.platform != "linux", reason="other systems cannot limit git's memory")
def test_commit_that_is_a_bomb_does_not_fill_the_memory(repository, tmp_path, monkeypatch):
    """Its message is compressed to a thousandth."""
    monkeypatch.setattr(commit_history, "_MAX_MEMORY_BYTES", 16 << 20)
    commit(repository, "a.md", "2020-01-02T03:04:05Z")
    assert "a.md" in CommitHistory(repository).read().dates
    message = tmp_path / "message"
    message.write_bytes(b"a" * (32 << 20))
    git(repository, "commit", "-q", "--allow-empty", "--cleanup=verbatim", "-F", str(message))
    table = CommitHistory(repository).read()
    assert not table.dates
    assert "git could not read the history" in table.problem
