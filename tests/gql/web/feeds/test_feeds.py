"""The content of feeds: Atom and JSON Feed."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import feedparser  # type: ignore[import-untyped]  # it has no types
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gql.web.feeds import feed_routes
from gql.web.feeds.routes import ENTRIES
from store.model import Author, Image, ProviderMention, TopicDefinition
from tests.support.factories import NOON, article, memory_repository, put_articles, route_client
from tests.support.feed_fixture import BARE, FILES, PREFIXES, SEA, feed_client
from tests.support.store_strategies import articles
from tests.support.translation_contract import STORIES

ATOM = "{http://www.w3.org/2005/Atom}"
NASTY = [
    "<script>alert(1)</script>",
    "]]> & &amp; &#38; <!-- \"quoted\" 'so'",
    "🦀 жук مرحبا \u202eback",
    "</title></entry>",
]


def atom_of(text: bytes) -> Any:
    """An Atom feed as a reader takes it, which must not find fault with it."""
    feed = feedparser.parse(text)
    assert not feed.bozo
    assert feed.version == "atom10"
    return feed


# Atom -------------------------------------------------------------------------------------------


def test_atom_tells_readers_all_of_an_article():
    """A feed reader finds title, link, summary, author, topics, times, picture and language."""
    (entry,) = atom_of(feed_client(SEA).get("/feed.xml").content).entries
    assert (entry.title, entry.link) == ("The sea & you", "https://one.example/sea")
    assert (entry.summary, entry.author) == ("It is wet.", "The One")
    assert (entry.published, entry.updated) == ("2026-03-01T12:00:00Z", "2026-03-01T14:00:00Z")
    assert [(tag.term, tag.label) for tag in entry.tags] == [
        ("sea", "Sea"),
        ("harbour-life", "Harbour life"),
    ]
    (picture,) = entry.enclosures
    assert (picture.href, picture.type) == ("https://one.example/sea.jpg?w=480", "image/jpeg")
    assert entry.title_detail.language == "en-GB"


def test_feeds_name_the_authors_of_an_article():
    """Both feeds have the names and pages of the authors, and none that is blank."""
    ada = Author(
        name="Ada  Quill", url="https://one.example/ada", image="https://one.example/a.png"
    )
    tom = Author(name="Tom", url="javascript:alert(1)")
    client = feed_client(article("signed", authors=(ada, tom, Author(name=" \n"))))
    (entry,) = atom_of(client.get("/feed.xml").content).entries
    assert [(each["name"], each.get("href")) for each in entry.authors] == [
        ("Ada Quill", "https://one.example/ada"),
        ("Tom", None),
    ]
    (item,) = client.get("/feed.json").json()["items"]
    assert item["authors"] == [
        {
            "name": "Ada Quill",
            "url": "https://one.example/ada",
            "avatar": "https://one.example/a.png",
        },
        {"name": "Tom"},
    ]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_atom_names_itself_and_its_page(prefix):
    """A feed's id and self link are its own address; its page is the front page."""
    response = feed_client(SEA, BARE).get(f"{prefix}/feed.xml")
    feed = atom_of(response.content).feed
    assert feed.id == f"http://testserver{prefix}/feed.xml"
    links = {(link.rel, link.type, link.href) for link in feed.links}
    assert links == {
        ("self", "application/atom+xml", f"http://testserver{prefix}/feed.xml"),
        ("alternate", "text/html", "http://testserver/"),
    }
    assert response.headers["content-type"] == "application/atom+xml"


