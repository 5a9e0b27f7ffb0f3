"""Links: declarations of fields that load documents.

A `Link` says which keys a field loads for its source and arguments. From it come the field's
resolver on graphql-core (`linked`) and its compiled plan (`gql.executor` finds it by `link_of`).
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

import strawberry

from store import CursorCodec

from .connection import ConnectionValue, selects
from .context import Info
from .loaders import BatchLoad

Keys = Callable[[Sequence[Any], Any, bool], list[tuple[Any, ...]]]
"""n sources, prepared arguments, whether the total is selected -> the keys of each source."""


class Link(NamedTuple):
    """The declaration of a field that loads documents.

    Attributes:
        load: The batch load of its keys.
        keys: The keys that it loads for each of n sources.
        pick: Makes the values of a source's keys, in their order, into the field's value: an entity
            or None, a list of entities, or a page.
        prepare: Makes the page sizes and the field's arguments into what `keys` needs; None where
            the field has no arguments. Its parameters after the first are the field's arguments.
        is_list: Whether its value is a list of entities.
        loads_lists: Whether the batch load gives a list of entities for each key, not one or none.
        cursors: Makes the store's cursors and the prepared arguments into what makes an item's
            cursor, the same function for equal lists of one store; where its value is a page.
        by_rights: Whether its values depend on more than visibility. Its prepared arguments then
            come in a triple: with the right to read secured text, and the previewed draft's id.
    """

    load: BatchLoad
    keys: Keys
    pick: Callable[[Sequence[Any]], Any]
    prepare: Callable[..., Any] | None = None
    is_list: bool = False
    loads_lists: bool = False
    cursors: Callable[[CursorCodec, Any], Callable[[Any], str]] | None = None
    by_rights: bool = False


def linked(
    link: Link, description: str, directives: Sequence[object] = (), name: str | None = None
) -> Any:
    """A field that a link resolves. Its GraphQL type is the field's annotation.

    `name`: its name in the schema, where that is not the attribute's in camel case.
    """
    return strawberry.field(
        resolver=_resolver(link), description=description, directives=directives, name=name
    )


def link_of(resolver: Callable[..., Any] | None) -> Link | None:
    """The link that a field's resolver was made from; None where it loads no documents."""
    link: Link | None = getattr(resolver, "link", None)
    return link


def _resolver(link: Link) -> Callable[..., Awaitable[Any]]:
    """The resolver of a field on graphql-core: the link of one source, batched with others'."""

    async def resolve(root: Any, info: Info, **arguments: Any) -> Any:
        context = info.context
        prepared = link.prepare and link.prepare(context.page_sizes, **arguments)
        if link.by_rights:
            prepared = prepared, context.viewer.may_read_secured, context.viewer.preview
        with_total = link.cursors is not None and selects(info, "totalCount")
        [keys] = link.keys((root,), prepared, with_total)
        value = link.pick(await context.loaders.load(link.load, keys))
        if link.cursors is None:
            return value
        return ConnectionValue(value, link.cursors(context.snapshot.cursors, prepared))

    resolve.__signature__ = _signature(link.prepare)  # type: ignore[attr-defined]  # functions have attributes
    resolve.link = link  # type: ignore[attr-defined]  # functions have attributes
    return resolve


def _signature(prepare: Callable[..., Any] | None) -> inspect.Signature:
    """The signature that Strawberry reads: the source, the request, and the field's arguments."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [
        inspect.Parameter("root", kind, annotation=Any),
        inspect.Parameter("info", kind, annotation=Info),
    ]
    if prepare is not None:
        _sizes, *arguments = inspect.signature(prepare, eval_str=True).parameters.values()
        parameters += arguments
    return inspect.Signature(parameters)


def single(values: Sequence[Any]) -> Any:
    """The only value; None without a key."""
    return values[0] if values else None


def single_list(values: Sequence[Any]) -> Any:
    """The list of the only key; empty without a key."""
    return values[0] if values else ()


def first_present(values: Sequence[Any]) -> Any:
    """The first value that is not None."""
    return next((value for value in values if value is not None), None)


def prepared_key(sources: Sequence[Any], prepared: Any, _total: bool) -> list[tuple[Any, ...]]:
    """The key in the arguments, for every source."""
    return [(prepared,)] * len(sources)


def prepared_keys(
    sources: Sequence[Any], prepared: Sequence[Any], _total: bool
) -> list[tuple[Any, ...]]:
    """The keys in the arguments, for every source."""
    return [tuple(prepared)] * len(sources)
