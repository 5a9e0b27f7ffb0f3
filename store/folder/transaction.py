"""Writing a folder's files: several at once, all or none, whatever happens meanwhile.

New texts are written aside first, into a hidden folder. When all are on the disk, this folder is
renamed: from now on the write has happened, and what is left is to change one file after the other,
which whoever uses the folder next can finish (`recover_writes`). Whoever reads or writes many files
takes a turn with the folder, among all processes; who edits by hand takes none, so each file is
changed only if it is what the change was made from (`file_change`).
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import math
import os
import shutil
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from store.errors import EditedError, OutcomeUnknownError, StoreBusyError
from store.filesystem.atomic_file import flush_folder
from store.filesystem.file_lock import LOCK_TIMEOUT_S
from store.filesystem.file_state import FileState
from store.filesystem.guarded_change import GuardedChange, digest, file_digest
from store.filesystem.renames import rename_noreplace

_STAGING = ".newsgraph-writing"
_COMMITTED = ".newsgraph-written"
_INTENT = ".newsgraph-begun"
_LOCK_POLL_S = 0.005

_log = logging.getLogger(__name__)


@asynccontextmanager
async def lock_folder(folder: Path, lock_timeout_s: float = math.inf) -> AsyncIterator[None]:
    """Be the only one who reads all of this folder or writes to it, among tasks and processes.

    A folder that cannot be opened needs no turn: whoever goes on will say what is wrong with it.
    Raises: StoreBusyError: another has had its turn for so long.
    """
    with contextlib.ExitStack() as held:
        try:
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            handle = None
        if handle is not None:
            held.callback(os.close, handle)
            await _lock(handle, folder, lock_timeout_s)
        yield


async def _lock(handle: int, folder: Path, lock_timeout_s: float) -> None:
    since, is_warned = time.monotonic(), False
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waited_s = time.monotonic() - since
            if waited_s >= min(lock_timeout_s, LOCK_TIMEOUT_S) and not is_warned:
                is_warned = True
                _log.warning(
                    "The folder %s is in use for %.0f s: another task or process reads all of it "
                    "or writes to it. If that process is stopped, let it go on (kill -CONT).",
                    folder,
                    waited_s,
                )
            if waited_s >= lock_timeout_s:
                raise StoreBusyError from None
            await asyncio.sleep(_LOCK_POLL_S)
        except OSError:  # a file system without locks has no other process to wait for either
            return
        else:
            return


class FolderTransaction:
    """A change of several files of a folder: all or none, each only to what it was made from.

    `texts` are written, `removed` are removed, by path. `bases`: what the files have to say up to
    then; those without must not be there. `renamed`: where the files of some of the texts are up
    to now. The texts are written all or none, also should the process end meanwhile; so is each
    removal. Once it was made it has to be ended or undone.
    """

    def __init__(
        self,
        root: Path,
        texts: Mapping[str, bytes],
        bases: Mapping[str, bytes],
        *,
        renamed: Mapping[str, str] | None = None,
        removed: Iterable[str] = (),
    ) -> None:
        self._root = root
        self._texts = texts
        self._renamed = dict(renamed or {})
        self._done_renames: dict[str, str] = {}
        self._writes = [
            GuardedChange(root, path, digest(text), digest(bases.get(path)), _STAGING)
            for path, text in texts.items()
        ]
        self._removals = [
            GuardedChange(root, path, digest(None), digest(bases.get(path)), _STAGING)
            for path in removed
        ]

    @property
    def states(self) -> dict[str, FileState]:
        """The states of the files that were written, by path."""
        return {change.path: change.state for change in self._writes}

    @property
    def unrestored(self) -> list[str]:
        """The files that could not be put back, since programs have them open to write."""
        return [
            change.path for change in (*self._writes, *self._removals) if change.rollback_skipped
        ]

    def commit(self) -> None:
        """Change the files, and have that on the disk.

        Raises: EditedError: somebody has changed one of them. OSError: it could not be done.
            Everything is as it was in these cases. OutcomeUnknownError: it may not be.
        """
        try:
            self._stage()
            for path, before in self._renamed.items():
                self._rename(before, path)
                self._done_renames[path] = before
            if len(self._writes) > 1:  # one needs no such step
                self._mark_committed()
            for changes in (self._writes, self._removals):
                _apply_all(changes)
        except BaseException:
            self.rollback()
            raise

    def rollback(self) -> None:
        """Have the files as they were, but for what somebody has changed since.

        Raises: OutcomeUnknownError: some could not be put back.
        """
        try:
            for change in (*self._removals, *self._writes):
                change.rollback()
            if (self._root / _COMMITTED).is_dir():
                (self._root / _COMMITTED).rename(self._root / _STAGING)
            for path, before in self._done_renames.items():
                with contextlib.suppress(FileNotFoundError, FileExistsError):  # by hand, meanwhile
                    rename_noreplace(self._root / path, self._root / before)
            self._clean_up()
        except OSError as error:
            raise OutcomeUnknownError(
                f"It failed, and then files could not be put back: {error.strerror or error}. The "
                "folder's disk needs a look."
            ) from error

    def close(self) -> None:
        """Let go of the former files; the store knows of the change. Raises: OSError."""
        for change in (*self._writes, *self._removals):
            change.close()
        self._clean_up()

    def _stage(self) -> None:
        for change in self._writes:
            before = self._renamed.get(change.path, change.path)
            change.write_temporary(self._texts[change.path], like=self._root / before)
        for change in self._writes:  # once all are written, so that the disk takes them together
            change.flush_temporary()

    def _rename(self, source: str, target: str) -> None:
        try:
            rename_noreplace(self._root / source, self._root / target)
        except FileNotFoundError:
            raise EditedError(source) from None
        except FileExistsError:
            raise EditedError(target) from None

    def _mark_committed(self) -> None:
        """Have several files changed, though none is yet."""
        for folder, _, _ in os.walk(self._root / _STAGING):
            flush_folder(Path(folder))
        (self._root / _STAGING).rename(self._root / _COMMITTED)
        for change in (*self._writes, *self._removals):
            change.set_temporary_folder(_COMMITTED)
        flush_folder(self._root)

    def _clean_up(self) -> None:
        delete_intent(self._root)
        for folder in (_STAGING, _COMMITTED):
            shutil.rmtree(self._root / folder, ignore_errors=True)


def _apply_all(changes: Sequence[GuardedChange]) -> None:
    for change in changes:
        change.apply()
    for folder in {change.folder for change in changes}:
        flush_folder(folder)


class WriteIntent(msgspec.Struct, frozen=True):
    """A write that may have been interrupted.

    `files`: the digests of its files' texts after it, by path. `keys`: of the articles, the id and
    the key, by the path of the file.
    """

    files: dict[str, str] = {}
    keys: dict[str, tuple[str, str]] = {}


class RecoveredWrites(NamedTuple):
    """What the store may not know of interrupted writes: paths of files, and keys by id."""

    paths: list[str]
    keys: dict[str, str]


def save_intent(root: Path, intent: WriteIntent) -> None:
    """Have it on the disk that a write begins, should its keys be asked for. Raises: OSError."""
    with (root / _INTENT).open("wb") as file:
        file.write(msgspec.json.encode(intent))
        file.flush()
        os.fsync(file.fileno())
    flush_folder(root)


def delete_intent(root: Path) -> None:
    """To be called when the store knows of the write, or it was put back. Raises: OSError."""
    if os.path.lexists(root / _INTENT):  # a file system that is read-only refuses in any case
        (root / _INTENT).unlink(missing_ok=True)


def recover_writes(root: Path) -> RecoveredWrites:
    """Finish an interrupted change that was committed on, and undo one that was not.

    To be called first in one's turn. A key counts only where the file is as its write has left it:
    another text is not of that write. Raises: OSError.
    """
    intent = WriteIntent()
    with contextlib.suppress(FileNotFoundError, msgspec.DecodeError):  # torn: no file was touched
        intent = msgspec.json.decode((root / _INTENT).read_bytes(), type=WriteIntent)
    changes = [*_recover_folder(root, _COMMITTED), *_recover_folder(root, _STAGING)]
    keys = {
        id: key
        for path, (id, key) in intent.keys.items()
        if file_digest(root / path) == intent.files[path]
    }
    return RecoveredWrites([*intent.files, *(change.path for change in changes)], keys)


def _recover_folder(root: Path, name: str) -> list[GuardedChange]:
    """The changes whose files are in a folder aside, put right; the folder is gone afterwards."""
    aside = root / name
    files = [Path(folder, file) for folder, _, names in os.walk(aside) for file in names]
    changes = [c for file in files if (c := GuardedChange.from_temporary(root, name, file))]
    for change in changes:
        change.recover(committed=name == _COMMITTED)
    if aside.is_dir():
        shutil.rmtree(aside)
    return changes
