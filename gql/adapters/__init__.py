"""Adapters of libraries: one module for each library whose private interfaces newsgraph uses.

Each names the version that it was written for. Its test in `tests/gql/adapters` compares the
private signatures with the installed version, and says what to look at when one has changed.
"""

__all__: list[str] = []
