"""The command line: the command `newsgraph` and its subcommands."""

from .main import main

__all__ = ["main"]
