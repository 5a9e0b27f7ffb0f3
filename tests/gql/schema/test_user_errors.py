"""Codes of user errors."""

from __future__ import annotations

import pytest

from gql.schema.user_errors import UserErrorCode, user_error_code, user_errors
from store import CursorCodec, RefusedError
from store.errors import Refusal

CURSORS = CursorCodec(bytes(32))


@pytest.mark.parametrize("code", [*UserErrorCode], ids=str)
def test_code_of_a_refusal_is_the_value_of_the_enumeration(code) -> None:
    """Clients compare it."""
    [error] = user_errors(RefusedError(Refusal(code.value, "No.", ("slug",))), CURSORS)
    assert (error.code, error.field) == (code, ["input", "slug"])


def test_code_that_the_enumeration_lacks_is_refused() -> None:
    """The user error reaches the client with its message, not as an internal error."""
    assert user_error_code("A_CODE_OF_LATER").value == "REFUSED"
    [error] = user_errors(RefusedError(), CURSORS)
    assert error.code.value == "REFUSED"
