"""What all connections have in common, whatever their transport."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

from gql.http import GraphQLRequest
from gql.identity.client import Client

from .capacity_limiter import Capacity
from .connection_rules import Count, MakeContext, RealtimeSettings
from .operations import Operations

WEBSOCKET, SSE = "websocket", "sse"


class Activity(Protocol):
    """Is told what goes on; `transport` is WEBSOCKET or SSE."""

    def websocket(self) -> AbstractContextManager[None]:
        """A WebSocket is open as long as this is held."""
        ...

    def subscription(self, transport: str) -> AbstractContextManager[None]:
        """A subscription is active as long as this is held."""
        ...

    def event(self, transport: str) -> None:
        """An event was sent."""
        ...

    def slow(self, transport: str) -> None:
        """A connection was closed because its client took too long."""
        ...

    def refused(self, what: str, bound: str) -> None:
        """Something was refused; `bound`: whose bound was reached, see `Capacity`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Who executes, for whom, within which bounds, and until when."""

    operations: Operations
    make_context: MakeContext
    count: Count
    activity: Activity
    subscriptions: Capacity
    costs: Capacity
    settings: RealtimeSettings
    stopping: asyncio.Event

    @contextmanager
    def subscribing(self, request: GraphQLRequest, client: Client) -> Iterator[None]:
        """Hold a place for a subscription, and what each event costs for it.

        Raises: CapacityError. SubscriptionTooLargeError.
        """
        cost = self.operations.event_cost(request, self.settings.subscription_bytes)
        with self.subscriptions.hold(client), self.costs.hold(client, cost):
            yield
