"""Folder transactions: several files of a folder change together or not at all.

New texts are staged in a hidden folder. When all are on the disk, this folder is renamed: that is
the commit. Then the files are replaced one by one; after a crash the next user of the folder
completes that (`recover_writes`). Processes exclude each other by a lock on the folder. Editors
take no lock, so each file changes only if it still has its base text (`guarded_change`).
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
from store.repository import WriteKey

_STAGING = ".newsgraph-writing"
_COMMITTED = ".newsgraph-written"
_INTENT = ".newsgraph-begun"
_LOCK_POLL_S = 0.005

_log = logging.getLogger(__name__)


@asynccontextmanager
async def lock_folder(folder: Path, lock_timeout_s: float = math.inf) -> AsyncIterator[None]:
    """Lock a folder against other tasks and processes that load it or write to it.

    A folder that cannot be opened is not locked: the caller gets the same error.
    Raises: StoreBusyError: the lock is not free within the timeout.
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
                    "The folder %s has been locked for %.0f s: another task or process loads it "
                    "or writes to it. If that process is stopped, let it go on (kill -CONT).",
                    folder,
                    waited_s,
                )
            if waited_s >= lock_timeout_s:
                raise StoreBusyError from None
            await asyncio.sleep(_LOCK_POLL_S)
        except OSError:  # a file system without locks
            return
        else:
            return


class FolderTransaction:
    """An atomic change of several files, each with its base text as a precondition.

    All texts are written or none, also after a crash; each removal is atomic by itself. After
    `commit` call `close` or `rollback`.

    Args:
        root: The folder.
        texts: New texts by path.
        base_texts: The texts that the files must have now, by path. A file without a base text
            must not exist.
        renamed: The present paths of files that get another path, by their new path.
        removed: Paths to remove.
    """

    def __init__(
        self,
        root: Path,
        texts: Mapping[str, bytes],
        base_texts: Mapping[str, bytes],
        *,
        renamed: Mapping[str, str] | None = None,
        removed: Iterable[str] = (),
    ) -> None:
        self._root = root
        self._texts = texts
        self._renamed = dict(renamed or {})
        self._done_renames: dict[str, str] = {}
        self._writes = [
            GuardedChange(root, path, digest(text), digest(base_texts.get(path)), _STAGING)
            for path, text in texts.items()
        ]
        self._removals = [
            GuardedChange(root, path, digest(None), digest(base_texts.get(path)), _STAGING)
            for path in removed
        ]

    @property
    def states(self) -> dict[str, FileState]:
        """The states of the written files, by path."""
        return {change.path: change.state for change in self._writes}

    @property
    def unrestored(self) -> list[str]:
        """The files that a rollback skipped, because programs have them open for writing."""
        return [
            change.path for change in (*self._writes, *self._removals) if change.rollback_skipped
        ]

    def commit(self) -> None:
        """Change the files and flush them to the disk.

        Raises: EditedError: a file was edited. OSError: the system refuses. After both the
            transaction is rolled back. OutcomeUnknownError: the rollback failed.
        """
        try:
            self._stage()
            for path, before in self._renamed.items():
                self._rename(before, path)
                self._done_renames[path] = before
            if len(self._writes) > 1:  # replacing a single file is atomic anyhow
                self._mark_committed()
            for changes in (self._writes, self._removals):
                _apply_all(changes)
        except BaseException:
            self.rollback()
            raise

    def rollback(self) -> None:
        """Restore the files, except those that were edited since.

        Raises: OutcomeUnknownError: some could not be restored.
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
                f"The write failed, and files could not be restored: {error.strerror or error}. "
                "Check the folder's disk."
            ) from error

    def close(self) -> None:
        """Delete the former files, after the store has applied the change. Raises: OSError."""
        for change in (*self._writes, *self._removals):
            change.close()
        self._clean_up()

    def _stage(self) -> None:
        for change in self._writes:
            before = self._renamed.get(change.path, change.path)
            change.write_temporary(self._texts[change.path], like=self._root / before)
        for change in self._writes:  # after all writes, so that the disk can join the flushes
            change.flush_temporary()

    def _rename(self, source: str, target: str) -> None:
        try:
            rename_noreplace(self._root / source, self._root / target)
        except FileNotFoundError:
            raise EditedError(source) from None
        except FileExistsError:
            raise EditedError(target) from None

    def _mark_committed(self) -> None:
        """Commit: after the rename a recovery completes the changes instead of undoing them."""
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
    """The intent of a write, kept on the disk until the store has applied it.

    Attributes:
        files: The digests of the files' new texts, by path.
        keys: The id and the idempotency key of each article, by the path of its file.
    """

    files: dict[str, str] = {}
    keys: dict[str, tuple[str, str]] = {}


class RecoveredWrites(NamedTuple):
    """Interrupted writes that the store may have missed: paths, and idempotency keys by id."""

    paths: list[str]
    keys: dict[str, WriteKey]


def save_intent(root: Path, intent: WriteIntent) -> None:
    """Save the intent of a write, so that a recovery knows its keys. Raises: OSError."""
    with (root / _INTENT).open("wb") as file:
        file.write(msgspec.json.encode(intent))
        file.flush()
        os.fsync(file.fileno())
    flush_folder(root)


def delete_intent(root: Path) -> None:
    """Delete the intent, after the write was applied or rolled back. Raises: OSError."""
    if os.path.lexists(root / _INTENT):  # on a read-only file system unlink always fails
        (root / _INTENT).unlink(missing_ok=True)


def recover_writes(root: Path) -> RecoveredWrites:
    """Complete interrupted transactions that were committed, and roll back the others.

    Call it first when the folder is locked. A key is returned only if its file has the text of the
    write: another text is an edit. Raises: OSError.
    """
    intent = WriteIntent()
    with contextlib.suppress(FileNotFoundError, msgspec.DecodeError):  # torn: no file was touched
        intent = msgspec.json.decode((root / _INTENT).read_bytes(), type=WriteIntent)
    changes = [*_recover_folder(root, _COMMITTED), *_recover_folder(root, _STAGING)]
    keys = {
        id: WriteKey.parse(key)
        for path, (id, key) in intent.keys.items()
        if file_digest(root / path) == intent.files[path]
    }
    return RecoveredWrites([*intent.files, *(change.path for change in changes)], keys)


def _recover_folder(root: Path, name: str) -> list[GuardedChange]:
    """Recover the changes whose files are in a staging folder, and delete the folder."""
    staging = root / name
    files = [Path(folder, file) for folder, _, names in os.walk(staging) for file in names]
    changes = [c for file in files if (c := GuardedChange.from_temporary(root, name, file))]
    for change in changes:
        change.recover(committed=name == _COMMITTED)
    if staging.is_dir():
        shutil.rmtree(staging)
    return changes
