"""Query plans: what the selections on objects, connections and links are compiled into."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from itertools import chain, islice
from typing import Any

import msgspec

from gql.executor.rows.row import RowKey
from gql.executor.rows.row_cache import RowCache, RowTable
from gql.schema.links import Link
from store import CursorCodec
from store.model import Article

from .arguments import FieldArguments, RequestVariables, new_slot

GeneratedFunction = Callable[..., Any]
"""A function made by code generation."""

Columns = Sequence[Sequence[Any]]
"""For each link of a plan the values to embed, in the order of the documents."""

EncodeCursor = Callable[[Any], str]
"""Encodes the cursor of an item."""

EncodeRevision = Callable[[Article], str]
"""Encodes the revision of an article for the viewer."""


class LinkRequest(msgspec.Struct, frozen=True):
    """The batch load of a root field.

    Attributes:
        keys: The keys to load.
        link: The field's link.
        prepared: The field's prepared arguments.
    """

    keys: tuple[Any, ...]
    link: Link
    prepared: Any

    def cursor_encoder(self, cursors: CursorCodec) -> EncodeCursor | None:
        """The function that encodes the cursors of a list's items; None where there is no list.

        Equal lists have the same function, so it is also a part of the key of their rows.
        """
        return None if self.link.cursors is None else self.link.cursors(cursors, self.prepared)


class ObjectPlan:
    """The plan of a selection on objects of one type, or on the edges around them.

    Attributes:
        type_name: The type of the objects.
        links: The plans of fields that load other documents.
        arguments: The arguments of fields that only read the object.
        function: The generated function `render(documents, *columns, *arguments)`. It returns the
            response objects. A plan with cursors has the parameter `encode_cursor`, one with
            revisions `encode_revision`.
        has_cursor: Whether it renders edges with their cursors.
        has_revision: Whether it renders revisions of articles.
        is_slow: Whether it calls a resolver that may take milliseconds for one document.
        variable_names: The variables on which the response depends.
        survives_writes: Whether its rows can be revalidated after any write.
        embeds_articles: Whether its rows embed other articles.
        row_cache: The row cache.
        tables: Its rows, by the values of variables and by the cursor encoder.
    """

    __slots__ = (
        "_slot",
        "arguments",
        "embeds_articles",
        "function",
        "has_cursor",
        "has_revision",
        "is_slow",
        "links",
        "row_cache",
        "survives_writes",
        "tables",
        "type_name",
        "variable_names",
    )

    def __init__(  # noqa: PLR0913  # the parts that the compiler makes
        self,
        type_name: str,
        links: Sequence[LinkPlan],
        arguments: Sequence[FieldArguments[dict[str, Any]]],
        function: GeneratedFunction,
        row_cache: RowCache,
        *,
        has_cursor: bool = False,
        has_revision: bool = False,
        is_slow: bool = False,
    ) -> None:
        self.is_slow = is_slow
        self.type_name = type_name
        self.links = tuple(links)
        self.arguments = tuple(arguments)
        self.function = function
        self.has_cursor = has_cursor
        self.has_revision = has_revision
        names = {name for each in self.arguments for name in each.variable_names}
        names.update(name for link in self.links for name in link.variable_names)
        self.variable_names = tuple(sorted(names))
        self.survives_writes = all(link.survives_writes for link in self.links)
        self.embeds_articles = any(link.embeds_articles for link in self.links)
        self.row_cache = row_cache
        self.tables: dict[Hashable, RowTable] = {}
        self._slot = new_slot()

    def variables_key(self, variables: RequestVariables) -> Hashable:
        """The key of the values of the plan's variables; None where it has none."""
        if not self.variable_names:
            return None
        key: Hashable = variables.memo.get(self._slot, ...)
        if key is ...:
            key = variables.memo[self._slot] = variables.key(self.variable_names)
        return key

    def table(
        self, variables: RequestVariables, encode_cursor: EncodeCursor | None = None
    ) -> RowTable:
        """The row table for these variables and cursors."""
        variant: Hashable = encode_cursor if self.has_cursor else None
        if self.variable_names and self.survives_writes:
            variant = variant, self.variables_key(variables)
        table = self.tables.get(variant)
        if table is None:
            table = self.tables[variant] = RowTable(
                self.row_cache,
                self.tables,
                variant,
                survives_writes=self.survives_writes,
                embeds_articles=self.embeds_articles,
            )
        return table

    def __del__(self) -> None:
        # The plan's document was evicted, so the rows cannot be used again.
        for table in list(self.tables.values()):
            table.drop()

    @property
    def keys_are_ids(self) -> bool:
        """Whether the key of a row is the id of its document, without values of variables."""
        # A list's variables, such as a cursor, have many values. One table for each would not pay.
        return self.survives_writes or not self.variable_names

    def row_keys(self, ids: Sequence[str], variables: RequestVariables) -> Sequence[RowKey]:
        """The keys of the rows of documents: n ids -> n keys."""
        if self.keys_are_ids:
            return ids
        values = self.variables_key(variables)
        return [(values, id) for id in ids]

    def build_objects(
        self,
        documents: Sequence[Any],
        columns: Columns,
        variables: RequestVariables,
        encode_revision: EncodeRevision,
        encode_cursor: EncodeCursor | None = None,
    ) -> list[Any]:
        """The response objects of documents: n -> n. Raises: FallbackError."""
        arguments = [each(variables) for each in self.arguments] if self.arguments else ()
        encoders: tuple[Any, ...] = (encode_cursor,) if self.has_cursor else ()
        if self.has_revision:
            encoders = *encoders, encode_revision
        objects: list[Any] = self.function(documents, *columns, *arguments, *encoders)
        return objects


