"""Scanner: lists a folder's documents and the files that cannot be read."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from store.concurrency.cooperative import sort_in_blocks
from store.documents.diagnostics import DiagnosticCode, error, warning
from store.documents.missing_front_matter import DOCUMENT_FOLDERS
from store.documents.topic_reader import TOPICS_FOLDER, is_topic_path
from store.errors import system_remedy
from store.filesystem.file_state import FileState
from store.model import Diagnostic

EXTENSIONS = (".md", ".markdown", ".mdx", ".qmd", ".adoc", ".html", ".txt", ".yaml", ".yml")
NEVER_SCANNED = frozenset(("node_modules",))
"""Folders that hold the files of programs only."""

_TEMPORARY = re.compile(r"~\$.*|#.*#|.*~|.*\.tmp\.[^.]+", re.IGNORECASE | re.DOTALL)
_DATA_FOLDER = TOPICS_FOLDER.split("/", maxsplit=1)[0]


class ScannedFile(msgspec.Struct, frozen=True):
    """A file of the folder.

    Attributes:
        path: Relative to the folder, with slashes.
        state: Its state on the disk.
        problem: Why the file, or everything below it, cannot be read.
    """

    path: str
    state: FileState = FileState()
    problem: Diagnostic | None = None


class Scanner:
    """Lists the documents of one folder. Opens no file and follows no link out of the folder.

    It skips hidden files and folders, temporary files of editors (`x.tmp.md`) and `node_modules`.
    Folders that start with an underscore are skipped, but for `_news`, `_posts` and `_data/topics`.
    Names in `include` are not skipped. With `collections`, only their folders and `_data/topics`
    are listed.

    Attributes:
        root: The folder's real path.
    """

    def __init__(
        self,
        folder: Path,
        include: frozenset[str] = frozenset(),
        collections: Sequence[str] = (),
    ) -> None:
        self._folder = folder
        self._collections = tuple(each.strip("/") for each in collections)
        self.root = os.path.realpath(folder)
        self._include = include

    def scan(self) -> list[ScannedFile]:
        """List all files, sorted by path. Raises: OSError: the folder itself cannot be listed."""
        self.root = os.path.realpath(self._folder)  # a link may lead elsewhere by now
        with os.scandir(self.root):
            pass
        return sort_in_blocks(self._scan_folder(""), key=lambda files: files.path)

    def scan_paths(self, paths: Iterable[str]) -> list[ScannedFile]:
        """List the files of a scan that are one of these paths or below one, sorted by path."""
        files = {f.path: f for path in paths for f in self._scan_path(path)}
        return [files[path] for path in sorted(files)]

    def may_hold_documents(self, path: str) -> bool:
        """Whether a path has a document's extension, or is a folder or a link."""
        whole = Path(self.root, path)
        return path.lower().endswith(EXTENSIONS) or whole.is_dir() or whole.is_symlink()

    def ignores(self, path: str) -> bool:
        """Whether the path is skipped because of its name or a parent's name."""
        parts = path.split("/")
        if _TEMPORARY.fullmatch(parts[-1]):
            return True
        above = ["/".join(parts[:i]) for i in range(len(parts))]
        return not (
            all(map(self._is_included, above, parts))
            and all(self._is_included_folder(folder) for folder in above[1:])
        )

    def _scan_path(self, path: str) -> Iterator[ScannedFile]:
        parts = path.split("/")
        for i, name in enumerate(parts):
            parent = "/".join(parts[:i])
            if parent and not self._is_folder(parent):
                return
            if not self._is_included(parent, name) or name in ("", "..", "."):
                return
        folders: list[str] = []
        yield from self._scan_entry(path, folders)
        for folder in folders:
            yield from self._scan_folder(folder)

    def _is_folder(self, path: str) -> bool:
        try:
            mode = os.lstat(f"{self.root}/{path}").st_mode
        except OSError:
            return False
        return stat.S_ISDIR(mode) and self._is_included_folder(path)

    def _scan_folder(self, folder: str) -> Iterator[ScannedFile]:
        """List the files below a folder. In a loop: folders may be nested a thousand times."""
        waiting = [folder]
        while waiting:
            yield from self._list_folder(waiting.pop(), waiting)

    def _list_folder(self, folder: str, waiting: list[str]) -> Iterator[ScannedFile]:
        """List the files of a folder; the folders in it are added to `waiting`."""
        try:
            with os.scandir(f"{self.root}/{folder}") as entries:
                names = [entry.name for entry in entries]
        except FileNotFoundError:
            return
        except OSError as e:
            yield ScannedFile(folder, problem=_unreadable_file(_printable(folder), e))
            return
        for name in names:
            if self._is_included(folder, name):
                yield from self._scan_entry(f"{folder}/{name}" if folder else name, waiting)

    def _scan_entry(self, path: str, waiting: list[str]) -> Iterator[ScannedFile]:
        """List the file at a path; a folder is added to `waiting`."""
        try:
            status = os.lstat(f"{self.root}/{path}")
            if stat.S_ISLNK(status.st_mode):
                target = os.path.realpath(f"{self.root}/{path}", strict=True)
                status = os.lstat(target)
                yield from self._scan_link(path, target, status)
            elif stat.S_ISDIR(status.st_mode):
                if self._is_included_folder(path):
                    waiting.append(path)
            else:
                yield from _check_file(path, status)
        except FileNotFoundError as e:
            if Path(self.root, path).is_symlink():
                yield ScannedFile(_printable(path), problem=_dangling_link(_printable(path), e))
        except OSError as e:
            make_problem = _dangling_link if e.errno == errno.ELOOP else _unreadable_file
            yield ScannedFile(_printable(path), problem=make_problem(_printable(path), e))

    def _scan_link(self, path: str, target: str, status: os.stat_result) -> Iterator[ScannedFile]:
        if os.path.commonpath((self.root, target)) == self.root:
            if not stat.S_ISDIR(status.st_mode):
                yield from _check_file(path, status)
        elif stat.S_ISDIR(status.st_mode) or path.lower().endswith(EXTENSIONS):
            yield ScannedFile(_printable(path), problem=_link_outside_folder(_printable(path)))

    def _is_included(self, folder: str, name: str) -> bool:
        if self._collections and not self._is_collected(f"{folder}/{name}" if folder else name):
            return False
        if name in self._include:
            return True
        if folder == _DATA_FOLDER:
            return f"{folder}/{name}" == TOPICS_FOLDER
        return not name.startswith(".")

    def _is_collected(self, path: str) -> bool:
        """Whether a path is in a collection or in the topic tree, or is a folder above one."""
        return any(
            path == each or path.startswith(f"{each}/") or each.startswith(f"{path}/")
            for each in (*self._collections, TOPICS_FOLDER)
        )

    def _is_included_folder(self, path: str) -> bool:
        if any(each == path or each.startswith(f"{path}/") for each in self._collections):
            return True
        name = path.rpartition("/")[2]
        if name in NEVER_SCANNED:
            return name in self._include
        if not name.startswith("_") or name in self._include:
            return True
        return name in DOCUMENT_FOLDERS or path == _DATA_FOLDER


