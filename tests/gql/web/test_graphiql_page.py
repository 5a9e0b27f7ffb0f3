"""GraphiQL: in a real browser without a network, and the responses with its files."""

import gzip
import json
import os
import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from graphql import build_schema, parse, validate
from playwright.sync_api import Browser, Page, Route, expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as GetRoute
from starlette.testclient import TestClient

from gql.web import graphiql_page
from gql.web.graphiql_page import STATIC, GraphiQLPage, load_page, page_response, static_routes
from store import HISTORY_START, MemoryRepository
from tests.support.browser import run_chromium
from tests.support.cursors import change_cursor_in

FRONT_END = Path(graphiql_page.__file__).with_name("graphiql")
EXAMPLES = sorted(FRONT_END.glob("src/examples/*.graphql"))
expect.set_options(timeout=20_000)  # milliseconds: a busy machine is slow, not wrong

# One line, because the editor indents and closes brackets by itself; the page's button formats it.
TYPED = (
    "query Headlines { articles(first: 3) { totalCount "
    "nodes { title provider { name } topics { name } } } }"
)


@pytest.fixture(scope="module")
def built() -> GraphiQLPage:
    """The built page. Where Node is there, that it is not built is a failure."""
    page = load_page()
    if not page.bundled and shutil.which("node") is None:
        pytest.skip("GraphiQL is not built: install Node 18 or newer and npm, then `make graphiql`")
    assert page.bundled, "GraphiQL is not built, though Node is here: run `make graphiql`"
    return page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    with run_chromium() as chromium:
        yield chromium


@pytest.fixture
def page(browser: Browser, built: GraphiQLPage) -> Iterator[Page]:
    """A first visitor's tab; a request to another host, an error or a breach of policy fails it."""
    assert built.bundled
    faults: list[str] = []

    def keep_here(route: Route) -> None:
        if urlsplit(route.request.url).hostname == "127.0.0.1":
            route.continue_()
        else:
            faults.append(f"asked {route.request.url}")
            route.abort()

    def keep_to_subscriptions(url: str) -> None:
        if urlsplit(url).hostname != "127.0.0.1" or urlsplit(url).path != "/graphql":
            faults.append(f"opened {url}")

    with browser.new_context(viewport={"width": 1400, "height": 900}) as context:
        context.route("**/*", keep_here)
        page = context.new_page()
        page.on("websocket", lambda socket: keep_to_subscriptions(socket.url))
        page.on("pageerror", lambda error: faults.append(f"threw {error}"))
        page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
        page.add_init_script(
            "addEventListener('securitypolicyviolation', (event) =>"
            " console.error('policy', event.violatedDirective, event.blockedURI));"
        )
        yield page
    assert faults == []


@pytest.fixture
def client() -> TestClient:
    """The page at /graphql and its files, without the rest of the server."""
    found = load_page()

    async def show(request: Request) -> Response:
        return page_response(found, request)

    return TestClient(Starlette(routes=[GetRoute("/graphql", show), *static_routes()]))


def open_graphiql(page: Page, server: str) -> None:
    """Go to the page and wait for its editor."""
    page.goto(f"{server}/graphql")
    expect(page.get_by_label("Operation Editor").locator(".view-line").first).to_be_visible()


def write_query(page: Page, query: str) -> None:
    """Type an operation in the place of the one that is there."""
    page.get_by_label("Operation Editor").locator(".view-lines").click()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.press("Delete")
    page.keyboard.type(query)


def squeeze(text: str) -> str:
    """Take the white space out: the response pane wraps lines as it likes."""
    return re.sub(r"\s", "", text)


def answer_shown(page: Page) -> str:
    """What the response pane shows once an answer is there, squeezed."""
    pane = page.get_by_label("Result Window")
    expect(pane).to_contain_text('"data"')
    return squeeze(pane.inner_text())


