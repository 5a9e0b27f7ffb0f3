"""Adapter of uvicorn: all that newsgraph uses of it, most of which is undocumented.

uvicorn documents `Config` and `Server`. The server of newsgraph (`gql.server`) also extends its
protocols, its flow control and its supervisor, which may change in any release.
`tests/gql/adapters/test_uvicorn.py` fails when they do, and says what to look at.
"""

from __future__ import annotations

from copy import copy
from typing import Any

from uvicorn import Config, Server
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.supervisors import Multiprocess, multiprocess
from uvicorn.supervisors.multiprocess import Process

__all__ = [
    "INTERNALS",
    "STATUS_LINE",
    "WRITTEN_FOR",
    "Config",
    "FlowControl",
    "HttpToolsProtocol",
    "Multiprocess",
    "Process",
    "RequestResponseCycle",
    "Server",
    "WebSocketsSansIOProtocol",
    "apply_forwarded_headers",
    "set_worker_class",
    "unwrap_proxy_headers",
]

WRITTEN_FOR = "0.54.0"
"""The version of uvicorn that this module was written for."""

INTERNALS: dict[type, dict[str, str | None]] = {
    HttpToolsProtocol: {
        # attributes
        "access_log": None,
        "app": None,
        "app_state": None,
        "asgi_version": None,
        "client": None,
        "config": None,
        "connections": None,
        "cycle": None,
        "expect_100_continue": None,
        "flow": None,
        "headers": None,
        "limit_concurrency": None,
        "loop": None,
        "parser": None,
        "pipeline": None,
        "root_path": None,
        "scheme": None,
        "scope": None,
        "server": None,
        "server_state": None,
        "timeout_keep_alive": None,
        "transport": None,
        "url": None,
        # methods that are called or overridden
        "_should_upgrade": "",
        "_start_asgi_task": "cycle app",
        "connection_lost": "exc",
        "connection_made": "transport",
        "data_received": "data",
        "handle_websocket_upgrade": "",
        "on_body": "body",
        "on_header": "name value",
        "on_headers_complete": "",
        "on_message_begin": "",
        "on_message_complete": "",
        "on_response_complete": "",
        "on_url": "url",
        "pause_writing": "",
        "shutdown": "",
    },
    RequestResponseCycle: {
        "disconnected": None,
        "keep_alive": None,
        "message_event": None,
        "response_complete": None,
        "response_started": None,
        "transport": None,
    },
    FlowControl: {
        "read_paused": None,
        "write_paused": None,
        "pause_reading": "",
        "resume_reading": "",
    },
    WebSocketsSansIOProtocol: {
        # attributes
        "close_sent": None,
        "close_timeout": None,
        "close_timer": None,
        "config": None,
        "conn": None,
        "disconnected": None,
        "frames": None,
        "handshake_complete": None,
        "handshake_initiated": None,
        "loop": None,
        "pong_timer": None,
        "queue": None,
        "read_paused": None,
        "tasks": None,
        "transport": None,
        "writable": None,
        # methods that are called or overridden
        "connection_lost": "exc",
        "data_received": "data",
        "eof_received": "",
        "handle_close": "event",
        "handle_cont": "event",
        "handle_parser_exception": "",
        "keepalive_timeout": "",
        "on_task_complete": "task",
        "receive": "",
        "resume_writing": "",
        "send": "message",
        "send_500_response": "",
        "shutdown": "",
        "stop_keepalive": "",
    },
    Server: {
        "config": None,
        "lifespan": None,
        "server_state": None,
        "servers": None,
        "shutdown": "sockets",
    },
    Multiprocess: {
        "sockets": None,
        "run": "",
        "terminate_all": "",
    },
    Process: {
        "_server": None,
        "config": None,
        "server": None,
    },
}
"""The names that newsgraph uses, by class: an attribute (None), or a method and its parameters."""


def unwrap_proxy_headers(app: Any) -> Any:
    """The application inside uvicorn's middleware for forwarded headers, if it is wrapped."""
    return app.app if isinstance(app, ProxyHeadersMiddleware) else app


def apply_forwarded_headers(scope: Any, middleware: Any) -> None:
    """Set the client and scheme of a scope from forwarded headers, if the proxy is trusted.

    The middleware runs until it calls its application, which is replaced by a function that does
    nothing. So there is no task, and the real application is not called.
    """
    stub = copy(middleware)
    stub.app = _do_nothing
    try:
        stub(scope, None, None).send(None)
    except StopIteration:
        return


async def _do_nothing(_scope: Any, _receive: Any, _send: Any) -> None:
    pass


def set_worker_class(worker: type[Process]) -> None:
    """Have the supervisor start workers of this class; uvicorn has no parameter for it."""
    multiprocess.Process = worker  # type: ignore[misc]
