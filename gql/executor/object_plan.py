"""What a selection on objects is compiled into: how they are rendered, and when that is kept."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from .arguments import Arguments, Variables
from .cache import FragmentCache
from .fragments import DocumentFragments, Key, entry_of
from .render import texts_of

if TYPE_CHECKING:
    from .plan import LinkPlan

Render = Callable[..., Any]

Columns = Sequence[Sequence[Any]]
"""For each link of a plan the rendered values for documents, one behind the other."""

Row = tuple[Any, ...]
"""For each link of a plan what it shows of one document."""


class ObjectPlan:
    """The selection on objects of one type.

    `render(documents, *columns, *arguments)` makes the answer's objects, given for each link below
    its values, one behind the other; it was generated for this selection (`render.py`). A result
    shows nothing but its object and what its links show: results are `kept` by the object, and by
    the values of the variables that show in them. The root has no object, and its plan keeps
    nothing.
    """

    __slots__ = ("arguments", "kept", "links", "names", "render", "type_name")

    def __init__(
        self,
        type_name: str,
        links: Sequence[LinkPlan],
        arguments: Sequence[Arguments[dict[str, Any]]],
        render: Render,
        cache: FragmentCache,
    ) -> None:
        self.type_name = type_name
        self.links = tuple(links)
        self.arguments = tuple(arguments)
        self.render = render
        names = {name for each in self.arguments for name in each.names}
        names.update(name for link in self.links for name in link.names)
        self.names = tuple(sorted(names))
        self.kept = DocumentFragments(cache, lasting=all(link.lasting for link in self.links))

    def variant(self, variables: Variables) -> Hashable:
        """What tells apart the values of the variables that show; None where none do."""
        if not self.names:
            return None
        try:
            return variables.asked[self]  # type: ignore[no-any-return]
        except KeyError:
            key: Hashable = variables.asked.setdefault(self, variables.key(self.names))
            return key

    def keys(self, documents: Iterable[Any], variables: Variables) -> list[Key]:
        """Under what the results for documents are kept."""
        variant = self.variant(variables)
        if variant is None:
            return [document.id for document in documents]
        return [(variant, document.id) for document in documents]

    def shown(self, documents: Sequence[Any], columns: Columns, variables: Variables) -> list[Any]:
        """What the answer shows of documents. Raises: SurpriseError."""
        arguments = (each(variables) for each in self.arguments)
        shown: list[Any] = self.render(documents, *columns, *arguments)
        return shown

    def rows(self, documents: Sequence[Any], columns: Columns) -> Sequence[Row]:
        """What each link shows of each document: n documents -> n tuples."""
        if not self.links:
            return [()] * len(documents)
        pairs = zip(self.links, columns, strict=True)
        shown = [link.by_document(documents, column) for link, column in pairs]
        return list(zip(*shown, strict=True))

    def columns(self, rows: Sequence[Row]) -> Columns:
        """The way back: from n tuples to the values of each link, one behind the other."""
        columns = zip(*rows, strict=True)
        return [
            list(column if link.sources is None else chain.from_iterable(column))
            for link, column in zip(self.links, columns, strict=True)
        ]

    def texts(
        self,
        keys: Sequence[Key],
        documents: Sequence[Any],
        columns: Columns,
        variables: Variables,
    ) -> dict[Key, bytes]:
        """The JSON of n > 0 documents by key, for the state that is being read. What is found to
        be true still need not be made; what was asked for before is kept. Raises: SurpriseError.
        """
        if self.kept.are_new(keys):
            made = texts_of(self.shown(documents, columns, variables))
            self.kept.see(keys, self.variant(variables))
            return dict(zip(keys, made, strict=True))
        texts: dict[Key, bytes] = {}
        left = []
        for each in zip(keys, documents, self.rows(documents, columns), strict=True):
            entry = self.kept.find(*each)
            if entry is None:
                left.append(each)
            else:
                texts[each[0]] = entry.json
        if left:
            keys, documents, rows = zip(*left, strict=True)
            made = texts_of(self.shown(documents, self.columns(rows), variables))
            self.keep(keys, documents, rows, made, variables)
            texts.update(zip(keys, made, strict=True))
        return texts

    def keep(
        self,
        keys: Sequence[Key],
        documents: Sequence[Any],
        rows: Sequence[Row],
        texts: Sequence[bytes],
        variables: Variables,
    ) -> None:
        """Keep those of these results that somebody asked for before."""
        known, variant = self.kept.known(keys), self.variant(variables)
        if known:
            of_each = zip(keys, documents, rows, texts, strict=True)
            made = ((k, entry_of(d, r, json, variant)) for k, d, r, json in of_each if k in known)
            self.kept.put_all(dict(made))
        self.kept.see(keys, variant)
