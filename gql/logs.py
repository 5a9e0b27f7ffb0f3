"""Logging: structured events, one way for our own and for those of libraries."""

from __future__ import annotations

import logging
import sys
from io import StringIO
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import EventDict, ExcInfo, Processor

from store.characters import escape_invisible

_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]

# Local variables stay out of tracebacks: they may hold what a client keeps secret, and to write
# them all takes seconds in which nobody is served.
_TRACEBACKS = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)


def configure_logging(level: str, format: Literal["console", "json"]) -> None:
    """Write events of at least `level` to standard error, as lines for people or as JSON."""
    renderer: list[Processor]
    if format == "json":
        renderer = [
            _TRACEBACKS,
            structlog.processors.JSONRenderer(),
        ]
    else:
        renderer = [
            _escaped,
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=_print_traceback
            ),
        ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
            foreign_pre_chain=_SHARED,
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # uvicorn's own lines about starting and stopping say less than ours do.
    # So do watchfiles' about changes, which we log when they are in the store.
    for talkative in ("uvicorn.error", "watchfiles"):
        logging.getLogger(talkative).setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def _escaped(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """An event whose values cannot make a terminal do anything, nor look like another line.

    Clients choose paths, names and headers. In JSON such characters are escaped anyway.
    """
    return {key: _shown(value) for key, value in event.items()}


def _shown(value: Any) -> Any:
    if isinstance(value, str):
        return escape_invisible(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [_shown(item) for item in value]
    return value  # shown by its repr, or a traceback


def _print_traceback(to: TextIO, exception: ExcInfo) -> None:
    text = StringIO()
    structlog.dev.plain_traceback(text, exception)
    to.write("\n".join(map(escape_invisible, text.getvalue().split("\n"))))


def get_logger() -> Any:
    """The logger of newsgraph's events."""
    return structlog.stdlib.get_logger("newsgraph")
