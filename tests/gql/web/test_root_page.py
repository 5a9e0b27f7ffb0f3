"""The root page."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import timedelta
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gql.web.root_page import NEWEST, root_route
from store.model import ProviderMention, TopicDefinition
from tests.support.factories import NOON, article, memory_repository, put_articles, route_client
from tests.support.store_strategies import articles

NASTY = [
    "<script>alert(1)</script>",
    "]]> & &amp; <!-- \"quoted\" 'so'",
    "</li></ol><h1>Mine</h1>",
    "🦀 жук مرحبا",
]


class Page(HTMLParser):
    """The elements of a page, and its visible text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        """Keep an element."""
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        """Keep a text."""
        self.texts.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of each element of this name."""
        return [attributes for name, attributes in self.elements if name == tag]


def page_of(*held, **more) -> Page:
    """The page over a store that holds these."""
    return Page(route_client(root_route(memory_repository(*held, **more))).get("/").text)


def test_root_page_shows_how_much_is_published():
    """Counts are those of the public, and say what they count."""
    two = ProviderMention(domain="two.example", name="Two")
    html = (
        route_client(
            root_route(
                memory_repository(
                    article("a", topics=("Sea",)),
                    article("b"),
                    article("c", published=False, provider=two, topics=("Air",)),
                )
            )
        )
        .get("/")
        .text
    )
    assert "<dt>articles</dt><dd>2</dd>" in html
    assert "<dt>provider</dt><dd>1</dd>" in html
    assert "<dt>topic</dt><dd>1</dd>" in html


def test_root_page_lists_the_newest_first():
    """The newest articles are there, newest first, and no more than the page holds."""
    held = [
        article(f"n{i}", published_date_time=NOON + timedelta(days=i)) for i in range(NEWEST + 5)
    ]
    titles = [text for text in page_of(*held).texts if text.startswith("About ")]
    assert titles == [f"About n{i}" for i in range(NEWEST + 4, 4, -1)]


def test_root_page_links_a_title_to_its_story_and_names_its_source():
    """A title leads to the story, tells it nothing of us, and stands with provider and time."""
    url = "https://one.example/?a=1&b=2&lt;3"  # HTML would read &lt; as another character
    page = page_of(article("tide", web_url=url))
    (link,) = [each for each in page.all("a") if str(each["href"]).startswith("https:")]
    assert link == {
        "href": url,
        "rel": "noopener noreferrer nofollow",
    }
    assert {"About tide", "The One", "1 March 2026, 12:00 UTC"} <= set(page.texts)
    assert page.all("time") == [{"datetime": "2026-03-01T12:00:00+00:00"}]


def test_root_page_leads_to_everything_here():
    """GraphiQL, the schema, the feeds and the health are one click away, under any prefix."""
    page = page_of()
    expected = ["graphql", "schema.graphql", "feed.xml", "feed.json", "sitemap.xml", "healthz"]
    assert [link["href"] for link in page.all("a")] == expected
    alternates = {each["type"]: each["href"] for each in page.all("link")}
    assert alternates == {
        "application/atom+xml": "feed.xml",
        "application/feed+json": "feed.json",
    }


def test_root_page_of_an_empty_store_says_so():
    """Nobody is left to wonder why a list is empty."""
    assert "Nothing is published yet." in page_of().texts


def test_root_page_can_be_read_by_machines_for_people():
    """It has a language, landmarks, one heading of the first order, and fits small screens."""
    page = page_of(article())
    assert page.all("html") == [{"lang": "en"}]
    assert all(len(page.all(tag)) == 1 for tag in ("header", "main", "nav", "footer", "h1"))
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in page.all(
        "meta"
    )


@pytest.mark.parametrize("text", NASTY)
def test_root_page_shows_any_text_as_text(text):
    """What documents say is shown as it is and never becomes part of the page's own markup."""
    page = page_of(
        article(title=text, provider=ProviderMention(domain="one.example", name=text)),
    )
    assert page.texts.count(text) == 2
    assert not page.all("script")
    assert len(page.all("h1")) == 1


def test_root_page_marks_the_language_of_a_title():
    """A screen reader learns in which language a title is."""
    assert {"lang": "de-AT"} in page_of(article(locale="de_AT")).all("bdi")
    assert page_of(article(locale="no language")).all("bdi")[0] == {}


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", 'https://x/"><b>'])
def test_root_page_links_to_web_addresses_only(url):
    """A title without a proper address is no link."""
    page = page_of(article(web_url=url))
    assert len(page.all("a")) == 6
    assert "About tide" in page.texts


def test_root_page_policy_allows_its_own_style_and_nothing_else():
    """The Content-Security-Policy lets the browser load nothing and apply this very style."""
    response = route_client(root_route(memory_repository())).get("/")
    (style,) = re.findall(r"<style>(.*?)</style>", response.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = response.headers["content-security-policy"].split("; ")
    assert policy[:2] == ["default-src 'none'", f"style-src 'sha256-{digest}'"]
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "style=" not in response.text


def test_root_page_is_sent_again_only_when_it_shows_something_else():
    """A browser that has the page gets 304 until something is published, whatever drafts do."""
    repository = memory_repository(article())
    browser = route_client(root_route(repository))
    etag = browser.get("/").headers["etag"]
    kept = browser.get("/", headers={"if-none-match": etag})
    assert (kept.status_code, kept.content, kept.headers["etag"]) == (304, b"", etag)
    put_articles(repository, article("draft", published=False))
    assert browser.get("/", headers={"if-none-match": etag}).status_code == 304
    put_articles(repository, article("new"))
    assert browser.get("/", headers={"if-none-match": etag}).status_code == 200


def test_root_page_answers_head_as_get_without_the_body():
    """HEAD has the headers of GET."""
    browser = route_client(root_route(memory_repository(article())))
    head, get = browser.head("/"), browser.get("/")
    assert (head.status_code, head.content, head.headers) == (200, b"", get.headers)


@given(st.lists(articles, max_size=6))
@settings(max_examples=30)
def test_root_page_never_shows_a_draft(held):
    """Nothing of an unpublished article is on the page, whatever else is stored."""
    secret = ProviderMention(domain="secret.example", name="secret")
    drafts = [
        article(f"secret-{i}", title="secret", published=False, provider=secret, topics=("secret",))
        for i in range(2)
    ]
    published = [each for each in held if each.published]
    repository = memory_repository(
        *published, *drafts, topics=[TopicDefinition(slug="sea", name="Sea")]
    )
    assert "secret" not in route_client(root_route(repository)).get("/").text
