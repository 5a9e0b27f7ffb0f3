"""Paths: validation of the paths that clients give for documents."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from store.characters import escape_invisible
from store.documents.topic_reader import TOPICS_FOLDER

from .scanner import EXTENSIONS, Scanner

MAX_PATH_LENGTH = 500
_MAX_NAME_BYTES = 200  # file systems allow 255; names of staged files are longer
_FORBIDDEN = re.compile(r'[\\:*?"<>|]')
_DATA_FOLDER = TOPICS_FOLDER.partition("/")[0]


def find_path_problem(path: str, scanner: Scanner, *, is_present: bool = False) -> str | None:
    """Find the problem of a document's path, as the end of a sentence; None for a valid path.

    `path` is relative to the folder, with slashes. The scanner decides if a load reads it.
    `is_present`: the document has this path already, so its characters are no problem.
    """
    names = path.split("/")
    problems = {
        "is too long": len(path) > MAX_PATH_LENGTH
        or any(len(_encode(name)) > _MAX_NAME_BYTES for name in names),
        "has characters that file names should not have": not is_present
        and (_FORBIDDEN.search(path) is not None or escape_invisible(path) != path),
        "has parts that are empty, or that begin or end with a space or a dot": not is_present
        and any(not name or name != name.strip(" .") for name in names),
        f"does not end with one of {' '.join(EXTENSIONS)}": not path.lower().endswith(EXTENSIONS),
        "is in a folder, or has a name, that is not read for articles": names[0] == _DATA_FOLDER
        or scanner.ignores(path),
    }
    return next((problem for problem, applies in problems.items() if applies), None)


def crosses_link(folder: Path, path: str) -> bool:
    """Whether a part of the path is a link, or a parent is no folder: both would be unsafe."""
    names = path.split("/")
    for i in range(1, len(names) + 1):
        try:
            mode = os.lstat(folder.joinpath(*names[:i])).st_mode
        except FileNotFoundError:
            return False
        except OSError:
            return True
        if not (stat.S_ISREG if i == len(names) else stat.S_ISDIR)(mode):
            return True
    return False


def _encode(name: str) -> bytes:
    return name.encode("utf-8", "surrogatepass")
