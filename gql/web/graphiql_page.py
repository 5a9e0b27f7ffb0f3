"""The GraphiQL page: built from `graphiql/`, or a fallback that loads GraphiQL from a CDN.

`static/` has the build (`make graphiql`), which loads everything from this server. Both pages have
a Content-Security-Policy that forbids inline scripts and `eval`.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import NotModifiedResponse, StaticFiles
from starlette.types import Scope

from gql.conditional_requests import is_not_modified

HERE = Path(__file__).parent
STATIC = HERE / "static"

NOT_BUILT = "GraphiQL comes from a CDN because it was not built; run `make graphiql` (needs Node)"
"""The warning in the log if the page is not bundled."""


@dataclass(frozen=True, slots=True)
class GraphiQLPage:
    """The page with its Content-Security-Policy.

    Attributes:
        html: The page.
        csp: The policy.
        bundled: Whether everything is loaded from this server, and nothing from a CDN.
    """

    html: bytes
    csp: str
    bundled: bool

    @property
    def etag(self) -> str:
        """The strong ETag of the page and its policy."""
        digest = hashlib.sha256(self.csp.encode() + b"\n" + self.html).hexdigest()
        return f'"{digest[:32]}"'


def load_page() -> GraphiQLPage:
    """Read the built page, or make the fallback page."""
    try:
        built = (STATIC / "index.html").read_bytes()
    except FileNotFoundError:
        return _fallback_page()
    return GraphiQLPage(html=built, csp=_policy(**_BUILT_SOURCES), bundled=True)


def page_response(page: GraphiQLPage, request: Request) -> Response:
    """The response with the page, or a 304; browsers revalidate it at each visit."""
    response = Response(
        page.html,
        media_type="text/html",
        headers={
            "Cache-Control": "no-cache",
            "Content-Security-Policy": page.csp,
            "ETag": page.etag,
            "Vary": "Accept",
        },
    )
    if is_not_modified(request.headers.get("if-none-match"), page.etag):
        return NotModifiedResponse(response.headers)
    return response


def static_routes() -> list[BaseRoute]:
    """The routes below `/static`: the fallback's script, and the hashed files of the build."""
    routes: list[BaseRoute] = [Route("/static/graphiql_fallback.js", _fallback_script)]
    assets = STATIC / "assets"
    if assets.is_dir():
        routes.append(Mount("/static/assets", _HashedFiles(directory=assets)))
    return routes


# The built page ---------------------------------------------------------------------------------

_BUILT_SOURCES = {
    "script_src": "'self'",
    # The editor (Monaco) writes its theme into style elements and its layout into style attributes,
    # and takes a nonce for neither.
    "style_src": "'self' 'unsafe-inline'",
    "img_src": "data:",
    "font_src": "'self'",
    "worker_src": "'self'",
    "connect_src": "'self'",  # requests, and WebSockets to the same host and port
}

_ASSET_HEADERS = {
    "Cache-Control": "public, max-age=31536000, immutable",
    # The policy of a worker is that of its own file, not of the page.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'",
    "Vary": "Accept-Encoding",
}

# Not from the `mimetypes` module, whose table depends on the machine; browsers require these.
_MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".ttf": "font/ttf"}


class _HashedFiles(StaticFiles):
    """Files with a content hash in their names; `x.gz` is the compressed form of `x`."""

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        """Look up a file; a compressed form has no URL of its own."""
        return ("", None) if path.endswith(".gz") else super().lookup_path(path)

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """The response with a file, compressed if the client accepts gzip, cached for ever."""
        path, headers, request = Path(full_path), dict(_ASSET_HEADERS), Headers(scope=scope)
        media_type = _MEDIA_TYPES.get(path.suffix, "application/octet-stream")
        compressed = path.with_name(f"{path.name}.gz")
        if "gzip" in request.get("accept-encoding", "") and compressed.is_file():
            path, stat_result = compressed, compressed.stat()
            headers["Content-Encoding"] = "gzip"
        response = FileResponse(path, status_code, headers, media_type, stat_result=stat_result)
        if self.is_not_modified(response.headers, request):
            return NotModifiedResponse(response.headers)
        return response


