"""Advisory locks on files, between processes and between threads.

A lock belongs to an open file and ends with it, at the latest with the process. Its file may be
removed meanwhile, and another made: so a lock counts only if its file is the one at the path.
Nobody waits without bound: a process that is stopped (SIGSTOP) keeps its locks.
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

WAIT_S = 10.0
"""How long to wait for a lock that another process has."""

LOOK_AGAIN_S = 0.001
"""How often to look whether a lock is free."""

NO_LOCKS = frozenset({errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS})
"""What a file system answers that has no locks."""

HOLDER_AT = 8
"""Where a lock file names the process that has its lock; what stands before is for other uses."""

HOLDER_BYTES = 24
"""How long that is, as text with a line break."""

_NETWORK = frozenset(
    "9p afs cifs davfs fuse.davfs2 fuse.gcsfuse fuse.glusterfs fuse.rclone fuse.s3fs fuse.sshfs "
    "ncpfs nfs nfs4 prl_fs smb2 smb3 smbfs vboxsf".split()
)


def try_lock(path: Path, *, makes: bool = True, waits: bool = False) -> int | None:
    """The open file with its lock; None where another has that. Raises: OSError.

    `makes`: a file that is not there is made; else it is None as well. `waits`: for as long as it
    takes; None where the file was removed meanwhile.
    """
    try:
        handle = opened(path, makes=makes)
    except FileNotFoundError:
        if makes:
            raise
        return None
    try:
        if lock_now(handle, waits=waits) and is_at(handle, path):
            return handle
    except BaseException:
        os.close(handle)
        raise
    os.close(handle)
    return None


def opened(path: Path, *, makes: bool = True) -> int:
    """The open file to be locked, which is made if it is not there. Raises: OSError."""
    flags = os.O_RDWR | os.O_CREAT if makes else os.O_RDONLY
    return os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)


def lock_now(handle: int, *, waits: bool = False) -> bool:
    """Lock an open file; False where another has it locked. `is_at` tells whether that counts."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX if waits else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_at(handle: int, path: Path) -> bool:
    """Whether the file at a path is this open one. Two system calls."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))  # noqa: PTH116 - both by system call
    except FileNotFoundError:
        return False


def waited(attempt: Callable[[], T | None], wait_s: float, path: Path) -> T:
    """What an attempt gives, made again until it gives something. Blocks.

    Raises: BlockingIOError: it has given nothing all the time; the message names who holds `path`.
    """
    deadline = time.monotonic() + wait_s
    while (found := attempt()) is None:
        if time.monotonic() >= deadline:
            raise busy(path, wait_s)
        time.sleep(LOOK_AGAIN_S)
    return found


def busy(path: Path, wait_s: float) -> BlockingIOError:
    """The error for a lock that did not come free in time."""
    pid = holder(path)
    who = "another process" if pid is None else f"process {pid}"
    message = f"{who} has had the lock {lock_file(path)} for {wait_s:g} s"
    return BlockingIOError(errno.EWOULDBLOCK, message)


@contextlib.contextmanager
def locked(path: Path, wait_s: float = WAIT_S) -> Iterator[int]:
    """Be the only writer of a file, among processes and threads. Gives the open lock file.

    Raises: BlockingIOError: another has been that for so long. OSError.
    """
    name = lock_file(path)
    handle = waited(lambda: try_lock(name), wait_s, path)
    try:
        name_holder(handle)
        yield handle
    finally:
        os.close(handle)


def lock_file(path: Path) -> Path:
    """The file whose lock the writers of a file take."""
    return path.with_name(f"{path.name}.lock")


def name_holder(handle: int) -> None:
    """Write into a lock file who has its lock: this process."""
    with contextlib.suppress(OSError):  # it only helps people, and the disk may be full
        os.pwrite(handle, b"%*d\n" % (HOLDER_BYTES - 1, os.getpid()), HOLDER_AT)


def holder(path: Path) -> int | None:
    """The process that was the last to lock a file's lock file, where that is known."""
    try:
        with lock_file(path).open("rb") as file:
            return int(file.read()[HOLDER_AT : HOLDER_AT + HOLDER_BYTES])
    except (OSError, ValueError):
        return None


def without_locks(folder: Path) -> str | None:
    """The type of a folder's file system where locks do not work, or not among all who use it.

    None where they work, as far as one can tell.
    """
    kind = ""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            kind = _file_system(os.fstat(handle).st_dev)
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        finally:
            os.close(handle)
    except OSError as error:
        if error.errno in NO_LOCKS:
            return kind or "unknown"
    return kind if kind in _NETWORK else None


def _file_system(device: int) -> str:
    """The type of the file system on a device; empty where the system does not tell.

    https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html
    """
    number = f"{os.major(device)}:{os.minor(device)}"
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/mountinfo").read_text("utf-8", "replace").splitlines():
            mount, _, source = line.partition(" - ")
            if mount.split()[2] == number:
                return source.split()[0]
    return ""
