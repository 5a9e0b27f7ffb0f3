"""Logging: structured events on standard error, of newsgraph and of its libraries."""

from __future__ import annotations

import logging
import sys
from io import StringIO
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import EventDict, ExcInfo, Processor

from store.characters import escape_invisible

_COMMON_PROCESSORS: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]

# Without local variables: they may hold secrets of clients, and writing all of them takes seconds
# in which no request is served.
_JSON_TRACEBACKS = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)


def configure_logging(level: str, format: Literal["console", "json"]) -> None:
    """Log events of at least `level` to standard error, as lines for people or as JSON."""
    renderer: list[Processor]
    if format == "json":
        renderer = [
            _JSON_TRACEBACKS,
            structlog.processors.JSONRenderer(),
        ]
    else:
        renderer = [
            _escape_event,
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=_print_traceback
            ),
        ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
            foreign_pre_chain=_COMMON_PROCESSORS,
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # We log starts, stops and reloads with more details than these libraries.
    for verbose in ("uvicorn.error", "watchfiles"):
        logging.getLogger(verbose).setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_COMMON_PROCESSORS,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def _escape_event(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Escape control characters and line breaks, since clients choose paths, names and headers.

    They could control a terminal or fake a line. JSON escapes them anyway.
    """
    return {key: _escape_value(value) for key, value in event.items()}


def _escape_value(value: Any) -> Any:
    if isinstance(value, str):
        return escape_invisible(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [_escape_value(item) for item in value]
    return value  # written by its repr, or as a traceback


def _print_traceback(to: TextIO, exception: ExcInfo) -> None:
    text = StringIO()
    structlog.dev.plain_traceback(text, exception)
    to.write("\n".join(map(escape_invisible, text.getvalue().split("\n"))))


def get_logger() -> Any:
    """The logger of newsgraph."""
    return structlog.stdlib.get_logger("newsgraph")