def test_graphiql_answers_a_typed_query_and_shows_the_docs_without_a_network(
    page: Page, live_server: str
) -> None:
    """The page finds the schema, documents it, and runs what is typed; nothing leaves this host."""
    open_graphiql(page, live_server)

    page.get_by_role("button", name="Show Documentation Explorer").click()
    docs = page.get_by_label("Documentation Explorer")
    docs.get_by_role("link", name="Article", exact=True).click()
    expect(docs.get_by_role("link", name="publishedDateTime")).to_be_visible()

    write_query(page, TYPED)
    page.get_by_role("button", name="Prettify").click()
    expect(page.get_by_label("Operation Editor").locator(".view-line").nth(10)).to_be_visible()
    page.get_by_role("button", name="Execute query").click()
    shown = answer_shown(page)

    answer = httpx2.post(f"{live_server}/graphql", json={"query": TYPED}).json()
    newest = answer["data"]["articles"]["nodes"][0]  # of the others the pane may show a part only
    for text in (newest["title"], newest["provider"]["name"]):
        assert squeeze(json.dumps(text, ensure_ascii=False)) in shown

    if path := os.environ.get("NEWSGRAPH_SCREENSHOT"):
        page.mouse.move(0, 0)
        page.wait_for_timeout(1000)  # the editor colours its last lines when it has time
        page.screenshot(path=path)


def test_graphiql_first_visit_offers_the_examples(page: Page, live_server: str) -> None:
    """The tabs are the example operations; the drafts' one comes with a place for the key."""
    open_graphiql(page, live_server)
    name = re.compile(r"^(?:query|subscription) (\w+)", re.MULTILINE)
    names = [name.findall(path.read_text())[0] for path in EXAMPLES]
    tabs = page.get_by_label("Select active operation")
    expect(tabs.get_by_role("tab")).to_have_count(len(names))
    assert sorted(tabs.get_by_role("tab").all_inner_texts()) == sorted(names)

    tabs.get_by_text("Drafts").click()
    page.get_by_role("button", name="Headers").click()
    expect(page.get_by_label("Headers", exact=True)).to_contain_text("Bearer")


def test_graphiql_follows_a_subscription(
    page: Page, live_server: str, seeded: MemoryRepository
) -> None:
    """What is subscribed to is shown as it comes, over a socket to this server."""
    open_graphiql(page, live_server)
    sockets: list[str] = []
    page.on("websocket", lambda socket: sockets.append(socket.url))
    after = change_cursor_in(HISTORY_START, seeded.current())
    query = f'subscription Follow {{ changes(after: "{after}") {{ kind slug }} }}'
    write_query(page, query)
    page.get_by_role("button", name="Prettify").click()
    expect(page.get_by_label("Operation Editor").locator(".view-line").nth(4)).to_be_visible()
    page.get_by_role("button", name="Execute query").click()
    assert '"changes":{"kind":"PUT","slug":' in answer_shown(page)
    assert sockets == [f"{live_server.replace('http', 'ws')}/graphql"]
    page.get_by_role("button", name="Stop query").click()


def test_graphiql_sends_the_key_and_never_stores_it(page: Page, live_server: str) -> None:
    """What the headers editor holds goes out with the operation and stays out of local storage."""
    sent: list[str | None] = []

    def answer(route: Route) -> None:
        sent.append(route.request.headers.get("authorization"))
        route.fulfill(json={"data": {"articles": None}})

    open_graphiql(page, live_server)
    page.get_by_text("Drafts").click()
    page.route("**/graphql", answer)
    page.get_by_role("button", name="Execute query").click()
    answer_shown(page)
    page.get_by_role("button", name="Show History").click()
    expect(page.get_by_label("History").get_by_text("Drafts").first).to_be_visible()

    assert sent == ["Bearer YOUR-KEY"]
    page.wait_for_timeout(1000)  # tabs are stored half a second after their last change
    stored = page.evaluate("JSON.stringify(localStorage)")
    assert "query Drafts" in stored
    assert "YOUR-KEY" not in stored.replace("place of YOUR-KEY", "")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_is_valid_and_answers(path: Path, live_server: str) -> None:
    """Every example fits the schema that is served and runs without an error."""
    query = path.read_text()
    schema = build_schema(httpx2.get(f"{live_server}/schema.graphql").text)
    assert validate(schema, parse(query)) == []

    variables = path.with_suffix(".variables.json")
    values = json.loads(variables.read_text()) if variables.exists() else {}
    body = {"query": query, "variables": values}
    if path.stem == "changes":
        headers = {"accept": "text/event-stream"}
        with httpx2.stream("POST", f"{live_server}/graphql", json=body, headers=headers) as events:
            assert events.headers["content-type"].startswith("text/event-stream")
        return
    answer = httpx2.post(f"{live_server}/graphql", json=body)
    assert "errors" not in answer.json()


