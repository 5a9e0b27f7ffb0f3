"""Replacement of a store by another state, such as a backup. Its old files are copied first."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from store.engines.tinydb.files.checkpoint import Checkpoint
from store.engines.tinydb.files.locks import StoreLocks
from store.engines.tinydb.files.log_records import DamagedLineError, LogRecord
from store.engines.tinydb.files.os_errors import translate_os_errors
from store.engines.tinydb.files.position import StorePosition
from store.engines.tinydb.files.replacement import NewStoreFile, replace_file_and_log
from store.engines.tinydb.files.state import StoreState
from store.engines.tinydb.files.storage import FORMAT, FileMeta, SerializedFile
from store.engines.tinydb.files.write_ahead_log import WriteAheadLog, log_file
from store.filesystem.atomic_file import discarding_on_error, flush_folder, write_temporary
from store.filesystem.file_lock import poll_until


def overwrite_store(
    path: Path,
    locks: StoreLocks,
    state: StoreState,
    lock_timeout_s: float,
    old_checksum: str | None = None,
) -> Sequence[Path]:
    """Replace a store by another state, and return the paths of the copies of its old files.

    `old_checksum`: of the present file, if it can be read.
    Raises: StoreUnavailableError. OutcomeUnknownError.
    """
    log_path = log_file(path)
    with translate_os_errors("replace", path), contextlib.ExitStack() as held:
        poll_until(lambda: locks.try_lock_checkpoint(held) or None, lock_timeout_s, path)
        lock = poll_until(locks.try_lock, lock_timeout_s, path)
        held.callback(lock.close)
        copies = _copy_old_files(path, log_path)
        position = _log_end(log_path)
        base = Checkpoint().derive(state, position.state.name)
        serialized = SerializedFile(base.tables)
        file = NewStoreFile(path, write_temporary(path, serialized), serialized.checksum)
        with discarding_on_error(path):
            if position.log is None:
                log_path.unlink(missing_ok=True)
            replace_file_and_log(file, position, state, old_checksum)
        log = WriteAheadLog.open(log_path)
        locks.commit(lock, log, log.start if log else 0)
    return copies


def _log_end(log_path: Path) -> StorePosition:
    """The position at the end of the present log, if it can be read.

    Of the state there, only the name is right.
    """
    try:
        log = WriteAheadLog.open(log_path)
        if log is None:
            return StorePosition()
        tail = log.read(log.start)
    except DamagedLineError:
        return StorePosition()
    log.cut_torn_line(tail.end)
    names = [entry.version for entry in tail.entries if isinstance(entry, LogRecord)]
    meta = FileMeta(format=FORMAT, version=names[-1] if names else log.header.after)
    return StorePosition(Checkpoint(meta=meta).state(StoreState()), None, log, tail.end)


def _copy_old_files(path: Path, log_path: Path) -> Sequence[Path]:
    """Copy a store's file and log to new names, under which they are a store of their own.

    A folder in the place of one is moved instead. Returns the new paths. Raises: OSError.
    """
    stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}"
    target = path.with_name(f"{path.name}.kept-{stamp}")
    copies = []
    for old, new in ((path, target), (log_path, target.with_name(f"{target.name}.log"))):
        if old.is_file():
            _copy(old, new)
        elif os.path.lexists(old):
            old.rename(new)
        else:
            continue
        copies.append(new)
    flush_folder(path.parent)
    return copies


def _copy(old: Path, new: Path) -> None:
    shutil.copy2(old, new)
    handle = os.open(new, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
