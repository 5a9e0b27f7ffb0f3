"""Shrinking: the search for a smaller session that still fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import msgspec
from graphql import (
    REMOVE,
    DocumentNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    Node,
    VariableDefinitionNode,
    VariableNode,
    Visitor,
    parse,
    print_ast,
    visit,
)

from gql.http.request_memo import RequestMemo
from store import Batch
from tests.support.random_sessions import Session, SessionRequest, Step

_REMOVABLE = frozenset({"field", "inline_fragment", "fragment_spread", "argument", "directive"})


def shrink(session: Session, fails: Callable[[Session], bool]) -> Session:
    """A failing session that no candidate can make smaller."""
    while True:
        for candidate in shrink_candidates(session):
            if fails(candidate):
                session = candidate
                break
        else:
            return session


def shrink_candidates(session: Session) -> Iterator[Session]:
    """Smaller variants of a session, those with the most removed first."""
    steps = session.steps
    for size in (len(steps) // 2, len(steps) // 4, 1):
        for start in range(0, len(steps), size) if size else ():
            yield replace(session, steps=(*steps[:start], *steps[start + size :]))
    for n, step in enumerate(steps):
        for less in _smaller_step(step):
            yield replace(session, steps=(*steps[:n], less, *steps[n + 1 :]))
    for text in dict.fromkeys(ask.request.query for ask in _asks(steps)):
        for shorter in _shorter(text):
            yield replace(session, steps=tuple(_with_text(step, text, shorter) for step in steps))
    if session.turns:
        yield replace(session, turns=0)
    if session.is_sliced:
        yield replace(session, is_sliced=False)


def _asks(steps: Sequence[Step]) -> Iterator[SessionRequest]:
    for step in steps:
        if isinstance(step, tuple):
            yield from (each for each in step if isinstance(each, SessionRequest))


def _smaller_step(step: Step) -> Iterator[Step]:
    """Variants of a step without some of its requests, documents or topics."""
    if isinstance(step, Batch):
        for name in ("puts", "deletes", "topics", "diagnostics"):
            for fewer in _fewer(getattr(step, name) or ()):
                yield msgspec.structs.replace(step, **{name: fewer})
    elif step and isinstance(step[0], SessionRequest):
        asks: Any = step
        yield from (fewer for fewer in _fewer(asks) if fewer)


def _fewer(items: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    for size in sorted({len(items), len(items) // 2, len(items) // 4, 1} - {0}, reverse=True):
        for start in range(0, len(items), size):
            yield (*items[:start], *items[start + size :])


def _with_text(step: Step, old: str, new: str) -> Step:
    if isinstance(step, Batch) or not (step and isinstance(step[0], SessionRequest)):
        return step
    asks: Any = step
    return tuple(
        ask._replace(request=msgspec.structs.replace(ask.request, query=new, memo=RequestMemo()))
        if ask.request.query == old
        else ask
        for ask in asks
    )


def _shorter(text: str) -> Iterator[str]:
    """Variants of a document without one part, and without definitions that become unused."""
    try:
        document = parse(text, no_location=True)
    except GraphQLError:
        return
    for number in range(_count(document)):
        shorter = _without_unused(visit(document, _Remover(number)))
        written = print_ast(shorter)
        if "{}" not in written:  # else a selection has become empty
            yield written


def _count(document: DocumentNode) -> int:
    counter = _Remover(-1)
    visit(document, counter)
    return counter.seen


class _Remover(Visitor):
    """Removes one part of a document, and counts all of them."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number
        self.seen = 0

    def enter(self, node: Node, *_: Any) -> Any:
        """Remove the node with the given number."""
        if node.kind not in _REMOVABLE:
            return None
        self.seen += 1
        return REMOVE if self.seen - 1 == self._number else None


class _Uses(Visitor):
    """Collects the names of used fragments and variables."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def enter_variable_definition(self, _node: VariableDefinitionNode, *_: Any) -> Any:
        """Skip definitions: they are no uses."""
        return False

    def enter_variable(self, node: VariableNode, *_: Any) -> None:
        """Collect a variable."""
        self.names.add("$" + node.name.value)

    def enter_fragment_spread(self, node: FragmentSpreadNode, *_: Any) -> None:
        """Collect a fragment."""
        self.names.add(node.name.value)


class _Unused(Visitor):
    """Removes unused definitions."""

    def __init__(self, used: set[str]) -> None:
        super().__init__()
        self._used = used

    def enter_fragment_definition(self, node: FragmentDefinitionNode, *_: Any) -> Any:
        """Remove an unused fragment."""
        return None if node.name.value in self._used else REMOVE

    def enter_variable_definition(self, node: VariableDefinitionNode, *_: Any) -> Any:
        """Remove an unused variable."""
        return None if "$" + node.variable.name.value in self._used else REMOVE


def _without_unused(document: Any) -> Any:
    while True:
        uses = _Uses()
        visit(document, uses)
        less = visit(document, _Unused(uses.names))
        if less == document:
            return document
        document = less