def _check_file(path: str, status: os.stat_result) -> Iterator[ScannedFile]:
    """Yield a path that is no folder, if it may be a document or a topic file."""
    name = path.rpartition("/")[2]
    if not name.lower().endswith(EXTENSIONS) or _TEMPORARY.fullmatch(name):
        return
    if path.startswith(TOPICS_FOLDER + "/") and not is_topic_path(path):
        return
    problem = None
    if _printable(path) != path:
        problem = error(
            _printable(path),
            DiagnosticCode.UNREADABLE_FILE,
            "The file's name is not UTF-8.",
            remedy="Rename the file.",
        )
    elif not stat.S_ISREG(status.st_mode):
        problem = warning(
            path,
            DiagnosticCode.UNREADABLE_FILE,
            "This is a pipe, socket or device, not a file; it is not opened.",
            remedy="Remove it from the folder.",
        )
    if problem:
        yield ScannedFile(_printable(path), problem=problem)
    else:
        yield ScannedFile(path, FileState.of(status))


def _printable(path: str) -> str:
    r"""The path, with \udcXX for bytes that are not UTF-8."""
    return path.encode("utf-8", "backslashreplace").decode()


def _unreadable_file(path: str, e: OSError) -> Diagnostic:
    return error(
        path,
        DiagnosticCode.UNREADABLE_FILE,
        f"This cannot be read: {e.strerror}.",
        remedy=system_remedy(e, "Give the user that runs newsgraph the right to read it."),
    )


def _dangling_link(path: str, e: OSError) -> Diagnostic:
    return warning(
        path,
        DiagnosticCode.DANGLING_LINK,
        f"The link leads nowhere: {e.strerror}.",
        remedy="Correct the link's target, or remove the link.",
    )


def _link_outside_folder(path: str) -> Diagnostic:
    return warning(
        path,
        DiagnosticCode.LINK_LEAVES_FOLDER,
        "The link leads out of the folder; it is not followed.",
        remedy="Copy the target into the folder, or remove the link.",
    )
