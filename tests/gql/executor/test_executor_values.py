"""Both executors render all values of a store alike, valid or invalid.

Both executors execute each request, and the responses are compared byte for byte
(`differential.ExecutorPair`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
import structlog

from store.model import Image, ProviderMention
from tests.support.differential import STORY, execute
from tests.support.repository_contract import make_article

FIELDS = """
  id slug title excerpt content category type publishedDateTime updatedDateTime url webUrl
  originalUrl quality heat published locale translationKey tags featuredContent metadata revision
  provider { name } topics { name } images { url width isCached } image { url }
  related { title quality provider { name } images { url } article { id } }
"""


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[Any]]:
    """Captures the log: invalid values log too much to print it."""
    with structlog.testing.capture_logs() as logs:
        yield logs


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", None),
        ("title", 5),
        ("title", "\ud800"),
        ("slug", b"x"),
        ("excerpt", 1.5),
        ("web_url", 5),
        ("type", ["article"]),
        ("tags", None),
        ("tags", ("x", None)),
        ("tags", "xy"),
        ("tags", {"x": 1}),
        ("published", 1),
        ("quality", None),
        ("quality", True),
        ("quality", 1.0),
        ("quality", 1.5),
        ("quality", "1"),
        ("quality", 2**31 - 1),
        ("quality", 2**31),
        ("quality", -(2**31) - 1),
        ("quality", 2**64),
        ("heat", math.nan),
        ("heat", math.inf),
        ("published_date_time", None),
        ("published_date_time", "2026-01-01"),
        ("updated_date_time", 5),
        ("images", None),
        ("images", (None,)),
        ("images", (Image(url=None),)),  # type: ignore[arg-type]
        ("images", (Image(url="x", is_cached=None),)),  # type: ignore[arg-type]
        ("related", None),
        ("related", (None,)),
        ("topics", None),
        ("topics", (None,)),
        ("provider", None),
        ("metadata", None),
        ("revision", None),
    ],
)
def test_value_that_the_schema_forbids_is_the_same_error_on_both(field, value):
    """Null in non-null fields, wrong types and numbers out of range are found by both executors."""
    article = msgspec.structs.replace(STORY)
    msgspec.structs.force_setattr(article, field, value)
    execute(f"{{ articles {{ nodes {{ {FIELDS} }} }} }}", articles=[article])
    execute(f"query ($id: ID!) {{ article(by: {{id: $id}}) {{ {FIELDS} }} }}", {"id": STORY.id})


@pytest.mark.parametrize(
    ("metadata", "compiled"),
    [
        ({"nan": math.nan, "list": [math.inf, -math.inf, -0.0]}, True),
        ({"whole": [2**31, 2**53 + 1, 2**63, 2**64 - 1]}, True),
        ({"whole": 2**64}, False),
        ({"whole": -(2**63) - 1}, False),
        ({"lone": "\udfff"}, False),
        ({"\ud83d": "lone"}, False),
        ({"numbers": [1, 1.0, True, 1e16, 1e-7]}, True),
        ({"text": "\u2028 \x7f \0 \U0001f426 <&>"}, True),
        ({"deep": [[[[[[[[{"a": {}}]]]]]]]]}, True),
    ],
)
def test_metadata_is_equal_on_both(metadata, compiled):
    """Values that orjson refuses fall back to the reference executor; others do not."""
    article = make_article("story", metadata=metadata)
    asked = execute("{ articles { nodes { metadata provider { name } } } }", articles=[article])
    assert "errors" not in asked.response
    assert asked.compiled is compiled


def test_lone_surrogate_below_a_link_is_equal_on_both():
    """A provider is a row of its own, and orjson refuses its name as well."""
    article = make_article("a", provider=ProviderMention(domain="x.example", name="\ud800"))
    asked = execute(
        "{ articles { edges { cursor node { provider { name } } } } }", articles=[article]
    )
    assert not asked.compiled


def test_lone_surrogate_in_a_cursor_is_the_same_error_on_both():
    """A cursor that cannot be encoded is a field error, and does not fail the request."""
    query = "{ articles(orderBy: {field: TITLE}) { totalCount pageInfo { endCursor } } }"
    asked = execute(query, articles=[make_article("a", title="\ud800")])
    assert asked.error["path"] == ["articles", "pageInfo"]


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01T00:00:00Z"),
        (datetime(2026, 1, 1, 0, 0, 0, 5, tzinfo=UTC), "2026-01-01T00:00:00.000005Z"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00Z"),
        (datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=1))), "2025-12-31T23:00:00Z"),
    ],
)
def test_date_time_is_written_in_utc(time, text):
    """The custom scalar has one format for all zones and precisions."""
    article = make_article("a", updated_date_time=time)
    asked = execute("{ articles { nodes { updatedDateTime } } }", articles=[article])
    assert asked.data["articles"]["nodes"] == [{"updatedDateTime": text}]
