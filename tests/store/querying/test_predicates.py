"""Predicates: every condition has its documented meaning."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from store import And, Condition, Field, Filter, FilterError, Not, Operator, Or
from store.model import Image, Related
from store.querying.predicates import predicate
from tests.support.repository_contract import make_article

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
FULL = make_article(
    "full",
    day=2,
    domain="Post.Example.",
    title="Große FLUT",
    category="news",
    heat=3,
    tags=("x", "y"),
    topics=("Sea  Birds", "C++"),
    images=(Image(url="https://post.example/i.png"),),
    related=(Related(title="r", web_url="https://POST.example/r?utm_source=a#b"),),
)
BARE = make_article("bare", published=False)
ALIASES = {"sea-birds": "birds", "fish": "birds"}


def holds(field: Field, operator: Operator, value: object) -> tuple[bool, bool]:
    """Whether a condition holds for the full and for the bare article."""
    test = predicate(Condition(field, operator, value), ALIASES)  # type: ignore[arg-type]
    return test(FULL), test(BARE)


@pytest.mark.parametrize(
    ("field", "operator", "value", "full", "bare"),
    [
        (Field.CATEGORY, Operator.EQ, "news", True, False),
        (Field.CATEGORY, Operator.NE, "news", False, True),
        (Field.CATEGORY, Operator.IN, ("news", "x"), True, False),
        (Field.CATEGORY, Operator.IN, (), False, False),
        (Field.CATEGORY, Operator.NOT_IN, ("news",), False, True),
        (Field.CATEGORY, Operator.NOT_IN, (), True, True),
        (Field.CATEGORY, Operator.CONTAINS, "", True, False),
        (Field.CATEGORY, Operator.STARTS_WITH, "", True, False),
        (Field.CATEGORY, Operator.IS_NULL, True, False, True),
        (Field.CATEGORY, Operator.IS_NULL, False, True, False),
        (Field.TITLE, Operator.CONTAINS, "SSE fl", True, False),
        (Field.TITLE, Operator.STARTS_WITH, "GROSSE", True, False),
        (Field.TITLE, Operator.STARTS_WITH, "flut", False, False),
        (Field.TITLE, Operator.EQ, "große flut", False, False),
        (Field.PROVIDER_DOMAIN, Operator.EQ, "post.example", True, True),
        (Field.HEAT, Operator.EQ, 3, True, False),
        (Field.HEAT, Operator.GT, 2, True, False),
        (Field.HEAT, Operator.GT, 3, False, False),
        (Field.HEAT, Operator.GTE, 3, True, False),
        (Field.HEAT, Operator.LT, 3, False, True),
        (Field.HEAT, Operator.LTE, 3, True, True),
        (Field.HEAT, Operator.NOT_IN, (0,), True, False),
        (Field.PUBLISHED_DATE_TIME, Operator.LT, NOON, True, True),
        (Field.PUBLISHED_DATE_TIME, Operator.GTE, NOON - timedelta(hours=12), True, False),
        (Field.PUBLISHED, Operator.EQ, True, True, False),
        (Field.PUBLISHED, Operator.NE, True, False, True),
        (Field.TAGS, Operator.SOME, ("y", "z"), True, False),
        (Field.TAGS, Operator.SOME, (), False, False),
        (Field.TAGS, Operator.ALL, ("x", "y"), True, False),
        (Field.TAGS, Operator.ALL, ("x", "z"), False, False),
        (Field.TAGS, Operator.ALL, (), True, True),
        (Field.TAGS, Operator.NONE, ("z", "y"), False, True),
        (Field.TAGS, Operator.IS_EMPTY, True, False, True),
        (Field.TAGS, Operator.IS_EMPTY, False, True, False),
        (Field.TOPICS, Operator.ALL, ("sea-birds", "c-plus-plus"), True, False),
        (Field.TOPICS, Operator.ALL, ("sea-birds", "birds", "fish"), True, False),
        (Field.TOPICS, Operator.SOME, ("fish",), True, False),
        (Field.TOPICS, Operator.SOME, ("sea",), False, False),
        (Field.TOPICS, Operator.NONE, ("birds",), False, True),
        (Field.TOPICS, Operator.IS_EMPTY, True, False, True),
        (Field.TOPICS, Operator.SOME, ("Sea  Birds",), False, False),
        (Field.IMAGES, Operator.IS_EMPTY, False, True, False),
        (Field.RELATED, Operator.IS_EMPTY, True, False, True),
        (Field.RELATED_URLS, Operator.SOME, ("https://post.example/r",), True, False),
    ],
)
def test_condition_holds_as_documented(field, operator, value, full, bare):
    """Null equals nothing, cases fold, lists are looked into; topics and URLs are canonical, and
    topics are meant by any slug that leads to them.
    """
    assert holds(field, operator, value) == (full, bare)


@pytest.mark.parametrize(
    ("title", "operator", "value", "exact", "unaccented"),
    [
        ("Été", Operator.EQ, "E\u0301te\u0301", True, True),
        ("Été", Operator.EQ, "Ete", False, True),
        ("Été", Operator.EQ, "ete", False, False),
        ("Été", Operator.IN, ("x", "Ete"), False, True),
        ("Été", Operator.NE, "Ete", True, False),
        ("Été", Operator.CONTAINS, "te\u0301", True, True),
        ("Été", Operator.CONTAINS, "TE", False, True),
        ("Ete", Operator.CONTAINS, "té", False, True),
        ("Łódź", Operator.STARTS_WITH, "łó", True, True),
        ("Łódź", Operator.STARTS_WITH, "LOD", False, True),
        ("\uff26ull \ufb01t", Operator.CONTAINS, "full fit", True, True),
        ("\uff26ull", Operator.EQ, "Full", False, False),
        ("Ёлка", Operator.CONTAINS, "елка", False, True),
        ("हिन्दी", Operator.CONTAINS, "हिन्दा", False, False),
        ("がく", Operator.CONTAINS, "かく", False, False),
    ],
)
def test_texts_are_compared_in_their_normal_form(title, operator, value, exact, unaccented):
    """Encodings of one text are equal; searches ignore case and variants, on request accents."""
    article = make_article("a", title=title)
    for ignore_accents, expected in ((False, exact), (True, unaccented)):
        condition = Condition(Field.TITLE, operator, value, ignore_accents)
        assert predicate(condition, {})(article) is expected


def test_filters_join_as_in_logic():
    """And of none is true, or of none is false, not is the opposite."""
    news = Condition(Field.CATEGORY, Operator.EQ, "news")
    hot = Condition(Field.HEAT, Operator.GT, 5)
    cases: list[tuple[Filter, bool]] = [
        (And(()), True),
        (Or(()), False),
        (And((news, hot)), False),
        (Or((hot, news)), True),
        (Not(hot), True),
        (Not(And((news, Not(hot)))), False),
    ]
    for joined, expected in cases:
        assert predicate(joined, ALIASES)(FULL) is expected


@pytest.mark.parametrize("field", Field)
@pytest.mark.parametrize("operator", Operator)
def test_operator_is_taken_or_refused_but_never_ignored(field, operator):
    """An operator that a field takes gives a predicate; any other names what would do."""
    values: list[object] = ["a", 1, True, NOON, ("a",), (1,)]
    refusals = []
    for value in values:
        try:
            holds(field, operator, value)
        except FilterError as error:
            refusals.append(str(error))
    assert all(field in message and operator in message for message in refusals)
    # No operator takes more than one kind of value.
    assert len(refusals) >= len(values) - 1
