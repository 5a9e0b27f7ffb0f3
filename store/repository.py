"""What newsgraph asks of a document store: the interface that every engine implements.

An engine may be in this process or far away, so every call is asynchronous, every look-up takes
many keys (one round trip for a level of a query), and nothing assumes that reading everything is
cheap. `tests/repository_contract.py` holds each engine to this text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol, Self

import msgspec

from .collections.persistent_map import PersistentMap
from .filesystem.file_state import FileState
from .in_place_edits import InPlaceEdits
from .model import (
    Article,
    Change,
    Counts,
    Diagnostic,
    Provider,
    Severity,
    Topic,
    TopicDefinition,
    Value,
    Visibility,
)
from .querying.cursors import Bookmark, CursorCodec
from .querying.query import ArticleQuery, LookupKey, Page, Window
from .state_names import Versions


class SourceFile(Value, frozen=True, kw_only=True):
    """An entry of the manifest: a loaded file, so that only changed files are read again.

    Attributes:
        path: relative to the folder, with slashes.
        size_bytes: the file's size when it was read.
        mtime_ns: its time of modification.
        ctime_ns: its time of status change; 0 in older stores.
        inode: its inode; 0 in older stores.
        slug: the slug that the file claims for its article or topic, also where another file has
            it; None if it holds neither.
        topic: the topic that the file defines, with the parent as written.
        topics: the article's topics; like the next two, for checks across documents.
        url_keys: the article's canonical URLs.
        lines: the line of each field, from 1.
        diagnostics: the file's own problems, without those of checks across documents.
        failed: the file's present text was refused; the store keeps the article of an earlier one.
        detached: a mutation has changed or deleted the article in the store alone since the file
            was loaded; `slug`, `topics` and `url_keys` are the article's.
    """

    path: str
    size_bytes: int
    mtime_ns: int
    ctime_ns: int = 0
    inode: int = 0
    slug: str | None = None
    topic: TopicDefinition | None = None
    topics: tuple[str, ...] = ()
    url_keys: tuple[str, ...] = ()
    lines: Mapping[str, int] = {}
    diagnostics: tuple[Diagnostic, ...] = ()
    failed: bool = False
    detached: bool = msgspec.field(default=False, name="leftBehind")

    @property
    def state(self) -> FileState:
        """The state of the file when it was read."""
        return FileState(self.size_bytes, self.mtime_ns, self.ctime_ns, self.inode)


class WriteKey(NamedTuple):
    """The idempotency key of a write: a writer that was interrupted finds the write by it.

    As text it is `NAME.REQUEST_STEP`, or the name alone.

    Attributes:
        name: the name of the key.
        request_step: a digest of the request and the step in it, which are different for another
            request under the same key.
    """

    name: str
    request_step: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """The inverse of `str`."""
        name, _, request_step = text.partition(".")
        return cls(name, request_step)

    def __str__(self) -> str:
        return f"{self.name}.{self.request_step}" if self.request_step else self.name


class Batch(Value, frozen=True, kw_only=True):
    """A transaction: changes that are applied together or not at all.

    Attributes:
        puts: articles to insert or replace.
        deletes: ids of articles to delete.
        topics: replace the whole topic tree; None leaves it as it is.
        diagnostics: replace all diagnostics; None leaves them as they are.
        sources: files to insert or replace in the manifest.
        forgotten_sources: paths of files to remove from it.
        expected: by id of an article, the revision that the writer last saw; None: no article.
        keys: by id of an article, the idempotency key of its change. A put that changes nothing
            is recorded under its key, too.
    """

    puts: tuple[Article, ...] = ()
    deletes: tuple[str, ...] = ()
    topics: tuple[TopicDefinition, ...] | None = None
    diagnostics: tuple[Diagnostic, ...] | None = None
    sources: tuple[SourceFile, ...] = ()
    forgotten_sources: tuple[str, ...] = ()
    expected: Mapping[str, int | None] = {}
    keys: Mapping[str, WriteKey] = {}


class HistoryPage(Value, frozen=True, kw_only=True):
    """A page of the change history, oldest first.

    Attributes:
        changes: the changes as the reader sees them.
        end: the bookmark to continue from.
        gap: set if changes before it are lost to the reader, who has to read everything anew first.
            They were dropped from the history, or the reader's bookmark is of another history. The
            changes of this page follow it.
        gap_at: the time of the newest change in the gap, where that is in the history.
        has_next: whether there are more changes.
    """

    changes: tuple[Change, ...]
    end: Bookmark
    gap: Bookmark | None = None
    gap_at: datetime | None = None
    has_next: bool = False


class Snapshot(Protocol):
    """The store as it was at one revision; later writes do not show in it.

    Visibility is a parameter of every read: but for ALL, an article with `published: false` is
    nowhere, neither in a list nor in a count, and a provider or a topic known only from such
    articles is not there. For PUBLISHED, a change of secured text alone is no change either.

    Articles and filters speak of a topic of the tree by its slug or by its name, also where the
    name would give another slug: it is one topic all the same (`terms.topic_aliases`), in every
    look-up, list and count, as the tree has it now.
    """

    @property
    def revision(self) -> int:
        """The number of the last change that this snapshot holds; 0 for an empty store."""
        ...

    @property
    def version(self) -> str:
        """A name for this state of this store: where two are equal, every read gives the same.

        The revision is not enough for that: the topic tree may change without an article.
        """
        ...

    @property
    def versions(self) -> Versions:
        """The same for readers of each visibility: it moves only with what such readers see."""
        ...

    @property
    def edits(self) -> InPlaceEdits:
        """The edits in place that led to this state, as far as they are known."""
        ...

    @property
    def aliases(self) -> Mapping[str, str]:
        """By which other slugs articles may name topics of the tree; for `filters.predicate`."""
        ...

    @property
    def topic_names(self) -> Mapping[str, str]:
        """What the topics of the tree are called, by slug; the same object while none changes."""
        ...

    @property
    def published_count(self) -> int:
        """How many articles the public sees, at once: for estimates of what a query costs."""
        ...

    @property
    def cursors(self) -> CursorCodec:
        """What makes and reads this store's cursors; the same object while its key is the same."""
        ...

    def ordinals_of(
        self, ids: Sequence[str], visibility: Visibility
    ) -> Mapping[str, Sequence[int]]:
        """Where articles stand, as `Page.ordinals` number them: by `PageOrdinals.space`.

        In any order, those that are not there left out; only for engines that number articles.
        """
        ...

    async def get_many(
        self, by: LookupKey, keys: Sequence[str], visibility: Visibility
    ) -> list[Article | None]:
        """Articles by ID, SLUG or URL: n keys -> n articles or None, in the same order.

        Of several visible articles with one (canonical) URL, the newest.
        """
        ...

    async def pages(
        self, queries: Sequence[ArticleQuery], visibility: Visibility
    ) -> list[Page[Article]]:
        """Ordered, filtered parts of the articles: n queries -> n pages, in the same order.

        Raises: QueryError: a filter or an order that cannot be used. CursorError: see there.
        """
        ...

    async def providers(
        self, by: LookupKey, keys: Sequence[str], visibility: Visibility
    ) -> list[Provider | None]:
        """Providers by ID or DOMAIN: n keys -> n providers or None, in the same order."""
        ...

    async def provider_page(self, window: Window, visibility: Visibility) -> Page[Provider]:
        """Providers ordered by domain, with the total. Raises: CursorError."""
        ...

    async def topics(
        self, by: LookupKey, keys: Sequence[str], visibility: Visibility
    ) -> list[Topic | None]:
        """Topics by ID, SLUG or NAME: n keys -> n topics or None, in the same order.

        A NAME is what an article may call a topic: its name or its slug, whatever the case and
        spacing. A SLUG is the topic's very own.
        """
        ...

    async def topic_page(self, window: Window, visibility: Visibility) -> Page[Topic]:
        """Topics ordered by slug, with the total. Raises: CursorError."""
        ...

    async def diagnostic_page(
        self, window: Window, severity: Severity | None = None
    ) -> Page[Diagnostic]:
        """Problems of the loaded files by path and line, with the total. Raises: CursorError."""
        ...

    async def counts(self, visibility: Visibility) -> Counts:
        """How many articles, providers and topics there are."""
        ...

    async def changes(
        self, after: Bookmark | None, visibility: Visibility, limit: int = 1_000
    ) -> HistoryPage:
        """What happened after a place, up to this snapshot, as such a reader saw it.

        But for ALL, the put of a draft is no change, or the DELETE of what was published before.
        None begins with the oldest change that is kept; where others came before, that one is the
        gap. A place that this history does not hold, since it is no longer kept or another change
        has come in its stead, gives a gap that ends at `newest_change`, and no changes.
        """
        ...

    async def bookmark(self, revision: int) -> Bookmark:
        """The place after the change of this revision."""
        ...

    async def newest_change(self, visibility: Visibility) -> Bookmark:
        """The place after the newest change of which such a reader may know.

        Changes that the reader may not see do not move it.
        """
        ...


