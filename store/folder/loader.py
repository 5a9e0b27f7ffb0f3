"""Loading a folder of documents into a repository, and keeping the two alike."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import msgspec

from store.concurrency.cooperative import free_gradually
from store.documents.diagnostics import DiagnosticCode
from store.documents.frontmatter import ParseLimits
from store.engines.memory import MemoryRepository
from store.errors import StoreError, remedy_of
from store.model import Diagnostic
from store.repository import Batch, Repository, SourceFile

from .file_reader import FileReading, Progress, read_files
from .manifest import Manifest, ManifestIndex, Sources
from .manifest_update import LoadReport, Update
from .scanner import Found, Scanner
from .transaction import finish_writes, folder_turn, forget_begun

# What may go away without a change to the file: a limit, or a right.
_TRY_AGAIN = frozenset(
    (
        DiagnosticCode.FILE_TOO_LARGE,
        DiagnosticCode.TOO_DEEP,
        DiagnosticCode.ALIASES_EXPLODE,
        DiagnosticCode.UNREADABLE_FILE,
    )
)


class LoadOptions(msgspec.Struct, frozen=True):
    """How to load.

    `include`: names of hidden or underscore folders and of hidden files to read all the same.
    `prune`: delete everything, should the folder hold none of the files that were loaded from it.
    `overwrite`: take files also in place of what mutations changed since they were loaded.
    """

    limits: ParseLimits = ParseLimits()
    include: frozenset[str] = frozenset()
    prune: bool = False
    overwrite: bool = False


DEFAULTS = LoadOptions()
_NOTHING = Batch()


class _Survey(msgspec.Struct):
    """What a look at the folder found, beside what was there before."""

    started: float
    before: ManifestIndex
    found: list[Found]
    missing: set[str]
    to_read: list[str]


class FolderLoader:
    """Brings a repository to the state of a folder, reading only what has changed.

    A file that can no longer be read as a document keeps the last good version of its article. Of
    several files with one slug, the first by path counts.
    """

    def __init__(
        self, repository: Repository, folder: Path, options: LoadOptions = DEFAULTS
    ) -> None:
        self._repository = repository
        self._folder = folder
        self._options = options
        self._scanner = Scanner(folder, options.include)
        self._index = ManifestIndex()

    async def load(self, progress: Progress | None = None) -> LoadReport:
        """Bring the repository up to date with the whole folder.

        `progress` is told how many files have been read, of how many.
        Raises: StoreError: the folder cannot be read, or is not the one that was loaded before.
        """
        async with folder_turn(self._folder):
            return await self._load(progress)

    async def _load(self, progress: Progress | None) -> LoadReport:
        started = time.perf_counter()
        try:
            begun = await asyncio.to_thread(finish_writes, self._folder)
            found = await asyncio.to_thread(self._scanner.scan)
        except OSError as e:
            raise self._unreadable(e) from e
        before = await self.known()
        self._refuse_other_folder(before.sources, found)
        overwrite = self._options.overwrite
        survey = await asyncio.to_thread(_survey_of_all, started, before, found, overwrite)
        report = await self._update(survey, progress, Batch(keys=begun.keys))
        if begun.paths:
            forget_begun(self._folder)
        await asyncio.to_thread(free_gradually, found, 0)
        kept = await asyncio.to_thread(_left_behind, self._index.sources)
        return msgspec.structs.replace(report, kept=kept)

    async def refresh(self, paths: Iterable[str]) -> LoadReport:
        """Bring the repository up to date with some files and folders, as a watcher names them.

        `paths` are relative to the folder, with slashes; they need not exist any more. The state
        after it is that of a load.
        Raises: StoreError: the folder itself is gone.
        """
        named = {path.strip("/") for path in paths}
        if "" in named:
            return await self.load()
        async with folder_turn(self._folder):
            return await self.refresh_in_turn(named)

    async def finish_in_turn(self) -> None:
        """Finish what another process had begun. Raises: OSError. StoreError."""
        begun = await asyncio.to_thread(finish_writes, self._folder)
        if begun.paths:
            await self.refresh_in_turn(begun.paths, Batch(keys=begun.keys))
            forget_begun(self._folder)

    async def refresh_in_turn(self, named: Collection[str], more: Batch = _NOTHING) -> LoadReport:
        """As `refresh`, for who has a turn with the folder; `more`: what else the batch holds."""
        started = time.perf_counter()
        if not self._folder.is_dir():
            raise StoreError(
                f"The folder {self._folder} is gone. Its articles are kept; "
                "mount or restore the folder, and load it again."
            )
        before = await self.known()
        found = await asyncio.to_thread(self._scanner.look, named)
        survey = await asyncio.to_thread(_survey_of_some, started, before, found, named)
        return await self._update(survey, more=more)

    async def take_in_turn(self, files: Sequence[FileReading], more: Batch) -> int:
        """Have the repository know these files, for who has a turn and has just written them.

        The state after it is that of a refresh, without reading them again; `index` is brought to
        it also where the repository refuses, until `known` is asked. `more`: what else the batch
        holds. Returns the store's revision. Raises: as `Repository.apply`.
        """
        return await self._take(Update(self._index), list(files), more)

    async def known(self) -> ManifestIndex:
        """What the repository remembers of the files; a refresh keeps it up to date."""
        sources = await self._repository.sources()
        await asyncio.to_thread(self._index.follow, sources)
        return self._index

    async def changed_paths(self) -> list[str]:
        """The files of the folder that are not as they are known, and those that are gone.

        If all are gone, this may be another folder: then these are left out. For who has a turn.
        Raises: StoreError: the folder cannot be read.
        """
        return await asyncio.to_thread(self._changed_paths)

    def _changed_paths(self) -> list[str]:
        known = self._index.sources
        try:
            found = {f.path: f for f in self._scanner.scan()}
        except OSError as e:
            raise self._unreadable(e) from e
        gone = known.keys() - found.keys()
        changed = [p for p, f in found.items() if not f.problem and _is_new(f, known.get(p))]
        return changed + (sorted(gone) if len(gone) < len(known) else [])

    def is_current(self, path: str) -> bool:
        """Whether a file is as it is known; so is one that is neither known nor there."""
        found = {f.path: f for f in self._scanner.look([path])}.get(path)
        known = self._index.sources.find(path)
        if found is None or found.problem:
            return known is None
        return not _is_new(found, known)

    def ignores(self, path: str) -> bool:
        """Whether a change of this path, relative to the folder, never matters to a refresh."""
        return self._scanner.ignores(path)

    async def _update(
        self, survey: _Survey, progress: Progress | None = None, more: Batch = _NOTHING
    ) -> LoadReport:
        # What costs time with the number of files is done in threads, between which readers of the
        # repository get their turns.
        update = await asyncio.to_thread(_begun, survey)
        root, limits = self._scanner.root, self._options.limits
        files = await read_files(root, survey.to_read, limits, progress)
        revision = await self._take(update, files, more)
        return update.report(time.perf_counter() - survey.started, revision)

    async def _take(self, update: Update, files: list[FileReading], more: Batch) -> int:
        while paths := await asyncio.to_thread(_settled, update, files):
            files = await read_files(self._scanner.root, paths, self._options.limits)
        batch = await asyncio.to_thread(update.batch)
        if batch is None and not more.deletes:
            return (await self._repository.snapshot()).revision
        batch = batch or _NOTHING
        deletes = (*batch.deletes, *more.deletes)
        return await self._repository.apply(
            msgspec.structs.replace(batch, deletes=deletes, expected=more.expected, keys=more.keys)
        )

    def _unreadable(self, error: OSError) -> StoreError:
        return StoreError(
            f"The folder {self._folder} cannot be read: {error.strerror}. "
            + remedy_of(error, "Give the path of a folder that holds documents.")
        )

    def _refuse_other_folder(self, before: Manifest, found: list[Found]) -> None:
        if self._options.prune or not before or any(f.path in before for f in found):
            return
        raise StoreError(
            f"None of the {len(before)} files that were loaded before is in {self._folder}. "
            "Is this the right folder, and is its volume mounted? If so, load with --prune to "
            "remove the articles of the files that are gone, or use another --store."
        )


async def check_folder(
    folder: Path, options: LoadOptions = DEFAULTS, progress: Progress | None = None
) -> tuple[LoadReport, list[Diagnostic]]:
    """Load a folder into memory only, and tell what is wrong with it. Raises: StoreError."""
    repository = MemoryRepository()
    report = await FolderLoader(repository, folder, options).load(progress)
    problems = ManifestIndex(await repository.sources()).diagnostics()
    await repository.close()
    return report, list(problems)


def _survey_of_all(
    started: float, before: ManifestIndex, found: list[Found], overwrite: bool
) -> _Survey:
    # One by one, and not as sets: at each the interpreter may be given to others.
    known = before.sources
    present = {f.path for f in found}
    missing = {path for path in known if path not in present}
    again = {*_left_behind(known)} if overwrite else set[str]()
    to_read = [
        f.path
        for f in found
        if not f.problem and (f.path in again or _is_new(f, known.find(f.path)))
    ]
    return _Survey(started, before, found, missing, to_read)


def _left_behind(sources: Sources) -> tuple[str, ...]:
    """The files whose articles were changed in the store alone, by path."""
    return tuple(sorted(path for path, source in sources.iter_items() if source.left_behind))


def _survey_of_some(
    started: float, before: ManifestIndex, found: list[Found], named: Collection[str]
) -> _Survey:
    # A file is also named by each folder above it, which may have been moved away whole.
    missing = {path for name in named for path in before.below(name)} - {f.path for f in found}
    return _Survey(started, before, found, missing, [f.path for f in found if not f.problem])


def _begun(survey: _Survey) -> Update:
    update = Update(survey.before)
    problems = {f.path: f.problem for f in survey.found if f.problem}
    # What is in a folder that cannot be listed now is not gone.
    unlisted = {
        p for p, problem in problems.items() if problem.code == DiagnosticCode.UNREADABLE_FILE
    }
    update.forget(p for p in survey.missing if not _is_below(p, unlisted))
    update.refuse(problems.values())
    return update


def _settled(update: Update, readings: list[FileReading]) -> list[str]:
    """Take what was read; return what must be read because of it."""
    update.take(readings)
    return update.settle()


def _is_new(found: Found, before: SourceFile | None) -> bool:
    if before is None or before.state != found.state:
        return True
    return any(d.code in _TRY_AGAIN for d in before.diagnostics)


def _is_below(path: str, folders: Collection[str]) -> bool:
    """Whether the path, or a folder that it is in, is one of these; "" is the whole folder."""
    if not folders:
        return False
    parts = path.split("/")
    return any("/".join(parts[:i]) in folders for i in range(len(parts) + 1))
