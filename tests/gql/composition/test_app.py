"""The application as HTTP clients, operators and logs see it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from gql.composition.app import create_app
from gql.settings import load_settings
from store import MemoryRepository, StoreCorruptError, StoreUnavailableError
from store.engines.memory_snapshot import MemorySnapshot
from tests.support.graph_client import SCHEMA

TITLES = "{ articles(first: 1) { nodes { title } } }"
DRAFTS = "{ articles(filter: {published: false}) { totalCount } }"
SECRET = "hunter2"  # noqa: S105  # what must not be told


class BrokenRepository(MemoryRepository):
    """A repository that cannot be read."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def current(self) -> Any:
        """Fails."""
        raise self.error

    async def snapshot(self) -> Any:
        """Fails."""
        raise self.error


class FaultySnapshot(MemorySnapshot):
    """A snapshot with an internal error."""

    async def get_many(self, *_: Any) -> Any:
        """Fails."""
        raise RuntimeError(f"the password is {SECRET}")


class FaultyRepository(MemoryRepository):
    """A repository whose snapshots have an internal error."""

    def current(self) -> Any:
        """A faulty one."""
        return FaultySnapshot()

    async def snapshot(self) -> Any:
        """A faulty one."""
        return self.current()


def client(repository: Any, *, host: str = "127.0.0.1", **settings: Any) -> TestClient:
    """A client of the application; enter it to start the application."""
    app = create_app(load_settings(settings), repository)
    return TestClient(
        app,
        base_url="http://127.0.0.1:8000",
        client=(host, 50_000),
        raise_server_exceptions=False,
    )


@pytest.fixture
def seeds(seeded) -> Iterator[TestClient]:
    """A client of a started application over the seeds."""
    with client(seeded) as started:
        yield started


def post(to: TestClient, query: str, **more: Any) -> Any:
    """The response to a query."""
    return to.post("/graphql", json={"query": query}, **more)


def test_graphql_answers_posts_and_gets(seeds):
    """A query has the same response by GET and POST."""
    posted, got = post(seeds, TITLES), seeds.get("/graphql", params={"query": TITLES})
    assert posted.status_code == got.status_code == 200
    assert posted.json() == got.json()
    assert posted.json()["data"]["articles"]["nodes"][0]["title"].startswith("A letter to")


def test_healthz_answers_while_the_process_runs():
    """/healthz does not depend on the store."""
    broken = client(BrokenRepository(StoreUnavailableError("gone")))
    assert (broken.get("/healthz").status_code, broken.get("/healthz").text) == (200, "ok\n")


def test_readyz_tells_that_queries_can_be_answered(seeds):
    """/readyz is 200, without details."""
    response = seeds.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {"ready": True}


def test_readyz_is_503_until_the_application_has_started(seeded):
    """During the initial load, /readyz is 503."""
    response = client(seeded).get("/readyz")
    assert response.status_code == 503
    assert response.json() == {"ready": False, "reason": "The folder is being loaded."}


def test_readyz_is_503_when_the_store_cannot_be_read():
    """The response has the store's own reason."""
    with client(BrokenRepository(StoreUnavailableError("The disk is gone."))) as started:
        response = started.get("/readyz")
    assert response.status_code == 503
    assert response.json() == {"ready": False, "reason": "The disk is gone."}


@pytest.mark.parametrize(
    ("error", "told"),
    [(StoreUnavailableError, "It is damaged."), (StoreCorruptError, "The store cannot be read.")],
)
def test_store_that_cannot_be_read_is_503_everywhere(error, told):
    """If the store is unavailable, all routes are 503, so that clients retry."""
    with client(BrokenRepository(error("It is damaged."))) as started:
        for path in ("/readyz", "/feed.json", "/feed.xml", "/sitemap.xml", "/graphql?query={a}"):
            response = started.get(path, headers={"accept": "application/json"})
            assert response.status_code == 503, path
            assert told in response.text


@pytest.mark.parametrize("folder", ["/srv", "/srv/a b/c's", "(/srv", "'/srv"])
def test_clients_are_not_told_where_the_store_is(folder):
    """Errors for clients have the file's name, but not its folder."""
    reason = f"The store {folder}/store.json and its log store.json.log are not of one kind."
    with client(BrokenRepository(StoreUnavailableError(reason))) as started:
        told = [
            started.get("/readyz").json()["reason"],
            started.post("/graphql", json={"query": "{ articles { totalCount } }"}).text,
        ]
    for each in told:
        assert "store.json and its log store.json.log" in each
        assert "srv" not in each


