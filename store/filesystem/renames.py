"""Atomic exchange and rename without overwriting, by Linux' `renameat2` and leases where possible.

https://man7.org/linux/man-pages/man2/rename.2.html
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

_NOREPLACE = 1
_EXCHANGE = 2
_AT_FDCWD = -100
_UNSUPPORTED = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP)
"""The errors of kernels and file systems that do not support a flag of `renameat2`."""


def exchange(one: Path, other: Path) -> None:
    """Exchange the names of two files atomically.

    Where the system cannot, it takes two renames; a file that another program renames to `other`
    between them is lost. Raises: FileNotFoundError: `other` is missing. OSError.
    """
    if _try_renameat2(one, other, _EXCHANGE):
        return
    spare = one.with_name(one.name + "~")
    _link_or_copy(other, spare)
    one.replace(other)
    spare.replace(one)


def rename_noreplace(source: Path, target: Path) -> None:
    """Rename a file, never over another. Raises: FileExistsError: `target` exists. OSError."""
    if _try_renameat2(source, target, _NOREPLACE):
        return
    try:
        target.hardlink_to(source)
    except FileExistsError:
        raise
    except OSError as error:  # also on a file system without hard links
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target) from error
        source.rename(target)
    else:
        source.unlink()


def is_open_for_writing(path: Path) -> bool:
    """Whether a program has the file open for writing, as far as the system tells.

    Linux grants a read lease only if none has; the lease ends when the handle is closed. False
    where the system has no leases, and for another user's file.
    """
    if sys.platform != "linux":
        return False
    with path.open("rb") as file:
        # A program that opens the file now waits, and we get a signal: SIGIO would end the process.
        fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)
        try:
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        except BlockingIOError:
            return True
        except OSError:
            return False
    return False


def _link_or_copy(file: Path, spare: Path) -> None:
    """Make a hard link to a file, or a copy on a file system without hard links."""
    while True:
        spare.unlink(missing_ok=True)
        try:
            spare.hardlink_to(file)
        except FileNotFoundError:
            raise
        except OSError:
            shutil.copy2(file, spare, follow_symlinks=False)
            return
        if spare.samefile(file):
            return


def _load_renameat2() -> Callable[[int, bytes, int, bytes, int], int] | None:
    """The C library's `renameat2`; None: it has none."""
    if sys.platform != "linux":
        return None
    try:
        function = ctypes.CDLL(None, use_errno=True).renameat2
    except AttributeError:
        return None
    function.argtypes = (
        ctypes.c_int,
        ctypes.c_char_p,
        ctypes.c_int,
        ctypes.c_char_p,
        ctypes.c_uint,
    )
    return function


_renameat2 = _load_renameat2()


def _try_renameat2(source: Path, target: Path, flag: int) -> bool:
    """Rename with a flag; False: the system does not support it. Raises: OSError."""
    if _renameat2 is None:
        return False
    sys.audit("os.rename", source, target, -1, -1)  # as `os.rename` does
    one, other = os.fsencode(source), os.fsencode(target)
    if _renameat2(_AT_FDCWD, one, _AT_FDCWD, other, flag) == 0:
        return True
    error = ctypes.get_errno()
    if error in _UNSUPPORTED:
        return False
    raise OSError(error, os.strerror(error), str(source), None, str(target))
