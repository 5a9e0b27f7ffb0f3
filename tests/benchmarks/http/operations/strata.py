"""The strata of operations: each draw contains every one."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tests.benchmarks.http.operations import filters, selections
from tests.benchmarks.http.operations.filters import Shape
from tests.benchmarks.http.operations.list_generator import ListSpec
from tests.benchmarks.http.operations.operation import Inlining
from tests.benchmarks.http.operations.parts import SelectionPart
from tests.benchmarks.http.operations.selection_generator import SelectionGenerator


class Stratum(NamedTuple):
    """A stratum of the generator.

    Attributes:
        name: The name in the table; several strata may share it.
        make: Generates the root selection.
        inlining: Which values are literals; dealt if None.
    """

    name: str
    make: Callable[[SelectionGenerator], SelectionPart]
    inlining: Inlining | None = Inlining.NONE


def _list(kind: str, spec: ListSpec, inlining: Inlining | None = None) -> Stratum:
    return Stratum(kind, lambda maker: maker.lists.make(spec), inlining)


_LOOK_UPS = (
    Stratum("look-up", lambda m: m.article("id")),
    Stratum("look-up", lambda m: m.article("slug")),
    Stratum("look-up", lambda m: m.article("url")),
    Stratum("look-up", lambda m: m.article_in_locale()),
    Stratum("look-up", lambda m: m.provider("id")),
    Stratum("look-up", lambda m: m.provider("domain")),
    Stratum("look-up", lambda m: m.topic("id")),
    Stratum("look-up", lambda m: m.topic("slug")),
    Stratum("look-up", lambda m: m.topic("name")),
    Stratum("look-up", lambda m: m.article("slug"), Inlining.ALL),
    Stratum("node", lambda m: m.node()),
    Stratum("nodes", lambda m: m.nodes(20, mixed=False)),
    Stratum("nodes", lambda m: m.nodes(50, mixed=True)),
    Stratum("story", lambda m: m.story()),
    Stratum("referencedBy", lambda m: m.referenced_by(20)),
)
_PAGES = (
    Stratum("front page", lambda m: m.front_page()),
    Stratum("front page", lambda m: m.front_page(), Inlining.FEW),
    Stratum("topics", lambda m: m.topic_list(nested=False)),
    Stratum("topics", lambda m: m.topic_list(nested=True)),
    Stratum("providers", lambda m: m.provider_list(nested=False)),
    Stratum("providers", lambda m: m.provider_list(nested=True)),
    Stratum("directives", lambda m: m.switched()),
    Stratum("images", lambda m: m.sized()),
)
_PLAIN_LISTS = (
    _list("list", ListSpec(shape="edges+cursor", sizes=(20, 50))),
    _list("list", ListSpec(shape="edges", sizes=(1_000,))),
    _list("list", ListSpec(sizes=(50,), selection=SelectionPart(selections.FULL, title="full"))),
    _list("list", ListSpec()),
    _list("list", ListSpec()),
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

STRATA: tuple[Stratum, ...] = (
    *_LOOK_UPS,
    *_PAGES,
    *_PLAIN_LISTS,
    *(_list("topic list", ListSpec("topic")) for _ in range(2)),
    *(_list("topic list", ListSpec("topic", shape)) for shape in _TOPIC_FILTERS),
    _list("provider list", ListSpec("provider")),
    *(_list("provider list", ListSpec("provider", shape)) for shape in _PROVIDER_FILTERS),
    *(_list("filtered list", ListSpec(filter=shape)) for shape in _ROOT_FILTERS),
    _list("filtered list", ListSpec(filter=filters.BOTH, sizes=(20,)), Inlining.ALL),
    _list("count", ListSpec(filter=filters.THREE, shape="none", sizes=(1,))),
    *(
        _list(operator, ListSpec(scope, shape, substring=operator), Inlining.NONE)
        for operator, scope, shape in _SUBSTRINGS
    ),
)
"""The strata of the draw: a set of this many operations covers everything."""
