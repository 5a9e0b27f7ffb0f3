"""Semantic nullability: fields that are null only together with an error.

A non-null root field that fails takes the whole response with it. These fields are nullable, and
say by a directive that clients which handle errors may treat them as non-null.
https://specs.apollo.dev/nullability/v0.4/
"""

from __future__ import annotations

import strawberry
from strawberry.schema_directive import Location


@strawberry.schema_directive(
    name="semanticNonNull",
    locations=[Location.FIELD_DEFINITION],
    description="The field is null only where an error says why, at its path or below it.",
)
class SemanticNonNull:
    levels: list[int] = strawberry.field(
        default_factory=lambda: [0],
        description="The levels of nested lists that this holds for; 0 is the field itself.",
    )


NULL_ON_ERROR = (SemanticNonNull(),)
"""The directives of a field that is null only with an error."""
