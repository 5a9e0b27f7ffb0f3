"""Why the compiled executor leaves a request to the reference executor, graphql-core.

FallbackError
├── UnsupportedError: at compile time, an operation that has no plan
├── PlanDisabledError: a plan that is disabled because it failed too often
└── CoercionError: a value that the compiled coercion does not accept

Clients never see these errors: the reference executor answers, and explains what is wrong.
"""

from __future__ import annotations

from typing import NoReturn


class FallbackError(Exception):
    """The reference executor has to execute the request."""


class UnsupportedError(FallbackError):
    """An operation cannot be compiled to a plan."""


class PlanDisabledError(FallbackError):
    """The plan failed too often to be run for this request."""


class CoercionError(FallbackError):
    """A value that the compiled coercion does not accept. It may be valid for graphql-core."""


def fall_back(reason: str) -> NoReturn:
    """Raise FallbackError, as an expression."""
    raise FallbackError(reason)
