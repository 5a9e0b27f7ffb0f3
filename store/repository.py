"""The repository interface: what every engine of the document store implements.

An engine may be in this process or remote. So calls are asynchronous, look-ups take many keys (one
round trip for a level of a query), and no call needs a full scan.
`tests/support/repository_contract.py` tests each engine against this contract.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol, Self

import msgspec

from .collections.persistent_map import PersistentMap
from .documents.front_matter_format import FrontMatterFormat
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
from .names import article_key
from .querying.cursors import Bookmark, CursorCodec
from .querying.query import ArticleQuery, Filter, LocalizedSlug, LookupKey, Page, Window
from .state_versions import Versions


class SourceFile(Value, frozen=True, kw_only=True):
    """A manifest entry: a loaded file. By its state, the next load skips unchanged files.

    Attributes:
        path: relative to the folder, with slashes.
        size_bytes: the file's size when it was read.
        mtime_ns: its modification time.
        ctime_ns: its status change time; 0 in older stores.
        inode: its inode; 0 in older stores.
        slug: the slug of the file's article or topic, also if another file with this slug takes
            precedence; None if it defines neither.
        locale: the locale that is part of the article's identity.
        topic: the topic that the file defines, with the parent as written.
        topics: the article's topics; like the next two, for checks across documents.
        url_keys: the article's canonical URLs.
        lines: the line of each field, from 1.
        diagnostics: the file's own problems, without those of checks across documents.
        failed: the file's current text is invalid; the store keeps the last valid version.
        detached: since the file was loaded, a mutation has changed or deleted the article in the
            store, but not in the file; `slug`, `topics` and `url_keys` are the article's.
        reader: the `READER_VERSION` of the rules by which the file was read; 0 in older stores.
        format: the format of the file's front matter.
        mapping: the digest of the mapping with which the file was read; "" without one.
    """

    path: str
    size_bytes: int
    mtime_ns: int
    ctime_ns: int = 0
    inode: int = 0
    slug: str | None = None
    locale: str | None = None
    topic: TopicDefinition | None = None
    topics: tuple[str, ...] = ()
    url_keys: tuple[str, ...] = ()
    lines: Mapping[str, int] = {}
    diagnostics: tuple[Diagnostic, ...] = ()
    failed: bool = False
    format: FrontMatterFormat = FrontMatterFormat.YAML
    reader: int = 0
    detached: bool = msgspec.field(default=False, name="leftBehind")
    mapping: str = ""

    @property
    def article_key(self) -> str | None:
        """The key of the file's article, see `names.article_key`; None if it defines none."""
        if self.slug is None or self.topic is not None:
            return None
        return article_key(self.slug, self.locale)

    @property
    def state(self) -> FileState:
        """The state of the file when it was read."""
        return FileState(self.size_bytes, self.mtime_ns, self.ctime_ns, self.inode)


class WriteKey(NamedTuple):
    """The idempotency key of a write. After a crash a retry looks up the write by it.

    As text it is `NAME.REQUEST.STEP`, or the name alone.

    Attributes:
        name: the name of the key.
        request_step: `REQUEST.STEP`, a digest of the request and the number of the write in it. It
            detects another request under the same key.
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
        removed_sources: paths of files to remove from it.
        expected: the precondition: by id, the article's current revision; None: no such article.
        keys: by id of an article, the idempotency key of its change. A put that changes nothing
            is recorded under its key, too.
    """

    puts: tuple[Article, ...] = ()
    deletes: tuple[str, ...] = ()
    topics: tuple[TopicDefinition, ...] | None = None
    diagnostics: tuple[Diagnostic, ...] | None = None
    sources: tuple[SourceFile, ...] = ()
    removed_sources: tuple[str, ...] = ()
    expected: Mapping[str, int | None] = {}
    keys: Mapping[str, WriteKey] = {}


