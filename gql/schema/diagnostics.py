"""Diagnostics: the problems in the loaded files."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import strawberry
from strawberry import UNSET

from gql.identity.viewer import Permission
from store import model

from .connection import After, ConnectionValue, First, value_or_none, window
from .context import Info


@strawberry.enum(description="The severity of a problem.")
class Severity(Enum):
    ERROR = strawberry.enum_value(
        model.Severity.ERROR,
        description="The file was not loaded. Its last good version is served, if there is one.",
    )
    WARNING = strawberry.enum_value(
        model.Severity.WARNING, description="The file was loaded, but should be checked."
    )
    INFO = strawberry.enum_value(model.Severity.INFO, description="Information only.")


@strawberry.type(description="A problem in a file.")
class Diagnostic:
    path: str = strawberry.field(description="The path of the file, relative to the folder.")
    line: int | None = strawberry.field(description="The line number, from 1.")
    severity: Severity = strawberry.field(description="The severity.")
    code: str = strawberry.field(description="A stable code for the kind of problem.")
    message: str = strawberry.field(description="The problem.")
    remedy: str | None = strawberry.field(description="How to solve it.")


async def resolve_diagnostics(
    info: Info,
    severity: Annotated[
        Severity | None, strawberry.argument(description="Only problems of this severity.")
    ] = UNSET,
    first: First = UNSET,
    after: After = UNSET,
) -> ConnectionValue[model.Diagnostic]:
    """`Query.diagnostics`. A problem can name a draft, hence the scope."""
    info.context.viewer.require(Permission.READ_DRAFTS, "Query.diagnostics")
    part = window(info.context.page_sizes, first, after)
    only = value_or_none(severity)
    page = await info.context.snapshot.diagnostic_page(part, only and model.Severity[only.name])
    return ConnectionValue(page, info.context.snapshot.cursors.diagnostic)
