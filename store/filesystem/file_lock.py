"""Advisory locks on files, between processes and between threads (`flock`).

A lock belongs to an open file and ends when that is closed, at the latest with the process. The
lock file may be removed and created anew meanwhile, so a lock counts only while its file is the one
at the path. Every wait has a timeout: a stopped process (SIGSTOP) keeps its locks.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

LOCK_TIMEOUT_S = 10.0
"""How long to wait for a lock that another process holds."""

POLL_S = 0.001
"""How long to sleep between two attempts to take a lock."""

NO_LOCK_ERRNOS = frozenset({errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS})
"""The errors of file systems without locks."""

HOLDER_OFFSET = 8
"""The offset of the holder's process id in a lock file; the bytes before have other uses."""

HOLDER_BYTES = 24
"""The size of the holder's process id, as text with a line break."""

_NETWORK_FILE_SYSTEMS = frozenset(
    "9p afs cifs davfs fuse.davfs2 fuse.gcsfuse fuse.glusterfs fuse.rclone fuse.s3fs fuse.sshfs "
    "ncpfs nfs nfs4 prl_fs smb2 smb3 smbfs vboxsf".split()
)


def try_lock(path: Path, *, create: bool = True, block: bool = False) -> int | None:
    """Lock a lock file, and return its open handle; None: another process or thread holds the lock.

    `create`: make the file if it is missing; else the result is None. `block`: wait without a
    timeout; None if the file was removed meanwhile. Raises: OSError.
    """
    try:
        handle = open_lock_file(path, create=create)
    except FileNotFoundError:
        if create:
            raise
        return None
    try:
        if flock(handle, block=block) and is_file_at(handle, path):
            return handle
    except BaseException:
        os.close(handle)
        raise
    os.close(handle)
    return None


def open_lock_file(path: Path, *, create: bool = True) -> int:
    """Open a lock file, and create it if it is missing. Raises: OSError."""
    flags = os.O_RDWR | os.O_CREAT if create else os.O_RDONLY
    return os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)


def flock(handle: int, *, block: bool = False) -> bool:
    """Lock an open file; False: another holds the lock. It counts only while `is_file_at`."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX if block else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_file_at(handle: int, path: Path) -> bool:
    """Whether the file at a path is this open file. Two system calls."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))  # noqa: PTH116 - both by system call
    except FileNotFoundError:
        return False


def poll_until(attempt: Callable[[], T | None], timeout_s: float, path: Path) -> T:
    """Repeat an attempt until its result is not None, and return that. Blocks.

    Raises: BlockingIOError: timeout; the message names the process that holds the lock of `path`.
    """
    deadline = time.monotonic() + timeout_s
    while (result := attempt()) is None:
        if time.monotonic() >= deadline:
            raise timeout_error(path, timeout_s)
        time.sleep(POLL_S)
    return result


def timeout_error(path: Path, timeout_s: float) -> BlockingIOError:
    """The error for a lock that was not free in time."""
    pid = read_holder(path)
    who = "another process" if pid is None else f"process {pid}"
    message = f"{who} has held the lock {lock_file(path)} for {timeout_s:g} s"
    return BlockingIOError(errno.EWOULDBLOCK, message)


@contextlib.contextmanager
def locked(path: Path, timeout_s: float = LOCK_TIMEOUT_S) -> Iterator[int]:
    """Hold the lock of a file, among processes and threads. Yields the handle of the lock file.

    Raises: BlockingIOError: timeout. OSError.
    """
    name = lock_file(path)
    handle = poll_until(lambda: try_lock(name), timeout_s, path)
    try:
        write_holder(handle)
        yield handle
    finally:
        os.close(handle)


def lock_file(path: Path) -> Path:
    """The lock file for the writers of a file."""
    return path.with_name(f"{path.name}.lock")


def write_holder(handle: int) -> None:
    """Write the id of this process into a lock file that it has locked."""
    with contextlib.suppress(OSError):  # it only helps people, and the disk may be full
        os.pwrite(handle, b"%*d\n" % (HOLDER_BYTES - 1, os.getpid()), HOLDER_OFFSET)


def read_holder(path: Path) -> int | None:
    """The id of the process that last locked a file; None: unknown."""
    try:
        with lock_file(path).open("rb") as file:
            return int(file.read()[HOLDER_OFFSET : HOLDER_OFFSET + HOLDER_BYTES])
    except (OSError, ValueError):
        return None


def lockless_file_system(folder: Path) -> str | None:
    """The type of a folder's file system, if locks do not work there or not between machines.

    None: they work, as far as the operating system tells.
    """
    kind = ""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            kind = _file_system_type(os.fstat(handle).st_dev)
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        finally:
            os.close(handle)
    except OSError as error:
        if error.errno in NO_LOCK_ERRNOS:
            return kind or "unknown"
    return kind if kind in _NETWORK_FILE_SYSTEMS else None


def _file_system_type(device: int) -> str:
    """The type of the file system on a device; empty: unknown.

    https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html
    """
    number = f"{os.major(device)}:{os.minor(device)}"
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/mountinfo").read_text("utf-8", "replace").splitlines():
            mount, _, source = line.partition(" - ")
            if mount.split()[2] == number:
                return source.split()[0]
    return ""