class Tags(HTMLParser):
    """The tags of a page, and the text within its scripts."""

    def __init__(self, html: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.script = ""
        self.feed(html.decode())

    def handle_starttag(self, tag, attrs) -> None:
        """Keep a tag with its attributes."""
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data) -> None:
        """Keep what stands in a script."""
        if self.tags and self.tags[-1][0] == "script":
            self.script += data

    def loaded(self) -> list[dict[str, str]]:
        """The attributes of what the page loads as it is read: scripts and style sheets."""
        return [
            attributes
            for tag, attributes in self.tags
            if tag == "script" or attributes.get("rel") == "stylesheet"
        ]


def script_sources(page: GraphiQLPage) -> list[str]:
    """What the page's policy lets it run."""
    directives = dict(part.split(" ", 1) for part in page.csp.split("; "))
    return directives["script-src"].split()


def test_built_page_loads_only_its_own_files(built: GraphiQLPage) -> None:
    """No inline script, and nothing but files of the build."""
    tags = Tags(built.html)
    assert tags.script.strip() == ""
    for attributes in tags.loaded():
        url = attributes.get("src") or attributes["href"]
        assert (STATIC / url.removeprefix("/static/")).is_file()
    assert script_sources(built) == ["'self'"]


def test_page_is_asked_for_again_and_sent_only_when_changed(client: TestClient) -> None:
    """The page carries its policy and an ETag; a browser that holds it gets 304."""
    first = client.get("/graphql")
    assert first.headers["content-type"] == "text/html; charset=utf-8"
    assert first.headers["cache-control"] == "no-cache"
    assert "frame-ancestors 'none'" in first.headers["content-security-policy"]
    again = client.get("/graphql", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.usefixtures("built")
def test_assets_are_cached_for_good_and_compressed(client: TestClient) -> None:
    """Each hashed file has its type, a year's life, and a gzip form with the same content."""
    assets = [path for path in (STATIC / "assets").iterdir() if path.suffix != ".gz"]
    types = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}
    for path in assets:
        url = f"/static/assets/{path.name}"
        plain = client.get(url, headers={"Accept-Encoding": "identity"})
        assert plain.content == path.read_bytes()
        assert "content-encoding" not in plain.headers
        for response in (plain, client.get(url)):
            assert response.headers["content-type"] == types.get(path.suffix, "font/ttf")
            assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
            assert response.headers["vary"] == "Accept-Encoding"
        packed = path.with_name(f"{path.name}.gz")
        assert gzip.decompress(packed.read_bytes()) == plain.content
        assert client.get(url).headers["content-encoding"] == "gzip"
        assert client.get(f"{url}.gz").status_code == 404


@pytest.mark.usefixtures("built")
@pytest.mark.parametrize("url", ["../index.html", "%2e%2e/index.html", "none.js", "", "a%00.js"])
def test_only_assets_are_served(client: TestClient, url: str) -> None:
    """Nothing but the files of the build's asset folder has a URL under /static/assets."""
    assert client.get(f"/static/assets/{url}").status_code == 404


def test_without_a_build_the_page_names_exact_files_of_a_cdn(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The fallback admits scripts by full URL, with a version and a hash each, and none inline."""
    monkeypatch.setattr(graphiql_page, "STATIC", tmp_path)
    page = load_page()
    tags = Tags(page.html)
    assert not page.bundled
    assert tags.script.strip() == ""
    for attributes in tags.loaded():
        url = attributes.get("src") or attributes["href"]
        if url != "/static/graphiql_fallback.js":
            assert re.search(r"@\d+\.\d+\.\d+/", url)
            assert re.fullmatch(r"sha384-[\w+/]{64}", attributes["integrity"])
            assert url in page.csp
    assert {source for source in script_sources(page) if source.startswith("'")} == {"'self'"}
    client = TestClient(Starlette(routes=static_routes()))
    assert "createRoot" in client.get("/static/graphiql_fallback.js").text


def test_front_end_is_pinned_and_its_lock_suits_any_registry_and_platform() -> None:
    """Exact versions, no addresses, and the packages of other platforms are locked as well."""
    package = json.loads((FRONT_END / "package.json").read_text())
    for version in (package["dependencies"] | package["devDependencies"]).values():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)

    locked = json.loads((FRONT_END / "package-lock.json").read_text())["packages"]
    names = {path.rpartition("node_modules/")[2] for path in locked}
    for entry in locked.values():
        assert "resolved" not in entry
        assert set(entry.get("optionalDependencies", ())) <= names
