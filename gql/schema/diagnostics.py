"""The problems of the loaded files, for those who mend them."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import strawberry
from strawberry import UNSET

from gql.identity.viewer import Permission
from store import model

from .connection import After, ConnectionValue, First, given, window
from .context import Info


@strawberry.enum(description="How bad a problem of a file is.")
class Severity(Enum):
    ERROR = strawberry.enum_value(
        model.Severity.ERROR,
        description="The file's text was not taken; an earlier one is served if there was one.",
    )
    WARNING = strawberry.enum_value(
        model.Severity.WARNING, description="The file's text was taken, but look."
    )
    INFO = strawberry.enum_value(model.Severity.INFO, description="For your knowledge.")


@strawberry.type(description="One problem of one file.")
class Diagnostic:
    path: str = strawberry.field(description="The file, relative to the folder.")
    line: int | None = strawberry.field(description="The line, from 1.")
    severity: Severity = strawberry.field(description="How bad it is.")
    code: str = strawberry.field(description="What kind of problem; codes are stable.")
    message: str = strawberry.field(description="What is wrong.")
    remedy: str | None = strawberry.field(description="What to do about it.")


async def resolve_diagnostics(
    info: Info,
    severity: Annotated[
        Severity | None, strawberry.argument(description="Only those of this severity.")
    ] = UNSET,
    first: First = UNSET,
    after: After = UNSET,
) -> ConnectionValue[model.Diagnostic]:
    """`Query.diagnostics`. A problem can name a draft, hence the scope."""
    info.context.viewer.require(Permission.READ_DRAFTS, "Query.diagnostics")
    part = window(info.context.page_sizes, first, after)
    only = given(severity)
    page = await info.context.snapshot.diagnostic_page(part, only and model.Severity[only.name])
    return ConnectionValue(page, info.context.snapshot.cursors.diagnostic)
