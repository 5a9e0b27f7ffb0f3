"""The errors of the store, as one tree.

    StoreError
    ├── QueryError            the query is invalid
    │   ├── WindowError       a page size that is negative, over the cap, or given twice
    │   ├── FilterError       a filter that makes no sense
    │   └── CursorError       a cursor of another store, list or order
    ├── ConflictError         the document changed since the caller read it
    │   └── EditedError       its file was edited and not loaded yet
    ├── RefusedError          the write is invalid, with the reasons
    ├── KeyReusedError        the idempotency key was used for another request
    ├── TargetExistsError     a backup would overwrite a file
    ├── FolderNotEmptyError   the folder to write into is not empty
    ├── StoreCorruptError     the file is no store that this version reads
    ├── StoreUnavailableError the store cannot be used now (disk full, no access)
    │   └── StoreBusyError    another process holds the lock for too long
    └── OutcomeUnknownError   the system failed; the write may have been done

A message says what is wrong, where, and the remedy. `gql.errors` maps
each class to a stable code for GraphQL clients; `code` is that code.
"""

from __future__ import annotations

import errno
from typing import NamedTuple


class StoreError(Exception):
    """Base of all expected errors of the store."""

    code = "STORE_ERROR"


class QueryError(StoreError):
    """An invalid query: its filter, order or window."""

    code = "BAD_QUERY"


class WindowError(QueryError):
    """A page size that is negative, over the cap, or given twice."""

    code = "BAD_PAGE_SIZE"


class FilterError(QueryError):
    """A filter that makes no sense. It is refused, never ignored."""

    code = "BAD_FILTER"


class CursorError(QueryError):
    """A cursor that is not of this connection."""

    code = "BAD_CURSOR"


class ConflictError(StoreError):
    """The document is at another revision than the writer expected.

    Attributes:
        current: its present revision; None if it does not exist or was not read yet.
        id: the id of the article, if it is known.
    """

    code = "CONFLICT"

    def __init__(self, message: str, *, current: int | None, id: str | None = None) -> None:
        super().__init__(message)
        self.current = current
        self.id = id


class EditedError(ConflictError):
    """A document's file was edited since the write read it."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"The file {path} was changed by hand meanwhile. Read the article again and retry.",
            current=None,
        )
        self.path = path


class Refusal(NamedTuple):
    """One reason why a write was refused.

    Attributes:
        code: a stable code.
        message: what is wrong, and the remedy.
        input_path: the path to the invalid input, such as `("documents", "0", "text")`.
    """

    code: str
    message: str
    input_path: tuple[str, ...] = ()


class RefusedError(StoreError):
    """A write is refused, for one or more reasons. Nothing has changed."""

    code = "REFUSED"

    def __init__(self, *refusals: Refusal) -> None:
        super().__init__(" ".join(refusal.message for refusal in refusals))
        self.refusals = refusals


class KeyReusedError(StoreError):
    """The idempotency key was used for another request, whose writes are in the history."""

    code = "IDEMPOTENCY_KEY_REUSED"


class FolderNotEmptyError(StoreError):
    """The folder to write into is not empty."""

    code = "FOLDER_NOT_EMPTY"


class TargetExistsError(StoreError):
    """The file to write exists already."""

    code = "TARGET_EXISTS"


class StoreCorruptError(StoreError):
    """The file exists, but is no store that this version can read."""

    code = "STORE_CORRUPT"


class StoreUnavailableError(StoreError):
    """The store cannot be used now; the message tells operators what to do."""

    code = "STORE_UNAVAILABLE"


class StoreBusyError(StoreUnavailableError):
    """The lock timeout has passed: another process holds the write lock. Nothing was done.

    Attributes:
        RETRY_S: after how many seconds to retry.
    """

    RETRY_S = 5

    def __init__(self) -> None:
        super().__init__(
            "The store is busy: another process holds the write lock. Nothing was done. "
            f"Try again in {self.RETRY_S} seconds."
        )


class OutcomeUnknownError(StoreError):
    """The outcome of a write is unknown, because the system failed.

    `why` is a sentence for operators.
    """

    code = "OUTCOME_UNKNOWN"

    def __init__(self, why: str) -> None:
        super().__init__(
            f"It is not known whether this was written. {why} Read again what it is about, or send "
            "the same request again under the same Idempotency-Key: it is done once."
        )


# Remedies that do not depend on the file.
_SYSTEM_REMEDIES = {
    errno.EMFILE: "Raise the limit of open files (ulimit -n 65536 in a shell, LimitNOFILE=65536 in "
    "a systemd service, --ulimit nofile=65536 for a container), or allow fewer connections "
    "(NEWSGRAPH_MAX_CONNECTIONS).",
    errno.ENFILE: "The whole system has too many files open: raise its limit with "
    "sysctl fs.file-max, or see which process has them (lsof).",
    errno.ENOSPC: "The disk is full: free some space.",
    errno.EDQUOT: "The disk quota is used up: free some space.",
}


def system_remedy(error: OSError, otherwise: str) -> str:
    """The remedy of a system error; `otherwise` if there is no general one."""
    return _SYSTEM_REMEDIES.get(error.errno or 0, otherwise)


def clear_tracebacks(error: BaseException | None) -> None:
    """Clear the tracebacks of an exception and its causes.

    Their frames hold the request, and often the exception itself: such a cycle waits for the
    garbage collector, which counts objects, not bytes. Until then a thousand requests of 1 MB would
    stay.
    """
    while error is not None:
        error.__traceback__ = None
        error = getattr(error, "original_error", None) or error.__cause__ or error.__context__
