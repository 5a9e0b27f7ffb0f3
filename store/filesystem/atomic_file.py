"""Atomic replacement of a file: readers see the old content or the new, also after a crash.

The new content is written to a temporary file in the same folder, flushed and renamed over the old
file. Writers in several processes exclude each other by a lock (`file_lock`).
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from store.errors import OutcomeUnknownError

from .file_lock import locked

_PRIVATE = 0o600  # a store may hold drafts and secured texts
_BUFFER_BYTES = 1 << 20


class FileSignature(NamedTuple):
    """The identity and version of a file that this module writes.

    `write_temporary` sees to it that no two versions of a file have the same.
    """

    inode: int
    mtime_ns: int
    size_bytes: int


def file_signature(path: Path) -> FileSignature | None:
    """The present signature of a file; None: there is no file. One system call. Raises: OSError."""
    try:
        return _signature_of(os.stat(path))  # noqa: PTH116 - several times faster, on a hot path
    except FileNotFoundError:
        return None


def check_regular(handle: int) -> None:
    """Check that an open file is a regular file.

    Raises: IsADirectoryError: it is a folder. ValueError: it is a pipe or a device.
    """
    mode = os.fstat(handle).st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode):
        raise ValueError("it is not a regular file")


def _signature_of(status: os.stat_result) -> FileSignature:
    return FileSignature(status.st_ino, status.st_mtime_ns, status.st_size)


def replace_file(
    path: Path, chunks: Iterable[bytes], *, owner_like: Path | None = None
) -> FileSignature:
    """Replace or create a file, and return its new signature. For a caller that holds the lock.

    `owner_like`: whose owner and group a new file gets, where root makes it.

    Raises: OSError: nothing has changed. OutcomeUnknownError.
    """
    written = write_temporary(path, chunks, owner_like=owner_like)
    rename_into_place(path, written)
    return written


def write_temporary(
    path: Path,
    chunks: Iterable[bytes],
    *,
    like: Path | None = None,
    owner_like: Path | None = None,
    private: bool = False,
) -> FileSignature:
    """Write and flush the temporary file for `path`, the first half of `replace_file`.

    It gets the permissions of the file at `path`, else of `like`; with `private`, only this user
    may read it. If root writes it, it gets the owner of the file at `path`, else of `owner_like`.

    Raises: OSError: the temporary file was deleted.
    """
    mode = _PRIVATE if private else _mode(path) or _mode(like or path)
    try:
        old = _stat(path)
        owner = _stat(owner_like) if old is None and owner_like is not None else old
        return _write(_temporary_path(path), chunks, old, owner, mode)
    except BaseException:
        discard_temporary(path)
        raise


def rename_into_place(path: Path, written: FileSignature) -> None:
    """Rename the temporary file to `path`, the second half of `replace_file`.

    Needs no space on the disk.

    Raises: OSError: nothing has changed; also if the temporary file is not as it was `written`.
        OutcomeUnknownError: the file is replaced, but the rename may be lost in a crash.
    """
    try:
        if file_signature(_temporary_path(path)) != written:
            raise OSError(errno.ESTALE, "another process has written to it meanwhile")
        os.replace(_temporary_path(path), path)  # noqa: PTH105 - the system call itself
    except BaseException:
        discard_temporary(path)
        raise
    try:
        flush_folder(path.parent)
    except OSError as error:
        raise OutcomeUnknownError(
            f"The disk did not confirm that {path} was replaced: {error.strerror or error}."
        ) from error


def discard_temporary(path: Path) -> None:
    """Delete the temporary file for `path`, if there is one."""
    _temporary_path(path).unlink(missing_ok=True)


@contextlib.contextmanager
def discarding_on_error(path: Path) -> Iterator[None]:
    """Delete the temporary file for `path` if the block fails."""
    try:
        yield
    except BaseException:
        discard_temporary(path)
        raise


def remove_stale_temporary(path: Path, locked_path: Path) -> None:
    """Delete a temporary file that a crash has left, unless a writer holds the lock.

    `locked_path`: the file whose lock is held by writers of `path`.
    """
    if _temporary_path(path).exists():
        with contextlib.suppress(OSError), locked(locked_path, timeout_s=0):
            discard_temporary(path)


def _temporary_path(path: Path) -> Path:
    return path.with_name(f".{path.name}.new")


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _mode(path: Path) -> int | None:
    status = _stat(path)
    return status.st_mode & 0o7777 if status else None


def _write(
    path: Path,
    chunks: Iterable[bytes],
    old: os.stat_result | None,
    owner: os.stat_result | None,
    mode: int | None,
) -> FileSignature:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, _PRIVATE)
    with os.fdopen(handle, "wb", _BUFFER_BYTES) as file:
        file.writelines(chunks)
        file.flush()
        if owner is not None and (owner.st_uid, owner.st_gid) != (os.geteuid(), os.getegid()):
            with contextlib.suppress(OSError):  # only root may, and not in every container
                os.fchown(handle, owner.st_uid, owner.st_gid)
        os.fchmod(handle, _PRIVATE if mode is None else mode)
        # The clock may tick more slowly than the disk writes; signatures must differ all the same.
        now_ns = max(time.time_ns(), old.st_mtime_ns + 1 if old else 0)
        os.utime(handle, ns=(now_ns, now_ns))
        os.fsync(handle)
        return _signature_of(os.fstat(handle))


def flush_folder(folder: Path) -> None:
    """Flush a folder, so that renamed and new files survive a crash. Raises: OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path, root: Path, *, flush: bool = True) -> None:
    """Create a folder below `root` with its parents, and flush each parent.

    Without that, a crash may lose a new folder with the flushed files in it. `flush`: False for a
    folder that need not survive a crash. Raises: FileNotFoundError: `root` is missing. OSError.
    """
    if folder == root or folder.is_dir():
        return
    make_folder(folder.parent, root, flush=flush)
    folder.mkdir(exist_ok=True)
    if flush:
        flush_folder(folder.parent)
