"""Factories: from the settings to the store, the document writer and the folder loader."""

from __future__ import annotations

import os
import shlex
from contextlib import suppress
from pathlib import Path

from store import (
    DocumentWriter,
    FolderLoader,
    LoadOptions,
    LoadReport,
    ParseOptions,
    Repository,
    StoreUnavailableError,
    TinyDBRepository,
    salvage_store,
)
from store.errors import system_remedy
from store.filesystem.atomic_file import make_folder
from store.folder.mapping_file import load_mapping

from .logs import get_logger
from .settings.settings import Settings


def open_store(
    settings: Settings, *, must_exist: bool = False, loss_is_accepted: bool = False
) -> TinyDBRepository:
    """Open the store of the settings; create it if it does not exist.

    Args:
        settings: The settings.
        must_exist: Whether a missing store is an error.
        loss_is_accepted: Whether to salvage a damaged store, with loss of data.

    Raises: StoreUnavailableError: it cannot be opened, or must exist and does not.
        StoreCorruptError.
    """
    path = require_store(settings) if must_exist else settings.store_path
    if loss_is_accepted and path.parent.exists():
        report = salvage_store(path, settings.lock_timeout_s)
        if report is not None:
            get_logger().warning(
                "store_salvaged",
                articles=report.articles,
                lost_documents=report.lost_documents,
                lost_lines=report.lost_lines,
                copies=[str(path) for path in report.copies],
                not_counted="what a missing file held, and changes within a text",
            )
    if settings.store is None:
        create_store_folder(path.parent)
    return TinyDBRepository.open(path, lock_timeout_s=settings.lock_timeout_s)


def require_store(settings: Settings) -> Path:
    """The path of an existing store. Raises: StoreUnavailableError: it does not exist."""
    path = settings.store_path
    if not path.exists() and not path.with_name(f"{path.name}.log").exists():
        arguments = f"DIR --store {shlex.quote(str(path))}"
        if settings.store is None and settings.folder is not None:
            arguments = shlex.quote(str(settings.folder))
        raise StoreUnavailableError(
            f"There is no store at {path}. Make one with: newsgraph load {arguments}"
        )
    return path


def create_store_folder(folder: Path) -> None:
    """Create the store's folder in the documents' folder, with a `.gitignore`.

    If root makes it, it belongs to the owner of the documents' folder.
    """
    is_new = not folder.exists()
    try:
        make_folder(folder, folder.parent)
        ignore = folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")
        if is_new and os.geteuid() == 0:
            _give_to_owner_of(folder.parent, folder)
    except OSError as error:
        raise StoreUnavailableError(
            f"The store's folder {folder} cannot be made: {error.strerror}. "
            + system_remedy(
                error,
                "Name a file for the store that can be written, with --store (NEWSGRAPH_STORE).",
            )
        ) from None


def _give_to_owner_of(parent: Path, folder: Path) -> None:
    """Give a new folder and its `.gitignore` to the owner of its parent. Raises: OSError.

    By handles, without following links: that owner may replace the folder meanwhile.
    """
    owner = parent.stat()
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        uid, gid = owner.st_uid, owner.st_gid
        with suppress(OSError):  # root may not in every container
            os.chown(".gitignore", uid, gid, dir_fd=handle, follow_symlinks=False)
            os.fchown(handle, uid, gid)
    finally:
        os.close(handle)


def file_size_bytes(path: Path) -> int | None:
    """The size of a file; None if it does not exist."""
    try:
        return path.stat().st_size
    except OSError:
        return None


def load_options(
    settings: Settings, *, prune: bool = False, overwrite: bool = False
) -> LoadOptions:
    """The options of the loader, from the settings."""
    return LoadOptions(
        parsing=ParseOptions(
            settings.max_document_bytes,
            settings.max_document_depth,
            mapping=load_mapping(settings.folder) if settings.folder else None,
        ),
        include=frozenset(settings.include_folders),
        prune=prune,
        overwrite=overwrite,
    )


def document_writer(settings: Settings, repository: Repository) -> DocumentWriter:
    """The writer of documents, to the folder of the settings, or to the store alone."""
    return DocumentWriter(
        repository,
        settings.folder,
        load_options(settings),
        max_documents=settings.max_import_documents,
        lock_timeout_s=settings.lock_timeout_s,
    )


def folder_loader(
    settings: Settings, repository: Repository, *, prune: bool = False
) -> FolderLoader | None:
    """The loader of the settings' folder; None if there is no folder."""
    if settings.folder is None:
        return None
    return FolderLoader(repository, settings.folder, load_options(settings, prune=prune))


def log_load(event: str, report: LoadReport) -> None:
    """Log the report of a load, and conflicts between files and mutations."""
    log = get_logger()
    if report.detached:
        log.warning(
            "files_skipped",
            paths=report.detached,
            reason="Mutations have changed their articles since they were loaded.",
            remedy="Load them by newsgraph load DIR --overwrite, with the --store of this server.",
        )
    if report.overwritten:
        log.warning("mutations_overwritten", paths=report.overwritten)
    log.info(
        event,
        articles=report.articles,
        read=report.read,
        unchanged=report.unchanged,
        removed=report.removed,
        seconds=round(report.seconds, 3),
        diagnostics={str(severity): count for severity, count in report.diagnostics.items()},
    )
