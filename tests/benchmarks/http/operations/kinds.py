"""The kinds of operations: a table of strata, of which each draw holds every one."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tests.benchmarks.http.operations import filters, selections
from tests.benchmarks.http.operations.filters import Shape
from tests.benchmarks.http.operations.lists import ListWish
from tests.benchmarks.http.operations.maker import Maker
from tests.benchmarks.http.operations.operation import Inlining
from tests.benchmarks.http.operations.parts import Part


class Kind(NamedTuple):
    """A stratum of the generator.

    Attributes:
        name: The kind's name in the table; several strata may share it.
        make: Makes the selection on the root.
        inlining: Which values are literals; dealt where it is None.
    """

    name: str
    make: Callable[[Maker], Part]
    inlining: Inlining | None = Inlining.NONE


def _list(kind: str, wish: ListWish, inlining: Inlining | None = None) -> Kind:
    return Kind(kind, lambda maker: maker.lists.make(wish), inlining)


_LOOK_UPS = (
    Kind("look-up", lambda m: m.article("id")),
    Kind("look-up", lambda m: m.article("slug")),
    Kind("look-up", lambda m: m.article("url")),
    Kind("look-up", lambda m: m.provider("id")),
    Kind("look-up", lambda m: m.provider("domain")),
    Kind("look-up", lambda m: m.topic("id")),
    Kind("look-up", lambda m: m.topic("slug")),
    Kind("look-up", lambda m: m.topic("name")),
    Kind("look-up", lambda m: m.article("slug"), Inlining.ALL),
    Kind("node", lambda m: m.node()),
    Kind("nodes", lambda m: m.nodes(20, mixed=False)),
    Kind("nodes", lambda m: m.nodes(50, mixed=True)),
    Kind("story", lambda m: m.story()),
    Kind("referencedBy", lambda m: m.referenced_by(20)),
)
_PAGES = (
    Kind("front page", lambda m: m.front_page()),
    Kind("front page", lambda m: m.front_page(), Inlining.FEW),
    Kind("topics", lambda m: m.topic_list(nested=False)),
    Kind("topics", lambda m: m.topic_list(nested=True)),
    Kind("providers", lambda m: m.provider_list(nested=False)),
    Kind("providers", lambda m: m.provider_list(nested=True)),
    Kind("directives", lambda m: m.switched()),
    Kind("images", lambda m: m.sized()),
)
_PLAIN_LISTS = (
    _list("list", ListWish(shape="edges+cursor", sizes=(20, 50))),
    _list("list", ListWish(shape="edges", sizes=(1_000,))),
    _list("list", ListWish(sizes=(50,), selection=Part(selections.FULL, title="full"))),
    _list("list", ListWish()),
    _list("list", ListWish()),
)
_TOPIC_FILTERS: tuple[Shape, ...] = (
    filters.ONE,
    filters.BOTH,
    filters.THREE,
    filters.WITH_OR,
)
_PROVIDER_FILTERS: tuple[Shape, ...] = (filters.ONE, filters.BOTH, filters.WITH_OR)
_ROOT_FILTERS: tuple[Shape, ...] = (
    filters.ONE,
    filters.BOTH,
    filters.THREE,
    filters.NOT,
    filters.AND,
    filters.OR,
    filters.OR_THREE,
    filters.WITH_OR,
    filters.WITH_OR,
    filters.AND_OR_NOT,
    filters.WITH_NOT_OR,
    filters.OR_OF_ANDS,
    filters.DEEP,
    filters.WITH_NOT_OR,
)
_SUBSTRINGS: tuple[tuple[str, str, Shape], ...] = (
    ("contains", "root", filters.ONE),
    ("contains", "root", filters.OR),
    ("contains", "topic", filters.BOTH),
    ("contains", "root", filters.OR),
    ("startsWith", "root", filters.ONE),
    ("startsWith", "root", filters.OR_THREE),
    ("startsWith", "provider", filters.THREE),
)

STRATA: tuple[Kind, ...] = (
    *_LOOK_UPS,
    *_PAGES,
    *_PLAIN_LISTS,
    *(_list("topic list", ListWish("topic")) for _ in range(2)),
    *(_list("topic list", ListWish("topic", shape)) for shape in _TOPIC_FILTERS),
    _list("provider list", ListWish("provider")),
    *(_list("provider list", ListWish("provider", shape)) for shape in _PROVIDER_FILTERS),
    *(_list("filtered list", ListWish(filter=shape)) for shape in _ROOT_FILTERS),
    _list("filtered list", ListWish(filter=filters.BOTH, sizes=(20,)), Inlining.ALL),
    _list("count", ListWish(filter=filters.THREE, shape="none", sizes=(1,))),
    *(
        _list(operator, ListWish(scope, shape, substring=operator), Inlining.NONE)
        for operator, scope, shape in _SUBSTRINGS
    ),
)
"""The strata of the draw: a set of this many operations covers everything."""
