"""Loader: brings a repository to the state of a folder of documents."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import msgspec

from store.concurrency.cooperative import free_gradually
from store.documents.frontmatter import ParseOptions
from store.engines.memory import MemoryRepository
from store.errors import StoreError, system_remedy
from store.model import Diagnostic
from store.repository import Batch, Repository

from .commit_history import CommitHistory
from .file_reader import FileResult, Progress, read_files
from .load_plan import LoadPlan, detached_paths, needs_reading, plan_load, plan_refresh
from .manifest import Manifest, ManifestIndex
from .manifest_update import LoadReport, ManifestUpdate
from .scanner import ScannedFile, Scanner
from .transaction import delete_intent, lock_folder, recover_writes


class LoadOptions(msgspec.Struct, frozen=True):
    """Options of a load.

    Attributes:
        parsing: The options of parsing a document.
        include: Names of files and folders to read although they are hidden or start with an
            underscore.
        prune: Delete all articles if the folder has none of the files that were loaded before.
        overwrite: Load detached files too; they replace what mutations have changed.
    """

    parsing: ParseOptions = ParseOptions()
    include: frozenset[str] = frozenset()
    prune: bool = False
    overwrite: bool = False


DEFAULT_OPTIONS = LoadOptions()
_EMPTY_BATCH = Batch()


class FolderLoader:
    """Loads a folder into a repository; reads only new and changed files.

    A file that becomes invalid keeps the last valid version of its article. Of several files with
    the same slug, the first by path wins. Methods named `..._locked` need `lock_folder`.
    """

    def __init__(
        self, repository: Repository, folder: Path, options: LoadOptions = DEFAULT_OPTIONS
    ) -> None:
        self._repository = repository
        self._folder = folder
        self._options = options
        mapping = options.parsing.mapping
        self._scanner = Scanner(folder, options.include, mapping.collections if mapping else ())
        self._index = ManifestIndex(mapping="" if mapping is None else mapping.digest)
        self._history = CommitHistory(folder) if mapping and mapping.uses_commits else None

    async def load(self, progress: Progress | None = None) -> LoadReport:
        """Load the whole folder.

        `progress` receives the number of files read so far, and of all files to read.
        Raises: StoreError: the folder cannot be read, or is not the one that was loaded before.
        """
        async with lock_folder(self._folder):
            return await self._load(progress)

    async def _load(self, progress: Progress | None) -> LoadReport:
        started = time.perf_counter()
        try:
            recovered = await asyncio.to_thread(recover_writes, self._folder)
            scanned = await asyncio.to_thread(self._scanner.scan)
        except OSError as e:
            raise self._unreadable(e) from e
        index = await self.refresh_index()
        self._refuse_other_folder(index.sources, scanned)
        overwrite = self._options.overwrite
        plan = await asyncio.to_thread(plan_load, started, index, scanned, overwrite)
        report = await self._update(plan, progress, Batch(keys=recovered.keys))
        if recovered.paths:
            delete_intent(self._folder)
        await asyncio.to_thread(free_gradually, scanned, 0)
        detached = await asyncio.to_thread(detached_paths, self._index.sources)
        return msgspec.structs.replace(report, detached=detached)

    async def refresh(self, paths: Iterable[str]) -> LoadReport:
        """Load some files and folders, as a watcher reports them; the result is that of a load.

        `paths` are relative to the folder, with slashes; they need not exist any more.
        Raises: StoreError: the folder itself is missing.
        """
        paths = {path.strip("/") for path in paths}
        if "" in paths:
            return await self.load()
        async with lock_folder(self._folder):
            return await self.refresh_locked(paths)

    async def recover_locked(self) -> None:
        """Recover interrupted writes of other processes. Raises: OSError. StoreError."""
        recovered = await asyncio.to_thread(recover_writes, self._folder)
        if recovered.paths:
            await self.refresh_locked(recovered.paths, Batch(keys=recovered.keys))
            delete_intent(self._folder)

    async def refresh_locked(
        self, paths: Collection[str], extra: Batch = _EMPTY_BATCH
    ) -> LoadReport:
        """Like `refresh`, while the folder is locked. `extra` adds keys to the batch."""
        started = time.perf_counter()
        if not self._folder.is_dir():
            raise StoreError(
                f"The folder {self._folder} is missing. Its articles stay; "
                "mount or restore the folder, and load it again."
            )
        index = await self.refresh_index()
        scanned = await asyncio.to_thread(self._scanner.scan_paths, paths)
        plan = await asyncio.to_thread(plan_refresh, started, index, scanned, paths)
        return await self._update(plan, extra=extra)

    async def apply_locked(self, files: Sequence[FileResult], extra: Batch) -> int:
        """Apply files that were just written, without reading them; the result is a refresh's.

        `extra` adds deletes, preconditions and keys to the batch. Returns the store's revision. If
        the repository raises, call `refresh_index`: the index is ahead of it.
        Raises: as `Repository.apply`.
        """
        return await self._apply(ManifestUpdate(self._index), list(files), extra)

    async def refresh_index(self) -> ManifestIndex:
        """Update the manifest index from the repository and return it."""
        sources = await self._repository.sources()
        await asyncio.to_thread(self._index.update_to, sources)
        if self._history is not None:
            self._index.commits = await asyncio.to_thread(self._history.read)
        return self._index

    async def changed_paths(self) -> list[str]:
        """Return the paths of new, changed and deleted files, while the folder is locked.

        If all files are missing this may be another folder: then deleted files are left out.
        Raises: StoreError: the folder cannot be read.
        """
        return await asyncio.to_thread(self._changed_paths)

    def _changed_paths(self) -> list[str]:
        sources = self._index.sources
        try:
            scanned = {f.path: f for f in self._scanner.scan()}
        except OSError as e:
            raise self._unreadable(e) from e
        missing = sources.keys() - scanned.keys()
        changed = [
            p
            for p, f in scanned.items()
            if not f.problem and needs_reading(f, sources.get(p), self._index.mapping_of(p))
        ]
        return changed + (sorted(missing) if len(missing) < len(sources) else [])

    def is_up_to_date(self, path: str) -> bool:
        """Whether the manifest has the present state of a file, which may be that it is missing."""
        scanned = {f.path: f for f in self._scanner.scan_paths([path])}.get(path)
        source = self._index.sources.find(path)
        if scanned is None or scanned.problem:
            return source is None
        return not needs_reading(scanned, source, self._index.mapping_of(path))

    def ignores(self, path: str) -> bool:
        """Whether a change of this path, which is relative to the folder, needs no refresh."""
        if self._scanner.ignores(path):
            return True
        return not (self._scanner.may_hold_documents(path) or self._index.paths_below(path))

    async def _update(
        self, plan: LoadPlan, progress: Progress | None = None, extra: Batch = _EMPTY_BATCH
    ) -> LoadReport:
        # Steps whose time grows with the number of files run in threads: readers go on meanwhile.
        update = await asyncio.to_thread(plan.start_update)
        files = await read_files(self._scanner.root, plan.to_read, self._parse_options(), progress)
        revision = await self._apply(update, files, extra)
        return update.build_report(time.perf_counter() - plan.started, revision)

    def _parse_options(self) -> ParseOptions:
        return msgspec.structs.replace(self._options.parsing, commits=self._index.commits)

    async def _apply(self, update: ManifestUpdate, files: list[FileResult], extra: Batch) -> int:
        while paths := await asyncio.to_thread(_add_and_resolve, update, files):
            files = await read_files(self._scanner.root, paths, self._parse_options())
        batch = await asyncio.to_thread(update.build_batch)
        if batch is None and not extra.deletes:
            return (await self._repository.snapshot()).revision
        batch = batch or _EMPTY_BATCH
        deletes = (*batch.deletes, *extra.deletes)
        return await self._repository.apply(
            msgspec.structs.replace(
                batch, deletes=deletes, expected=extra.expected, keys=extra.keys
            )
        )

    def _unreadable(self, error: OSError) -> StoreError:
        return StoreError(
            f"The folder {self._folder} cannot be read: {error.strerror}. "
            + system_remedy(error, "Give the path of a folder that holds documents.")
        )

    def _refuse_other_folder(self, manifest: Manifest, scanned: list[ScannedFile]) -> None:
        if self._options.prune or not manifest or any(f.path in manifest for f in scanned):
            return
        raise StoreError(
            f"None of the {len(manifest)} files that were loaded before are in {self._folder}. "
            "Is this the right folder, and is its volume mounted? If so, load with --prune to "
            "remove the articles of the missing files, or use another --store."
        )


async def check_folder(
    folder: Path, options: LoadOptions = DEFAULT_OPTIONS, progress: Progress | None = None
) -> tuple[LoadReport, list[Diagnostic]]:
    """Check a folder: load it into memory and return its diagnostics. Raises: StoreError."""
    repository = MemoryRepository()
    report = await FolderLoader(repository, folder, options).load(progress)
    problems = ManifestIndex(await repository.sources()).diagnostics()
    await repository.close()
    return report, list(problems)


def _add_and_resolve(update: ManifestUpdate, files: list[FileResult]) -> list[str]:
    """Add files that were read; return the paths that must be read because of them."""
    update.add_results(files)
    return update.resolve_claims()
