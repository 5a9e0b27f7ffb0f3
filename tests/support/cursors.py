"""Cursors of stores with a fixed cursor key."""

from __future__ import annotations

from gql.identity.viewer import PUBLIC, Viewer
from gql.schema.change_events import ChangeReader
from store import HISTORY_START, MATCH_ALL, Bookmark, CursorCodec, Filter, Snapshot
from store.engines.memory_snapshot import MemorySnapshot

KEY = bytes(range(32))
CURSORS = CursorCodec(KEY)

article_cursor = CURSORS.article


def change_cursor(bookmark: Bookmark = HISTORY_START, viewer: Viewer = PUBLIC) -> str:
    """The cursor of a bookmark in the history, for an unfiltered reader.

    It is a cursor of a store without a topic tree.
    """
    return change_cursor_in(bookmark, MemorySnapshot(cursors=CURSORS), viewer)


def change_cursor_in(
    bookmark: Bookmark, snapshot: Snapshot, viewer: Viewer = PUBLIC, filter: Filter = MATCH_ALL
) -> str:
    """The cursor of a bookmark for a reader of a snapshot."""
    return ChangeReader(viewer, filter).cursor(bookmark, snapshot)


def revision_of(cursor: str) -> int:
    """The revision in a change cursor."""
    bookmark, _ = CURSORS.decode_change(cursor)
    return bookmark.revision
