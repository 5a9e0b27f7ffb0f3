"""`newsgraph serve` as a process: its output, its shutdown, and several workers."""

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
    ServerProcess,
    environment,
    free_port,
    run_newsgraph,
    start_process,
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


def total(response: str) -> int:
    """The number of articles in a response."""
    return int(json.loads(response)["data"]["articles"]["totalCount"])


def test_serve_prints_its_load_report_and_its_url(folder):
    """A few lines at the start; then it serves, until SIGTERM."""
    with run_newsgraph("news", folder=folder) as server:
        output = re.sub(r"\d+\.\d\d s", "N s", server.output.replace(server.url, "URL"))
        assert output.splitlines()[1:] == [
            "Loaded    40 articles from news (57 files read, 0 unchanged, 0 removed, N s)",
            "Problems  4 warnings, 1 note (newsgraph check news shows them)",
            "Serving   35 articles, 15 providers, 17 topics",
            "Open      URL/graphql (stop with Ctrl+C)",
        ]
        assert total(server.get()) == 35
        server.stop()
    assert "Traceback" not in (folder / "stderr.txt").read_text()
    with run_newsgraph("news", folder=folder) as again:
        assert "0 files read, 57 unchanged" in again.output


def test_serve_shows_drafts_with_the_option(folder):
    """The output at the start says so."""
    with run_newsgraph("news", "--drafts", folder=folder) as server:
        assert "40 articles, 16 providers, 18 topics (drafts too" in server.output
        assert total(server.get(DRAFTS)) == 5


def test_shutdown_waits_for_running_requests(folder):
    """After SIGTERM new connections are refused, and running requests get their response."""
    body = json.dumps({"query": QUERY}).encode()
    head = f"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
    with run_newsgraph("news", folder=folder) as server:
        port = int(server.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as client:
            client.sendall(head.encode() + b"Content-Type: application/json\r\n\r\n" + body[:5])
            server.get("/healthz")  # so that the bytes above have arrived
            server.process.terminate()
            wait_until_closed(port)
            with pytest.raises(subprocess.TimeoutExpired):
                server.process.wait(0.5)  # it waits for the request
            client.sendall(body[5:])
            answer = b"".join(iter(lambda: client.recv(65_536), b""))
        server.process.wait(TIMEOUT_S)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert total(answer.partition(b"\r\n\r\n")[2].decode()) == 35


def test_several_workers_serve_one_port(folder):
    """The processes share the port and the store."""
    with run_newsgraph("news", "--workers", "2", folder=folder) as server:
        wait_until_ready(server)
        with ThreadPoolExecutor(8) as clients:
            answers = set(clients.map(lambda _: server.get(), range(20)))
        assert [total(answer) for answer in answers] == [35]
        server.stop()
    assert "Traceback" not in (folder / "stderr.txt").read_text()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_serve_writes_into_the_folder_with_any_number_of_workers(folder, workers):
    """An acknowledged write is in the file, without live reload."""
    key, _ = KeyFile(folder / "keys.json").add("editor", [Permission.WRITE])
    slug = "2026-03-04-a-drill-that-weighs-less-than-a-cat"
    put = f'putArticle(input: {{slug: "{slug}", heat: 4242}})'
    query = f"mutation {{ {put} {{ article {{ heat }} userErrors {{ message }} }} }}"
    with run_newsgraph(
        "news", "--workers", workers, "--keys", "keys.json", folder=folder
    ) as server:
        wait_until_ready(server)
        headers = {"authorization": f"Bearer {key}"}
        url = f"{server.url}/graphql"
        response = httpx2.post(
            url, json={"query": query}, headers=headers, timeout=TIMEOUT_S
        ).json()
        server.stop()
    assert response == {"data": {"putArticle": {"article": {"heat": 4242}, "userErrors": []}}}
    [path] = (folder / "news").rglob(f"{slug}.*")
    assert "heat: 4242" in path.read_text()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_serve_of_an_empty_folder_serves_no_articles(tmp_path, workers):
    """It starts, and prints so."""
    (tmp_path / "news").mkdir()
    with run_newsgraph("news", "--workers", workers, folder=tmp_path) as server:
        wait_until_ready(server)
        assert "Serving   0 articles" in server.output
        assert total(server.get()) == 0
        server.stop()


def test_serve_with_workers_warns_about_the_rate_limit(folder):
    """Once, at the start, with a remedy, since each worker counts for itself."""
    options = ("--workers", "2", "--rate-limit", "100/minute", "--log-format", "json")
    with run_newsgraph("news", *options, folder=folder) as server:
        wait_until_ready(server)
        server.stop()
    events = [json.loads(line) for line in logged(folder) if line.startswith("{")]
    [warning] = [event for event in events if event["event"] == "rate_limit_per_worker"]
    assert "up to 2 times as high" in warning["effect"]
    assert "proxy" in warning["remedy"]


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
    with start_process(command, folder, **settings) as process:
        server = ServerProcess(process, f"http://127.0.0.1:{port}")
        wait_until_ready(server)
        with ThreadPoolExecutor(8) as clients:
            answers = list(clients.map(lambda _: server.get(), range(20)))
        assert {total(answer) for answer in answers} == {35}
        server.stop()
    events = [json.loads(line) for line in logged(folder) if line.startswith("{")]
    requests = [event for event in events if event["event"] == "request"]
    assert sum(event["path"] == "/graphql" for event in requests) == 20
    assert [event for event in events if event["event"] == "loaded"]


def logged(folder):
    """The lines on standard error."""
    return (folder / "stderr.txt").read_text().splitlines()


def test_serve_on_a_used_port_is_an_error(folder):
    """Exit code 2 and one line, which names the option for another port."""
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
