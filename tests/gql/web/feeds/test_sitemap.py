"""Sitemaps: format, content and division."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from gql.web.feeds import channel, feed_routes, sitemap
from store.model import Article, TopicDefinition
from tests.support.factories import NOON, article, memory_repository, put_articles, route_client
from tests.support.feed_fixture import BARE, SEA, feed_client
from tests.support.store_strategies import articles
from tests.support.translation_contract import story

SITEMAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
LINK = "{http://www.w3.org/1999/xhtml}link"


def locations(text: bytes) -> list[str | None]:
    """The addresses in a sitemap."""
    return [each.text for each in ET.fromstring(text).iter(f"{SITEMAP}loc")]  # noqa: S314 - ours


def check_sitemap(text: bytes, root_tag: str = "urlset", tag: str = "url") -> None:
    """Hold a sitemap to the protocol's schema."""
    root = ET.fromstring(text)  # noqa: S314 - ours
    assert root.tag == f"{SITEMAP}{root_tag}"
    assert 1 <= len(root) <= 50_000
    for place in root:
        assert place.tag == f"{SITEMAP}{tag}"
        assert [child.tag for child in place][:1] == [f"{SITEMAP}loc"]
        assert {child.tag for child in place} <= {f"{SITEMAP}loc", f"{SITEMAP}lastmod", LINK}
        location = place.findtext(f"{SITEMAP}loc") or ""
        assert 12 <= len(location) <= 2_048
        assert urlsplit(location).scheme in ("http", "https")
        changed = place.findtext(f"{SITEMAP}lastmod", "2026-01-01T00:00:00Z")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", changed)


@given(st.lists(articles, max_size=5))
@settings(max_examples=30)
def test_sitemap_has_what_the_protocol_requires(held):
    """Whatever is stored, even nothing, the sitemap obeys the schema."""
    check_sitemap(feed_client(*held).get("/sitemap.xml").content)


def test_sitemap_lists_the_front_page_and_where_the_articles_are():
    """The whole sitemap has the page of this server, then the articles', oldest first."""
    response = feed_client(SEA, BARE).get("/sitemap.xml")
    assert locations(response.content) == [
        "http://testserver/",
        "https://one.example/bare",
        "https://one.example/sea",
    ]
    assert b"<lastmod>2026-03-01T14:00:00Z</lastmod>" in response.content
    assert response.headers["content-type"] == "application/xml"


def test_sitemap_names_the_other_languages_of_each_page():
    """Every page of a story lists all its languages, its own, too; drafts are none."""
    stories = [
        story("x", "en", in_id=False, web_url="https://one.example/x"),
        story("x", "pt_BR", web_url="https://one.example/pt/x?a=1&b=2"),
        story("x", "fr", web_url="https://one.example/fr/x", published=False),
        story("x", "not a language", web_url="https://one.example/n/x"),
        story("y", "en", in_id=False, web_url="https://one.example/y"),
    ]
    text = feed_client(*stories).get("/sitemap.xml").content
    root = ET.fromstring(text)  # noqa: S314 - ours
    links = {
        place.findtext(f"{SITEMAP}loc"): {
            link.get("hreflang"): link.get("href") for link in place.iter(LINK)
        }
        for place in root
    }
    both = {"en": "https://one.example/x", "pt-BR": "https://one.example/pt/x?a=1&b=2"}
    assert links["https://one.example/x"] == both
    assert links["https://one.example/pt/x?a=1&b=2"] == both
    assert links["https://one.example/y"] == {}


def test_sitemap_lists_a_page_once():
    """A page that two documents tell of is one place, as the newer document has it."""
    again = article("again", web_url=SEA.web_url, published_date_time=NOON - timedelta(days=2))
    text = feed_client(SEA, again).get("/providers/one.example/sitemap.xml").content
    assert locations(text) == [SEA.web_url]
    assert b"<lastmod>2026-03-01T14:00:00Z</lastmod>" in text


def test_sitemap_of_a_provider_lists_its_pages_alone():
    """A publisher may name it in its own robots.txt, so there is nobody else's page in it."""
    response = feed_client(SEA, BARE).get("/providers/one.example/sitemap.xml")
    assert locations(response.content) == ["https://one.example/sea"]


def test_sitemap_without_a_place_is_not_there():
    """The protocol wants one place at least."""
    response = feed_client(topics=[TopicDefinition(slug="sea", name="Sea")]).get(
        "/topics/sea/sitemap.xml"
    )
    assert response.status_code == 404


def test_sitemap_reads_part_by_part_and_misses_nothing(monkeypatch):
    """However many parts the articles come in, each is listed; ties in time do not matter."""
    monkeypatch.setattr(channel, "BATCH", 2)
    held = [article(f"n{i}") for i in range(7)]
    found = locations(feed_client(*held).get("/sitemap.xml").content)
    assert sorted(str(url) for url in found[1:]) == [f"https://one.example/n{i}" for i in range(7)]


def test_sitemap_passes_over_what_is_no_web_address():
    """Where the protocol would refuse an address, the sitemap does without it, or is not there."""
    long = article("long", web_url="https://one.example/" + "x" * 2_048)
    odd = article("odd", web_url="javascript:alert(1)")
    assert locations(feed_client(long, odd, SEA).get("/sitemap.xml").content) == [
        "http://testserver/",
        SEA.web_url,
    ]
    assert feed_client(long, odd).get("/providers/one.example/sitemap.xml").status_code == 404


