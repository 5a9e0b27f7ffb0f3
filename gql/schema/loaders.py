"""Batch loading: all fields of a level load their keys of one kind in one call of the store.

Without it, twenty articles would load twenty providers in twenty round trips to a remote engine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from strawberry.dataloader import DataLoader

from store import QueryError, Snapshot, Visibility

BatchLoad = Callable[[Snapshot, Sequence[Any], Visibility], Awaitable[Sequence[Any]]]
"""One call of the store: n distinct keys -> n values or None, in the same order."""


class Loaders:
    """The data loaders of one request."""

    def __init__(self, snapshot: Snapshot, visibility: Visibility) -> None:
        self._snapshot = snapshot
        self._visibility = visibility
        self._loaders: dict[BatchLoad, DataLoader[Any, Any]] = {}

    async def load(self, load: BatchLoad, keys: Sequence[Any]) -> Sequence[Any]:
        """The values of n keys: n values or None, in the same order.

        Raises: QueryError: a key cannot be loaded; other fields' keys are.
        """
        loader = self._loaders.get(load)
        if loader is None:
            # Not a method: an exception's frames would hold the loaders, which hold the exception.
            function = partial(_batch, load, self._snapshot, self._visibility)
            loader = self._loaders[load] = DataLoader(function)
        # Fields share what is being loaded: where one fails, graphql-core cancels those beside it,
        # which must not take it from the others.
        loading = asyncio.ensure_future(loader.load_many(keys))
        loading.add_done_callback(_retrieve_exception)
        values: Sequence[Any] = await asyncio.shield(loading)
        return values


async def _batch(
    load: BatchLoad, snapshot: Snapshot, visibility: Visibility, keys: list[Any]
) -> Sequence[Any]:
    """The values of n keys: for each key a value, None, or an error."""
    try:
        return await load(snapshot, keys, visibility)
    except QueryError as error:
        if len(keys) == 1:
            return [error]
    # One key is invalid: load each alone, so that only its field fails.
    return [(await _batch(load, snapshot, visibility, [key]))[0] for key in keys]


def _retrieve_exception(loading: asyncio.Future[Any]) -> None:
    """Retrieve the exception of a cancelled field, which asyncio would log with a traceback."""
    if not loading.cancelled():
        loading.exception()
