"""Field errors: the response and the log stay small, however many there are."""

from __future__ import annotations

import pytest
import structlog
from graphql import GraphQLError

from gql.error_formatting import MAX_FIELD_ERRORS, MAX_LOGGED, format_field_errors
from store import WindowError


def faults(count: int) -> list[GraphQLError]:
    """So many errors of ours, each at a place of its own."""
    fault = ValueError("secret")
    return [GraphQLError("secret", path=["a", n], original_error=fault) for n in range(count)]


@pytest.mark.parametrize("count", [1, MAX_LOGGED, MAX_LOGGED + 1, 11_286])
def test_of_many_faults_the_log_has_few_tracebacks_and_a_count(count):
    """Each error of the answer has an id that the log has, too."""
    with structlog.testing.capture_logs() as logged:
        answered = format_field_errors(faults(count))
    assert sum("exc_info" in line for line in logged) == min(count, MAX_LOGGED)
    counted = [line["count"] for line in logged if line["event"] == "internal_errors_omitted"]
    assert sum(counted) == max(0, count - MAX_LOGGED)
    shown = [error for error in answered if error["extensions"]["code"] == "INTERNAL_ERROR"]
    assert {error["extensions"]["id"] for error in shown} == {line["id"] for line in logged}
    assert [error["path"] for error in shown] == [["a", n] for n in range(len(shown))]
    assert "secret" not in str(answered)


def test_answer_has_a_bounded_number_of_errors_and_says_how_many_are_left_out():
    """Which fields failed can still be told by their nulls."""
    expected = WindowError("first is 101; at most 100 can be asked for at once.")
    errors = [GraphQLError(str(expected), path=[n], original_error=expected) for n in range(500)]
    with structlog.testing.capture_logs() as logged:
        *shown, last = format_field_errors(errors)
    assert not logged
    assert len(shown) == MAX_FIELD_ERRORS
    assert all(error["message"] == str(expected) for error in shown)
    assert last["extensions"] == {"code": "TOO_MANY_ERRORS", "count": 400}
    assert "400 more" in last["message"]
