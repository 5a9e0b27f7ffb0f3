"""Load plan: which files of a folder to read, from a comparison with the manifest."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from store.documents.diagnostics import DiagnosticCode
from store.repository import SourceFile

from .file_reader import READER_VERSION
from .manifest import ManifestIndex, Sources
from .manifest_update import ManifestUpdate
from .scanner import ScannedFile

# Problems that may end without a change to the file: a limit was raised, or a right was given.
_RETRY_CODES = frozenset(
    (
        DiagnosticCode.FILE_TOO_LARGE,
        DiagnosticCode.TOO_DEEP,
        DiagnosticCode.ALIASES_EXPLODE,
        DiagnosticCode.UNREADABLE_FILE,
        DiagnosticCode.NO_COMMIT_DATES,
    )
)


class LoadPlan(msgspec.Struct):
    """The files to read, from a comparison of the folder with the manifest.

    Attributes:
        started: The start of the load, in seconds of `time.perf_counter`.
        index: The manifest before the load.
        scanned: The files of the folder, or of the part to refresh.
        missing: The paths of the manifest that do not exist any more.
        to_read: The paths of new and changed files.
    """

    started: float
    index: ManifestIndex
    scanned: list[ScannedFile]
    missing: set[str]
    to_read: list[str]

    def start_update(self) -> ManifestUpdate:
        """Start a manifest update with the files that are missing or cannot be read."""
        update = ManifestUpdate(self.index)
        problems = {f.path: f.problem for f in self.scanned if f.problem}
        # Files of a folder that cannot be listed now are not missing.
        unlisted = {
            p for p, problem in problems.items() if problem.code == DiagnosticCode.UNREADABLE_FILE
        }
        update.remove(p for p in self.missing if not _is_in_folders(p, unlisted))
        update.add_problems(problems.values())
        return update


def plan_load(
    started: float, index: ManifestIndex, scanned: list[ScannedFile], overwrite: bool
) -> LoadPlan:
    """Plan the load of a whole folder. `overwrite` includes detached files."""
    # In Python loops, not by set operations: other threads can run between two items.
    sources = index.sources
    present = {f.path for f in scanned}
    missing = {path for path in sources if path not in present}
    to_reread = {*detached_paths(sources)} if overwrite else set[str]()
    to_read = [
        f.path
        for f in scanned
        if not f.problem
        and (
            f.path in to_reread or needs_reading(f, sources.find(f.path), index.mapping_of(f.path))
        )
    ]
    return LoadPlan(started, index, scanned, missing, to_read)


def detached_paths(sources: Sources) -> tuple[str, ...]:
    """Return the paths of detached files, sorted."""
    return tuple(sorted(path for path, source in sources.iter_items() if source.detached))


def plan_refresh(
    started: float, index: ManifestIndex, scanned: list[ScannedFile], paths: Collection[str]
) -> LoadPlan:
    """Plan the load of some paths: all their files are read."""
    # A path may be a folder that was moved away with all its files.
    missing = {path for name in paths for path in index.paths_below(name)} - {
        f.path for f in scanned
    }
    return LoadPlan(started, index, scanned, missing, [f.path for f in scanned if not f.problem])


def needs_reading(scanned: ScannedFile, source: SourceFile | None, mapping: str) -> bool:
    """Whether a file is new or changed, was read by other rules, or may be valid by now."""
    if source is None or source.state != scanned.state:
        return True
    rules = (source.reader, source.mapping)
    if rules != (READER_VERSION, mapping) and not source.detached:  # a mutation's work stays
        return True
    return any(d.code in _RETRY_CODES for d in source.diagnostics)


def _is_in_folders(path: str, folders: Collection[str]) -> bool:
    """Whether a path is one of these folders or below one; "" is the whole folder."""
    if not folders:
        return False
    parts = path.split("/")
    return any("/".join(parts[:i]) in folders for i in range(len(parts) + 1))
