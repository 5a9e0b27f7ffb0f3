"""What an operation is compiled into: plans of objects, of lists, and of the links between them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from itertools import chain, islice
from typing import Any

import msgspec

from gql.executor.rows.row_cache import RowCache, RowKey, RowTable
from gql.schema.links import Link
from store import CursorCodec
from store.model import Article

from .arguments import Arguments, Variables, new_slot

Render = Callable[..., Any]

Columns = Sequence[Sequence[Any]]
"""For each link of a plan the values to embed, one document's behind the other's."""

CursorOf = Callable[[Any], str]
"""Makes the cursor of an item."""

RevisionOf = Callable[[Article], str]
"""Makes the revision of an article, as the viewer gets it."""


class LinkRequest(msgspec.Struct, frozen=True):
    """What a link at the root loads.

    Attributes:
        keys: for the store.
        link: what is loaded.
        asked: its prepared arguments.
    """

    keys: tuple[Any, ...]
    link: Link
    asked: Any

    def cursor_of(self, cursors: CursorCodec) -> CursorOf | None:
        """What makes an item's cursor, where a list is loaded; it tells such lists apart."""
        return None if self.link.cursors is None else self.link.cursors(cursors, self.asked)


class ObjectPlan:
    """The selection on objects of one type, or on the edges around them.

    Attributes:
        type_name: of the objects.
        links: the fields that reach other documents.
        arguments: of fields that only read the object itself.
        render: `render(documents, *columns, *arguments)` makes the answer's objects, given for each
            link its values; generated for this selection. A plan with cursors takes `cursor_of`,
            too, and one with revisions `revision_of`.
        has_cursor: whether it renders edges with their cursors.
        has_revision: whether it renders revisions of articles.
        names: the variables whose values show.
        survives_writes: whether its rows may be valid after any write.
        embeds_articles: whether its rows show articles besides their own.
        tables: its rows, by the values of these variables and by what makes the cursors.
    """

    __slots__ = (
        "_slot",
        "arguments",
        "cache",
        "embeds_articles",
        "has_cursor",
        "has_revision",
        "links",
        "names",
        "render",
        "survives_writes",
        "tables",
        "type_name",
    )

    def __init__(  # noqa: PLR0913  # what the compiler found out
        self,
        type_name: str,
        links: Sequence[LinkPlan],
        arguments: Sequence[Arguments[dict[str, Any]]],
        render: Render,
        cache: RowCache,
        *,
        has_cursor: bool = False,
        has_revision: bool = False,
    ) -> None:
        self.type_name = type_name
        self.links = tuple(links)
        self.arguments = tuple(arguments)
        self.render = render
        self.has_cursor = has_cursor
        self.has_revision = has_revision
        names = {name for each in self.arguments for name in each.names}
        names.update(name for link in self.links for name in link.names)
        self.names = tuple(sorted(names))
        self.survives_writes = all(link.survives_writes for link in self.links)
        self.embeds_articles = any(link.embeds_articles for link in self.links)
        self.cache = cache
        self.tables: dict[Hashable, RowTable] = {}
        self._slot = new_slot()

    def values_key(self, variables: Variables) -> Hashable:
        """What tells apart the values of the variables that show; None where none do."""
        if not self.names:
            return None
        key: Hashable = variables.memo.get(self._slot, ...)
        if key is ...:
            key = variables.memo[self._slot] = variables.key(self.names)
        return key

    def table(self, variables: Variables, cursor_of: CursorOf | None = None) -> RowTable:
        """The rows for these values of variables, and for cursors that this makes."""
        variant: Hashable = cursor_of if self.has_cursor else None
        if self.names and self.survives_writes:
            variant = variant, self.values_key(variables)
        table = self.tables.get(variant)
        if table is None:
            table = self.tables[variant] = RowTable(
                self.cache,
                self.tables,
                variant,
                survives_writes=self.survives_writes,
                embeds_articles=self.embeds_articles,
            )
        return table

    def __del__(self) -> None:
        # Its document was evicted: nobody can use the rows any more.
        for table in list(self.tables.values()):
            table.drop()

    @property
    def keys_are_ids(self) -> bool:
        """Whether rows are found in their table by nothing but the document's id."""
        # A list's variables, such as a cursor, have many values; each would need a table.
        return self.survives_writes or not self.names

    def keys(self, ids: Sequence[str], variables: Variables) -> Sequence[RowKey]:
        """Under which keys the rows of documents are found in the table."""
        if self.keys_are_ids:
            return ids
        values = self.values_key(variables)
        return [(values, id) for id in ids]

    def shown(
        self,
        documents: Sequence[Any],
        columns: Columns,
        variables: Variables,
        revision_of: RevisionOf,
        cursor_of: CursorOf | None = None,
    ) -> list[Any]:
        """The answer's objects for documents. Raises: FallbackError."""
        arguments = [each(variables) for each in self.arguments] if self.arguments else ()
        codes: tuple[Any, ...] = (cursor_of,) if self.has_cursor else ()
        if self.has_revision:
            codes = *codes, revision_of
        shown: list[Any] = self.render(documents, *columns, *arguments, *codes)
        return shown


