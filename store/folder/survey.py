"""Survey of a folder: what its files look like, before any mapping."""

from __future__ import annotations

import os
import re
import stat
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

import msgspec

from store.documents.document_path import path_date
from store.documents.front_matter_format import YAML_EXTENSIONS
from store.documents.front_matter_reader import (
    FrontMatter,
    read_front_matter,
)
from store.documents.frontmatter import ParseOptions
from store.documents.parse_result import DiagnosticCollector
from store.documents.source_dates import is_date_text
from store.documents.yaml_tree import MappingNode, Node, ScalarNode, SequenceNode
from store.model import Severity

from .scanner import EXTENSIONS, NEVER_SCANNED
from .site_configuration import (
    SiteConfiguration,
    find_site_configuration,
    is_site_configuration,
)

MAX_FILES = 20_000
"""How many files are read; of a larger folder the first ones."""

_MAX_PARENTS = 50
_FILES_PER_REPORT = 50

_NEVER_SURVEYED = NEVER_SCANNED | {"vendor", "__pycache__", "site-packages"}
_RARELY_SURVEYED = frozenset(
    "_site _includes _layouts _sass _data dist build public static assets themes layouts test tests"
    " spec archetypes scaffolds".split()
)
"""Folders of templates, examples and built pages: surveyed only if no document elsewhere has a
date."""


class SurveyedFile(msgspec.Struct, frozen=True):
    """One document of the folder.

    Attributes:
        path: Relative to the folder, with slashes.
        keys: The kind of each key's value: `text`, `texts`, `mapping`, `mappings` or `empty`; of
            mappings the keys below, with a dot.
        texts: The text of each key that has one.
        has_heading: Whether its body has a heading.
        date: The date in its path.
    """

    path: str
    keys: dict[str, str]
    texts: dict[str, str]
    has_heading: bool
    date: str | None


class OtherFiles(msgspec.Struct):
    """Files that are no documents for one reason.

    Attributes:
        example: The path of the first of them.
        count: Their number.
    """

    example: str
    count: int = 0


class Survey(msgspec.Struct):
    """A survey: the documents and the other files of a folder, and the site's configuration.

    Attributes:
        folder: The folder.
        documents: The files with front matter.
        others: The files that have none or cannot be read: how many by reason, with an example.
        site: The site's address, name and tools, as configuration files give them.
        is_complete: Whether all files were read.
    """

    folder: Path
    documents: list[SurveyedFile] = []
    others: dict[str, OtherFiles] = {}
    site: SiteConfiguration = msgspec.field(default_factory=SiteConfiguration)
    is_complete: bool = True

    def key_counts(self) -> Counter[str]:
        """How many documents have each key."""
        return Counter(key for document in self.documents for key in document.keys)


def survey_folder(
    folder: Path, options: ParseOptions, progress: Callable[[int, int], None] | None = None
) -> Survey:
    """Read the documents of a folder, in all folders that may hold some.

    `progress` receives the number of files read, and of those to read.
    Raises: OSError: the folder cannot be listed.
    """
    with os.scandir(folder):
        pass
    survey = Survey(folder)
    _read_files(survey, options, _NEVER_SURVEYED | _RARELY_SURVEYED, progress)
    if not any(map(has_date, survey.documents)):
        rest = Survey(folder)
        _read_files(rest, options, _NEVER_SURVEYED, progress, only=_RARELY_SURVEYED)
        if not survey.documents or any(map(has_date, rest.documents)):
            survey.documents += rest.documents
            survey.others |= rest.others
            survey.is_complete &= rest.is_complete
    parents = dict.fromkeys(each.path.partition("/")[0] for each in survey.documents)
    survey.site = find_site_configuration(folder, [*parents][:_MAX_PARENTS])
    return survey


def has_date(document: SurveyedFile) -> bool:
    """Whether a document has a value that is a date, or a date in its path."""
    return document.date is not None or any(map(is_date_text, document.texts.values()))


