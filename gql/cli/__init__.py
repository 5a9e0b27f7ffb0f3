"""The command line: `newsgraph serve`, `load`, `check`, `export`, `schema`, `query`, `stats`."""

from .main import main

__all__ = ["main"]
