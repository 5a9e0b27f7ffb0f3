"""MDX becomes Markdown: components and modules do not become text."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gql.mdx import mdx_to_markdown

MAX_LENGTH = 1 << 17

MARKDOWN = {
    "import": ("import A from './a'\nimport {\n  B,\n} from \"b\"\n\nText", "Text"),
    "export with a blank line": ("export const x = [\n\n1]\n\nText", "Text"),
    "export that never ends": ("export const x = {\n\nText", "Text"),
    "word that begins so": ("importance of being\n\nexported", "importance of being\n\nexported"),
    "import within a text": ("We\nimport it.", "We"),
    "component": ("<Note>\n\n**b**\n\n</Note>", "**b**"),
    "component within a text": ("a <A.B c={d}/> <></>b", "a  b"),
    "attributes": ('<A b={{c: "x>"}} d=\'>\' e=">" f={() => <p/>} />Text', "Text"),
    "components in one line": ("<A/> <B/> Text", "Text"),
    "HTML": ("a <b class='c'>b</b> <div style={{x: 1}}>c", "a <b class='c'>b</b> c"),
    "comment": ("a {/* b\n\n c */}d", "a d"),
    "comment that is open": ("a {/* b", "a {/* b"),
    "no tag": ("a < b, a<b and <Open text", "a < b, a<b and <Open text"),
    "code span": ("`<A/>` ``import ` <A/>``<A/>", "`<A/>` ``import ` <A/>``"),
    "backtick without another": ("a ` <A/>b\n\n`c`", "a ` b\n\n`c`"),
    "fence": ("```js\nimport a\n<A/>\n```\n<A/>b", "```js\nimport a\n<A/>\n```\nb"),
    "fence that is open": ("~~~\nimport a", "~~~\nimport a"),
    "escaped": ("\\<A> b", "\\<A> b"),
}
PIECES = ["<A", " b={", "}", ">", "</A>", "`", "```", "\n", "{/*", "*/}", "import ", "export {"]
UNITS = [*PIECES, "<A ", "<A {", "`a``b ", "export {\n\n", "<a b='", "\\"]


@pytest.mark.parametrize(("mdx", "markdown"), MARKDOWN.values(), ids=MARKDOWN)
def test_code_is_taken_out(mdx, markdown):
    """What is no code stays as it is; what is in code spans and fences, too."""
    result = mdx_to_markdown(mdx)
    assert result is not None
    assert result.strip() == markdown


@given(st.lists(st.sampled_from(["a", "*b*", "\n", "# c", "> d", "1 < 2", "[e](f)", "g `h` i"])))
def test_markdown_without_code_stays(pieces):
    """Not a character of it goes."""
    text = " ".join(pieces)
    assert mdx_to_markdown(text) == text


@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_no_character_is_added(text):
    """The result is what is left of the text, in its order."""
    rest = iter(text)
    assert all(character in rest for character in mdx_to_markdown(text) or "")


@pytest.mark.parametrize("unit", UNITS)
def test_no_mdx_takes_more_than_linear_time(unit):
    """Twice the text takes about twice the time; quadratic time takes minutes."""
    began = time.thread_time()
    mdx_to_markdown((unit * MAX_LENGTH)[:MAX_LENGTH])
    assert time.thread_time() - began < 5
