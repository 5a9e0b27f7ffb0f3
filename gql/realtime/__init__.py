"""Subscriptions, over WebSocket and server-sent events, on the graph's own path."""

from .change_notifier import ChangeNotifier
from .connection_rules import RealtimeSettings
from .operations import Operations
from .realtime import Realtime

__all__ = ["ChangeNotifier", "Operations", "Realtime", "RealtimeSettings"]
