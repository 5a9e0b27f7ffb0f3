"""The metrics of WebSockets, event streams and subscriptions."""

from __future__ import annotations

from contextlib import AbstractContextManager

from prometheus_client import CollectorRegistry, Counter, Gauge

TRANSPORTS = ("websocket", "sse")


class StreamMetrics:
    """Gauges and counters of long-lived connections: a `StreamObserver` of `gql.realtime`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._websockets = Gauge(
            "newsgraph_websockets",
            "Open WebSockets.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._subscriptions = Gauge(
            "newsgraph_subscriptions",
            "Active subscriptions, by transport.",
            ("transport",),
            registry=registry,
            multiprocess_mode="livesum",
        )
        events = Counter(
            "newsgraph_subscription_events",
            "Events that were sent to subscribers, by transport.",
            ("transport",),
            registry=registry,
        )
        self._slow_clients = Counter(
            "newsgraph_slow_clients",
            "Connections closed because the client read too slowly, by transport.",
            ("transport",),
            registry=registry,
        )
        self._refusals = Counter(
            "newsgraph_subscriptions_refused",
            "Refused subscriptions and connections, by what was refused and whose limit was "
            "reached.",
            ("what", "bound"),
            registry=registry,
        )
        # Looked up once, since the look-up of a labelled counter costs more than its increment.
        self._events = {name: events.labels(name) for name in TRANSPORTS}
        for name in TRANSPORTS:
            self._slow_clients.labels(name)

    def track_websocket(self) -> AbstractContextManager[None]:
        """Count a WebSocket as open until the context ends."""
        return self._websockets.track_inprogress()

    def track_subscription(self, transport: str) -> AbstractContextManager[None]:
        """Count a subscription as active until the context ends."""
        return self._subscriptions.labels(transport).track_inprogress()

    def count_event(self, transport: str) -> None:
        """Count an event that was sent."""
        self._events[transport].inc()

    def count_slow_client(self, transport: str) -> None:
        """Count a connection that was closed because its client reads too slowly."""
        self._slow_clients.labels(transport).inc()

    def count_refusal(self, what: str, bound: str) -> None:
        """Count a refusal. `bound`: whose limit was reached, see `realtime.CapacityLimiter`."""
        self._refusals.labels(what, bound).inc()
