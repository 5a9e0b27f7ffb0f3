"""The clients that people use, losing their connections: npm graphql-ws and graphql-sse.

They need Node. Where it is absent they are skipped, and pytest says so.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gql.app import create_app
from gql.settings import Settings
from store import Batch, TinyDBRepository, change_cursor

from .live import LiveServer, running
from .sites import article

CLIENTS = Path(__file__).parent / "realtime"
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
        ["node", "subscribe.mjs", transport, f"{url}/graphql", change_cursor(0), LAST],
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
        server.do(repository.apply(Batch(puts=(article(name),))))


@pytest.mark.parametrize("transport", ["ws", "sse"])
def test_client_misses_nothing_and_hears_nothing_twice(transport: str, tmp_path: Path) -> None:
    """Connections break all the time, writes go on, the server restarts: each change comes once."""
    path = tmp_path / "store.json"
    names = [f"n{number}" for number in range(30)]
    repository = TinyDBRepository.open(path)
    with running(create_app(Settings(), repository)) as server:
        port = server.port
        write(server, repository, *names[:10])
        client = follower(transport, server.url)
        process = client.__enter__()
        told = heard(process, 5)
        write(server, repository, *names[10:20])
        told += heard(process, 12)
    repository = TinyDBRepository.open(path)
    with running(create_app(Settings(), repository), port) as server:
        write(server, repository, *names[20:], "last")
        told += heard(process)
    client.__exit__(None, None, None)
    assert [change["slug"] for change in told] == [f"2026-03-01-{name}" for name in names] + [LAST]
    assert len({change["cursor"] for change in told}) == len(told)


def test_clients_are_pinned_and_their_lock_suits_any_registry() -> None:
    """Exact versions, and no addresses."""
    package = json.loads((CLIENTS / "package.json").read_text())
    for version in package["devDependencies"].values():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    locked = json.loads((CLIENTS / "package-lock.json").read_text())["packages"]
    assert not any("resolved" in entry for entry in locked.values())
