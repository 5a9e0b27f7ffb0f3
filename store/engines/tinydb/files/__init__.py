"""The store's files: write-ahead log, checkpoint, commit mark and locks. All of it blocks."""
