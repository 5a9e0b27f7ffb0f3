"""The root page `/`: an overview of the server for browsers.

HTML without scripts. Links are relative, so that it works below any path prefix.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import datetime
from html import escape

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gql.conditional_requests import conditional_response, strong_etag
from store import ArticleQuery, Repository, Visibility, Window
from store.model import Counts

from .feeds.entries import FeedEntry, build_entry

NEWEST = 20
"""How many articles are on the page."""

_STYLE = """
:root{color-scheme:light dark;--page:light-dark(#fbfaf7,#15171a);--ink:light-dark(#1c1e21,#e6e4df);
--soft:light-dark(#62666d,#9a9da3);--line:light-dark(#e2dfd7,#2c3036);
--link:light-dark(#0b57a4,#8bb9f0);--card:light-dark(#fff,#1b1e22)}
*{box-sizing:border-box}
body{margin:0 auto;max-width:46rem;padding:2.5rem 1.25rem 3rem;background:var(--page);
color:var(--ink);font:1rem/1.55 system-ui,sans-serif;overflow-wrap:break-word}
a{color:var(--link);text-underline-offset:.2em;text-decoration-thickness:.06em}
a:focus-visible{outline:.15rem solid;outline-offset:.15rem;border-radius:.2rem}
h1{margin:0;font-size:2.1rem;line-height:1.2;letter-spacing:-.02em}
h2{margin:2.5rem 0 .25rem;font-size:.85rem;letter-spacing:.08em;text-transform:uppercase;
color:var(--soft)}
header p{margin:.4rem 0 0;font-size:1.1rem;color:var(--soft)}
dl{display:grid;grid-template-columns:repeat(3,1fr);gap:.75rem;margin:1.75rem 0}
dl div{display:flex;flex-direction:column-reverse;padding:.8rem 1rem;background:var(--card);
border:1px solid var(--line);border-radius:.6rem}
dt{font-size:.85rem;color:var(--soft)}
dd{margin:0;font-size:1.6rem;line-height:1.25;font-variant-numeric:tabular-nums}
nav ul,ol{list-style:none;margin:0;padding:0}
nav ul{display:flex;flex-wrap:wrap;gap:.5rem}
nav a{display:block;padding:.4rem .85rem;background:var(--card);border:1px solid var(--line);
border-radius:2rem;text-decoration:none}
nav a:hover{border-color:currentcolor}
ol li{padding:.85rem 0;border-bottom:1px solid var(--line)}
ol li>:first-child{font-size:1.1rem;line-height:1.35}
ol a{text-decoration:none}
ol a:hover{text-decoration:underline}
ol p,footer{font-size:.9rem;color:var(--soft)}
ol p{margin:.15rem 0 0}
footer{margin-top:2rem}
"""

_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>newsgraph</title>
<meta name="description" content="News articles and how they hang together, over GraphQL.">
<link rel="alternate" type="application/atom+xml" title="Newest articles" href="feed.xml">
<link rel="alternate" type="application/feed+json" title="Newest articles" href="feed.json">
<style>{style}</style>
</head>
<body>
<header>
<h1>newsgraph</h1>
<p>News articles and how they hang together, over GraphQL.</p>
</header>
<main>
<dl>
{counts}
</dl>
<nav aria-label="This server">
<ul>
{links}
</ul>
</nav>
<section aria-labelledby="newest">
<h2 id="newest">Newest articles</h2>
<ol>
{newest}
</ol>
</section>
</main>
<footer>Served by newsgraph.</footer>
</body>
</html>
"""

_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
}

_LINKS = {
    "graphql": "GraphiQL",
    "schema.graphql": "Schema",
    "feed.xml": "Atom feed",
    "feed.json": "JSON feed",
    "sitemap.xml": "Sitemap",
    "healthz": "Health",
}


def root_route(repository: Repository) -> Route:
    """The route of `/`, with the published content of a repository."""

    async def root_page(request: Request) -> Response:
        snapshot = await repository.snapshot()
        newest = ArticleQuery(Window(first=NEWEST))
        (page,) = await snapshot.pages([newest], Visibility.PUBLISHED)
        counts = await snapshot.counts(Visibility.PUBLISHED)
        body = render(counts, [build_entry(article) for article in page.items])
        return conditional_response(request, body, strong_etag(body), _HEADERS)

    return Route("/", root_page)


def render(counts: Counts, newest: Sequence[FeedEntry]) -> bytes:
    """Render the page as HTML."""
    return _PAGE.format(
        style=_STYLE,
        counts="\n".join(
            (
                _count(counts.articles, "article"),
                _count(counts.providers, "provider"),
                _count(counts.topics, "topic"),
            )
        ),
        links="\n".join(f'<li><a href="{path}">{name}</a></li>' for path, name in _LINKS.items()),
        newest="\n".join(map(_article, newest)) or "<li>Nothing is published yet.</li>",
    ).encode()


def _count(number: int, noun: str) -> str:
    return f"<div><dt>{noun}{'' if number == 1 else 's'}</dt><dd>{number:,}</dd></div>"


def _article(entry: FeedEntry) -> str:
    """An article as a list item; `<bdi>` since its texts may run from right to left."""
    language = f' lang="{escape(entry.language)}"' if entry.language else ""
    title = f"<bdi{language}>{escape(entry.title)}</bdi>"
    if entry.url:
        title = f'<a href="{escape(entry.url)}" rel="noopener noreferrer nofollow">{title}</a>'
    source = f"<bdi>{escape(entry.provider)}</bdi> · {_time(entry.published)}"
    return f"<li><div>{title}</div><p>{source}</p></li>"


def _time(time: datetime) -> str:
    """A time in UTC as an HTML `<time>`."""
    return f'<time datetime="{time.isoformat()}">{time.day} {time:%B %Y, %H:%M} UTC</time>'
