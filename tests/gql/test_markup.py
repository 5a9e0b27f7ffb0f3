"""Markdown becomes HTML and text that are safe, whatever is in it and however long it is."""

from __future__ import annotations

import time
from html.parser import HTMLParser

import nh3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gql.markup import MAX_RENDERED_LENGTH, _render, render_html, render_text
from store.model import ContentFormat

HTML, ASCIIDOC, MDX = ContentFormat.HTML, ContentFormat.ASCIIDOC, ContentFormat.MDX
ORDINARY = "Some *words* with [a link](https://a.example/x) and `code`.\n\n"
PIECES = [
    "<script>x</script>",
    "<img src=x onerror=alert(1)>",
    "[a](javascript:alert)",
    "<a href='java&#115;cript:x'>",
    "<svg><style><img title='</style><img src onerror=x>'>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src onerror=x&gt;'>",
    "<iframe src=//x>",
    "![a](data:text/html,x)",
    "<!-- ",
    "--> ",
    "`<b onclick=x>`",
    "\n\n",
    "> ",
    "- ",
    "|a|b|\n|-|-|\n|<i>|",
    "<div style='x' class=y>",
    "text",
    "&lt;script&gt;",
    "[r]: javascript:x\n\n[r]",
]


class _Tags(HTMLParser):
    """Collects tags and attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []

    def handle_starttag(self, tag, attrs):
        """Collect a tag."""
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]


def is_safe(html: str) -> bool:
    """Whether HTML has no tags, attributes and addresses but those that are allowed."""
    parser = _Tags()
    parser.feed(html)
    allowed = {"rel", "lang", "title"}.union(*nh3.ALLOWED_ATTRIBUTES.values())
    addresses = [value for name, value in parser.attributes if name in ("href", "src")]
    return (
        parser.tags <= nh3.ALLOWED_TAGS
        and {name for name, _ in parser.attributes} <= allowed
        and not any(address.lower().startswith(("javascript:", "data:")) for address in addresses)
    )


@given(st.lists(st.sampled_from(PIECES), max_size=8).map("".join))
def test_html_is_sanitised(markdown):
    """No script, handler, style or unsafe address gets through, in raw HTML and in Markdown."""
    html = render_html(markdown)
    assert html is not None
    assert is_safe(html)


@pytest.mark.parametrize(
    ("markdown", "html", "text"),
    [
        ("# A\n\nb *c*", "<h1>A</h1>\n<p>b <em>c</em></p>\n", "A\nb c"),
        ("a &amp; <b>b</b>", "<p>a &amp; <b>b</b></p>\n", "a & b"),
        ("<p>a</p><p>b</p>", "<p>a</p><p>b</p>", "a\nb"),
        ("a\\\nb", "<p>a<br>\nb</p>\n", "a\nb"),
        ("[x]: y", "", ""),
        ("`a < b`", "<p><code>a &lt; b</code></p>\n", "a < b"),
    ],
)
def test_markdown_is_rendered(markdown, html, text):
    """As CommonMark says; the text has a line for each block."""
    assert (render_html(markdown), render_text(markdown)) == (html, text)


@pytest.mark.parametrize(
    ("format", "content", "html", "text"),
    [
        (HTML, "<p>a *b*</p>\n    <i>c</i>", "<p>a *b*</p>\n    <i>c</i>", "a *b*\n    c"),
        (HTML, "<script>x</script>a &lt;b", "a &lt;b", "a <b"),
        (ASCIIDOC, "= A\n\n*b* <i>", "<pre>= A\n\n*b* &lt;i&gt;</pre>\n", "= A\n\n*b* <i>"),
        (MDX, "import A from 'a'\n\n# A\n<A b={c}>d</A>", "<h1>A</h1>\n<p>d</p>\n", "A\nd"),
    ],
)  # fmt: skip
def test_other_formats_are_no_markdown(format, content, html, text):
    """HTML is sanitised, AsciiDoc is given as it is, and the code of MDX is no text."""
    assert (render_html(content, format), render_text(content, format)) == (html, text)


@given(st.lists(st.sampled_from(PIECES), max_size=8).map("".join), st.sampled_from(ContentFormat))
def test_html_of_every_format_is_sanitised(content, format):
    """Whatever the name of the file is."""
    html = render_html(content, format)
    assert html is not None
    assert is_safe(html)


def test_tables_are_rendered():
    """They are GitHub's extension of CommonMark."""
    html = render_html("|a|b|\n|-|-|\n|1|2|\n")
    assert html is not None
    assert "<td>2</td>" in html


def test_text_that_is_too_long_is_not_rendered():
    """The field is null, so that no document holds the event loop for long."""
    assert render_html("a" * MAX_RENDERED_LENGTH)
    assert render_html("a" * (MAX_RENDERED_LENGTH + 1)) is None
    assert render_text("a" * (MAX_RENDERED_LENGTH + 1)) is None


@pytest.mark.parametrize("unit", ["<div>", "> ", "- ", "<b x=1>", "<ul><li>"])
def test_text_that_nests_too_much_is_given_as_it_is(unit):
    """Sanitising it would take minutes."""
    markdown = (unit * 50_000)[:MAX_RENDERED_LENGTH]
    html = render_html(markdown)
    assert html is not None
    assert is_safe(html)
    assert len(html) < 20 * len(markdown)


def cost(content: str, format: ContentFormat = ContentFormat.MARKDOWN) -> float:
    """The CPU time of both fields, in seconds."""
    _render.cache_clear()
    began = time.thread_time()
    render_html(content, format)
    render_text(content, format)
    return time.thread_time() - began


@pytest.mark.parametrize(
    "unit",
    [
        *"[ ![ **a < a` > [a]( _a_ &amp; <b> <div> <p> </ [] a| |a <svg> <select>".split(),
        *("*a ", "> ", "[a][b] ", "1. a\n", "a\n\n", "# a\n", "- a\n ", "[a]: b\n"),
        *("<table><td>", "<b><div></b>", "<a><b><p></a></b>"),
    ],
)
def test_no_markdown_costs_much_more_than_ordinary_text(unit):
    """Of the same length, in CPU time; what takes quadratic time takes hundreds of times more."""
    size = MAX_RENDERED_LENGTH
    ordinary = cost(ORDINARY * (size // len(ORDINARY)))
    assert cost((unit * size)[:size]) < 40 * ordinary


@pytest.mark.parametrize(
    "unit", [" ", "\t", " \t", "\n ", "</p ", "<br ", "&", "&#", "<!--", "\u00a0"]
)
@pytest.mark.parametrize(
    ("format", "start"),
    [(ContentFormat.HTML, "a"), (ContentFormat.MARKDOWN, "    a"), (ContentFormat.MDX, "```\na")],
)
def test_no_run_of_characters_costs_much_more_than_ordinary_text(unit, format, start):
    """In HTML and in blocks of code, which keep their blanks."""
    size = MAX_RENDERED_LENGTH - len(start) - 1
    ordinary = cost(ORDINARY * (size // len(ORDINARY)))
    assert cost(f"{start}{(unit * size)[:size]}a", format) < 40 * ordinary
