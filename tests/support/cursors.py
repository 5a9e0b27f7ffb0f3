"""Cursors as stores with a known key make them, for tests that name places of their own."""

from __future__ import annotations

from gql.identity.viewer import PUBLIC, Viewer
from gql.schema.change_events import ChangeReader
from store import HISTORY_START, MATCH_ALL, Bookmark, CursorCodec, Filter, Snapshot
from store.engines.memory import MemorySnapshot

KEY = bytes(range(32))
CURSORS = CursorCodec(KEY)

article_cursor = CURSORS.article


def change_cursor(place: Bookmark = HISTORY_START, viewer: Viewer = PUBLIC) -> str:
    """The cursor of a place in the history, the beginning if not given, for who reads it all.

    Of a store without a topic tree.
    """
    return cursor_at(place, MemorySnapshot(cursors=CURSORS), viewer)


def cursor_at(
    place: Bookmark, snapshot: Snapshot, viewer: Viewer = PUBLIC, wanted: Filter = MATCH_ALL
) -> str:
    """The cursor of a place for a reader of a snapshot."""
    return ChangeReader(viewer, wanted).cursor(place, snapshot)


def revision_of(cursor: str) -> int:
    """The revision in a cursor of a store with that key."""
    place, _ = CURSORS.decode_change(cursor)
    return place.revision
