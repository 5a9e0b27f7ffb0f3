"""Markup: content as sanitised HTML and as plain text. The only module on pyromark and nh3.

Both libraries are written in Rust. pyromark (CommonMark with tables) takes linear time. nh3 takes
quadratic time for nested elements. So a text whose HTML is too complex is not rendered but escaped.
"""

from __future__ import annotations

import re
from functools import lru_cache
from html import escape, unescape

import nh3
import pyromark

from gql.mdx import mdx_to_markdown
from store.model import ContentFormat

MAX_RENDERED_LENGTH = 1 << 17
"""The longest content that is rendered, in characters."""

_MAX_HTML_LENGTH, _MAX_TAGS = 300_000, 20_000
"""The largest HTML that is sanitised: an ordinary text of the largest length has two thirds."""

_MAX_NESTING_WORK = 1_000_000
"""The largest sum of the depths of all tags. A unit takes nh3 about 25 ns."""

_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/>]*)")
_NEVER_NESTED = frozenset(
    "area base br col embed hr img input link meta source track wbr"
    " p li dt dd td th tr thead tbody tfoot option".split()
)
"""Elements that are empty, or that the next one of their kind closes."""

_BLOCK_END = re.compile(
    r"(?:</(?:p|div|li|dt|dd|h[1-6]|td|th|tr|pre|blockquote|section|article|figure|figcaption)\s*"
    r"|<br\s*/?|<hr\s*/?)>",
    re.IGNORECASE,
)
# Begins at no blank behind a blank: many blanks without a line end would take quadratic time.
_BLANK_LINES = re.compile(r"(?<![ \t])[ \t]*\n(?:[ \t]*\n)+")
_sanitize = nh3.Cleaner(url_schemes={"http", "https", "mailto"}).clean
_strip_tags = nh3.Cleaner(tags=set()).clean


def render_html(content: str, format: ContentFormat = ContentFormat.MARKDOWN) -> str | None:
    """Render content as sanitised HTML; None if it is too long.

    Markdown is CommonMark with tables; raw HTML in it is sanitised, too. AsciiDoc, and a text that
    is too complex, is given as it is, in `<pre>`.
    """
    if len(content) > MAX_RENDERED_LENGTH:
        return None
    html = _render(content, format)
    if html is None:
        return f"<pre>{escape(content, quote=False)}</pre>\n"
    return _sanitize(html)


def render_text(content: str, format: ContentFormat = ContentFormat.MARKDOWN) -> str | None:
    """Give the plain text of content, one line for each block; None if it is too long."""
    if len(content) > MAX_RENDERED_LENGTH:
        return None
    html = _render(content, format)
    if html is None:
        return content
    text = unescape(_strip_tags(_BLOCK_END.sub("\\g<0>\n", html)))
    return _BLANK_LINES.sub("\n", text).strip()


@lru_cache(maxsize=4)  # several fields of a row render the same text
def _render(content: str, format: ContentFormat) -> str | None:
    """Render content as HTML that is not safe; None if it is AsciiDoc, or too complex."""
    if format is ContentFormat.ASCIIDOC:
        return None
    html = content
    if format is not ContentFormat.HTML:
        markdown = mdx_to_markdown(content) if format is ContentFormat.MDX else content
        if markdown is None:
            return None
        html = pyromark.html(markdown, options=pyromark.Options.ENABLE_TABLES)
    return None if _is_too_complex(html) else html


def _is_too_complex(html: str) -> bool:
    """Whether HTML is too long, has too many tags, or nests them too deeply."""
    if len(html) > _MAX_HTML_LENGTH:
        return True
    tags = _TAG.findall(html)
    if len(tags) > _MAX_TAGS:
        return True
    open_tags: dict[str, int] = {}
    depth = work = 0
    for closing, name in tags:
        work += depth
        if name in _NEVER_NESTED:
            continue
        if not closing:
            open_tags[name] = open_tags.get(name, 0) + 1
            depth += 1
        elif open_tags.get(name):
            open_tags[name] -= 1
            depth -= 1
    return work > _MAX_NESTING_WORK
