"""From settings to what executes operations."""

from __future__ import annotations

import strawberry

from .http import Limits, Pipeline
from .settings import Settings


def pipeline(settings: Settings, schema: strawberry.Schema) -> Pipeline:
    """What executes operations on this schema, within the settings' limits."""
    return Pipeline(
        schema,
        Limits(depth=settings.max_depth, tokens=settings.max_tokens, aliases=settings.max_aliases),
    )
