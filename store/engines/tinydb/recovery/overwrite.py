"""Overwriting a store with another state, such as a backup; its old files are kept aside."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from store.engines.tinydb.files.checkpoint import Checkpoint
from store.engines.tinydb.files.locks import StoreLocks
from store.engines.tinydb.files.os_errors import translate_os_errors
from store.engines.tinydb.files.position import Known
from store.engines.tinydb.files.replacement import NextFile, replace_file_and_log
from store.engines.tinydb.files.state import State
from store.engines.tinydb.files.storage import FORMAT, Meta, StoreText
from store.engines.tinydb.files.write_ahead_log import DamagedLineError, Log, Record, log_file
from store.filesystem.atomic_file import discarding_on_error, flush_folder, write_temporary
from store.filesystem.file_lock import poll_until


def overwrite_store(
    path: Path,
    locks: StoreLocks,
    state: State,
    lock_timeout_s: float,
    old_checksum: str | None = None,
) -> Sequence[Path]:
    """Put a state in the place of whatever the files hold, and keep those aside: their paths.

    `old_checksum`: of the file that is there, where that could be read.
    Raises: StoreUnavailableError. OutcomeUnknownError.
    """
    log_path = log_file(path)
    with translate_os_errors("replace", path), contextlib.ExitStack() as held:
        poll_until(lambda: locks.try_lock_checkpoint(held) or None, lock_timeout_s, path)
        lock = poll_until(locks.try_lock, lock_timeout_s, path)
        held.callback(lock.close)
        kept = _copy_old_files(path, log_path)
        known = _present_log(log_path)
        base = Checkpoint().of(state, known.state.name)
        text = StoreText(base.tables)
        file = NextFile(path, write_temporary(path, text), text.checksum)
        with discarding_on_error(path):
            if known.log is None:
                log_path.unlink(missing_ok=True)
            replace_file_and_log(file, known, state, old_checksum)
        log = Log.open(log_path)
        locks.commit(lock, log, log.start if log else 0)
    return kept


def _present_log(log_path: Path) -> Known:
    """The log that is there, if it can be read, and the name of the state at its end."""
    try:
        log = Log.open(log_path)
        if log is None:
            return Known()
        tail = log.read(log.start)
    except DamagedLineError:
        return Known()
    log.cut(tail.end)
    names = [each.version for each in tail.entries if isinstance(each, Record)]
    meta = Meta(format=FORMAT, version=names[-1] if names else log.header.after)
    return Known(Checkpoint(meta=meta).state(State()), None, log, tail.end)


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