class ConnectionPlan:
    """The plan of a selection on a connection.

    Attributes:
        items: For each list of nodes or edges in it, the plan of its items.
        envelope: The generated function `envelope(page, encode_cursor)`. It returns the JSON around
            the lists: n lists -> n + 1 pieces.
        with_total: Whether it selects the size of the whole list.
    """

    __slots__ = ("envelope", "items", "with_total")

    def __init__(
        self, items: Sequence[ObjectPlan], envelope: GeneratedFunction, *, with_total: bool
    ) -> None:
        self.items = tuple(items)
        self.envelope = envelope
        self.with_total = with_total


class LinkPlan:
    """The plan of a field that loads other documents.

    Attributes:
        link: Its batch load.
        sources: Gives the objects embedded in a document that have the field, such as its related
            stories; None where the document itself has it.
        arguments: Its arguments; None where it takes none.
        target: The plan of the connection that it loads, or plans of objects by type name.
        memo_target: The target's only plan, where the loaded documents depend on nothing but the
            source, so that they are memoized. Clients make up arguments, so those prevent it.
        is_nullable: Whether a value may be null.
        loads_pages: Whether it loads pages of a list of articles.
        with_total: Whether the size of a whole list is selected.
        survives_writes: See `ObjectPlan`.
        embeds_articles: Whether its values may contain articles.
        variable_names: The variables on which its values depend.
    """

    __slots__ = (
        "_slot",
        "arguments",
        "embeds_articles",
        "is_nullable",
        "link",
        "loads_pages",
        "memo_target",
        "sources",
        "survives_writes",
        "target",
        "variable_names",
        "with_total",
    )

    def __init__(
        self,
        link: Link,
        sources: Callable[[Any], Sequence[Any]] | None,
        arguments: FieldArguments[Any] | None,
        target: dict[str, ObjectPlan] | ConnectionPlan,
        *,
        is_nullable: bool,
    ) -> None:
        self.link = link
        self.sources = sources
        self.arguments = arguments
        self.target = target
        self.memo_target: ObjectPlan | None = None
        if arguments is None and isinstance(target, dict) and len(target) == 1:
            [only] = target.values()
            self.memo_target = None if link.loads_lists else only
        self.is_nullable = is_nullable
        self.loads_pages = isinstance(target, ConnectionPlan)
        self.with_total = isinstance(target, ConnectionPlan) and target.with_total
        plans = target.values() if isinstance(target, dict) else target.items
        # A list may change while the document that embeds it stays the same.
        self.survives_writes: bool = not self.loads_pages and all(
            plan.survives_writes for plan in plans
        )
        self.embeds_articles: bool = self.loads_pages or any(
            plan.type_name == "Article" or plan.embeds_articles for plan in plans
        )
        self.variable_names: set[str] = {name for plan in plans for name in plan.variable_names}
        if arguments is not None:
            self.variable_names.update(arguments.variable_names)
        self._slot = new_slot()

    def sources_in(self, documents: Sequence[Any]) -> Sequence[Any]:
        """The objects that have the field, in the order of the documents."""
        if self.sources is None:
            return documents
        return list(chain.from_iterable(map(self.sources, documents)))

    def group_by_document(self, documents: Sequence[Any], column: Sequence[Any]) -> Sequence[Any]:
        """The values of each document: one, or a tuple of those of its embedded objects.

        n documents, m >= n values (one for each source) -> n values or tuples
        """
        if self.sources is None:
            return column
        values = iter(column)
        return [tuple(islice(values, len(self.sources(each)))) for each in documents]

    def concatenate_by_document(
        self, documents: Sequence[Any], column: Sequence[Sequence[str]]
    ) -> Sequence[Sequence[str]]:
        """Group sequences by document, and concatenate those of each: n documents -> n tuples."""
        if self.sources is None:
            return column
        groups = self.group_by_document(documents, column)
        return [tuple(chain.from_iterable(each)) for each in groups]

    def root_request(self, variables: RequestVariables) -> LinkRequest:
        """The batch load of a root field, memoized for the request. Raises: FallbackError."""
        request: LinkRequest | None = variables.memo.get(self._slot)
        if request is None:
            prepared = self.arguments(variables) if self.arguments is not None else None
            [keys] = self.link.keys((None,), prepared, self.with_total)
            request = variables.memo[self._slot] = self.request(keys, prepared)
        return request

    def request(self, keys: tuple[Any, ...], prepared: Any) -> LinkRequest:
        """The batch load of keys, with prepared arguments."""
        return LinkRequest(keys, self.link, prepared)