class Repository(Protocol):
    """A document store: snapshots to read and to follow, batches to write."""

    async def snapshot(self) -> Snapshot:
        """The newest state. Cheap: take one for each request."""
        ...

    def current(self) -> Snapshot | None:
        """The newest state, where nobody has to wait for it nor for anything that is read of it.

        None where an engine is far away, or has to look first; `snapshot` waits then.
        """
        ...

    async def apply(self, batch: Batch) -> int:
        """Do a batch, whole or not at all, and return the revision after it.

        Once this returns, the batch is where the engine keeps things (on the disk, for one that
        has a disk). Every put and every delete of an article that is there takes the next revision,
        in the order of the batch, deletes last; an article put as it already is takes none. A batch
        of which readers see nothing leaves the state's name as it is.

        Raises: ConflictError: `expected` does not hold.
            StoreUnavailableError: it cannot be written; nothing has changed.
            OutcomeUnknownError: it may have been done.
        """
        ...

    async def wait(self, version: str) -> Snapshot:
        """The newest state as soon as it is not the one of this name, whatever has changed it.

        At once if it is another already: a newer one, or an older one that a backup brought back.
        Costs next to nothing meanwhile, and may be cancelled.
        Raises: StoreUnavailableError: the repository was closed.
        """
        ...

    async def changes_of(self, key: str) -> Sequence[Change]:
        """What was changed under this key, oldest first, as far as the history is kept.

        Behind it, what was put under the key as it already was, which no history tells: each
        as if it had brought the article to the revision that it had.
        """
        ...

    async def sources(self) -> PersistentMap[str, SourceFile]:
        """What the loader remembered, by path."""
        ...

    async def close(self) -> None:
        """Give back files and locks. Calling it twice is harmless."""
        ...
