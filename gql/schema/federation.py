"""Federation: this graph as a subgraph of a supergraph, which a router composes of several.

https://www.apollographql.com/docs/graphos/schema-design/federated-schemas/reference/subgraph-spec

The SDL is that of the schema, with the directives of federation and without `node` and `nodes`:
every Relay subgraph has these, and a router would send ids of other subgraphs here.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Sequence
from functools import lru_cache
from typing import Annotated, Any, NewType

import strawberry
from graphql import (
    REMOVE,
    FieldDefinitionNode,
    ObjectTypeDefinitionNode,
    ScalarTypeDefinitionNode,
    TypeDefinitionNode,
    UnionTypeDefinitionNode,
    Visitor,
    parse,
    print_ast,
    visit,
)

from gql.adapters.strawberry import ScalarDefinition
from store import LookupKey, QueryError, Snapshot, Visibility

from .batch_loads import load_articles, load_providers, load_topics
from .connection import check_page_size
from .context import Info, PageSizes
from .graph import Article, Provider, Topic
from .links import Link, prepared_keys

LINK = (
    'extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", '
    'import: ["@key", "@shareable"])'
)
DIRECTIVES = {
    "Article": '@key(fields: "id")',
    "Provider": '@key(fields: "id") @key(fields: "domain")',
    "Topic": '@key(fields: "id") @key(fields: "slug")',
    "PageInfo": "@shareable",
}
"""The directives of types. An article's slug is no key: two articles may have one slug, and one
locale, too.
"""

MACHINERY = ("_Any", "_Entity", "_Service")
"""The types that only federation has."""
FIELDS = ("_entities", "_service")
"""The fields of the query root that only federation has."""
FEDERATION_COSTS = {"_Service.sdl": 1_000}
"""The cost of the SDL, which has 40 kB."""
_OF_EVERY_SUBGRAPH = ("node", "nodes")

Representation = NewType("Representation", object)
"""An object of a router: the name of a type, and a key."""

REPRESENTATION: dict[object, ScalarDefinition] = {
    Representation: strawberry.scalar(
        name="_Any",
        description="An entity as a router names it: `__typename` and the fields of a key.",
        serialize=lambda value: value,
        parse_value=lambda value: value,
    )
}
"""The scalar of representations, for the schema's configuration."""

_LOADS: dict[str, Any] = {
    "Article": load_articles,
    "Provider": load_providers,
    "Topic": load_topics,
}
_KEYS: dict[str, dict[str, LookupKey]] = {
    "Article": {"id": LookupKey.ID},
    "Provider": {"id": LookupKey.ID, "domain": LookupKey.DOMAIN},
    "Topic": {"id": LookupKey.ID, "slug": LookupKey.SLUG},
}

EntityKey = tuple[str, LookupKey, str]
"""A type, and a key of one of its entities."""

Entity = Annotated[
    Article | Provider | Topic,
    strawberry.union("_Entity", description="An object that other subgraphs can refer to."),
]


def load_entities(
    snapshot: Snapshot, keys: Sequence[EntityKey], visibility: Visibility
) -> Awaitable[Sequence[Any]]:
    """Entities of any type by any of their keys; one call for each type and kind of key."""
    return _load_entities(snapshot, keys, visibility)


async def _load_entities(
    snapshot: Snapshot, keys: Sequence[EntityKey], visibility: Visibility
) -> Sequence[Any]:
    entities: dict[EntityKey, Any] = {}
    for name, load in _LOADS.items():
        if same := [(by, value) for type, by, value in keys if type == name]:
            values = await load(snapshot, same, visibility)
            for (by, value), entity in zip(same, values, strict=True):
                entities[name, by, value] = entity
    return [entities[key] for key in keys]


def entity_keys(
    sizes: PageSizes,
    representations: Annotated[
        list[Representation], strawberry.argument(description="The entities.")
    ],
) -> list[EntityKey]:
    """The arguments of `Query._entities`. Raises: WindowError: too many. QueryError."""
    check_page_size("representations", len(representations), sizes.maximum)
    return [_entity_key(each) for each in representations]


def _entity_key(representation: Any) -> EntityKey:
    """The key in a representation; other fields, such as those of other subgraphs, are ignored."""
    name = representation.get("__typename") if isinstance(representation, dict) else None
    for field, key in _KEYS.get(name, {}).items() if isinstance(name, str) else ():
        value = representation.get(field)
        if isinstance(value, str):
            return str(name), key, value
    keys = "; ".join(f"{type} by {' or '.join(by)}" for type, by in _KEYS.items())
    raise QueryError(f"A representation names no entity of this subgraph by a key of it: {keys}.")


ENTITIES = Link(load_entities, prepared_keys, list, entity_keys, is_list=True)


@strawberry.type(name="_Service", description="This subgraph, for composition.")
class Service:
    sdl: str = strawberry.field(description="The schema, with the directives of federation.")


def resolve_service(info: Info) -> Service:
    """`Query._service`."""
    return Service(sdl=service_sdl(info.schema))


@lru_cache(maxsize=2)
def service_sdl(schema: strawberry.Schema) -> str:
    """The SDL of a schema's subgraph, made once: to print and parse the schema takes 100 ms."""
    return subgraph_sdl(str(schema))


def subgraph_sdl(text: str) -> str:
    """The SDL of the subgraph, from that of the federated schema."""
    sdl = print_ast(visit(parse(text), _Removal()))
    for name, directives in DIRECTIVES.items():
        head = re.compile(rf"^type {name}\b[^{{]*(?={{)", re.MULTILINE)
        sdl = head.sub(rf"\g<0>{directives} ", sdl)
    return f"{LINK}\n\n{sdl}\n"


class _Removal(Visitor):
    """Removes what no supergraph takes from a subgraph."""

    def enter_field_definition(self, node: FieldDefinitionNode, *position: Any) -> Any:
        parent = position[-1][-1]
        is_root = isinstance(parent, ObjectTypeDefinitionNode) and parent.name.value == "Query"
        return REMOVE if is_root and node.name.value in (*FIELDS, *_OF_EVERY_SUBGRAPH) else None

    def enter_object_type_definition(self, node: ObjectTypeDefinitionNode, *_: object) -> Any:
        return _removed(node)

    def enter_scalar_type_definition(self, node: ScalarTypeDefinitionNode, *_: object) -> Any:
        return _removed(node)

    def enter_union_type_definition(self, node: UnionTypeDefinitionNode, *_: object) -> Any:
        return _removed(node)


def _removed(node: TypeDefinitionNode) -> Any:
    return REMOVE if node.name.value in MACHINERY else None