# More than one sitemap can hold -----------------------------------------------------------------


def numbered(count: int, **fields: Any) -> list[Article]:
    """Articles n0, n1 ..., one a day."""
    return [
        article(f"n{i}", published_date_time=NOON + timedelta(days=i), **fields)
        for i in range(count)
    ]


def walked(reader: TestClient, path: str) -> list[list[str | None]]:
    """The addresses in each sitemap of an index, which are all as the protocol wants them."""
    index = reader.get(path)
    check_sitemap(index.content, "sitemapindex", "sitemap")
    texts = [reader.get(str(url)).content for url in locations(index.content)]
    for text in texts:
        check_sitemap(text)
    return [locations(text) for text in texts]


def test_sitemap_that_holds_too_many_places_becomes_an_index(monkeypatch):
    """Each sitemap of it has as many as the protocol allows, oldest first; nothing is left out."""
    monkeypatch.setattr(sitemap, "MAX_URLS", 3)
    urls = [f"https://one.example/n{i}" for i in range(7)]
    reader = feed_client(*numbered(7), BARE)
    assert walked(reader, "/sitemap.xml") == [
        ["http://testserver/", "https://one.example/bare", urls[0]],
        urls[1:4],
        urls[4:],
    ]
    assert walked(reader, "/providers/one.example/sitemap.xml") == [urls[:3], urls[3:6], urls[6:]]
    assert feed_client(*numbered(2)).get("/sitemap.xml").content.count(b"<url>") == 3


def test_sitemap_of_too_many_bytes_becomes_an_index(monkeypatch):
    """Where the addresses are so long that fewer make too big a file, it is divided as well."""
    monkeypatch.setattr(sitemap, "MAX_SIZE_BYTES", 20_000)
    held = [article(f"n{i}", web_url=f"https://one.example/{i}{'&' * 1_900}") for i in range(9)]
    reader = feed_client(*held)
    found = walked(reader, "/sitemap.xml")
    assert sorted(str(url) for part in found for url in part) == sorted(
        ["http://testserver/", *(str(each.web_url) for each in held)]
    )
    for url in locations(reader.get("/sitemap.xml").content):
        assert len(reader.get(str(url)).content) <= 20_000


@given(
    st.lists(articles, max_size=12, unique_by=lambda each: each.slug),
    st.integers(2, 5),
    st.integers(1, 4),
)
@settings(max_examples=40)
def test_sitemap_index_and_whole_sitemap_list_the_same(held, places, window):
    """However it is read and divided, the same pages are found."""
    whole = locations(feed_client(*held).get("/sitemap.xml").content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sitemap, "MAX_URLS", places)
        patch.setattr(channel, "BATCH", window)
        reader = feed_client(*held)
        if len(whole) <= places:
            assert sorted(map(str, locations(reader.get("/sitemap.xml").content))) == sorted(
                map(str, whole)
            )
        else:
            found = walked(reader, "/sitemap.xml")
            assert {url for part in found for url in part} == set(whole)


def test_sitemap_index_says_which_of_its_sitemaps_have_changed(monkeypatch):
    """A new article changes the last sitemap alone, so that crawlers need not read the others."""
    monkeypatch.setattr(sitemap, "MAX_URLS", 3)
    held = numbered(5)
    repository = memory_repository(*held)
    reader = route_client(*feed_routes(repository))

    def index() -> tuple[list[str | None], list[str | None], list[str]]:
        text = reader.get("/sitemap.xml").content
        root = ET.fromstring(text)  # noqa: S314 - ours
        tags = [reader.get(str(url)).headers["etag"] for url in locations(text)]
        return locations(text), [each.text for each in root.iter(f"{SITEMAP}lastmod")], tags

    before = index()
    put_articles(repository, *numbered(6)[5:])
    after = index()
    assert before[1] == ["2026-03-02T12:00:00Z", "2026-03-05T12:00:00Z"]
    assert after[1] == ["2026-03-02T12:00:00Z", "2026-03-05T12:00:00Z", "2026-03-06T12:00:00Z"]
    assert after[0][:2] == before[0]
    assert after[2][:2] == before[2]


def test_sitemap_index_is_sent_once(monkeypatch):
    """Crawlers that have the newest index or part get 304."""
    monkeypatch.setattr(sitemap, "MAX_URLS", 3)
    reader = feed_client(*numbered(5))
    index = reader.get("/sitemap.xml")
    for url in ["/sitemap.xml", *locations(index.content)]:
        etag = reader.get(str(url)).headers["etag"]
        assert reader.get(str(url), headers={"if-none-match": etag}).status_code == 304


@pytest.mark.parametrize("after", ["nonsense", "%00", "W10", "1"])
def test_sitemap_from_a_place_that_is_none_is_not_there(after):
    """Only places of an index name a part."""
    response = feed_client(SEA).get(f"/sitemap.xml?after={after}")
    assert (response.status_code, response.text) == (404, "Nothing is published here.\n")