class HistoryPage(Value, frozen=True, kw_only=True):
    """A page of the change history, oldest first.

    Attributes:
        changes: the changes, as the visibility shows them.
        end: the bookmark to continue from.
        gap: set if changes before it are missing, so that the reader has to read everything anew.
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
    """An immutable view of the store at one revision (snapshot isolation).

    Visibility is a parameter of every read. Except for ALL, a draft (`published: false`) is in no
    list and no count, and a provider or topic of drafts only does not exist. For PUBLISHED, a
    change of secured text alone is no change.

    Articles and filters may refer to a topic of the tree by its slug or its name. Both mean the
    same topic in every look-up, list and count (`terms.topic_aliases`).
    """

    @property
    def revision(self) -> int:
        """The revision of the last change; 0 for an empty store."""
        ...

    @property
    def version(self) -> str:
        """The version of the state, an opaque text: snapshots of one version give the same answers.

        The revision is not enough: the topic tree may change without an article.
        """
        ...

    @property
    def versions(self) -> Versions:
        """The version for each visibility, which changes only with what its readers see."""
        ...

    @property
    def edits(self) -> InPlaceEdits:
        """The newest edits in place that led to this state."""
        ...

    def resolve_topics(self, filter: Filter, visibility: Visibility) -> Filter:
        """The filter with the present slugs of topics instead of those of former releases.

        Lists do so themselves; for `predicates.predicate`.
        """
        ...

    @property
    def aliases(self) -> Mapping[str, str]:
        """See `terms.Aliases`; for `predicates.predicate`."""
        ...

    @property
    def topic_names(self) -> Mapping[str, str]:
        """The names of the topics of the tree by slug; the same object while none changes."""
        ...

    @property
    def published_count(self) -> int:
        """The number of published articles, synchronously, for cost estimates."""
        ...

    @property
    def cursors(self) -> CursorCodec:
        """The codec of this store's cursors; the same object while the store's key is the same."""
        ...

    def ordinals_of(
        self, ids: Sequence[str], visibility: Visibility
    ) -> Mapping[str, Sequence[int]]:
        """The ordinals of articles by `PageOrdinals.numbering`; empty for engines without ordinals.

        Unknown ids are left out, and the order is undefined.
        """
        ...

    async def get_many(
        self, by: LookupKey, keys: Sequence[str | LocalizedSlug], visibility: Visibility
    ) -> list[Article | None]:
        """Articles by ID, SLUG, SLUG_IN_LOCALE or URL: n keys -> n articles or None, in the same
        order.

        Of several visible articles with one (canonical) URL, the newest. Of several with one slug,
        the one whose id has no locale, else the newest; in a range of locales, the one that
        `translations.pick` gives.
        """
        ...

    async def translations(
        self, groups: Sequence[str], visibility: Visibility
    ) -> list[Sequence[Article]]:
        """The articles of translation groups: n groups -> n times their visible articles, ordered
        as by `translations.in_order`. Of a group of more than MAX_TRANSLATIONS, none.
        """
        ...

    async def pages(
        self, queries: Sequence[ArticleQuery], visibility: Visibility
    ) -> list[Page[Article]]:
        """Pages of articles: n queries -> n pages, in the same order.

        Raises: QueryError: an invalid filter, order or window. CursorError: an invalid cursor.
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

        A NAME is a name or slug as articles write it, regardless of case and spacing. A SLUG is
        the exact slug.
        """
        ...

    async def topic_page(self, window: Window, visibility: Visibility) -> Page[Topic]:
        """Topics ordered by slug, with the total. Raises: CursorError."""
        ...

    async def diagnostic_page(
        self, window: Window, severity: Severity | None = None
    ) -> Page[Diagnostic]:
        """Diagnostics of the loaded files by path and line, with the total. Raises: CursorError."""
        ...

    async def counts(self, visibility: Visibility) -> Counts:
        """The numbers of articles, providers and topics."""
        ...

    async def changes(
        self, after: Bookmark | None, visibility: Visibility, limit: int = 1_000
    ) -> HistoryPage:
        """The changes after a bookmark, up to this snapshot, as readers of a visibility see them.

        Except for ALL, the put of a draft is no change, or the DELETE of a published article. For
        None the page begins with the oldest change of the history, after a gap if older ones were
        dropped. A bookmark that is not in this history (dropped, or of another history) gives a
        gap up to `newest_change` and no changes.
        """
        ...

    async def bookmark(self, revision: int) -> Bookmark:
        """The bookmark after the change of this revision."""
        ...

    async def newest_change(self, visibility: Visibility) -> Bookmark:
        """The bookmark after the newest change that readers of a visibility see."""
        ...


class Repository(Protocol):
    """A document store: snapshots to read and to follow, batches to write."""

    async def snapshot(self) -> Snapshot:
        """The newest state. Cheap: take a snapshot for each request."""
        ...

    def current(self) -> Snapshot | None:
        """The newest state, if it can be read without waiting.

        None for a remote engine, or if the engine has to check the disk first: use `snapshot`.
        """
        ...

    async def apply(self, batch: Batch) -> int:
        """Commit a batch, atomically, and return the revision after it.

        When this returns, the batch is durable (on the disk, if the engine has one). Every put and
        every delete of an existing article takes the next revision, in the order of the batch,
        deletes last. A put of an equal article is a no-op and takes none. A batch that no reader
        can see leaves the version as it is.

        Raises: ConflictError: `expected` does not hold.
            StoreUnavailableError: the batch cannot be written; nothing has changed.
            OutcomeUnknownError: the batch may have been committed.
        """
        ...

    async def wait(self, version: str) -> Snapshot:
        """Wait until the newest state has another version, and return it.

        Returns at once if it has: a newer state, or an older one of a restored backup. Waiting is
        cheap and may be cancelled. Raises: StoreUnavailableError: the repository was closed.
        """
        ...

    async def changes_of(self, key: str) -> Sequence[Change]:
        """The changes in the history under the name of an idempotency key, oldest first.

        After them the no-op puts under the key, as changes at the revision of the article.
        """
        ...

    async def sources(self) -> PersistentMap[str, SourceFile]:
        """The manifest: the loaded files by path."""
        ...

    async def close(self) -> None:
        """Release files and locks. Idempotent."""
        ...