# The fallback page -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _CdnFile:
    """A file of an npm package at the CDN, with its hash for subresource integrity."""

    path: str
    sha384: str

    @property
    def url(self) -> str:
        return f"https://cdn.jsdelivr.net/npm/{self.path}"

    @property
    def integrity(self) -> str:
        return f'integrity="sha384-{self.sha384}" crossorigin="anonymous"'


# GraphiQL 4 is the last version that is one classic script. Version 5 needs an import map, which
# has to be inline, and the policy forbids that.
_CDN_STYLE = _CdnFile(
    "graphiql@4.1.2/graphiql.min.css",
    "1el1QShFBnnXTx9x/Cprg82hZWKt0ry29OAYIXt05swbi0KcZDFoj0CWguMpopJr",
)
_CDN_SCRIPTS = (
    _CdnFile(
        "react@18.3.1/umd/react.production.min.js",
        "DGyLxAyjq0f9SPpVevD6IgztCFlnMF6oW/XQGmfe+IsZ8TqEiDrcHkMLKI6fiB/Z",
    ),
    _CdnFile(
        "react-dom@18.3.1/umd/react-dom.production.min.js",
        "gTGxhz21lVGYNMcdJOyq01Edg0jhn/c22nsx0kyqP0TxaV5WVdsSH1fSDUf5YJj1",
    ),
    _CdnFile(
        "graphiql@4.1.2/graphiql.min.js",
        "9XdHu7ajgGJziD4J1zNBKQ842Q/+zZfDv+ib1eMhZWBH6hPAs806x+Jbcf0yNO6B",
    ),
)

_FALLBACK_HTML = """<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>newsgraph · GraphiQL</title>
    <link rel="icon" href="data:,">
    <link rel="stylesheet" href="{style.url}" {style.integrity}>
    <style>html, body, #graphiql {{ height: 100%; margin: 0 }}</style>
  </head>
  <body>
    <main id="graphiql">
      <p role="status">Loading GraphiQL from {style.url}. It needs the network, because this server
      has none of its own; <code>make graphiql</code> builds one.</p>
    </main>
    <noscript><p>GraphiQL needs JavaScript. Without it, send queries to <code>/graphql</code> by
    POST, and read the schema at <a href="/schema.graphql">/schema.graphql</a>.</p></noscript>
{scripts}
    <script src="/static/graphiql_fallback.js" defer></script>
  </body>
</html>
"""


def _fallback_page() -> GraphiQLPage:
    scripts = "\n".join(
        f'    <script src="{file.url}" {file.integrity} defer></script>' for file in _CDN_SCRIPTS
    )
    csp = _policy(
        script_src=" ".join(["'self'", *(file.url for file in _CDN_SCRIPTS)]),
        style_src=f"'unsafe-inline' {_CDN_STYLE.url}",
        img_src="data:",
        font_src="data:",
        connect_src="'self'",
    )
    page = _FALLBACK_HTML.format(style=_CDN_STYLE, scripts=scripts)
    return GraphiQLPage(html=page.encode(), csp=csp, bundled=False)


async def _fallback_script(_: Request) -> Response:
    headers = {"Cache-Control": "no-cache"}
    return FileResponse(
        HERE / "graphiql_fallback.js", headers=headers, media_type="text/javascript"
    )


def _policy(**sources: str) -> str:
    """A Content-Security-Policy with these sources only, and without frames and forms."""
    directives = {"default_src": "'none'"} | sources
    directives |= dict.fromkeys(("base_uri", "form_action", "frame_ancestors"), "'none'")
    return "; ".join(f"{name.replace('_', '-')} {value}" for name, value in directives.items())
