"""The default engine: a TinyDB file and a write-ahead log, served from an indexed snapshot.

`repository` and the modules beside it run on the event loop. `files` blocks, and runs in threads.
`recovery` is for operators: backups, and what can be saved of a damaged store.
"""
