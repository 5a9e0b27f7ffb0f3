"""Subscriptions by the npm clients graphql-ws and graphql-sse, with lost connections.

They need Node. Without it they are skipped, and pytest says so.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from gql.access import KeyFile
from gql.composition.app import create_app
from gql.identity.viewer import Permission
from gql.settings import Settings
from store import Batch, TinyDBRepository
from store.model import TopicDefinition
from tests.stress.followers import FILTERS, TRANSPORTS, run_followers
from tests.support.cursors import KEY, change_cursor
from tests.support.documentation import DOCS, blocks
from tests.support.factories import article
from tests.support.live_server import LiveServer, run_server
from tests.support.mutation_client import FIELDS, PUT

CLIENTS = Path(__file__).parents[2] / "realtime"
TIMEOUT_S = 120
NO_NODE = (
    "NODE IS NOT INSTALLED: subscriptions were not tried with npm graphql-ws and graphql-sse; "
    "install Node 20 or newer"
)
LAST = "2026-03-01-last"

pytestmark = pytest.mark.skipif(not shutil.which("npm"), reason=NO_NODE)


@pytest.fixture(scope="module", autouse=True)
def clients() -> None:
    """Install what the clients need where that is absent."""
    if not (CLIENTS / "node_modules" / "graphql-ws").is_dir():
        subprocess.run(["npm", "ci"], cwd=CLIENTS, check=True, timeout=TIMEOUT_S)


@contextmanager
def follower(transport: str, url: str) -> Iterator[subprocess.Popen[str]]:
    """A client that follows from the beginning, breaking its connection again and again."""
    with subprocess.Popen(
        ["node", "subscribe.mjs", transport, f"{url}/graphql", change_cursor(), LAST],
        cwd=CLIENTS,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def heard(process: subprocess.Popen[str], count: int | None = None) -> list[dict[str, Any]]:
    """The next changes that a client prints: so many, or all to its end."""
    assert process.stdout is not None
    if count is not None:
        return [json.loads(process.stdout.readline()) for _ in range(count)]
    lines = [json.loads(line) for line in process.stdout]
    assert process.wait(TIMEOUT_S) == 0
    return lines


def write(server: LiveServer, repository: TinyDBRepository, *names: str) -> None:
    """Put articles of these names, each in a batch of its own."""
    for name in names:
        server.run_in_loop(repository.apply(Batch(puts=(article(name),))))


@pytest.mark.parametrize("transport", ["ws", "sse"])
def test_client_misses_nothing_and_hears_nothing_twice(transport: str, tmp_path: Path) -> None:
    """Connections break all the time, writes go on, the server restarts: each change comes once."""
    path = tmp_path / "store.json"
    names = [f"n{number}" for number in range(30)]
    repository = TinyDBRepository.open(path, cursor_key=KEY)
    with run_server(create_app(Settings(), repository)) as server:
        port = server.port
        write(server, repository, *names[:10])
        client = follower(transport, server.url)
        process = client.__enter__()
        told = heard(process, 5)
        write(server, repository, *names[10:20])
        told += heard(process, 12)
    repository = TinyDBRepository.open(path, cursor_key=KEY)
    with run_server(create_app(Settings(), repository), port) as server:
        write(server, repository, *names[20:], "last")
        told += heard(process)
    client.__exit__(None, None, None)
    assert [change["slug"] for change in told] == [f"2026-03-01-{name}" for name in names] + [LAST]
    assert len({change["cursor"] for change in told}) == len(told)


# A query that is cancelled between two fields, since its client is gone.
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_clients_that_read_everything_and_then_follow_miss_nothing(tmp_path: Path) -> None:
    """Whenever a connection breaks: the copy of each client equals a query, and nothing repeats."""
    outcomes = run_followers(tmp_path, disconnects=8, seed=1)
    assert len(outcomes) == len(TRANSPORTS) * len(FILTERS)
    assert all(outcome.counts["breaks"] == 8 for outcome in outcomes)
    assert all(outcome.counts["events"] for outcome in outcomes)


def written(transport: str, url: str, bearer: str, *requests: Any) -> list[dict[str, Any]]:
    """What a client is answered that sends these requests, each `{query, variables, key}`."""
    command = ["node", "write.mjs", transport, f"{url}/graphql", bearer, json.dumps(requests)]
    output = subprocess.run(
        command, cwd=CLIENTS, capture_output=True, text=True, check=True, timeout=TIMEOUT_S
    ).stdout
    return [json.loads(line) for line in output.splitlines()]


@pytest.fixture
def writable(tmp_path: Path) -> Iterator[tuple[LiveServer, Path]]:
    """A server of an empty store that may be written to, and the file of its keys."""
    store, keys = tmp_path / "store.json", tmp_path / "keys.json"
    app = create_app(Settings(store=store, keys=keys), TinyDBRepository.open(store))
    with run_server(app) as server:
        yield server, keys


@pytest.mark.parametrize("transport", ["ws", "sse"])
def test_client_writes_with_the_right_to_and_once_for_each_key(transport, writable) -> None:
    """A mutation over a stream is one over HTTP: scope, answer and Idempotency-Key are the same."""
    server, keys = writable
    bearer, _ = KeyFile(keys).add("desk", [Permission.WRITE])
    put = {"query": PUT, "variables": {"input": FIELDS}, "key": "k1"}
    once, again, other = written(
        transport, server.url, bearer, put, put, {**put, "variables": {"input": {"title": "B"}}}
    )
    assert once == again
    assert once["data"]["putArticle"]["article"]["slug"] == "2026-01-02-a-tide"
    assert "IDEMPOTENCY_KEY_REUSED" in json.dumps(other) or other == {"refused": 422}
    [forbidden] = written(transport, server.url, "", {**put, "key": None})
    assert forbidden["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert forbidden["data"] == {"putArticle": None}


def test_client_over_one_event_stream_for_all_is_refused(writable) -> None:
    """Only distinct connections are served; the other mode is told so by its first request."""
    server, _ = writable
    assert written("sse-single", server.url, "", {"query": "{ __typename }"}) == [{"refused": 405}]


def test_clients_are_pinned_and_their_lock_suits_any_registry() -> None:
    """Exact versions, and no addresses."""
    package = json.loads((CLIENTS / "package.json").read_text())
    for version in package["devDependencies"].values():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    locked = json.loads((CLIENTS / "package-lock.json").read_text())["packages"]
    assert not any("resolved" in entry for entry in locked.values())


def test_client_of_the_documentation_mirrors_the_articles(tmp_path: Path) -> None:
    """The JavaScript on the page about realtime reads all, follows, and connects again."""
    [script] = [text for language, text in blocks(DOCS / "realtime.md") if language == "js"]
    script = f"import WebSocket from 'ws';\nglobalThis.WebSocket = WebSocket;\n{script}"
    path = tmp_path / "store.json"
    repository = TinyDBRepository.open(path, cursor_key=KEY)
    with ExitStack() as stack:
        with run_server(create_app(Settings(), repository)) as server:
            port = server.port
            write(server, repository, *(f"n{number}" for number in range(101)))  # two pages
            script = script.replace("ws://127.0.0.1:8000", server.url.replace("http", "ws"))
            client = stack.enter_context(documented_client(script))
            assert printed(client) == "read 101"
            write(server, repository, "new")
            assert printed(client) == "PUT About new 102"
        repository = TinyDBRepository.open(path, cursor_key=KEY)
        with run_server(create_app(Settings(), repository), port) as server:
            gone = article("new").id
            server.run_in_loop(repository.apply(Batch(deletes=(gone,))))
            assert printed(client) == f"DELETE {gone} 101"
            topic = TopicDefinition(slug="tides", name="The Sea")
            server.run_in_loop(repository.apply(Batch(topics=(topic,))))
            assert printed(client) == "read 101"


@contextmanager
def documented_client(script: str) -> Iterator[subprocess.Popen[str]]:
    """Node with a script."""
    with subprocess.Popen(
        ["node", "--input-type=module", "--eval", script],
        cwd=CLIENTS,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def printed(process: subprocess.Popen[str]) -> str:
    """The next line that a script prints."""
    assert process.stdout is not None
    return process.stdout.readline().rstrip("\n")
