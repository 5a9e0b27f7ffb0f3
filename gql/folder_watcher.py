"""Live reload: a watcher keeps the store up to date with its folder. Built on watchfiles."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import msgspec
from watchfiles import awatch
from watchfiles._rust_notify import WatchfilesRustInternalError
from watchfiles.main import FileChange

from store import FolderLoader, LoadReport, Repository, StoreError, Window
from store.errors import system_remedy
from store.filesystem.file_lock import locked
from store.model import Diagnostic

from .logs import get_logger
from .settings.settings import Settings, SettingsError
from .store_factory import folder_loader, log_load

# Changes are grouped until nothing has changed for one step, at most for the debounce time.
# A step costs a wake-up of a thread. Changes during a refresh start the next group.
STEP_MS = 20
DEBOUNCE_MS = 200
CHECK_MS = 1_000
"""The interval of checks that the folder is still the same one, and whether a full scan is due."""
FULL_SCAN_S = 60
"""The interval of full scans. Systems lose events: queues are finite, and some network file systems
report no changes of other machines."""
POLL_MS = 1_000
RETRY_S = 1.0
_PAGE = Window(first=1_000)
_UNDECODABLE = "Unable to decode path"  # watchfiles ends at a file name that is not UTF-8

OnReload = Callable[[LoadReport | None], None]
"""Called after each reload with its report, or with None if it failed."""


class FolderWatcher:
    """Reloads changed documents of a folder into a repository.

    Of all processes with the same `lock_file`, one watches; when it ends, another takes over. A
    failure is logged once and retried; the repository keeps its last good state meanwhile.
    """

    def __init__(
        self,
        folder: Path,
        loader: FolderLoader,
        repository: Repository,
        *,
        lock_file: Path,
        on_reload: OnReload,
    ) -> None:
        self._folder = folder
        self._loader = loader
        self._repository = repository
        self._lock_file = lock_file
        self._on_reload = on_reload
        self._log = get_logger()
        self._problems: frozenset[Diagnostic] = frozenset()
        self._failure = ""
        self._is_polling = False
        self._has_undecodable_name = False
        self._is_scan_due = False
        self._full_scan_at = 0.0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.Task[None]]:
        """Watch in a task, which is yielded, until the block ends."""
        task = asyncio.create_task(self.run())
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.wait((task,))

    async def run(self) -> None:
        """Watch until cancelled."""
        async with self._lock():
            self._problems = await self._current_problems()
            while True:
                try:
                    await self._watch()
                except Exception as error:  # noqa: BLE001  # live reload ends with the server only
                    self._handle_failure(_single_cause(error))
                await asyncio.sleep(RETRY_S)

    @asynccontextmanager
    async def _lock(self) -> AsyncIterator[None]:
        """Hold the lock of the watching process."""
        with ExitStack() as stack:
            while True:
                try:
                    stack.enter_context(locked(self._lock_file, timeout_s=0))
                except BlockingIOError:
                    pass
                except OSError as error:
                    remedy = system_remedy(error, "Give the server the right to write there.")
                    self._fail(
                        f"{self._lock_file} cannot be made or locked: {error.strerror}. {remedy}"
                    )
                else:
                    break
                await asyncio.sleep(RETRY_S)
            yield

    def _handle_failure(self, error: Exception) -> None:
        """Log the failure of a watch, which is started again after it."""
        self._is_scan_due = False
        if isinstance(error, FileNotFoundError):
            return  # the folder was removed meanwhile; the next check reports it
        if isinstance(error, WatchfilesRustInternalError) and _UNDECODABLE in str(error):
            self._is_scan_due = True
            if not self._has_undecodable_name:
                self._has_undecodable_name = True
                self._log.warning(
                    "file_name_not_utf8",
                    reason=str(error),
                    remedy="Rename the file. Each change of it costs a scan of the whole folder.",
                )
        elif isinstance(error, OSError | WatchfilesRustInternalError):
            self._switch_to_polling(error)
        else:
            self._log.error("watch_failed", exc_info=error)

    async def _watch(self) -> None:
        """Reload at every change, as long as the folder is the same one.

        Raises: OSError: the system cannot watch it. ExceptionGroup: of one error of `awatch`.
        """
        root = os.path.realpath(self._folder)  # noqa: ASYNC240  # a few calls, once a watch
        identity = _identity(root)
        self._full_scan_at = 0.0  # for changes before the watch began
        if identity is None:
            self._fail(
                f"The folder {self._folder} does not exist any more. Its articles stay in the "
                "store until it is back."
            )
            return
        if self._is_scan_due:  # the next watch may fail before it reports a change
            await self._reload(set())
            self._full_scan_at = 0.0
        changes = awatch(
            root,
            watch_filter=None,
            step=STEP_MS,
            debounce=DEBOUNCE_MS,
            rust_timeout=CHECK_MS,
            yield_on_timeout=True,
            force_polling=self._is_polling or None,  # None: by the variables of watchfiles
            poll_delay_ms=POLL_MS,
            ignore_permission_denied=True,  # the loader reports such folders
        )
        async for events in changes:
            if _identity(self._folder) != identity:
                return
            await self._reload(await asyncio.to_thread(self._changed_paths, root, events))

    def _changed_paths(self, root: str, events: Iterable[FileChange]) -> set[str]:
        """The changed paths, relative to the folder, without ignored ones."""
        paths = {os.path.relpath(path, root).replace(os.sep, "/") for _, path in events}
        return {path for path in paths if path != "." and not self._loader.ignores(path)}

    async def _reload(self, paths: set[str]) -> None:
        try:
            if time.monotonic() >= self._full_scan_at:
                await self._report(await self._loader.load())
                self._full_scan_at = time.monotonic() + FULL_SCAN_S
            if paths:
                await self._report(await self._loader.refresh(paths))
        except StoreError as error:
            self._full_scan_at = 0.0  # since the changes are lost
            self._fail(str(error))

    async def _report(self, report: LoadReport) -> None:
        self._failure = ""
        if report.read or report.removed:
            log_load("reloaded", report)
            await self._log_new_problems()
        self._on_reload(report)

    async def _log_new_problems(self) -> None:
        """Log each problem that is new."""
        current = await self._current_problems()
        for problem in sorted(current - self._problems, key=lambda p: (p.path, p.line or 0)):
            facts = msgspec.structs.asdict(problem)
            self._log.warning("diagnostic", **{k: v for k, v in facts.items() if v is not None})
        self._problems = current

    async def _current_problems(self) -> frozenset[Diagnostic]:
        snapshot = await self._repository.snapshot()
        window, problems = _PAGE, list[Diagnostic]()
        while True:
            page = await snapshot.diagnostic_page(window)
            problems += page.items
            if not page.has_next:
                return frozenset(problems)
            after = snapshot.cursors.diagnostic(page.items[-1])
            window = msgspec.structs.replace(window, after=after)

    def _switch_to_polling(self, error: Exception) -> None:
        if self._is_polling:
            self._fail(f"The folder {self._folder} cannot be watched: {error}")
            return
        self._is_polling = True
        self._log.warning(
            "watch_polling",
            reason=str(error),
            remedy="The folder is looked at every second instead, which is slower and costs more. "
            "If the limit of inotify is reached, raise it: sysctl fs.inotify.max_user_watches "
            "(or max_user_instances), and start again.",
        )

    def _fail(self, message: str) -> None:
        """Log a failure, unless it is the same as the last one."""
        self._on_reload(None)
        if message != self._failure:
            self._log.error("reload_failed", reason=message)
        self._failure = message


def folder_watcher(
    settings: Settings, repository: Repository, on_reload: OnReload
) -> FolderWatcher | None:
    """The watcher of the settings' folder; None if `watch` is off.

    Raises: SettingsError: there is no folder.
    """
    if not settings.watch:
        return None
    loader = folder_loader(settings, repository)
    if settings.folder is None or loader is None:
        raise SettingsError(
            "watch (NEWSGRAPH_WATCH, --watch) is on, but there is no folder to follow. "
            "Name one: newsgraph serve DIR --watch"
        )
    lock_file = settings.store_path.with_name(f"{settings.store_path.name}.watch")
    return FolderWatcher(
        settings.folder, loader, repository, lock_file=lock_file, on_reload=on_reload
    )


def _single_cause(error: Exception) -> Exception:
    """The error of a group of one: `awatch` raises its errors from a task group."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _identity(folder: str | Path) -> tuple[int, int] | None:
    """The identity of a folder (device and inode); None if it does not exist."""
    try:
        status = os.stat(folder)  # noqa: PTH116  # a path may be either type here
    except OSError:
        return None
    return status.st_dev, status.st_ino