def test_schema_is_served_as_text(seeds):
    """The schema is available in SDL, for code generators."""
    response = seeds.get("/schema.graphql")
    assert response.text == f"{SCHEMA}\n"
    assert response.headers["content-type"] == "text/plain; charset=utf-8"


def test_unknown_path_is_404(seeds):
    """Nothing else is there."""
    assert seeds.get("/nothing").status_code == 404


@pytest.mark.parametrize("path", ["/graphql", "/schema.graphql", "/readyz"])
def test_cors_lets_the_origins_of_the_setting_read(seeded, path):
    """Only pages of the configured origins may read responses."""
    with client(seeded, cors_origins="https://site.example") as started:
        params = {"query": TITLES} if path == "/graphql" else None
        mine = started.get(path, params=params, headers={"origin": "https://site.example"})
        other = started.get(path, params=params, headers={"origin": "https://evil.example"})
    assert mine.headers["access-control-allow-origin"] == "https://site.example"
    assert "access-control-allow-origin" not in other.headers


def test_cors_answers_the_preflight_of_a_post(seeded):
    """A preflight request gets the allowed methods and header fields."""
    asked = {
        "origin": "https://site.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type",
    }
    with client(seeded, cors_origins="https://site.example") as started:
        response = started.options("/graphql", headers=asked)
    assert response.status_code == 200
    assert "POST" in response.headers["access-control-allow-methods"]
    assert "content-type" in response.headers["access-control-allow-headers"]


def test_cors_is_absent_without_the_setting(seeds):
    """By default no page of another origin may read responses."""
    response = post(seeds, TITLES, headers={"origin": "https://site.example"})
    assert response.status_code == 200
    assert not [name for name in response.headers if name.startswith("access-control")]


def test_body_over_the_cap_is_refused(seeded):
    """A body that is too large is 413, with a code and the limit."""
    with client(seeded, max_body_bytes=1_000) as started:
        response = post(started, TITLES + " " * 1_000)
        assert post(started, TITLES).status_code == 200
    assert response.status_code == 413
    [error] = response.json()["errors"]
    assert error["extensions"]["code"] == "PAYLOAD_TOO_LARGE"
    assert "1000 bytes" in error["message"]


@pytest.mark.parametrize(
    ("setting", "value", "code"),
    [
        ("max_depth", 2, "QUERY_TOO_DEEP"),
        ("max_aliases", 0, "TOO_MANY_ALIASES"),
        ("max_tokens", 5, "TOO_MANY_TOKENS"),
        ("max_page_size", 20, "BAD_PAGE_SIZE"),
    ],
)
def test_limits_are_settings(seeded, setting, value, code):
    """Each limit follows its setting."""
    query = "{ a: articles(first: 21) { nodes { title } } }"
    with client(seeded) as started:
        assert "errors" not in post(started, query).json()
    with client(seeded, **{setting: value}) as started:
        [error] = post(started, query).json()["errors"]
    assert error["extensions"]["code"] == code
    assert str(value) in error["message"]


def events(logs: list[Any]) -> list[Any]:
    """The access log's events."""
    return [event for event in logs if event["event"] == "request"]


def test_access_log_tells_of_each_request(seeds):
    """Method, path, status, size, duration, client; for operations their name and error codes."""
    with capture_logs() as logs:
        seeds.get("/healthz")
        post(seeds, f"query Titles {TITLES}")
        post(seeds, "query TooMany { articles(first: -1) { totalCount } }")
        post(seeds, "{ nothing }")
    health, fine, refused, invalid = events(logs)
    assert all(event["duration_ms"] >= 0 and event["bytes"] > 0 for event in events(logs))
    assert (health["method"], health["path"], health["status"]) == ("GET", "/healthz", 200)
    assert "operation" not in health
    assert (fine["operation"], fine["status"], fine["client"]) == ("Titles", 200, "127.0.0.1")
    assert "errors" not in fine
    assert (refused["operation"], refused["errors"]) == ("TooMany", ["BAD_PAGE_SIZE"])
    assert invalid["errors"] == ["GRAPHQL_VALIDATION_FAILED"]


