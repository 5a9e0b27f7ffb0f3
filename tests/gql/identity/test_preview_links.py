"""Preview links: tokens that cannot be made, changed or used later."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gql.errors import UnauthenticatedError
from gql.identity.preview_links import MAX_LIFETIME, PreviewLink, read_preview, sign_preview
from tests.support.cursors import KEY

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
TOKEN = sign_preview(KEY, "a_story", HOUR, NOW).token


def read(query: str, now: datetime = NOW, key: bytes = KEY) -> PreviewLink | None:
    """The link in a query string."""
    return read_preview(key, {"query_string": query.encode()}, now)


@given(st.text(min_size=1, max_size=100), st.integers(1, MAX_LIFETIME // timedelta(seconds=1)))
def test_token_is_read_as_it_was_signed(id, seconds):
    """For any id, until its last second, beside other parameters."""
    lifetime = timedelta(seconds=seconds)
    try:
        id.encode()
    except UnicodeEncodeError:
        return
    token, _ = sign_preview(KEY, id, lifetime, NOW)
    query = f"query=%7Bx%7D&preview={quote(token)}"
    assert read(query) == PreviewLink(id, NOW + lifetime)
    assert read(query, NOW + lifetime - timedelta(seconds=1)) is not None
    with pytest.raises(UnauthenticatedError):
        read(query, NOW + lifetime)


@given(st.integers(0, len(TOKEN) - 1), st.characters(codec="utf-8"))
def test_changed_token_is_refused(index, character):
    """Each character counts, and a token has exactly one text."""
    changed = TOKEN[:index] + character + TOKEN[index + 1 :]
    if changed != TOKEN:
        with pytest.raises(UnauthenticatedError):
            read(f"preview={quote(changed)}")


@pytest.mark.parametrize(
    "query",
    [
        "preview=",
        "preview=x",
        "preview=ngp_",
        f"preview={TOKEN}&preview={TOKEN}",
        f"preview={TOKEN[:-4]}",
        f"preview={TOKEN}AAAA",
        f"preview={TOKEN}=",
        "preview=" + "ngp_" + "A" * 100_000,
        "&" * 100 + f"preview={TOKEN}",
        "preview=%ff",
        "preview=\u00e9",
    ],
)
def test_other_texts_are_refused_alike(query):
    """The message is the same for all, and does not repeat the text."""
    with pytest.raises(UnauthenticatedError) as error:
        read(query)
    with pytest.raises(UnauthenticatedError) as expired:
        read(f"preview={TOKEN}", NOW + 2 * HOUR)
    assert str(error.value) == str(expired.value)


def test_token_of_another_store_is_refused():
    """The key is derived from the store's."""
    with pytest.raises(UnauthenticatedError):
        read(f"preview={TOKEN}", key=bytes(32))


@pytest.mark.parametrize("query", ["", "query=x", "xpreview=1", "query=preview%3D"])
def test_request_without_a_token_has_no_link(query):
    """Other parameters are none of this."""
    assert read(query) is None


@pytest.mark.parametrize("lifetime", [timedelta(0), -HOUR, MAX_LIFETIME + timedelta(seconds=1)])
def test_link_has_a_bounded_lifetime(lifetime):
    """From now on, and for seven days at most."""
    with pytest.raises(ValueError, match="7 days"):
        sign_preview(KEY, "a_story", lifetime, NOW)
