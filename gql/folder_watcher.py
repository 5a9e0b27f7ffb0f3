"""Live reload: the store follows its folder while it is served. The only module on watchfiles."""

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

# A change is handed on when nothing has followed it for a step, at the latest after the debounce.
# A step costs a wake-up of a thread; what happens during a refresh makes the next one.
STEP_MS = 20
DEBOUNCE_MS = 200
TICK_MS = 1_000
"""How often to look whether the folder is still the same one, and whether it is time to look at
everything."""
LOOK_AT_ALL_S = 60
"""How often the whole folder is looked at. Systems may lose events: queues are finite, and some
network file systems tell nothing of what others do."""
POLL_MS = 1_000
RETRY_S = 1.0
_PAGE = Window(first=1_000)

Done = Callable[[LoadReport | None], None]
"""Is told of each time that the store was brought up to date; None: that failed."""


class FolderWatcher:
    """Brings a repository up to date whenever something changes in its folder.

    Of all processes with the same `turn_file`, one watches; when it ends, another takes over. What
    goes wrong is logged, once, and tried again; the repository keeps its last good state meanwhile.
    """

    def __init__(
        self,
        folder: Path,
        loader: FolderLoader,
        repository: Repository,
        *,
        turn_file: Path,
        done: Done,
    ) -> None:
        self._folder = folder
        self._loader = loader
        self._repository = repository
        self._turn_file = turn_file
        self._done = done
        self._log = get_logger()
        self._problems: frozenset[Diagnostic] = frozenset()
        self._failure = ""
        self._polls = False
        self._look_at_all_at = 0.0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.Task[None]]:
        """Watch until the block ends, in the task that this gives."""
        task = asyncio.create_task(self.run())
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.wait((task,))

    async def run(self) -> None:
        """Watch until cancelled."""
        async with self._turn():
            self._problems = await self._present_problems()
            while True:
                try:
                    await self._follow()
                except FileNotFoundError:
                    pass  # the folder vanished between two looks, as the next one will tell
                except (OSError, WatchfilesRustInternalError) as error:
                    self._poll_from_now_on(error)
                except Exception as fault:  # noqa: BLE001  # live reload ends with the server only
                    self._log.error("watch_failed", exc_info=fault)
                await asyncio.sleep(RETRY_S)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Wait until no other process watches, and have none watch until the block ends."""
        with ExitStack() as held:
            while True:
                try:
                    held.enter_context(locked(self._turn_file, timeout_s=0))
                except BlockingIOError:
                    pass
                except OSError as error:
                    remedy = system_remedy(error, "Give the server the right to write there.")
                    self._fail(
                        f"{self._turn_file} cannot be made or locked: {error.strerror}. {remedy}"
                    )
                else:
                    break
                await asyncio.sleep(RETRY_S)
            yield

    async def _follow(self) -> None:
        """Refresh at every change, for as long as the folder is the same one.

        Raises: OSError: the system cannot watch it.
        """
        root = os.path.realpath(self._folder)  # noqa: ASYNC240  # a few calls, once a watch
        identity = _identity(root)
        self._look_at_all_at = 0.0  # what happened before the watch began
        if identity is None:
            self._fail(
                f"The folder {self._folder} is gone. Its articles are kept until it is back."
            )
            return
        changes = awatch(
            root,
            watch_filter=None,
            step=STEP_MS,
            debounce=DEBOUNCE_MS,
            rust_timeout=TICK_MS,
            yield_on_timeout=True,
            force_polling=self._polls or None,  # None lets watchfiles' own variables decide
            poll_delay_ms=POLL_MS,
            ignore_permission_denied=True,  # the loader tells of such folders
        )
        async for found in changes:
            if _identity(self._folder) != identity:
                return
            await self._catch_up(await asyncio.to_thread(self._names, root, found))

    def _names(self, root: str, changes: Iterable[FileChange]) -> set[str]:
        """What changed, as paths relative to the folder; without what is never read."""
        names = {os.path.relpath(path, root).replace(os.sep, "/") for _, path in changes}
        return {name for name in names if name != "." and not self._loader.ignores(name)}

    async def _catch_up(self, names: set[str]) -> None:
        try:
            if time.monotonic() >= self._look_at_all_at:
                await self._tell(await self._loader.load())
                self._look_at_all_at = time.monotonic() + LOOK_AT_ALL_S
            if names:
                await self._tell(await self._loader.refresh(names))
        except StoreError as error:
            self._look_at_all_at = 0.0  # as what changed is not known any more
            self._fail(str(error))

    async def _tell(self, report: LoadReport) -> None:
        self._failure = ""
        if report.read or report.removed:
            log_load("reloaded", report)
            await self._tell_problems()
        self._done(report)

    async def _tell_problems(self) -> None:
        """Log each problem that was not there before."""
        present = await self._present_problems()
        for problem in sorted(present - self._problems, key=lambda p: (p.path, p.line or 0)):
            facts = msgspec.structs.asdict(problem)
            self._log.warning("problem", **{k: v for k, v in facts.items() if v is not None})
        self._problems = present

    async def _present_problems(self) -> frozenset[Diagnostic]:
        snapshot = await self._repository.snapshot()
        window, found = _PAGE, list[Diagnostic]()
        while True:
            page = await snapshot.diagnostic_page(window)
            found += page.items
            if not page.has_next:
                return frozenset(found)
            after = snapshot.cursors.diagnostic(page.items[-1])
            window = msgspec.structs.replace(window, after=after)

    def _poll_from_now_on(self, error: Exception) -> None:
        if self._polls:
            self._fail(f"The folder {self._folder} cannot be watched: {error}")
            return
        self._polls = True
        self._log.warning(
            "watch_polls",
            reason=str(error),
            remedy="The folder is looked at every second instead, which is slower and costs more. "
            "If the limit of inotify is reached, raise it: sysctl fs.inotify.max_user_watches "
            "(or max_user_instances), and start again.",
        )

    def _fail(self, message: str) -> None:
        """Log what went wrong, unless it did so the last time as well."""
        self._done(None)
        if message != self._failure:
            self._log.error("reload_failed", reason=message)
        self._failure = message


def folder_watcher(settings: Settings, repository: Repository, done: Done) -> FolderWatcher | None:
    """What follows the settings' folder; None where they do not ask for it.

    Raises: SettingsError: there is no folder to follow.
    """
    if not settings.watch:
        return None
    loader = folder_loader(settings, repository)
    if settings.folder is None or loader is None:
        raise SettingsError(
            "watch (NEWSGRAPH_WATCH, --watch) is on, but there is no folder to follow. "
            "Name one: newsgraph serve DIR --watch"
        )
    turn_file = settings.store_path.with_name(f"{settings.store_path.name}.watch")
    return FolderWatcher(settings.folder, loader, repository, turn_file=turn_file, done=done)


def _identity(folder: str | Path) -> tuple[int, int] | None:
    """What tells a folder from another at the same path; None where there is none."""
    try:
        found = os.stat(folder)  # noqa: PTH116  # a path may be either type here
    except OSError:
        return None
    return found.st_dev, found.st_ino
