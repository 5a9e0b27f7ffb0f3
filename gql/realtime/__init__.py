"""Subscriptions, over WebSocket and server-sent events, on the graph's own path."""

from .authority import RealtimeSettings
from .feed import ChangeFeed
from .operations import Operations
from .realtime import Realtime

__all__ = ["ChangeFeed", "Operations", "Realtime", "RealtimeSettings"]
