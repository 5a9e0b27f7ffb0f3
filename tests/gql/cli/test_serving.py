"""The server as a process: what it says, how it ends, and several of it."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from gql.access import KeyFile
from gql.identity.viewer import Permission
from tests.conftest import SEEDS
from tests.support.server_process import (
    TIMEOUT_S,
    Running,
    environment,
    free_port,
    newsgraph,
    started,
    wait_until_closed,
    wait_until_ready,
)

QUERY = "{ articles { totalCount } }"
DRAFTS = "/graphql?query={articles(filter:{published:false}){totalCount}}"


@pytest.fixture
def folder(tmp_path):
    """A working directory with a copy of the seeds in it, as `news`."""
    shutil.copytree(SEEDS, tmp_path / "news")
    return tmp_path


def total(answer: str) -> int:
    """The number of articles in an answer."""
    return int(json.loads(answer)["data"]["articles"]["totalCount"])


def test_serve_says_what_was_loaded_what_was_wrong_and_where_to_click(folder):
    """A few lines at the start; then it answers there, and SIGTERM ends it."""
    with newsgraph("news", folder=folder) as server:
        shown = re.sub(r"\d+\.\d\d s", "N s", server.said.replace(server.url, "URL"))
        assert shown.splitlines()[1:] == [
            "Loaded    40 articles from news (57 files read, 0 unchanged, 0 removed, N s)",
            "Problems  4 warnings, 1 note (newsgraph check news shows them)",
            "Serving   35 articles, 15 providers, 17 topics",
            "Open      URL/graphql (stop with Ctrl+C)",
        ]
        assert total(server.ask()) == 35
        server.stop()
    assert "Traceback" not in (folder / "stderr.txt").read_text()
    with newsgraph("news", folder=folder) as again:
        assert "0 files read, 57 unchanged" in again.said


def test_serve_shows_drafts_when_told_to(folder):
    """And it says so at the start."""
    with newsgraph("news", "--drafts", folder=folder) as server:
        assert "40 articles, 16 providers, 18 topics (drafts too" in server.said
        assert total(server.ask(DRAFTS)) == 5


def test_serve_answers_a_request_in_flight_before_it_ends(folder):
    """After SIGTERM nobody new is let in, and who was there is still served."""
    body = json.dumps({"query": QUERY}).encode()
    head = f"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
    with newsgraph("news", folder=folder) as server:
        port = int(server.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as client:
            client.sendall(head.encode() + b"Content-Type: application/json\r\n\r\n" + body[:5])
            server.ask("/healthz")  # so that what was sent before is surely there
            server.process.terminate()
            wait_until_closed(port)
            with pytest.raises(subprocess.TimeoutExpired):
                server.process.wait(0.5)  # it stays for the one who is still there
            client.sendall(body[5:])
            answer = b"".join(iter(lambda: client.recv(65_536), b""))
        server.process.wait(TIMEOUT_S)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert total(answer.partition(b"\r\n\r\n")[2].decode()) == 35


def test_serve_with_workers_answers_from_several_processes(folder):
    """Several processes share the port and the store."""
    with newsgraph("news", "--workers", "2", folder=folder) as server:
        wait_until_ready(server)
        with ThreadPoolExecutor(8) as clients:
            answers = set(clients.map(lambda _: server.ask(), range(20)))
        assert [total(answer) for answer in answers] == [35]
        server.stop()
    assert "Traceback" not in (folder / "stderr.txt").read_text()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_serve_writes_into_the_folder_with_any_number_of_workers(folder, workers):
    """What is acknowledged is there, though nobody follows the folder."""
    key, _ = KeyFile(folder / "keys.json").add("editor", [Permission.WRITE])
    slug = "2026-03-04-a-drill-that-weighs-less-than-a-cat"
    put = f'putArticle(input: {{slug: "{slug}", heat: 4242}})'
    query = f"mutation {{ {put} {{ article {{ heat }} userErrors {{ message }} }} }}"
    with newsgraph("news", "--workers", workers, "--keys", "keys.json", folder=folder) as server:
        wait_until_ready(server)
        headers = {"authorization": f"Bearer {key}"}
        url = f"{server.url}/graphql"
        told = httpx2.post(url, json={"query": query}, headers=headers, timeout=TIMEOUT_S).json()
        server.stop()
    assert told == {"data": {"putArticle": {"article": {"heat": 4242}, "userErrors": []}}}
    [path] = (folder / "news").rglob(f"{slug}.*")
    assert "heat: 4242" in path.read_text()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_serve_of_an_empty_folder_serves_no_articles(tmp_path, workers):
    """It comes up and says so; nobody has to load first."""
    (tmp_path / "news").mkdir()
    with newsgraph("news", "--workers", workers, folder=tmp_path) as server:
        wait_until_ready(server)
        assert "Serving   0 articles" in server.said
        assert total(server.ask()) == 0
        server.stop()


def test_serve_with_workers_says_that_each_counts_the_rate_limit_for_itself(folder):
    """At the start, once, with what to do about it."""
    options = ("--workers", "2", "--rate-limit", "100/minute", "--log-format", "json")
    with newsgraph("news", *options, folder=folder) as server:
        wait_until_ready(server)
        server.stop()
    events = [json.loads(line) for line in logged(folder) if line.startswith("{")]
    [told] = [event for event in events if event["event"] == "rate_limit_per_worker"]
    assert "up to 2 times as high" in told["effect"]
    assert "proxy" in told["remedy"]


def test_factory_serves_from_the_environment_with_several_workers(folder):
    """`uvicorn gql.composition.app:from_env --factory` works as well, with the same settings."""
    port = free_port()
    command = [
        "-m",
        "uvicorn",
        "gql.composition.app:from_env",
        "--factory",
        "--workers",
        "2",
        "--port",
        f"{port}",
    ]
    settings = {"NEWSGRAPH_FOLDER": "news", "NEWSGRAPH_LOG_FORMAT": "json"}
    with started(command, folder, **settings) as process:
        server = Running(process, f"http://127.0.0.1:{port}")
        wait_until_ready(server)
        with ThreadPoolExecutor(8) as clients:
            answers = list(clients.map(lambda _: server.ask(), range(20)))
        assert {total(answer) for answer in answers} == {35}
        server.stop()
    events = [json.loads(line) for line in logged(folder) if line.startswith("{")]
    asked = [event for event in events if event["event"] == "request"]
    assert sum(event["path"] == "/graphql" for event in asked) == 20
    assert [event for event in events if event["event"] == "loaded"]


def logged(folder):
    """The lines on standard error."""
    return (folder / "stderr.txt").read_text().splitlines()


def test_serve_on_a_port_in_use_says_so_and_how_to_choose_another(folder):
    """Exit code 2, one line, no traceback."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-m", "gql", "serve", "news", "--port", port],
            cwd=folder,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert line.startswith(f"error: Cannot listen on 127.0.0.1 port {port}: ")
    assert "--port (NEWSGRAPH_PORT)" in line
