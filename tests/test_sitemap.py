"""Sitemaps."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from datetime import timedelta
from urllib.parse import urlsplit

from hypothesis import given, settings
from hypothesis import strategies as st

from gql.feeds import channel, sitemap
from store.model import TopicDefinition

from .feed_site import BARE, SEA, site
from .sites import NOON, article
from .store_strategies import articles

SITEMAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"


def locations(text: bytes) -> list[str | None]:
    """The addresses in a sitemap."""
    return [each.text for each in ET.fromstring(text).iter(f"{SITEMAP}loc")]  # noqa: S314 - ours


def check_sitemap(text: bytes) -> None:
    """Hold a sitemap to the protocol's schema."""
    root = ET.fromstring(text)  # noqa: S314 - ours
    assert root.tag == f"{SITEMAP}urlset"
    assert 1 <= len(root) <= 50_000
    for place in root:
        assert place.tag == f"{SITEMAP}url"
        assert [child.tag for child in place][:1] == [f"{SITEMAP}loc"]
        assert {child.tag for child in place} <= {f"{SITEMAP}loc", f"{SITEMAP}lastmod"}
        location = place.findtext(f"{SITEMAP}loc") or ""
        assert 12 <= len(location) <= 2_048
        assert urlsplit(location).scheme in ("http", "https")
        changed = place.findtext(f"{SITEMAP}lastmod", "2026-01-01T00:00:00Z")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", changed)


@given(st.lists(articles, max_size=5))
@settings(max_examples=30)
def test_sitemap_has_what_the_protocol_requires(held):
    """Whatever is stored, even nothing, the sitemap obeys the schema."""
    check_sitemap(site(*held).get("/sitemap.xml").content)


def test_sitemap_lists_the_front_page_and_where_the_articles_are():
    """The whole sitemap has the page of this server, then the articles', newest first."""
    response = site(SEA, BARE).get("/sitemap.xml")
    assert locations(response.content) == [
        "http://testserver/",
        "https://one.example/sea",
        "https://one.example/bare",
    ]
    assert b"<lastmod>2026-03-01T14:00:00Z</lastmod>" in response.content
    assert response.headers["content-type"] == "application/xml"


def test_sitemap_lists_a_page_once():
    """A page that two documents tell of is one place, as the newer document has it."""
    again = article("again", web_url=SEA.web_url, published_date_time=NOON - timedelta(days=2))
    text = site(SEA, again).get("/providers/one.example/sitemap.xml").content
    assert locations(text) == [SEA.web_url]
    assert b"<lastmod>2026-03-01T14:00:00Z</lastmod>" in text


def test_sitemap_of_a_provider_lists_its_pages_alone():
    """A publisher may name it in its own robots.txt, so there is nobody else's page in it."""
    response = site(SEA, BARE).get("/providers/one.example/sitemap.xml")
    assert locations(response.content) == ["https://one.example/sea"]


def test_sitemap_without_a_place_is_not_there():
    """The protocol wants one place at least."""
    response = site(topics=[TopicDefinition(slug="sea", name="Sea")]).get("/topics/sea/sitemap.xml")
    assert response.status_code == 404


def test_sitemap_reads_part_by_part_and_misses_nothing(monkeypatch):
    """However many parts the articles come in, each is listed; ties in time do not matter."""
    monkeypatch.setattr(channel, "WINDOW", 2)
    held = [article(f"n{i}") for i in range(7)]
    found = locations(site(*held).get("/sitemap.xml").content)
    assert sorted(str(url) for url in found[1:]) == [f"https://one.example/n{i}" for i in range(7)]


def test_sitemap_keeps_to_the_limits_of_the_protocol(monkeypatch):
    """Of too many places the newest stay; an address that is too long is passed over."""
    monkeypatch.setattr(sitemap, "MAX_PLACES", 3)
    held = [article(f"n{i}", published_date_time=NOON + timedelta(days=i)) for i in range(5)]
    long = article("x" * 100, web_url="https://one.example/" + "x" * 2_048)
    found = locations(site(*held, long).get("/sitemap.xml").content)
    assert found == ["http://testserver/", "https://one.example/n4", "https://one.example/n3"]
    assert locations(site(long).get("/sitemap.xml").content) == ["http://testserver/"]


def test_sitemap_keeps_below_the_size_of_the_protocol(monkeypatch):
    """Where the addresses are so long that 50,000 are too big a file, the oldest are left out."""
    monkeypatch.setattr(sitemap, "MAX_SIZE_BYTES", 20_000)
    held = [article(f"n{i}", web_url=f"https://one.example/{i}{'&' * 1_900}") for i in range(9)]
    text = site(*held).get("/sitemap.xml").content
    assert 5_000 < len(text) <= 20_000
    check_sitemap(text)
