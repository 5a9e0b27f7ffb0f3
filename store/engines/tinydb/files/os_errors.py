"""Errors of the operating system as errors of the store, each with a remedy."""

from __future__ import annotations

import contextlib
import errno
import logging
from collections.abc import Iterator
from pathlib import Path

from store.errors import StoreBusyError, StoreUnavailableError, system_remedy

_REMEDIES = {
    errno.EFBIG: "The file would be larger than this process may write: raise the limit.",
    errno.EACCES: "Give this user the right to read and write the file and its folder.",
    errno.EPERM: "Give this user the right to read and write the file and its folder.",
    errno.EROFS: "The file system is read-only: mount it for writing or choose another path.",
    errno.ENOENT: "Create the folder first, or choose another path.",
    errno.ENOTDIR: "A part of the path is no folder: choose another path.",
    errno.ELOOP: "One of its files is a symbolic link: replace it by the file itself.",
    errno.EISDIR: "That is a folder: name a file in it.",
}
_STOPPED = "If that process is stopped, continue it (kill -CONT) or end it."

_log = logging.getLogger(__name__)


@contextlib.contextmanager
def translate_os_errors(action: str, path: Path) -> Iterator[None]:
    """Raise store errors for OSErrors. `action`: a verb for the message, such as "write".

    Raises: StoreBusyError: a lock was not free in time. StoreUnavailableError: any other OSError.
    """
    try:
        yield
    except BlockingIOError as error:
        _log.warning("Cannot %s the store %s: %s. %s", action, path, error.strerror, _STOPPED)
        raise StoreBusyError from error
    except OSError as error:
        remedy = _REMEDIES.get(error.errno or 0)
        remedy = remedy or system_remedy(error, "Look at the disk and try again.")
        raise StoreUnavailableError(
            f"Cannot {action} the store {path}: {error.strerror or error}. {remedy}"
        ) from error
