"""The examples in clients/: under Node and Python, and their pages in a browser.

Each has a server process of its own. They need Node and npm, the pages also Chromium. Without these
they are skipped, and pytest says so. `make test` builds them (.ci/clients).
"""

from __future__ import annotations

import functools
import http.server
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest
from playwright.sync_api import Browser, Page, expect

from gql.access import KeyFile
from gql.identity.viewer import Permission
from tests.support.browser import run_chromium
from tests.support.server_process import ROOT, ServerProcess, free_port, run_newsgraph

CLIENTS = ROOT / "clients"
BUNDLES = CLIENTS / "dist"
TRUSTED_DOCUMENTS = CLIENTS / "codegen/src/generated/persisted-documents.json"
EXAMPLES = json.loads((CLIENTS / "package.json").read_text())["workspaces"]
PAGES = [name for name in EXAMPLES if (CLIENTS / name / "src" / "page.tsx").exists()]
TIMEOUT_S = 120

needs_node = pytest.mark.skipif(
    not shutil.which("npm"),
    reason="NODE IS NOT INSTALLED: clients/ was not tried; install Node 20 or newer and npm",
)
expect.set_options(timeout=20_000)  # milliseconds: a busy machine is slow, not wrong


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serves files without a log."""

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def serve_http(handler: type | functools.partial[QuietHandler]) -> Iterator[str]:
    """Serve requests by a handler on a free port until the block ends; the base URL."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class RestartableServer:
    """A newsgraph process with the seeds and one key, which can be killed and started again.

    Attributes:
        key: A key with the scopes READ_DRAFTS and WRITE.
        url: The base URL, the same after a restart.
    """

    def __init__(self, folder: Path, *origins: str) -> None:
        self._folder = folder
        self._port = free_port()
        self._origins = origins
        self._processes = ExitStack()
        shutil.copytree(ROOT / "seeds", folder / "news")
        scopes = {Permission.READ_DRAFTS, Permission.WRITE}
        self.key = KeyFile(folder / "keys.json").add("example", scopes)[0]
        self.url = f"http://127.0.0.1:{self._port}"

    def start(self) -> ServerProcess:
        """Start a process."""
        options = ["--port", str(self._port), "--keys", "keys.json", "--store", "store.json"]
        options += ["--apq-bytes", "1000000", "--trusted-documents", str(TRUSTED_DOCUMENTS)]
        for origin in self._origins:
            options += ["--cors-origins", origin]
        return self._processes.enter_context(run_newsgraph("news", *options, folder=self._folder))

    def kill(self) -> None:
        """Kill the process without notice."""
        self._processes.close()


@contextmanager
def run_server(folder: Path, *origins: str) -> Iterator[RestartableServer]:
    """A server that runs until the block ends. `origins`: whose pages may call it."""
    server = RestartableServer(folder, *origins)
    server.start()
    try:
        yield server
    finally:
        server.kill()


@contextmanager
def restarts(server: RestartableServer) -> Iterator[str]:
    """A URL to which a POST has the server killed and started again."""

    class Restart(QuietHandler):
        def do_POST(self) -> None:
            server.kill()
            server.start()
            self.send_response(204)
            self.end_headers()

    with serve_http(Restart) as url:
        yield url


