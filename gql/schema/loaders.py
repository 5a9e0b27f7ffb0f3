"""Batching: the fields of one level load what they need of a kind in one call of the store.

Without it, twenty articles would load twenty providers one by one, which a remote engine would
answer in twenty round trips.
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
    """The batch loads of one request, each with the values that it has loaded."""

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
    """What a batch load gives for n keys: n values, None, or the error of a key."""
    try:
        return await load(snapshot, keys, visibility)
    except QueryError as error:
        if len(keys) == 1:
            return [error]
    # One of them cannot be answered: let it fail alone, where the client asked for it.
    return [(await _batch(load, snapshot, visibility, [key]))[0] for key in keys]


def _retrieve_exception(loading: asyncio.Future[Any]) -> None:
    """Else asyncio logs that of each field that was cancelled meanwhile, with a traceback."""
    if not loading.cancelled():
        loading.exception()