@given(st.lists(articles, max_size=5))
@settings(max_examples=30)
def test_atom_has_what_the_rfc_requires(held):
    """Whatever is stored: ids, titles and times once, an author, and a link or a content."""
    root = ET.fromstring(feed_client(*held).get("/feed.xml").content)  # noqa: S314 - ours
    assert root.tag == f"{ATOM}feed"
    for element in (root, *root.iter(f"{ATOM}entry")):
        for name in ("id", "title", "updated"):
            (only,) = element.findall(f"{ATOM}{name}")
            assert only.text
    for entry in root.iter(f"{ATOM}entry"):
        assert entry.findall(f"{ATOM}author/{ATOM}name")
        page = entry.findall(f"{ATOM}link[@rel='alternate']")
        assert len(page) + len(entry.findall(f"{ATOM}content")) == 1
    ids = [each.text for each in root.iter(f"{ATOM}id")]
    assert len(set(ids)) == len(ids)
    newest = max(
        (each.text or "" for each in root.iterfind(f"{ATOM}entry/{ATOM}updated")), default=""
    )
    assert root.findtext(f"{ATOM}updated") == (newest or "1970-01-01T00:00:00Z")


# JSON Feed --------------------------------------------------------------------------------------

# https://www.jsonfeed.org/version/1.1/: what each member may be, and which must be there
FEED_MEMBERS = {
    "version": str,
    "title": str,
    "home_page_url": str,
    "feed_url": str,
    "items": list,
}
ITEM_MEMBERS = {
    "id": str,
    "url": str,
    "title": str,
    "content_text": str,
    "summary": str,
    "image": str,
    "date_published": str,
    "date_modified": str,
    "authors": list,
    "tags": list,
    "language": str,
}


def check_json_feed(feed: dict[str, Any]) -> None:
    """Hold a feed to the specification of JSON Feed 1.1."""
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    assert feed.keys() == FEED_MEMBERS.keys()
    assert all(isinstance(feed[name], kind) for name, kind in FEED_MEMBERS.items())
    assert all(urlsplit(feed[name]).scheme == "http" for name in ("home_page_url", "feed_url"))
    for item in feed["items"]:
        assert item.keys() <= ITEM_MEMBERS.keys()
        assert all(isinstance(value, ITEM_MEMBERS[name]) for name, value in item.items())
        assert item["id"]
        assert item["content_text"]
        assert all(urlsplit(item[name]).scheme for name in ("url", "image") if name in item)
        for name in ("date_published", "date_modified"):
            assert datetime.fromisoformat(item[name]).tzinfo
        assert all(author.keys() == {"name"} and author["name"] for author in item["authors"])
        assert all(isinstance(tag, str) for tag in item.get("tags", []))
    ids = [item["id"] for item in feed["items"]]
    assert len(set(ids)) == len(ids)


def test_json_feed_tells_readers_all_of_an_article():
    """A feed reader finds title, link, summary, author, topics, times, picture and language."""
    response = feed_client(SEA).get("/feed.json")
    (item,) = response.json()["items"]
    assert item.pop("id").startswith("urn:uuid:")
    assert item == {
        "url": "https://one.example/sea",
        "title": "The sea & you",
        "content_text": "It is wet.",
        "summary": "It is wet.",
        "image": "https://one.example/sea.jpg?w=480",
        "date_published": "2026-03-01T12:00:00Z",
        "date_modified": "2026-03-01T14:00:00Z",
        "authors": [{"name": "The One"}],
        "tags": ["Sea", "Harbour life"],
        "language": "en-GB",
    }
    assert response.headers["content-type"] == "application/feed+json"


@pytest.mark.parametrize("prefix", PREFIXES)
def test_json_feed_names_itself_and_its_page(prefix):
    """A feed's feed_url is its own address; its page is the front page."""
    feed = feed_client(SEA).get(f"{prefix}/feed.json").json()
    assert feed["feed_url"] == f"http://testserver{prefix}/feed.json"
    assert feed["home_page_url"] == "http://testserver/"


@given(st.lists(articles, max_size=5))
@settings(max_examples=30)
def test_json_feed_has_what_the_specification_requires(held):
    """Whatever is stored, the feed is a JSON Feed 1.1."""
    check_json_feed(feed_client(*held).get("/feed.json").json())


