"""The problems of the loaded files, for those who mend them."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry import UNSET

from store import diagnostic_cursor, model

from ..viewer import Scope
from .connection import After, ConnectionValue, First, given, window
from .context import Info

Severity = model.Severity
strawberry.enum(
    Severity,
    description="ERROR: the file's text was not taken, and an earlier one is served if there was "
    "one. WARNING: it was taken, but look. INFO: for your knowledge.",
)


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
    info.context.viewer.require(Scope.READ_DRAFTS, "Query.diagnostics")
    part = window(info.context.page_sizes, first, after)
    page = await info.context.snapshot.diagnostic_page(part, given(severity))
    return ConnectionValue(page, diagnostic_cursor)
