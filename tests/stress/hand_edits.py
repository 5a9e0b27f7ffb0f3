"""Races between hand edits and mutations of the same documents.

`python -m tests.stress.hand_edits --edits 4000 --method rename` runs a server that watches a
folder, clients that send `putArticle` without pause, and an editor that saves a new text every 20
to 50 ms:

- `rename`: one document; a new file replaces the old one, as most editors save;
- `write`: one document, overwritten in place, at once or in two parts;
- `checkout`: twelve documents, one after the other removed and created, replaced or overwritten.

An edit is lost if an acknowledged mutation replaced it with a result of an older text. Each text
has a number that mutations keep, and each mutation sets a number, so that a file shows its edit and
its newest mutation.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import random
import re
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from gql.access import KeyFile
from gql.identity.viewer import Permission
from store.names import article_id
from tests.support.server_process import TIMEOUT_S, run_newsgraph, wait_until_ready
from tests.support.writer_setup import path_of

CLIENTS = 2
PUT = (
    "mutation ($input: PutArticleInput!) { putArticle(input: $input)"
    " { article { slug } userErrors { code } } }"
)
_EDIT = re.compile(r"^edit: (\d+)$", re.MULTILINE)
_HEAT = re.compile(r"^heat: (\d+)$", re.MULTILINE)


@dataclass
class EditResult:
    """The result of a run.

    Attributes:
        edits: The number of edits.
        lost: For each lost edit, the path, its number, and the number in the file.
        statuses: The number of mutations by status, an error code or `done`.
    """

    edits: int = 0
    lost: list[tuple[str, int, int]] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)


@dataclass
class _StaleFile:
    """A file whose text comes from an older edit."""

    path: str
    edit: int
    found: int
    heat: int


class ConcurrentWriters:
    """Threads that send mutations over HTTP without pause."""

    def __init__(self, url: str, key: str, slugs: Sequence[str]) -> None:
        self.statuses: Counter[str] = Counter()
        self.acknowledged: set[int] = set()
        self._host = urlsplit(url).netloc
        self._headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        self._slugs = slugs
        self._heats = itertools.count(1)
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._write_repeatedly) for _ in range(CLIENTS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(TIMEOUT_S)

    def _write_repeatedly(self) -> None:
        connection = http.client.HTTPConnection(self._host, timeout=TIMEOUT_S)
        while not self._stop.is_set():
            heat = next(self._heats)
            input = {"id": article_id(random.choice(self._slugs)), "heat": heat}
            body = json.dumps({"query": PUT, "variables": {"input": input}})
            connection.request("POST", "/graphql", body, self._headers)
            status = self._status(json.load(connection.getresponse()))
            if status == "done":
                self.acknowledged.add(heat)
            self.statuses[status] += 1
        connection.close()

    @staticmethod
    def _status(response: Any) -> str:
        if errors := response.get("errors"):
            return str(errors[0]["extensions"]["code"])
        payload = response["data"]["putArticle"]
        if payload["userErrors"]:
            return str(payload["userErrors"][0]["code"])
        return "done" if payload["article"] else "neither an article nor an error"


def rename(file: Path, text: str) -> None:
    """Replace a file by a new one, as most editors do."""
    new = file.with_name(f".{file.name}.tmp")
    new.write_text(text)
    new.replace(file)


def write(file: Path, text: str) -> None:
    """Overwrite a file: truncated first or last, in one part or two."""
    half = random.choice([0, len(text) // 2, len(text)])
    with file.open(random.choice(["w", "r+"])) as opened:
        opened.write(text[:half])
        opened.flush()
        opened.write(text[half:])
        opened.truncate()


def recreate(file: Path, text: str) -> None:
    """Remove and create a file, as git checkout does."""
    file.unlink()
    with file.open("x") as opened:
        opened.write(text)


def save_randomly(file: Path, text: str) -> None:
    """Save in one of these ways, at random."""
    random.choice([rename, write, recreate])(file, text)


SAVE_METHODS: dict[str, tuple[int, Callable[[Path, str], None]]] = {
    "rename": (1, rename),
    "write": (1, write),
    "checkout": (12, save_randomly),
}
"""Of how many documents an edit is, and how each is saved."""


def document(edit: int) -> str:
    """The text of an edit; all have the same length."""
    return (
        "---\ntitle: A tide\npublishedDateTime: 2026-01-02\n"
        f"provider: {{name: P, domain: p.example}}\nedit: {edit:06}\nheat: 0\n---\n"
    ) + f"This is edit {edit:06}.\n" * 40


def run_edits(root: Path, method: str, edits: int, pauses_s: tuple[float, float]) -> EditResult:
    """Edit a folder in `root` during mutations, and find lost edits.

    `pauses_s`: the shortest and the longest pause between two edits.
    """
    count, save = SAVE_METHODS[method]
    slugs = [f"2026-01-02-tide-{number}" for number in range(count)]
    folder = root / "folder"
    files = {slug: folder / path_of(slug) for slug in slugs}
    (folder / "_news").mkdir(parents=True)
    for file in files.values():
        file.write_text(document(0))
    key, _ = KeyFile(root / "keys.json").add("writer", [Permission.WRITE])
    arguments = [str(folder), "--watch", "--keys", str(root / "keys.json"), "--log-level=warning"]
    stale: list[_StaleFile] = []
    with run_newsgraph(*arguments, folder=root) as server:
        wait_until_ready(server)
        with ConcurrentWriters(server.url, key, slugs) as clients:
            for edit in range(1, edits + 1):
                time.sleep(random.uniform(*pauses_s))
                stale += _stale_files(files, edit - 1)
                for file in files.values():
                    save(file, document(edit))
            time.sleep(pauses_s[1])
        stale += _stale_files(files, edits)
    lost = [
        (s.path, s.edit, s.found) for s in stale if s.heat in clients.acknowledged or not s.heat
    ]
    return EditResult(edits, lost, clients.statuses)


def _stale_files(files: dict[str, Path], edit: int) -> list[_StaleFile]:
    """The files whose text comes from an older edit than this one."""
    stale_files = []
    for file in files.values():
        text = file.read_text()
        edits, heats = _EDIT.findall(text), _HEAT.findall(text)
        if not edits or int(edits[0]) != edit or document(edit).split("---\n")[2] not in text:
            stale_files.append(
                _StaleFile(file.name, edit, *(int(n[0]) if n else 0 for n in (edits, heats)))
            )
    return stale_files


def main() -> None:
    """Run the methods of the arguments; exit with 1 if an edit was lost."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--edits", type=int, default=400)
    parser.add_argument("--method", choices=[*SAVE_METHODS, "all"], default="all")
    parser.add_argument("--pause-ms", type=float, nargs=2, default=(20, 50))
    parser.add_argument("--root", type=Path, help="the parent of the temporary folder")
    given = parser.parse_args()
    lost = 0
    for method in SAVE_METHODS if given.method == "all" else [given.method]:
        with tempfile.TemporaryDirectory(dir=given.root) as root:
            least, most = (pause / 1_000 for pause in given.pause_ms)
            outcome = run_edits(Path(root), method, given.edits, (least, most))
        lost += len(outcome.lost)
        print(
            f"{method}: {len(outcome.lost)} of {outcome.edits} edits lost; {dict(outcome.statuses)}"
        )
        for each in outcome.lost[:10]:
            print("  {}: edit {} was replaced by a mutation of edit {}".format(*each))
    raise SystemExit(1 if lost else 0)


if __name__ == "__main__":
    main()
