"""Files that are replaced whole: readers find the old one or the new one, whatever happens.

The new text is written aside in the same folder, flushed to the disk and renamed over the old one.
Writers in several processes take turns (`file_lock`).
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import shutil
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from store.errors import OutcomeUnknownError, StoreBusyError, StoreUnavailableError, remedy_of

from .file_lock import locked

_PRIVATE = 0o600  # a store may hold drafts and secured texts
_BUFFER_BYTES = 1 << 20
_REMEDIES = {
    errno.EFBIG: "The file would be larger than this process may write: raise the limit.",
    errno.EACCES: "Give this user the right to read and write the file and its folder.",
    errno.EPERM: "Give this user the right to read and write the file and its folder.",
    errno.EROFS: "The file system is read-only: mount it for writing or choose another place.",
    errno.ENOENT: "Create the folder first, or choose another place.",
    errno.ENOTDIR: "A part of the path is no folder: choose another place.",
    errno.ELOOP: "A link is in the place of one of its files: put the file itself there.",
    errno.EISDIR: "That is a folder: name a file in it.",
}
_STOPPED = "If that process is stopped, let it go on (kill -CONT) or end it."

_log = logging.getLogger(__name__)


class Signature(NamedTuple):
    """What tells one state of a file from any other."""

    inode: int
    mtime_ns: int
    size_bytes: int


def signature(path: Path) -> Signature | None:
    """The present state of a file, None where there is none. One system call."""
    try:
        return _signature(os.stat(path))  # noqa: PTH116 - several times faster, on a hot path
    except FileNotFoundError:
        return None


def check_regular(handle: int) -> None:
    """Raise where an open file is none: OSError for a folder, ValueError for a pipe or a device."""
    mode = os.fstat(handle).st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode):
        raise ValueError("it is not a regular file")


def _signature(found: os.stat_result) -> Signature:
    return Signature(found.st_ino, found.st_mtime_ns, found.st_size)


@contextlib.contextmanager
def unavailable(doing: str, path: Path) -> Iterator[None]:
    """Turn what the operating system refuses into an error that says what to do."""
    try:
        yield
    except BlockingIOError as error:
        _log.warning("Cannot %s the store %s: %s. %s", doing, path, error.strerror, _STOPPED)
        raise StoreBusyError from error
    except OSError as error:
        remedy = _REMEDIES.get(error.errno or 0)
        remedy = remedy or remedy_of(error, "Look at the disk and try again.")
        raise StoreUnavailableError(
            f"Cannot {doing} the store {path}: {error.strerror or error}. {remedy}"
        ) from error


def replace_file(path: Path, chunks: Iterable[bytes]) -> Signature:
    """Replace a file, or make it, and return its new state. To be called when `locked`.

    Raises: OSError: it could not be done; the old file is as it was. OutcomeUnknownError.
    """
    written = write_aside(path, chunks)
    put_in_place(path, written)
    return written


def write_aside(
    path: Path, chunks: Iterable[bytes], *, like: Path | None = None, private: bool = False
) -> Signature:
    """The first half of `replace_file`: the new file's state, once it is in place.

    It has the old one's mode, or that of `like`; `private`: nobody else may read it in any case.
    Raises: OSError: nothing is left of it.
    """
    mode = _PRIVATE if private else _mode(path) or _mode(like or path)
    try:
        return _write(_aside(path), chunks, _stat(path), mode)
    except BaseException:
        discard_aside(path)
        raise


def put_in_place(path: Path, written: Signature) -> None:
    """The second half of `replace_file`; needs no room on the disk.

    Raises: OSError: the old file is as it was. Also where the new one is not as it was `written`.
        OutcomeUnknownError: the new one is in place, but may not be there any more after a crash.
    """
    try:
        if signature(_aside(path)) != written:
            raise OSError(errno.ESTALE, "another process has written to it meanwhile")
        os.replace(_aside(path), path)  # noqa: PTH105 - as the other steps: the system call itself
    except BaseException:
        discard_aside(path)
        raise
    try:
        flush_folder(path.parent)
    except OSError as error:
        raise OutcomeUnknownError(
            f"The disk did not confirm that {path} was replaced: {error.strerror or error}."
        ) from error


def keep_aside(path: Path, log_path: Path) -> Sequence[Path]:
    """Copy a store's file and its log to other names, under which they are a store of their own.

    What is no file, such as a folder, is moved there. Returns the new paths. Raises: OSError.
    """
    stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}"
    target = path.with_name(f"{path.name}.kept-{stamp}")
    kept = []
    for old, new in ((path, target), (log_path, target.with_name(f"{target.name}.log"))):
        if old.is_file():
            _keep(old, new)
        elif os.path.lexists(old):
            old.rename(new)
        else:
            continue
        kept.append(new)
    flush_folder(path.parent)
    return kept


def _keep(old: Path, new: Path) -> None:
    shutil.copy2(old, new)
    handle = os.open(new, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def discard_aside(path: Path) -> None:
    """Undo `write_aside`."""
    _aside(path).unlink(missing_ok=True)


@contextlib.contextmanager
def discarded_on_error(path: Path) -> Iterator[None]:
    """Undo `write_aside` where what is done with it fails."""
    try:
        yield
    except BaseException:
        discard_aside(path)
        raise


def remove_leftovers(path: Path, turn: Path) -> None:
    """Remove what a crash before `put_in_place` left, unless a writer is at it now or may not.

    `turn` is the file whose lock such writers have.
    """
    if _aside(path).exists():
        with contextlib.suppress(OSError), locked(turn, wait_s=0):
            discard_aside(path)


def _aside(path: Path) -> Path:
    return path.with_name(f".{path.name}.new")


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _mode(path: Path) -> int | None:
    found = _stat(path)
    return found.st_mode & 0o7777 if found else None


def _write(
    path: Path, chunks: Iterable[bytes], old: os.stat_result | None, mode: int | None
) -> Signature:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, _PRIVATE)
    with os.fdopen(handle, "wb", _BUFFER_BYTES) as file:
        file.writelines(chunks)
        file.flush()
        if old is not None and (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
            with contextlib.suppress(PermissionError):  # only root may give files away
                os.fchown(handle, old.st_uid, old.st_gid)
        os.fchmod(handle, _PRIVATE if mode is None else mode)
        # Clocks tick slowly beside disks; two states of the file must never have the same time.
        now_ns = max(time.time_ns(), old.st_mtime_ns + 1 if old else 0)
        os.utime(handle, ns=(now_ns, now_ns))
        os.fsync(handle)
        return _signature(os.fstat(handle))


def flush_folder(folder: Path) -> None:
    """Have the names of a folder's files on the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path, root: Path, *, flush: bool = True) -> None:
    """Make a folder below `root` and those on the way, and have their names on the disk.

    A file that is flushed in a folder whose own name is not may be lost all the same. `flush`:
    whether it is to last. Raises: FileNotFoundError: `root` is not there. OSError.
    """
    if folder == root or folder.is_dir():
        return
    make_folder(folder.parent, root, flush=flush)
    folder.mkdir(exist_ok=True)
    if flush:
        flush_folder(folder.parent)
