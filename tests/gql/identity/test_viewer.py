"""Loopback clients: which requests come from a person at this machine."""

from __future__ import annotations

import pytest

from gql.identity.viewer import is_local

HERE = ("127.0.0.1", 50_000)


def asks(
    client: tuple[str, int] | None = HERE, host: str | None = "127.0.0.1:8000", **more: str
) -> bool:
    """Whether a request from this client with these headers counts as local."""
    headers = more if host is None else {"host": host, **more}
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    return is_local({"type": "http", "client": client, "headers": raw})


@pytest.mark.parametrize(
    ("client", "host"),
    [
        (HERE, "127.0.0.1:8000"),
        (HERE, "localhost"),
        (HERE, "LocalHost:8000"),
        (("127.5.5.5", 1), "127.5.5.5"),
        (("::1", 1), "[::1]:8000"),
        (("::1", 1), "[::1]"),
    ],
)
def test_viewer_at_this_machine_is_local(client, host):
    """Its address and the name it asked for are this machine's."""
    assert asks(client, host)


@pytest.mark.parametrize("client", [None, ("10.0.0.7", 1), ("203.0.113.9", 1), ("fe80::1", 1)])
def test_viewer_elsewhere_is_not_local(client):
    """Whatever name it asked for, its address is another machine's, or nobody knows it."""
    assert not asks(client)


@pytest.mark.parametrize(
    "host",
    [
        None,
        "",
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example:8000",
        "[",
        "[::1",
        "user@evil.example",
        "127.0.0.1@evil.example",
        "192.168.0.3:8000",
    ],
)
def test_viewer_that_asked_for_another_name_is_not_local(host):
    """A page whose name was bound to this address has sent its own name."""
    assert not asks(host=host)


@pytest.mark.parametrize("header", ["forwarded", "x-forwarded-for", "x-real-ip", "via"])
def test_viewer_behind_a_proxy_is_not_local(header):
    """A proxy on this machine speaks for strangers."""
    assert not asks(HERE, "localhost", **{header: "127.0.0.1"})


@pytest.mark.parametrize(
    "origin", ["http://localhost:3000", "http://127.0.0.1:8000", "http://[::1]"]
)
def test_page_of_this_machine_is_local(origin):
    """A site under development may show drafts."""
    assert asks(origin=origin)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "", "file://", "http://["])
def test_page_from_elsewhere_in_a_browser_here_is_not_local(origin):
    """Even where CORS lets every page read, drafts are not for pages of others."""
    assert not asks(origin=origin)


@pytest.mark.parametrize(
    ("site", "origin", "is_here"),
    [
        ("same-origin", None, True),
        ("same-origin", "http://127.0.0.1:8000", True),
        ("none", None, True),
        ("same-site", "http://localhost:3000", True),
        ("same-site", None, False),
        ("cross-site", None, False),
        ("cross-site", "http://localhost:3000", False),
        ("Cross-Site", None, False),
        ("", None, False),
        ("what comes after", None, False),
    ],
)
def test_request_that_another_site_has_caused_is_not_local(site, origin, is_here):
    """A page from elsewhere that embeds or links to what is here sends no Origin."""
    more = {"sec-fetch-site": site} | ({"origin": origin} if origin else {})
    assert asks(**more) is is_here
