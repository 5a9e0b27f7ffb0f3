"""The realtime service: what connections of both transports share."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

from gql.http import GraphQLRequest
from gql.identity.client import Client

from .capacity_limiter import CapacityLimiter
from .connection_rules import CountRequest, MakeContext, RealtimeSettings
from .operations import Operations

WEBSOCKET, SSE = "websocket", "sse"


class StreamObserver(Protocol):
    """An observer of connections and subscriptions; `transport` is WEBSOCKET or SSE."""

    def track_websocket(self) -> AbstractContextManager[None]:
        """Count a WebSocket as open until the context ends."""
        ...

    def track_subscription(self, transport: str) -> AbstractContextManager[None]:
        """Count a subscription as active until the context ends."""
        ...

    def count_event(self, transport: str) -> None:
        """Count an event that was sent."""
        ...

    def count_slow_client(self, transport: str) -> None:
        """Count a connection that was closed because its client reads too slowly."""
        ...

    def count_refusal(self, what: str, bound: str) -> None:
        """Count a refusal. `bound`: whose limit was reached, see `CapacityLimiter`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RealtimeService:
    """The executor, the limits and the shutdown signal of all connections.

    Attributes:
        operations: The executor.
        make_context: Makes the context of a request, with its authenticated viewer.
        count: Counts a request against the rate limit.
        observer: The metrics.
        subscriptions: The limit of subscriptions.
        costs: The limit of their cost for each event.
        settings: Times and sizes.
        stopping: Set when the server shuts down.
    """

    operations: Operations
    make_context: MakeContext
    count: CountRequest
    observer: StreamObserver
    subscriptions: CapacityLimiter
    costs: CapacityLimiter
    settings: RealtimeSettings
    stopping: asyncio.Event

    @contextmanager
    def reserve_subscription(self, request: GraphQLRequest, client: Client) -> Iterator[None]:
        """Reserve a subscription, and the cost of its events, until the block ends.

        Raises: CapacityError. SubscriptionTooLargeError.
        """
        cost = self.operations.event_cost(request, self.settings.subscription_bytes)
        with self.subscriptions.reserve(client), self.costs.reserve(client, cost):
            yield
