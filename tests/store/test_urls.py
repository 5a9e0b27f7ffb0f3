"""URLs: one canonical form for all spellings of an address."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.urls import canonical_url


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("https://BÜCHER.example./a", "https://xn--bcher-kva.example/a"),
        ("https://xn--bcher-kva.example:443", "https://xn--bcher-kva.example/"),
        ("http://a.example:80/%7Euser/%c3%a9", "http://a.example/~user/%C3%A9"),
        ("https://a.example/é?q=ü", "https://a.example/%C3%A9?q=%C3%BC"),
        ("https://a.example/a%2fb?x=%26", "https://a.example/a%2Fb?x=%26"),
        ("https://a.example/?utm%5Fsource=x&b=1", "https://a.example/?b=1"),
        ("https://a.example/100%", "https://a.example/100%"),
        ("https://[2001:DB8::1]:443/", "https://[2001:db8::1]/"),
        ("mailto:Ü@example", "mailto:Ü@example"),
    ],
)
def test_spellings_of_an_address_are_one(url, canonical):
    """Hosts are ASCII, percent-encoding is as RFC 3986 has it, default ports and dots are gone."""
    assert canonical_url(url) == canonical


@given(st.text("aZé%2fFcC3~&=?/:.ü#"))
def test_canonical_url_is_its_own(rest):
    """The canonical form is canonical, and without non-ASCII characters."""
    url = canonical_url(f"https://a.example/{rest}")
    assert canonical_url(url) == url
    assert url.isascii()
