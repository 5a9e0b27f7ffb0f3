"""Files on a local disk: atomic replacement, locks, changes guarded against edits by hand."""
