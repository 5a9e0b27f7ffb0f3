"""The declarations of the sort fields."""

import re
from datetime import UTC, datetime
from operator import attrgetter

import pytest

from store import OrderField
from store.model import Article, ProviderMention

ARTICLES = [
    Article(
        slug=f"article-{n}",
        title=f"title {n}",
        provider=ProviderMention(domain="post.example", name="Post"),
        published_date_time=datetime(2026, 1, 1 + n * 2 % 5, tzinfo=UTC),
        updated_date_time=datetime(2026, 2, (4, 2, 5, 1, 3)[n], tzinfo=UTC),
        heat=n * 3 % 5,
        quality=n * 4 % 5,
    )
    for n in range(5)
]
"""Each sort field orders them differently."""


@pytest.mark.parametrize("field", OrderField)
def test_sort_key_orders_as_the_attribute_of_the_field_does(field):
    """A rule reads its own field: both engines use it, so comparing them would not tell."""
    attribute = attrgetter(re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", field.value))
    assert sorted(ARTICLES, key=field.rule.read) == sorted(ARTICLES, key=attribute)


@pytest.mark.parametrize("field", OrderField)
def test_sort_key_has_the_declared_type(field):
    """All keys of a field compare with each other, and fit into a cursor."""
    assert {type(field.rule.read(article)) for article in ARTICLES} == {field.rule.key_type}


def test_marks_in_cursors_are_distinct():
    """A cursor of one order is refused in another."""
    marks = [field.rule.mark for field in OrderField]
    assert len({*marks}) == len(marks)
    assert all(len(mark) == 1 for mark in marks)
