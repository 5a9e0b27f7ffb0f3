"""The interfaces of uvicorn that `gql.adapters.uvicorn` names, most of them undocumented."""

from __future__ import annotations

import ast
import inspect
import textwrap
from pathlib import Path
from typing import Any

import pytest
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.supervisors import multiprocess

import gql.server
from gql.adapters import uvicorn as adapter
from tests.gql.adapters.signatures import fail, parameters

SERVER = Path(gql.server.__file__).parent
CLASSES = {
    "HttpConnection": adapter.HttpToolsProtocol,
    "TimedConnection": adapter.HttpToolsProtocol,
    "Http1Protocol": adapter.HttpToolsProtocol,
    "DirectProtocol": adapter.HttpToolsProtocol,
    "_PipelineFlowControl": adapter.FlowControl,
    "FairInputProtocol": adapter.WebSocketsSansIOProtocol,
    "WebSocketProtocol": adapter.WebSocketsSansIOProtocol,
    "GracefulServer": adapter.Server,
    "Worker": adapter.Process,
    "Supervisor": adapter.Multiprocess,
}
"""Our classes, and the class of uvicorn that each extends."""

OBJECTS = {
    "cycle": adapter.RequestResponseCycle,
    "previous": adapter.RequestResponseCycle,
    "flow": adapter.FlowControl,
}
"""Names of variables and attributes of `gql.server`, and the class of uvicorn of their objects."""


def changed(what: str) -> None:
    """Fail: an interface has changed."""
    fail("uvicorn", adapter.WRITTEN_FOR, f"uvicorn's {what}", "its uses in gql/server")


def names_of(owner: type) -> set[str]:
    """The attributes and methods of a class of uvicorn, by its source."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(owner)))
    assigned = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    }
    return assigned | {name for name in dir(owner) if not hasattr(object, name)}


def used_names(path: Path) -> set[tuple[type, str]]:
    """The names of uvicorn's classes that a module of `gql.server` uses or overrides."""
    tree = ast.parse(path.read_text())
    used = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name in CLASSES:
            owner = CLASSES[node.name]
            for part in ast.walk(node):
                if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef):
                    used.add((owner, part.name))
                elif isinstance(part, ast.Attribute) and ast.unparse(part.value) in (
                    "self",
                    "super()",
                ):
                    used.add((owner, part.attr))
        elif isinstance(node, ast.Attribute):
            target = ast.unparse(node.value).rpartition(".")[2]
            if target in OBJECTS:
                used.add((OBJECTS[target], node.attr))
    return {(owner, name) for owner, name in used if name in names_of(owner)}


@pytest.mark.parametrize("owner", adapter.INTERNALS, ids=lambda owner: owner.__name__)
def test_names_are_as_in_the_version_that_the_adapter_was_written_for(owner: type) -> None:
    """Attributes exist, and methods have the parameters that they are called with."""
    names = names_of(owner)
    for name, expected in adapter.INTERNALS[owner].items():
        if name not in names:
            changed(f"{owner.__name__}.{name}")
        if expected is not None and parameters(getattr(owner, name)) != expected:
            changed(f"method {owner.__name__}.{name}")


def test_server_uses_no_other_names() -> None:
    """The list of internals is complete: a new use has to be added to it; an old one goes."""
    used = {name for path in SERVER.glob("*.py") for name in used_names(path)}
    declared = {(owner, name) for owner, names in adapter.INTERNALS.items() for name in names}
    assert sorted((o.__name__, n) for o, n in used - declared) == []
    assert sorted((o.__name__, n) for o, n in declared - used) == []


def test_status_lines_end_with_a_line_break() -> None:
    """They are the first line of a response, by status."""
    if adapter.STATUS_LINE.get(431) != b"HTTP/1.1 431 Request Header Fields Too Large\r\n":
        changed("STATUS_LINE")


def test_forwarded_headers_are_applied_without_the_application() -> None:
    """Uvicorn's middleware changes the scope before it calls the application."""

    async def application(*_: Any) -> None:
        raise AssertionError("the application must not run")

    middleware = ProxyHeadersMiddleware(application, trusted_hosts="127.0.0.1")
    scope: dict[str, Any] = {
        "type": "http",
        "scheme": "http",
        "client": ("127.0.0.1", 1),
        "headers": [(b"x-forwarded-for", b"192.0.2.7"), (b"x-forwarded-proto", b"https")],
    }
    adapter.apply_forwarded_headers(scope, middleware)
    if (scope["client"][0], scope["scheme"]) != ("192.0.2.7", "https"):
        changed("ProxyHeadersMiddleware")
    if adapter.unwrap_proxy_headers(middleware) is not application:
        changed("ProxyHeadersMiddleware.app")


def test_supervisor_starts_workers_of_the_class_that_was_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The supervisor finds the class of its workers as a global of its module."""
    monkeypatch.setattr(multiprocess, "Process", adapter.Process)
    adapter.set_worker_class(adapter.Process)
    if "Process" not in adapter.Multiprocess.init_processes.__code__.co_names:
        changed("Multiprocess.init_processes")
