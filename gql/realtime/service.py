"""What all connections have in common, whatever their transport."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from .authority import Count, MakeContext, Places, RealtimeSettings
from .operations import Operations


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Who executes, for whom, within which bounds, and until when."""

    operations: Operations
    make_context: MakeContext
    count: Count
    places: Places
    settings: RealtimeSettings
    stopping: asyncio.Event
