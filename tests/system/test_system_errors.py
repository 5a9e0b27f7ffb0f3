"""Errors of the operating system are reported with their own remedies."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gql.access import KeyFile
from gql.cli.serve import open_listening_socket
from gql.settings import Settings
from store import StoreError, TinyDBRepository
from store.documents.frontmatter import ParseOptions
from store.folder.file_reader import read_file
from tests.support.hostile_documents import document


@contextmanager
def no_descriptors() -> Iterator[None]:
    """Have this process have as many files open as it may."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def failure(do: Callable[[Path], Any], folder: Path) -> str:
    """What is told of something that needs a file."""
    with no_descriptors(), pytest.raises((StoreError, Exception)) as caught:
        do(folder)
    return str(caught.value)


@pytest.mark.parametrize(
    "do",
    [
        lambda folder: TinyDBRepository.open(folder / "store.json"),
        lambda folder: KeyFile(folder / "keys.json").read(),
        lambda folder: KeyFile(folder / "keys.json").add("one", []),
        lambda folder: open_listening_socket(Settings(folder=folder, port=0)),
    ],
)
def test_too_many_open_files_have_their_own_remedy(tmp_path, do):
    """Not the one for rights, disks or ports."""
    (tmp_path / "keys.json").write_text('{"keys": [], "version": 1}')
    message = failure(do, tmp_path)
    assert "Too many open files" in message
    assert "ulimit -n" in message
    assert "NEWSGRAPH_MAX_CONNECTIONS" in message


def test_document_for_which_there_is_no_descriptor_tells_so(tmp_path):
    """Its rights are right."""
    (tmp_path / "a.md").write_text(document())
    with no_descriptors():
        [problem] = read_file(str(tmp_path), "a.md", ParseOptions()).parse_result.diagnostics
    assert "Too many open files" in problem.message
    assert "LimitNOFILE" in (problem.remedy or "")