# Which articles ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("", ["two de-CH", "two en", "one ja", "one de", "one en"]),
        ("?locale=", ["two de-CH", "two en", "one ja", "one de", "one en"]),
        ("?locale=de,en", ["two de-CH", "one de"]),
        ("?locale=ja,%20en,%3C", ["two en", "one ja"]),
        ("?locale=xx", []),
    ],
)
def test_feed_has_each_story_in_the_first_of_these_locales(query, titles):
    """Its own address has the locales, so that readers subscribe to that."""
    client = feed_client(*STORIES[:5])
    feed = client.get(f"/feed.json{query}").json()
    assert [item["title"] for item in feed["items"]] == titles
    assert client.get(feed["feed_url"]).json() == feed
    parsed = feedparser.parse(client.get(f"/feed.xml{query}").content)
    assert [entry.title for entry in parsed.entries] == titles


def test_feeds_tell_of_the_newest_articles():
    """Newest first, and not more than a reader can be expected to take each time."""
    held = [
        article(f"n{i}", published_date_time=NOON + timedelta(hours=i)) for i in range(ENTRIES + 3)
    ]
    reader = feed_client(*held)
    expected = [f"About n{i}" for i in range(ENTRIES + 2, 2, -1)]
    assert [each["title"] for each in reader.get("/feed.json").json()["items"]] == expected
    assert [e.title for e in atom_of(reader.get("/feed.xml").content).entries] == expected


@pytest.mark.parametrize(
    ("path", "title", "expected"),
    [
        ("/feed.json", "newsgraph", ["The sea & you", "About bare"]),
        ("/topics/sea/feed.json", "Sea", ["The sea & you"]),
        ("/topics/air/feed.json", "Air & light", []),
        ("/providers/two.example/feed.json", "Two", ["About bare"]),
        ("/providers/TWO.example/feed.json", "Two", ["About bare"]),
    ],
)
def test_feeds_of_topics_and_providers_tell_of_theirs(path, title, expected):
    """A feed is named after its topic or provider and holds its articles alone."""
    air = TopicDefinition(slug="air", name="Air & light")
    feed = feed_client(SEA, BARE, topics=[air]).get(path).json()
    assert feed["title"] == title
    assert [item["title"] for item in feed["items"]] == expected


@given(st.lists(articles, max_size=5))
@settings(max_examples=30)
def test_feeds_never_tell_of_a_draft(held):
    """Nothing of an unpublished article is in any feed; what only it names is not there."""
    secret = ProviderMention(domain="secret.example", name="secret")
    fields: dict[str, Any] = {
        "title": "secret",
        "excerpt": "secret",
        "published": False,
        "updated_date_time": NOON + timedelta(days=999),
    }
    reader = feed_client(
        *(each for each in held if each.published),
        article("secret-1", provider=secret, topics=("secret", "Tides"), **fields),
        article("secret-2", topics=("Tram",), **fields),
    )
    prefixes = ["", "/topics/tides", "/topics/tram", "/providers/one.example"]
    for path in [f"{prefix}/{file}" for prefix in prefixes for file in FILES]:
        response = reader.get(path)
        assert "secret" not in response.text
        assert "2028" not in response.headers.get("last-modified", "")
    for path in ("/topics/secret", "/providers/secret.example"):
        assert {reader.get(f"{path}/{file}").status_code for file in FILES} == {404}


TREE = [TopicDefinition(slug="sea", name="Marine biology")]


@pytest.mark.parametrize("path", ["", "/topics/sea", "/providers/one.example"])
def test_feeds_call_a_topic_as_the_tree_does(path):
    """By its slug and its name there, each once, whatever the document calls it."""
    named = ("Marine  BIOLOGY", "Harbour life", "sea")
    reader = feed_client(article("sea", topics=named), topics=TREE)
    (entry,) = atom_of(reader.get(f"{path}/feed.xml").content).entries
    assert [(tag.term, tag.label) for tag in entry.tags] == [
        ("sea", "Marine biology"),
        ("harbour-life", "Harbour life"),
    ]
    (item,) = reader.get(f"{path}/feed.json").json()["items"]
    assert item["tags"] == ["Marine biology", "Harbour life"]


