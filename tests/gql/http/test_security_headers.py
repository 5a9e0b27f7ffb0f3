"""Security headers of every response."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.routing import Mount, Route
from starlette.testclient import TestClient, WebSocketDenialResponse

from gql.http import SECURITY_HEADERS
from gql.identity.viewer import Permission
from gql.web.graphiql_page import STATIC
from tests.support.auth_client import (
    add_key,
    auth_app,
    auth_client,
)

QUERY = "{ articles { totalCount } }"
SITE = "https://site.example"


def routes(folder: Path) -> list[str]:
    """The path of every route, with values for its parameters."""
    paths = []
    for route in auth_app(folder).web_app.routes:
        if isinstance(route, Mount):
            files = [path.name for path in (STATIC / "assets").iterdir()] or ["nothing.js"]
            paths.append(f"{route.path}/{min(files)}")
        elif isinstance(route, Route):
            parts = dict.fromkeys(route.param_convertors, "1")
            paths.append(str(route.url_path_for(route.name, **parts)))
    return [*paths, "/nothing", "/graphql"]


def check(response: Any) -> None:
    """Each of the fields is there, once."""
    for name, value in SECURITY_HEADERS:
        assert response.headers.get_list(name.decode()) == [value.decode()], response.url


@pytest.mark.parametrize("settings", [{}, {"cors_origins": (SITE,)}, {"anonymous": False}])
def test_every_route_has_them_with_every_method(tmp_path, settings):
    """Found or not, allowed or not, changed or not."""
    client = auth_client(tmp_path, **settings)
    for path in routes(tmp_path):
        for method in ("GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE"):
            for headers in ({}, {"accept": "text/html"}, {"origin": SITE}):
                response = client.request(method, path, headers=headers)
                check(response)
                if etag := response.headers.get("etag"):
                    again = client.request(method, path, headers={**headers, "if-none-match": etag})
                    check(again)


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        ({"query": QUERY}, {}, 200),
        ({"query": QUERY}, {"accept-encoding": "gzip"}, 200),
        ({"query": "{ nonsense }"}, {"accept": "application/graphql-response+json"}, 400),
        ({"query": QUERY}, {"accept": "text/event-stream"}, 200),
        ({"query": QUERY}, {"accept": "image/png"}, 406),
        ({"query": QUERY}, {"authorization": "Bearer ng_x"}, 401),
        ({"query": QUERY}, {"content-type": "text/plain"}, 415),
        ({"query": " " * (1 << 20)}, {}, 413),
    ],
)
def test_every_answer_of_the_graph_has_them(tmp_path, body, headers, status):
    """Kept or not, refused or streamed."""
    with auth_client(tmp_path) as client:
        for _ in range(3):
            response = client.post("/graphql", json=body, headers=headers)
            assert response.status_code == status
            check(response)
            if etag := response.headers.get("etag"):
                not_modified = client.post(
                    "/graphql", json=body, headers={**headers, "if-none-match": etag}
                )
                assert not_modified.status_code == 304
                check(not_modified)


def test_refusal_by_the_rate_limit_has_them(tmp_path):
    """And what CORS lets a page read stays readable."""
    client = auth_client(tmp_path, rate_limit="1/hour", cors_origins=(SITE,))
    for status in (200, 429):
        response = client.post("/graphql", json={"query": QUERY}, headers={"origin": SITE})
        assert response.status_code == status
        assert response.headers["access-control-allow-origin"] == SITE
        check(response)


def test_handshake_that_is_refused_has_them(tmp_path):
    """A page from elsewhere gets no WebSocket, and nothing else of it."""
    client = auth_client(tmp_path)
    headers = {"origin": "https://evil.example"}
    with (
        pytest.raises(WebSocketDenialResponse) as caught,
        client.websocket_connect("/graphql", ["graphql-transport-ws"], headers=headers),
    ):
        pass
    assert caught.value.status_code == 403
    check(caught.value)


def test_fault_has_them(tmp_path, monkeypatch):
    """Also what nobody expected to fail."""
    application = auth_app(tmp_path)
    monkeypatch.setattr(application.metrics, "exposition", None)
    client = TestClient(application, raise_server_exceptions=False)
    response = client.get(
        "/metrics", headers={"authorization": f"Bearer {add_key(tmp_path, Permission.ADMIN)}"}
    )
    assert response.status_code == 500
    check(response)


HANDSHAKE = (
    b"GET /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: https://evil.example\r\n"
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
)
BODY = b'{"query": "{ articles { totalCount } }"}'
POST = (
    b"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(BODY), BODY)
)
GET = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(("request_text", "status"), [(POST, 200), (GET, 200), (HANDSHAKE, 403)])
def test_server_sends_them(live_server, request_text, status):
    """What the protocol answers before there is a task, what the application does, a handshake."""
    address = urlsplit(live_server)
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        connection.sendall(request_text)
        head = b"".join(iter(lambda: connection.recv(65_536), b"")).partition(b"\r\n\r\n")[0]
    assert head.startswith(b"HTTP/1.1 %d " % status)
    fields = [tuple(line.split(b": ", 1)) for line in head.lower().split(b"\r\n")[1:]]
    for field in SECURITY_HEADERS:
        assert fields.count(field) == 1
