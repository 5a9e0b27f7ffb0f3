"""Renames that lose nobody's file, where the system has them: Linux' `renameat2` and leases.

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
_NOT_HERE = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP)
"""How kernels and file systems say that they do not know such a rename."""


def exchange(one: Path, other: Path) -> None:
    """Give each of two files the other's name, in one step.

    Where the system cannot it takes two, and who renames another file to `other` between them loses
    it. Raises: FileNotFoundError: there is no `other`. OSError.
    """
    if _renamed(one, other, _EXCHANGE):
        return
    spare = one.with_name(one.name + "~")
    _link(other, spare)
    one.replace(other)
    spare.replace(one)


def rename_new(source: Path, target: Path) -> None:
    """Give a file a name that nobody has. Raises: FileExistsError: somebody has it. OSError."""
    if _renamed(source, target, _NOREPLACE):
        return
    try:
        target.hardlink_to(source)
    except FileExistsError:
        raise
    except OSError as error:  # a file system without links, too
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target) from error
        source.rename(target)
    else:
        source.unlink()


def is_open_for_writing(path: Path) -> bool:
    """Whether a program has the file open to write to it, as far as the system tells.

    A lease to read is given only where nobody has; it ends with the handle. Where there are no
    leases, or the file is another user's, nobody can tell.
    """
    if sys.platform != "linux":
        return False
    with path.open("rb") as file:
        # Who comes to write meanwhile waits; of that we get a signal, whose usual one would end us.
        fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)
        try:
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        except BlockingIOError:
            return True
        except OSError:
            return False
    return False


def _link(file: Path, spare: Path) -> None:
    """Give a file a second name; where there are no links, a copy gets it."""
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


def _system_call() -> Callable[[int, bytes, int, bytes, int], int] | None:
    """`renameat2`, None where the system's library has none."""
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


_renameat2 = _system_call()


def _renamed(source: Path, target: Path, flag: int) -> bool:
    """Rename with a flag; whether the system knows it. Raises: OSError."""
    if _renameat2 is None:
        return False
    sys.audit("os.rename", source, target, -1, -1)  # as Python's own does
    one, other = os.fsencode(source), os.fsencode(target)
    if _renameat2(_AT_FDCWD, one, _AT_FDCWD, other, flag) == 0:
        return True
    failure = ctypes.get_errno()
    if failure in _NOT_HERE:
        return False
    raise OSError(failure, os.strerror(failure), str(source), None, str(target))