def test_access_log_holds_no_query_strings_bodies_or_headers(seeds):
    """What a client keeps secret does not end up in a file."""
    query = f'{{ article(by: {{slug: "{SECRET}"}}) {{ title }} }}'
    with capture_logs() as logs:
        seeds.get("/graphql", params={"query": query, "token": SECRET})
        post(seeds, query, headers={"authorization": f"Bearer {SECRET}"})
        seeds.get(f"/healthz?{SECRET}")
        seeds.post("/graphql", json={"query": TITLES, "operationName": SECRET})
    assert len(events(logs)) == 4
    assert SECRET not in repr(logs)


@pytest.mark.parametrize(("level", "count"), [("debug", 1), ("info", 1), ("warning", 0)])
def test_access_log_is_kept_at_level_info(seeded, level, count):
    """A quieter log has no line for each request."""
    with client(seeded, log_level=level) as started, capture_logs() as logs:
        post(started, TITLES)
    assert len(events(logs)) == count


@pytest.mark.parametrize(
    ("host", "headers", "drafts"),
    [
        ("127.0.0.1", {}, 5),
        ("127.0.0.1", {"host": "localhost:8000"}, 5),
        ("::1", {"host": "[::1]:8000"}, 5),
        ("10.0.0.7", {}, 0),
        ("127.0.0.1", {"host": "rebound.example"}, 0),
        ("127.0.0.1", {"x-forwarded-for": "10.0.0.7"}, 0),
        ("127.0.0.1", {"forwarded": "for=10.0.0.7"}, 0),
        ("127.0.0.1", {"origin": "https://evil.example"}, 0),
    ],
)
def test_drafts_are_shown_to_viewers_at_this_machine_only(seeded, host, headers, drafts):
    """With --drafts, a local viewer sees them; nobody else, even right after a local one."""
    app = create_app(load_settings({"drafts": True}), seeded)
    with TestClient(app, base_url="http://127.0.0.1", client=("127.0.0.1", 1)) as local:
        elsewhere = TestClient(app, base_url="http://127.0.0.1", client=(host, 1))
        for _ in range(2):  # the second may come from a cache
            assert post(local, DRAFTS).json()["data"]["articles"]["totalCount"] == 5
            found = post(elsewhere, DRAFTS, headers=headers).json()
            assert found["data"]["articles"]["totalCount"] == drafts


def test_drafts_are_not_shown_without_the_setting(seeds):
    """A local viewer is the public, too, unless the operator says otherwise."""
    assert post(seeds, DRAFTS).json()["data"]["articles"]["totalCount"] == 0


@pytest.mark.parametrize("compiled", [True, False])
def test_fault_of_ours_is_masked_and_logged_with_its_id(compiled):
    """The client gets an id and no inner words; the log has the id with the traceback."""
    with client(FaultyRepository(), compiled=compiled) as started, capture_logs() as logs:
        response = post(started, '{ node(id: "a_0123456789abcdef") { id } }')
    [error] = response.json()["errors"]
    assert error["extensions"]["code"] == "INTERNAL_ERROR"
    assert error["path"] == ["node"]
    assert SECRET not in response.text
    [logged] = [event for event in logs if event["event"] == "internal_error"]
    assert logged["id"] == error["extensions"]["id"]
    assert logged["id"] in error["message"]
    assert SECRET in str(logged["exc_info"])


def test_fault_before_execution_is_masked_and_logged_with_its_id():
    """The same where not even a snapshot could be taken."""
    with client(BrokenRepository(RuntimeError(SECRET))) as started, capture_logs() as logs:
        response = post(started, TITLES)
    assert response.status_code == 500
    [error] = response.json()["errors"]
    assert SECRET not in response.text
    assert error["extensions"]["id"] in [event.get("id") for event in logs]


def test_store_that_cannot_be_read_is_named_to_clients():
    """An expected failure keeps its message and has a code."""
    with client(BrokenRepository(StoreUnavailableError("The disk is gone."))) as started:
        [error] = post(started, TITLES).json()["errors"]
    assert error["message"] == "The disk is gone."
    assert error["extensions"]["code"] == "STORE_UNAVAILABLE"


def test_application_closes_its_repository_when_it_stops():
    """Whoever gave it away need not care any more."""
    closed = []

    class Closing(MemoryRepository):
        async def close(self) -> None:
            closed.append(True)

    with client(Closing()):
        assert closed == []
    assert closed == [True]