def run_tests(command: list[str], folder: Path, server_folder: Path) -> None:
    """Run tests in a folder against a server of their own; they must pass."""
    with run_server(server_folder) as server, restarts(server) as restart:
        result = subprocess.run(
            command,
            cwd=folder,
            env={
                **os.environ,
                "NEWSGRAPH_URL": server.url,
                "NEWSGRAPH_KEY": server.key,
                "NEWSGRAPH_RESTART": restart,
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_S,
        )
    assert result.returncode == 0, result.stdout + result.stderr


@needs_node
@pytest.mark.parametrize("example", EXAMPLES)
def test_example_works_under_node(example: str, tmp_path: Path) -> None:
    """The example's own tests pass."""
    run_tests(["node", "--test", f"{example}.test.mjs"], CLIENTS / "dist", tmp_path)


def test_example_works_under_python(tmp_path: Path) -> None:
    """The tests of the Python client pass."""
    folder = CLIENTS / "python"
    run_tests([str(folder / ".venv/bin/python"), "-m", "unittest"], folder, tmp_path)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium of the machine."""
    with run_chromium() as chromium:
        yield chromium


@needs_node
@pytest.mark.parametrize("example", PAGES)
def test_page_works_in_a_browser(example: str, browser: Browser, tmp_path: Path) -> None:
    """A page of another origin lists headlines, brings more, follows changes, and renames."""
    files = functools.partial(QuietHandler, directory=str(BUNDLES / example))
    with serve_http(files) as origin, run_server(tmp_path, origin) as server:
        page = browser.new_page()
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        options = {"url": f"{server.url}/graphql", "key": server.key}
        page.goto(f"{origin}/?{urlencode(options)}")
        check_page(page, server)
        page.close()
    assert not faults


@needs_node
def test_page_shows_a_draft_by_a_preview_link(browser: Browser, tmp_path: Path) -> None:
    """The page of a reader without a key shows one draft, and its edits as they are saved."""
    files = functools.partial(QuietHandler, directory=str(BUNDLES / "fetch"))
    put = """mutation ($input: PutArticleInput!) {
      putArticle(input: $input) { article { id } userErrors { message } }
    }"""
    link = """mutation ($input: CreatePreviewLinkInput!) {
      createPreviewLink(input: $input) { token userErrors { message } }
    }"""
    draft = {
        "slug": "2026-11-01-embargo",
        "title": "Not yet",
        "published": False,
        "publishedDateTime": "2026-11-01",
        "provider": {"domain": "p.example", "name": "P"},
    }
    with serve_http(files) as origin, run_server(tmp_path, origin) as server:
        id = post(server, put, input=draft)["putArticle"]["article"]["id"]
        token = post(server, link, input={"id": id})["createPreviewLink"]["token"]
        page = browser.new_page()
        options = {"url": f"{server.url}/graphql", "slug": draft["slug"], "preview": token}
        page.goto(f"{origin}/?{urlencode(options)}")
        expect(page.get_by_text("Not yet")).to_be_visible()
        post(server, put, input={"id": id, "title": "Nearly"})
        expect(page.get_by_text("Nearly")).to_be_visible()
        page.goto(f"{origin}/?{urlencode(options | {'preview': 'forged'})}")
        expect(page.get_by_text("The preview link is not valid")).to_be_visible()
        page.close()


def check_page(page: Page, server: RestartableServer) -> None:
    """Use a page as a reader and an editor do, while another editor writes."""
    headlines = page.locator("li")
    expect(headlines).to_have_count(3)
    page.get_by_role("button", name="More").click()
    expect(headlines).to_have_count(6)
    title = headlines.nth(1).inner_text()
    headlines.nth(1).click()
    expect(headlines.nth(1)).to_have_text(f"{title} (renamed)")
    newest = post(server, "{ articles(first: 1) { nodes { id } } }")["articles"]["nodes"][0]
    put = "mutation ($input: PutArticleInput!) { putArticle(input: $input) { article { id } } }"
    post(server, put, input={**newest, "title": "Changed elsewhere"})
    expect(headlines.first).to_have_text("Changed elsewhere")
    delete = "mutation ($input: DeleteArticleInput!) { deleteArticle(input: $input) { deletedId } }"
    post(server, delete, input=newest)
    expect(page.get_by_text("Changed elsewhere")).to_have_count(0)


def post(server: RestartableServer, query: str, **variables: Any) -> Any:
    """The data of the response to an operation that another client sends."""
    response = httpx2.post(
        f"{server.url}/graphql",
        json={"query": query, "variables": variables},
        headers={"authorization": f"Bearer {server.key}"},
    )
    assert "errors" not in response.json(), response.text
    return response.json()["data"]
