"""Fields that are computed from an article's content."""

from __future__ import annotations

import pytest
from graphql import get_operation_ast, parse

from gql.adapters.strawberry import graphql_schema
from gql.http.limits.cost import BoundOperation, CostSettings
from gql.http.limits.cost_estimator import CostEstimator
from gql.schema.content import (
    CONTENT_COSTS,
    RENDER_COST,
    count_words,
    resolve_content_html,
    resolve_content_text,
    resolve_reading_time,
    resolve_word_count,
)
from store.model import ContentFormat
from tests.support.factories import article
from tests.support.graph_client import SCHEMA


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", (0, 0)),
        ("Two words.", (2, 0)),
        ("don't re-read it", (3, 0)),
        ("<p class='x y'>One</p> [two](https://a.example/b/c)", (2, 0)),
        ("a &amp; b &#8212; c", (3, 0)),
        ("Новости дня", (2, 0)),
        ("日本 AI 語", (1, 3)),
        ("- - -\n\n***", (0, 0)),
    ],
)
def test_words_are_counted_in_every_script(content, words):
    """Without markup; scripts without blanks count by character."""
    assert count_words(content) == words


def test_reading_time_is_rounded_up():
    """A short text takes a minute, none takes nothing."""
    assert resolve_reading_time(article(content=None)) == 0
    assert resolve_reading_time(article(content="a")) == 1
    assert resolve_reading_time(article(content="a " * 231)) == 2
    assert resolve_reading_time(article(content="語" * 501)) == 2
    assert resolve_word_count(article(content="語 a")) == 2


def test_article_without_content_has_no_html():
    """It is null, as the content is."""
    assert resolve_content_html(article(content=None)) is None
    assert resolve_content_text(article(content=None)) is None


def cost(text: str, settings: CostSettings) -> int:
    """The cost of an operation."""
    document = parse(text)
    operation = get_operation_ast(document)
    assert operation is not None
    return CostEstimator(
        BoundOperation(graphql_schema(SCHEMA), document, operation, {}), settings
    ).total()


def test_rendering_is_counted_in_the_cost():
    """For each article of a list and each alias; a page of 20 with both is within the limit."""
    settings = CostSettings(fields=CONTENT_COSTS)
    card = "id slug title excerpt url publishedDateTime image { url } topics { name }"
    fields = f"{card} contentHtml contentText wordCount"
    both = cost(f"{{ articles {{ nodes {{ {fields} }} }} }}", settings)
    assert 20 * 2 * RENDER_COST < both < settings.maximum
    three = "a: contentHtml b: contentHtml contentText"
    assert cost(f"{{ articles {{ nodes {{ {three} }} }} }}", settings) > settings.maximum


def test_words_of_components_do_not_count():
    """They are code."""
    content = "import A from 'a'\n\nOne <A b={c}>two</A>"
    mdx = article(content=content, content_format=ContentFormat.MDX)
    assert (resolve_word_count(mdx), resolve_content_text(mdx)) == (2, "One two")
