"""The embedded engine: a TinyDB file with a write-ahead log beside it."""
