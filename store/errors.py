"""What can go wrong in the store, as one tree.

    StoreError
    ├── QueryError            the caller asked for something that cannot be answered
    │   ├── WindowError       a page size that is negative, over the cap, or given twice
    │   ├── FilterError       a filter that says nothing or cannot be used
    │   └── CursorError       a cursor that is not ours, or belongs to another order
    ├── ConflictError         the document changed since the caller read it
    │   └── EditedError       somebody changed its file, which nobody has read yet
    ├── RefusedError          what the caller wants to write cannot be taken, and why
    ├── KeyReusedError        the key of a write stands for another request
    ├── TargetExistsError     a backup would be written over something
    ├── FolderNotEmptyError   a folder to write into holds files already
    ├── StoreCorruptError     the store's file cannot be read as one
    ├── StoreUnavailableError the store cannot be read or written now (disk full, gone)
    │   └── StoreBusyError    another process has had its turn for too long
    └── OutcomeUnknownError   the system failed when it may have written already

Every message says what went wrong, where, and what to do about it. `gql.errors` maps
each class to a stable code for GraphQL clients; `code` is that code.
"""

from __future__ import annotations

import errno
from typing import NamedTuple


class StoreError(Exception):
    """Any failure of the store that a caller can understand and act on."""

    code = "STORE_ERROR"


class QueryError(StoreError):
    """The query's values cannot be used: a filter, an order or a window."""

    code = "BAD_QUERY"


class WindowError(QueryError):
    """A page size that is negative, over the cap, or given twice."""

    code = "BAD_PAGE_SIZE"


class FilterError(QueryError):
    """A filter that says nothing or cannot be used; it is refused, never ignored."""

    code = "BAD_FILTER"


class CursorError(QueryError):
    """A cursor that this connection did not hand out."""

    code = "BAD_CURSOR"


class ConflictError(StoreError):
    """The document is at another revision than the writer expected.

    `current` is the revision it has now, or None when it is not there or was not read yet; `id` is
    the article's, where `current` tells of one.
    """

    code = "CONFLICT"

    def __init__(self, message: str, *, current: int | None, id: str | None = None) -> None:
        super().__init__(message)
        self.current = current
        self.id = id


class EditedError(ConflictError):
    """A document's file is not what a write was made from: somebody has changed it meanwhile."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"The file {path} was changed by hand meanwhile. Read the article again and retry.",
            current=None,
        )
        self.path = path


class Refusal(NamedTuple):
    """One reason why a write was refused: a stable code, and words that say what to do.

    `place` leads to what is wrong in what the caller gave: `("documents", "0", "text")`.
    """

    code: str
    message: str
    place: tuple[str, ...] = ()


class RefusedError(StoreError):
    """What was to be written cannot be taken. Nothing has changed; `refusals` say why."""

    code = "REFUSED"

    def __init__(self, *refusals: Refusal) -> None:
        super().__init__(" ".join(refusal.message for refusal in refusals))
        self.refusals = refusals


class KeyReusedError(StoreError):
    """The name of a key stands for another request, whose writes the history holds."""

    code = "IDEMPOTENCY_KEY_REUSED"


class FolderNotEmptyError(StoreError):
    """What is to be written would mix with the files that a folder holds already."""

    code = "FOLDER_NOT_EMPTY"


class TargetExistsError(StoreError):
    """What is to be written would go over a file that is there already."""

    code = "TARGET_EXISTS"


class StoreCorruptError(StoreError):
    """The file is there but is not a store this version can read."""

    code = "STORE_CORRUPT"


class StoreUnavailableError(StoreError):
    """The store cannot serve now; the message says what an operator can do."""

    code = "STORE_UNAVAILABLE"


class StoreBusyError(StoreUnavailableError):
    """Another process has had its turn with the store for too long. Nothing was done.

    Attributes:
        RETRY_S: After how many seconds it may be worth to try again.
    """

    RETRY_S = 5

    def __init__(self) -> None:
        super().__init__(
            "The store is busy: another process does not end its turn. Nothing was done. "
            f"Try again in {self.RETRY_S} seconds."
        )


class OutcomeUnknownError(StoreError):
    """The system failed when a write may have been done already: it may show, or may not.

    `why` is a sentence for an operator.
    """

    code = "OUTCOME_UNKNOWN"

    def __init__(self, why: str) -> None:
        super().__init__(
            f"It is not known whether this was written. {why} Read again what it is about, or send "
            "the same request again under the same Idempotency-Key: it is done once."
        )


# Causes that are the same wherever the operating system tells of them.
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
    """What to do about what the operating system refuses; `otherwise`: where its cause is local."""
    return _SYSTEM_REMEDIES.get(error.errno or 0, otherwise)


def clear_tracebacks(error: BaseException | None) -> None:
    """Let go of the frames that an exception and those behind it went through.

    Frames hold what was sent, and often the exception itself: such a cycle waits for the collector,
    which counts objects and not their bytes. A thousand requests of 1 MB would be held till then.
    """
    while error is not None:
        error.__traceback__ = None
        error = getattr(error, "original_error", None) or error.__cause__ or error.__context__
