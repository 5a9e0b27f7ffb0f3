"""Fields computed from the content of an article."""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache
from math import ceil

import strawberry

from gql.markup import render_html, render_text
from gql.mdx import mdx_to_markdown
from store import model


@strawberry.enum(description="The format of an article's content.")
class ContentFormat(Enum):
    MARKDOWN = strawberry.enum_value(
        model.ContentFormat.MARKDOWN, description="CommonMark, with HTML in it or without."
    )
    MDX = strawberry.enum_value(
        model.ContentFormat.MDX, description="Markdown with components and modules (`.mdx`)."
    )
    HTML = strawberry.enum_value(model.ContentFormat.HTML, description="HTML (`.html`).")
    ASCIIDOC = strawberry.enum_value(
        model.ContentFormat.ASCIIDOC, description="AsciiDoc (`.adoc`)."
    )


RENDER_COST = 1_000
"""The cost of a field that renders content. 99 of 100 articles of real sites have less than 32 KB,
which take less than a millisecond as HTML and 1.5 as text; the median of 2 KB takes 0.1.
"""

COUNT_COST = 100
"""The cost of a field that counts words."""

CONTENT_COSTS = {
    "Article.contentHtml": RENDER_COST,
    "Article.contentText": RENDER_COST,
    "Article.wordCount": COUNT_COST,
    "Article.readingTimeMinutes": COUNT_COST,
}
"""The costs of the fields of this module, for `CostSettings.fields`."""

_WORDS_PER_MINUTE, _CHARACTERS_PER_MINUTE = 230, 500
_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_CHARACTER = re.compile(f"[{_CJK}]")
_WORD = re.compile(rf"[^\W_{_CJK}]+(?:['\u2019-][^\W_{_CJK}]+)*")
_MARKUP = re.compile(r"<[^<>]*>|\]\([^()]*\)|&#?\w{1,31};")


@lru_cache(maxsize=4)  # two fields of a row count the same text
def count_words(content: str) -> tuple[int, int]:
    """Count the words of Markdown or HTML, and its Chinese and Japanese characters.

    Tags and the addresses of links do not count.
    """
    text = _MARKUP.sub(" ", content)
    characters = 0 if text.isascii() else len(_CHARACTER.findall(text))
    return len(_WORD.findall(text)), characters


def resolve_content_html(root: strawberry.Parent[model.Article]) -> str | None:
    """The content as sanitised HTML."""
    return None if root.content is None else render_html(root.content, root.content_format)


def resolve_content_text(root: strawberry.Parent[model.Article]) -> str | None:
    """The content as plain text."""
    return None if root.content is None else render_text(root.content, root.content_format)


def _count(article: model.Article) -> tuple[int, int]:
    content = article.content or ""
    is_mdx = article.content_format is model.ContentFormat.MDX
    markdown = mdx_to_markdown(content) if is_mdx else content
    return count_words(content if markdown is None else markdown)


def resolve_word_count(root: strawberry.Parent[model.Article]) -> int:
    """The number of words of the content."""
    return sum(_count(root))


def resolve_reading_time(root: strawberry.Parent[model.Article]) -> int:
    """The minutes that reading the content takes, rounded up."""
    words, characters = _count(root)
    return ceil(words / _WORDS_PER_MINUTE + characters / _CHARACTERS_PER_MINUTE)


SLOW_RESOLVERS = frozenset(
    (resolve_content_html, resolve_content_text, resolve_word_count, resolve_reading_time)
)
"""Resolvers that may take milliseconds: other requests get a turn between two documents."""
