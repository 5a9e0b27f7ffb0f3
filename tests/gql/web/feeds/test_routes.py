"""The routes of feeds, and conditional requests to them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest

from gql.web.feeds import feed_routes
from store.model import TopicDefinition
from tests.support.factories import NOON, article, memory_repository, put_articles, route_client
from tests.support.feed_fixture import BARE, FILES, PATHS, SEA, feed_client

# Addresses --------------------------------------------------------------------------------------


def test_feeds_call_a_provider_by_one_address():
    """However the domain is spelled in the request, the feed's own address is the same."""
    feed = feed_client(SEA).get("/providers/One.Example./feed.json").json()
    assert feed["feed_url"] == "http://testserver/providers/one.example/feed.json"


def test_feeds_escape_names_in_their_addresses():
    """A topic whose slug is no plain word still has an address that works."""
    reader = feed_client(topics=[TopicDefinition(slug="é & ü", name="Odd")])
    feed = reader.get("/topics/%C3%A9%20%26%20%C3%BC/feed.json").json()
    assert feed["feed_url"] == "http://testserver/topics/%C3%A9%20%26%20%C3%BC/feed.json"
    assert reader.get(feed["feed_url"]).status_code == 200


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("prefix", ["/topics/none", "/providers/none.example"])
def test_feeds_of_what_is_not_there_are_not_found(prefix, file):
    """An unknown topic or provider is answered by 404, in a few plain words."""
    response = feed_client(SEA).get(f"{prefix}/{file}")
    assert response.status_code == 404
    assert response.text == "Nothing is published here.\n"
    assert response.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    "host", ["news.example", "news.example:8080", "127.0.0.1:8000", "[::1]:8000", "localhost"]
)
def test_feeds_use_the_address_that_they_were_asked_at(host):
    """Without a setting, a feed's own address is the request's."""
    feed = feed_client(SEA).get("/feed.json", headers={"host": host}).json()
    assert feed["feed_url"] == f"http://{host}/feed.json"


@pytest.mark.parametrize("host", ["", "a b", 'x"><b>', "user@x.example", "x.example/path", "x:y"])
def test_feeds_repeat_no_host_that_is_none(host):
    """A Host that cannot be one is not written into what others will read."""
    feed = feed_client(SEA).get("/feed.json", headers={"host": host}).json()
    assert feed["feed_url"] == "http://testserver:80/feed.json"


def test_feeds_lie_under_the_prefix_where_the_server_is_mounted():
    """Behind a proxy that gives us a part of its addresses, feeds name themselves there."""
    reader = route_client(*feed_routes(memory_repository(SEA)), root_path="/news")
    feed = reader.get("/feed.json").json()
    assert feed["feed_url"] == "http://testserver/news/feed.json"


def test_feeds_use_the_public_address_where_it_is_set():
    """The operator's word counts, whatever the Host."""
    reader = route_client(
        *feed_routes(memory_repository(SEA), public_url="https://news.example/graph/")
    )
    feed = reader.get("/topics/sea/feed.json", headers={"host": "evil.example"}).json()
    assert feed["feed_url"] == "https://news.example/graph/topics/sea/feed.json"
    assert feed["home_page_url"] == "https://news.example/graph/"


@pytest.mark.parametrize("url", ["", "news.example", "ftp://x.example", "https://x.example/?a=1"])
def test_feeds_refuse_a_public_address_that_is_none(url):
    """A setting that cannot work is refused at the start, with a word on what can."""
    with pytest.raises(ValueError, match="write one like"):
        feed_routes(memory_repository(), public_url=url)


# Conditional requests ---------------------------------------------------------------------------


@pytest.mark.parametrize("path", PATHS)
def test_feeds_are_sent_once(path):
    """Whoever has the newest, by its tag or by its date, gets 304 and no body."""
    reader = feed_client(SEA, BARE)
    headers = reader.get(path).headers
    assert headers["last-modified"] == "Sun, 01 Mar 2026 14:00:00 GMT"
    for condition in (
        {"if-none-match": f'"other", W/{headers["etag"]}'},
        {"if-modified-since": headers["last-modified"]},
    ):
        kept = reader.get(path, headers=condition)
        assert (kept.status_code, kept.content) == (304, b"")
        for name in ("etag", "cache-control", "last-modified"):
            assert kept.headers[name] == headers[name]


@pytest.mark.parametrize("path", PATHS)
def test_feeds_are_sent_again_when_they_changed(path):
    """A change of a listed article shows at once, to those who ask by tag and by date."""
    repository = memory_repository(SEA, BARE)
    reader = route_client(*feed_routes(repository))
    headers = reader.get(path).headers
    later = NOON + timedelta(days=1)
    put_articles(repository, article("sea", topics=("Sea",), updated_date_time=later))
    for condition in (
        {"if-none-match": headers["etag"]},
        {"if-modified-since": headers["last-modified"]},
    ):
        assert reader.get(path, headers=condition).status_code == 200


@pytest.mark.parametrize("path", PATHS)
def test_feeds_forget_a_withdrawn_article(path):
    """An article that becomes a draft is gone from the next answer, whatever was kept."""
    repository = memory_repository(SEA, article("stays", topics=("Sea",)))
    reader = route_client(*feed_routes(repository))
    before = reader.get(path)
    assert "one.example/sea" in before.text
    put_articles(repository, article("sea", topics=("Sea",), published=False))
    after = reader.get(path, headers={"if-none-match": before.headers["etag"]})
    assert after.status_code == 200
    assert "one.example/sea" not in after.text


def test_feeds_differ_by_address_in_their_tags():
    """A copy for one host never passes for another's."""
    reader = feed_client(SEA)
    etags = {
        reader.get(path, headers={"host": host}).headers["etag"]
        for path in ("/feed.xml", "/topics/sea/feed.xml", "/feed.json")
        for host in ("a.example", "b.example")
    }
    assert len(etags) == 6


def test_feeds_of_articles_to_come_do_not_claim_a_change_to_come():
    """Last-Modified is never later than the answer (RFC 9110, 8.8.2.1)."""
    reader = feed_client(article(published_date_time=datetime(2999, 1, 1, tzinfo=UTC)))
    changed = reader.get("/feed.xml").headers["last-modified"]
    assert parsedate_to_datetime(changed) <= datetime.now(UTC)


@pytest.mark.parametrize("path", PATHS)
def test_feeds_answer_head_as_get_without_the_body(path):
    """HEAD has the headers of GET."""
    reader = feed_client(SEA, BARE)
    head, get = reader.head(path), reader.get(path)
    assert (head.status_code, head.content, head.headers) == (200, b"", get.headers)
    assert get.headers["cache-control"] == "public, max-age=0, must-revalidate"


@pytest.mark.parametrize("path", PATHS)
def test_feeds_are_read_only(path):
    """Other methods are refused."""
    assert feed_client(SEA).post(path).status_code == 405
