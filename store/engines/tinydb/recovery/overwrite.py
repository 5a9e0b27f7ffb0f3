"""Overwriting a store with another state, such as a backup; its old files are kept aside."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from store.engines.tinydb.files.checkpoint import Checkpoint
from store.engines.tinydb.files.locks import StoreLocks
from store.engines.tinydb.files.position import Known
from store.engines.tinydb.files.replacement import NextFile, replace_file_and_log
from store.engines.tinydb.files.state import State
from store.engines.tinydb.files.storage import FORMAT, Meta, StoreText
from store.engines.tinydb.files.write_ahead_log import DamagedLineError, Log, Record, log_file
from store.filesystem.atomic_file import discarded_on_error, keep_aside, unavailable, write_aside
from store.filesystem.file_lock import waited


def overwrite_store(
    path: Path, locks: StoreLocks, state: State, wait_s: float, old_checksum: str | None = None
) -> Sequence[Path]:
    """Put a state in the place of whatever the files hold, and keep those aside: their paths.

    `old_checksum`: of the file that is there, where that could be read.
    Raises: StoreUnavailableError. OutcomeUnknownError.
    """
    log_path = log_file(path)
    with unavailable("replace", path), contextlib.ExitStack() as held:
        waited(lambda: locks.try_lock_checkpoint(held) or None, wait_s, path)
        lock = waited(locks.try_lock, wait_s, path)
        held.callback(lock.close)
        kept = keep_aside(path, log_path)
        known = _present_log(log_path)
        base = Checkpoint().of(state, known.state.name)
        text = StoreText(base.tables)
        file = NextFile(path, write_aside(path, text), text.checksum)
        with discarded_on_error(path):
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
