"""Conditional requests: ETag, Last-Modified and 304."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gql.conditional_requests import http_date, is_not_modified, parse_http_date, strong_etag

TIME = datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)
TAG = '"it"'

opaque = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_characters='"\x7f'), max_size=8
)
entity_tags = st.builds(lambda weak, text: f'{weak}"{text}"', st.sampled_from(["", "W/"]), opaque)
times = st.datetimes(datetime(1970, 1, 1), datetime(9999, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the zone is given apart


def test_strong_etag_differs_where_the_bytes_do():
    """An entity tag is quoted, and names the bytes."""
    assert strong_etag(b"a") == strong_etag(b"a") != strong_etag(b"b")
    assert strong_etag(b"a").startswith('"')


@pytest.mark.parametrize(
    "header",
    ['"it"', 'W/"it"', '"other", "it"', '"a,b" ,W/"it"', '"other",,"it"', "*", " * "],
)
def test_if_none_match_holds_for_a_tag_in_the_list(header):
    """The comparison is weak, takes lists, and `*` stands for whatever there is."""
    assert is_not_modified(header, TAG)
    assert is_not_modified(header, f"W/{TAG}")


@pytest.mark.parametrize("header", ["", "it", '"IT"', '"other"', '"x it"', "w/it", '"i*t"', '"*"'])
def test_if_none_match_fails_for_other_tags(header):
    """Tags are compared as a whole, by their quotes and case."""
    assert not is_not_modified(header, TAG)


@given(st.lists(entity_tags, min_size=1, max_size=4), st.data())
def test_if_none_match_finds_each_tag_of_any_list(tags, data):
    """Whatever stands in tags, commas too, each tag of a list is found, as strong and as weak."""
    tag = data.draw(st.sampled_from(tags)).removeprefix("W/")
    assert is_not_modified(", ".join(tags), tag)
    assert is_not_modified(", ".join(tags), f"W/{tag}")


@given(st.lists(entity_tags, max_size=4), entity_tags)
def test_if_none_match_finds_no_tag_that_is_not_listed(tags, tag):
    """A tag that is in the list in neither form does not match."""
    opaque_tags = {each.removeprefix("W/") for each in tags}
    assert is_not_modified(", ".join(tags), tag) is (tag.removeprefix("W/") in opaque_tags)


def test_if_none_match_decides_alone():
    """Where both headers are given, the date has no say."""
    assert not is_not_modified('"other"', TAG, http_date(TIME), TIME)
    assert is_not_modified(TAG, TAG, http_date(TIME - timedelta(days=1)), TIME)


def test_nothing_asked_is_modified():
    """Without conditions the answer is whole."""
    assert not is_not_modified(None, TAG, None, TIME)


@given(times, times)
def test_if_modified_since_compares_whole_seconds(changed, since):
    """It holds where nothing changed after that second, as HTTP knows no finer time."""
    expected = changed.replace(microsecond=0) <= since.replace(microsecond=0)
    assert is_not_modified(None, TAG, http_date(since), changed) is expected


def test_if_modified_since_without_a_known_change_fails():
    """What has no Last-Modified is sent whole."""
    assert not is_not_modified(None, TAG, http_date(TIME))


@pytest.mark.parametrize(
    "text",
    ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"],
)
def test_http_date_is_read_in_its_three_spellings(text):
    """Recipients must read the preferred spelling and the two obsolete ones (RFC 9110, 5.6.7)."""
    assert parse_http_date(text) == TIME


@given(times)
def test_http_date_reads_back_to_the_second(time):
    """A written date reads as the same second."""
    assert parse_http_date(http_date(time)) == time.replace(microsecond=0)


@given(st.text() | st.text("0123456789 :,-+GMTSunNov", max_size=40) | st.none())
def test_http_date_reads_nothing_from_nonsense_without_complaint(text):
    """A header that cannot be read counts as none; it never breaks the request."""
    time = parse_http_date(text)
    assert time is None or time.tzinfo is UTC


@pytest.mark.parametrize("text", [None, "", "yesterday", "Sun, 99 Nov 1994 08:49:37 GMT"])
def test_if_modified_since_that_cannot_be_read_counts_as_none(text):
    """An unreadable date does not answer 304."""
    assert not is_not_modified(None, TAG, text, TIME)
