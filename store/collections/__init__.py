"""Collections: persistent mappings, bounded histories and memos, bitmaps."""