def test_feeds_name_topics_by_addresses_that_have_feeds():
    """The term of a category leads to the topic's own feed."""
    reader = feed_client(article("sea", topics=("Marine biology", "Harbour life")), topics=TREE)
    (entry,) = atom_of(reader.get("/feed.xml").content).entries
    for tag in entry.tags:
        feed = reader.get(f"/topics/{tag.term}/feed.json").json()
        assert (feed["title"], len(feed["items"])) == (tag.label, 1)


# What they say ----------------------------------------------------------------------------------


@pytest.mark.parametrize("text", NASTY)
def test_feeds_carry_any_text_as_text(text):
    """Markup in a document's words reaches readers as those very words, everywhere."""
    mention = ProviderMention(domain="one.example", name=text)
    reader = feed_client(article(title=text, excerpt=text, provider=mention, topics=(text,)))
    entry = atom_of(reader.get("/feed.xml").content).entries[0]
    assert (entry.title, entry.summary, entry.author) == (text, text, text)
    assert entry.title_detail.type == entry.summary_detail.type == "text/plain"
    assert entry.tags[0].label == text
    item = reader.get("/feed.json").json()["items"][0]
    assert (item["title"], item["summary"], item["tags"]) == (text, text, [text])
    named = atom_of(reader.get("/providers/one.example/feed.xml").content)
    assert named.feed.title == text


@pytest.mark.parametrize("bad", ["\0", "\x08", "\x1b", "\x7f\x0b", "\ufffe", "\uffff", "\ud800"])
def test_feeds_leave_out_characters_that_xml_forbids(bad):
    """A stray control character or half of a pair costs itself and not the feed."""
    reader = feed_client(article(title=f"be{bad}low", excerpt=bad))
    entry = atom_of(reader.get("/feed.xml").content).entries[0]
    assert entry.title.replace("\x7f", "").replace(" ", "") == "below"
    assert reader.get("/feed.json").json()["items"][0]["title"] == entry.title


def test_feeds_give_a_story_without_address_its_text():
    """Where there is no page to read, the entry holds what is known, as both formats require."""
    reader = feed_client(article(web_url=None))
    (entry,) = atom_of(reader.get("/feed.xml").content).entries
    assert (entry.content[0].value, entry.content[0].type) == ("About tide", "text/plain")
    (item,) = reader.get("/feed.json").json()["items"]
    assert item["content_text"] == "About tide"
    assert "url" not in item


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", 'https://x.example/">'])
def test_feeds_link_to_web_addresses_only(url):
    """Whatever came into the store, no reader is sent to anything but a web page."""
    reader = feed_client(article(web_url=url, images=(Image(url=url),)))
    assert all(url not in reader.get(f"/{file}").text for file in FILES)
    assert "links" not in atom_of(reader.get("/feed.xml").content).entries[0]


def test_feeds_never_carry_the_documents_body():
    """Bodies are the publishers' own pages' affair, and may hold markup."""
    reader = feed_client(article(content="<p>The whole story</p>", secured="sealed"))
    assert all("whole story" not in reader.get(f"/{file}").text for file in FILES)


def test_feeds_know_an_article_by_one_id_for_ever():
    """Title, address, host and revision may change; to a reader it is the same article."""
    repository = memory_repository(SEA)
    reader = route_client(*feed_routes(repository))
    before = reader.get("/feed.json").json()["items"][0]["id"]
    put_articles(
        repository, article("sea", title="New", topics=("Sea",), web_url="https://x.example/")
    )
    for path in ("/feed.json", "/topics/sea/feed.json"):
        moved = reader.get(path, headers={"host": "other.example"}).json()
        assert moved["items"][0]["id"] == before
    assert atom_of(reader.get("/feed.xml").content).entries[0].id == before