def _read_files(
    survey: Survey,
    options: ParseOptions,
    skipped: Collection[str],
    progress: Callable[[int, int], None] | None,
    *,
    only: Collection[str] = (),
) -> None:
    """Read the files of a folder; with `only`, those below folders with one of these names."""
    files = _find_files(survey.folder, skipped)
    if only:
        files = (path for path in files if not {*path.split("/")[:-1]}.isdisjoint(only))
    paths = [*islice(files, MAX_FILES + 1)]
    survey.is_complete = len(paths) <= MAX_FILES
    for i, path in enumerate(paths[:MAX_FILES]):
        _add_file(survey, path, options)
        if progress and i % _FILES_PER_REPORT == 0:
            progress(i, len(paths))


def _find_files(folder: Path, skipped: Collection[str]) -> Iterator[str]:
    """The paths of files that may be documents. No link out of the folder is followed."""
    root = os.path.realpath(folder)
    waiting = [""]
    while waiting:
        parent = waiting.pop()
        with suppress(OSError), os.scandir(f"{root}/{parent}") as entries:
            names = sorted(entries, key=lambda entry: entry.name, reverse=True)
            waiting += [
                f"{parent}{entry.name}/"
                for entry in names
                if entry.is_dir(follow_symlinks=False)
                and not entry.name.startswith(".")
                and entry.name not in skipped
            ]
            yield from (
                f"{parent}{entry.name}"
                for entry in reversed(names)
                if entry.name.lower().endswith(EXTENSIONS)
                and not entry.name.startswith((".", "#"))
                and _is_inside(root, entry)
            )


def _is_inside(root: str, entry: os.DirEntry[str]) -> bool:
    if not entry.is_symlink():
        return not entry.is_dir()
    target = os.path.realpath(entry.path)
    return target.startswith(f"{root}/") and not Path(target).is_dir()


def _add_file(survey: Survey, path: str, options: ParseOptions) -> None:
    collector = DiagnosticCollector(path)
    result = _read_bytes(survey.folder / path, options.max_size_bytes + 1)
    if isinstance(result, OSError):
        _add_other(survey, path, f"it cannot be read: {result.strerror}")
        return
    is_data = path.lower().endswith(YAML_EXTENSIONS)
    if is_data and is_site_configuration(path):
        return
    front_matter = read_front_matter(result, options, collector)
    if front_matter is None:
        problem = collector.diagnostics[-1] if collector.diagnostics else None
        if problem is not None and problem.severity is not Severity.INFO and not is_data:
            _add_other(survey, path, f"{problem.message} {problem.remedy or ''}".strip())
    elif front_matter.root.entries and (not is_data or "title" in front_matter.root.entries):
        survey.documents.append(_describe(path, front_matter))


def _read_bytes(path: Path, size_bytes: int) -> bytes | OSError:
    """The first bytes of a file. A pipe has none: reading it would wait for a writer."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
            return file.read(size_bytes) if is_file else b""
    except OSError as error:
        return error


def _add_other(survey: Survey, path: str, reason: str) -> None:
    survey.others.setdefault(reason, OtherFiles(path)).count += 1


def _describe(path: str, front_matter: FrontMatter) -> SurveyedFile:
    keys: dict[str, str] = {}
    texts: dict[str, str] = {}
    for key, node in front_matter.root.entries.items():
        _add_key(key, node, keys, texts)
    heading = re.search(r"^# +\S", front_matter.body, re.MULTILINE) is not None
    return SurveyedFile(path, keys, texts, heading, path_date(path))


def _add_key(key: str, node: Node, keys: dict[str, str], texts: dict[str, str]) -> None:
    if isinstance(node, ScalarNode):
        keys[key] = "text" if node.text.strip() else "empty"
        texts[key] = node.text[:200]
    elif isinstance(node, SequenceNode):
        is_nested = bool(node.items) and isinstance(node.items[0], MappingNode)
        keys[key] = "mappings" if is_nested else "texts" if node.items else "empty"
    else:
        keys[key] = "mapping"
        for name, value in node.entries.items():
            if isinstance(value, ScalarNode) and "." not in key:
                _add_key(f"{key}.{name}", value, keys, texts)
