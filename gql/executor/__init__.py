"""Compiled execution: the results of graphql-core, without its cost for each field and object.

A request runs through these steps:

1. `planning.field_collection`: the merged fields of each selection set
2. `planning.arguments`: argument coercion
3. links: each field's batch load, declared in `gql.schema.links`
4. `codegen`: a generated function for each selection
5. `execution`: batch loads level by level
6. `rows`: the row cache

`compiler` makes a plan by steps 1 to 4, once for each operation. `compiled_executor` runs it, and
falls back to graphql-core, the reference executor.
"""

from .compiled_executor import CompiledExecutor

__all__ = ["CompiledExecutor"]