class ConnectionPlan:
    """The selection on a connection.

    Attributes:
        items: for each list of nodes or edges in it, the plan of its items.
        envelope: `envelope(page, cursor_of)` gives the JSON around the lists: n lists -> n + 1
            pieces.
        with_total: whether the size of the whole list shows.
    """

    __slots__ = ("envelope", "items", "with_total")

    def __init__(self, items: Sequence[ObjectPlan], envelope: Render, *, with_total: bool) -> None:
        self.items = tuple(items)
        self.envelope = envelope
        self.with_total = with_total


class LinkPlan:
    """A field that reaches other documents.

    Attributes:
        link: whom it asks what.
        sources: gives the objects inside a document that the field is on, such as its related
            stories; None where it is on the document itself.
        arguments: None where it takes none.
        below: the plan of the connection it leads to, or plans by the name of the type.
        target: the plan of the only type, where documents alone say where the link leads, so that
            this can be remembered: clients make up arguments.
        is_nullable: whether a value may be null.
        leads_to_page: whether it leads to a list of articles, part by part.
        survives_writes: see `ObjectPlan`.
        embeds_articles: whether articles may show where it leads.
        names: the variables whose values show.
    """

    __slots__ = (
        "_slot",
        "arguments",
        "below",
        "embeds_articles",
        "is_nullable",
        "leads_to_page",
        "link",
        "names",
        "sources",
        "survives_writes",
        "target",
        "with_total",
    )

    def __init__(
        self,
        link: Link,
        sources: Callable[[Any], Sequence[Any]] | None,
        arguments: Arguments[Any] | None,
        below: dict[str, ObjectPlan] | ConnectionPlan,
        *,
        is_nullable: bool,
    ) -> None:
        self.link = link
        self.sources = sources
        self.arguments = arguments
        self.below = below
        self.target: ObjectPlan | None = None
        if arguments is None and isinstance(below, dict) and len(below) == 1:
            [self.target] = below.values()
        self.is_nullable = is_nullable
        # A list may change without a document that shows it.
        self.leads_to_page = isinstance(below, ConnectionPlan)
        self.with_total = isinstance(below, ConnectionPlan) and below.with_total
        plans = below.values() if isinstance(below, dict) else below.items
        self.survives_writes: bool = not self.leads_to_page and all(
            plan.survives_writes for plan in plans
        )
        self.embeds_articles: bool = self.leads_to_page or any(
            plan.type_name == "Article" or plan.embeds_articles for plan in plans
        )
        self.names: set[str] = {name for plan in plans for name in plan.names}
        if arguments is not None:
            self.names.update(arguments.names)
        self._slot = new_slot()

    def sources_in(self, documents: Sequence[Any]) -> Sequence[Any]:
        """The objects that the field is on, one document's behind the other's."""
        if self.sources is None:
            return documents
        return list(chain.from_iterable(map(self.sources, documents)))

    def by_document(self, documents: Sequence[Any], column: Sequence[Any]) -> Sequence[Any]:
        """The values of a column for each document: one, or a tuple for the objects inside it."""
        if self.sources is None:
            return column
        values = iter(column)
        return [tuple(islice(values, len(self.sources(each)))) for each in documents]

    def joined_by_document(
        self, documents: Sequence[Any], column: Sequence[Sequence[str]]
    ) -> Sequence[Sequence[str]]:
        """The same for sequences: those of the objects inside a document become one."""
        if self.sources is None:
            return column
        return [tuple(chain.from_iterable(each)) for each in self.by_document(documents, column)]

    def root_request(self, variables: Variables) -> LinkRequest:
        """What it loads at the root, which depends on nothing but the variables."""
        request: LinkRequest | None = variables.memo.get(self._slot)
        if request is None:
            asked = self.arguments(variables) if self.arguments is not None else None
            [keys] = self.link.keys((None,), asked, self.with_total)
            request = variables.memo[self._slot] = self.request(keys, asked)
        return request

    def request(self, keys: tuple[Any, ...], asked: Any) -> LinkRequest:
        """What it loads for some keys, with its prepared arguments."""
        return LinkRequest(keys, self.link, asked)
