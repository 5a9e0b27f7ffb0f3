"""Where a request that comes again found its answer in a version of the store.

These are places in the row cache and not rows: nothing is kept longer for being remembered here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from store import Places

from .filed_rows import Buffer
from .rows import RowKey, RowTable


class Located(Protocol):
    """The value of the only field at the root of an operation.

    Attributes:
        version: the version of the store for which it holds.
    """

    @property
    def version(self) -> str: ...  # noqa: D102  # see above

    def pieces(self) -> Sequence[Buffer] | None:
        """Its JSON, in pieces; None where the cache does not have all of it any more."""
        ...


class LocatedRow(NamedTuple):
    """A single document, which is one row.

    Attributes:
        version: see `Located`.
        table: the rows that it is among.
        key: under which key.
    """

    version: str
    table: RowTable
    key: RowKey

    def pieces(self) -> Sequence[Buffer] | None:
        """See `Located`."""
        if self.table.version != self.version:
            return None
        json = self.table.valid.get(self.key)
        return None if json is None else (json,)


class LocatedRun(NamedTuple):
    """A connection with one list, whose items follow each other.

    Attributes:
        version: see `Located`.
        table: the rows of its items.
        places: where the items stand.
        before: the JSON in front of the list.
        behind: the JSON behind it.
    """

    version: str
    table: RowTable
    places: Places
    before: bytes
    behind: bytes

    def pieces(self) -> Sequence[Buffer] | None:
        """See `Located`."""
        if self.table.version != self.version:
            return None
        joined = self.table.filed_at(self.places)
        return None if joined is None else (self.before, *joined, self.behind)
