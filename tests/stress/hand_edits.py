"""Hand edits beside mutations: an editor saves documents that a server is told to change all along.

`python -m tests.stress.hand_edits --edits 4000 --how rename` runs a server that watches a folder,
clients that send `putArticle` back to back, and an editor who saves a new text every 20 to 50 ms:

- `rename`: one document, each text in the place of the one before, as most editors save;
- `write`: one document, written over where it is, at once or in two parts;
- `checkout`: twelve documents, one after the other removed and made, renamed or written over.

An edit is lost if a mutation that was acknowledged has replaced it by what it made from an older
text. Each text has a number, which mutations leave alone, and each mutation has one: so whoever
looks at a file sees the edit that its text comes from, and the mutation that it went through.
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
class Outcome:
    """What came of a run: `lost` has each lost edit's path, its number, and the one found."""

    edits: int = 0
    lost: list[tuple[str, int, int]] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)


@dataclass
class _Seen:
    """A file of which the text does not come from the newest edit."""

    path: str
    edit: int
    found: int
    heat: int


class Clients:
    """Threads that change articles back to back, over HTTP."""

    def __init__(self, url: str, key: str, slugs: Sequence[str]) -> None:
        self.answers: Counter[str] = Counter()
        self.acknowledged: set[int] = set()
        self._host = urlsplit(url).netloc
        self._headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        self._slugs = slugs
        self._heats = itertools.count(1)
        self._ends = threading.Event()
        self._threads = [threading.Thread(target=self._put_all) for _ in range(CLIENTS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        for thread in self._threads:
            thread.join(TIMEOUT_S)

    def _put_all(self) -> None:
        connection = http.client.HTTPConnection(self._host, timeout=TIMEOUT_S)
        while not self._ends.is_set():
            heat = next(self._heats)
            input = {"id": article_id(random.choice(self._slugs)), "heat": heat}
            body = json.dumps({"query": PUT, "variables": {"input": input}})
            connection.request("POST", "/graphql", body, self._headers)
            answer = self._outcome(json.load(connection.getresponse()))
            if answer == "done":
                self.acknowledged.add(heat)
            self.answers[answer] += 1
        connection.close()

    @staticmethod
    def _outcome(answer: Any) -> str:
        if errors := answer.get("errors"):
            return str(errors[0]["extensions"]["code"])
        payload = answer["data"]["putArticle"]
        if payload["userErrors"]:
            return str(payload["userErrors"][0]["code"])
        return "done" if payload["article"] else "neither an article nor an error"


def rename(file: Path, text: str) -> None:
    """Save as most editors do."""
    new = file.with_name(f".{file.name}.tmp")
    new.write_text(text)
    new.replace(file)


def write(file: Path, text: str) -> None:
    """Save over what is there: cut first or last, in one part or two."""
    half = random.choice([0, len(text) // 2, len(text)])
    with file.open(random.choice(["w", "r+"])) as opened:
        opened.write(text[:half])
        opened.flush()
        opened.write(text[half:])
        opened.truncate()


def make_anew(file: Path, text: str) -> None:
    """Replace as git does at a checkout."""
    file.unlink()
    with file.open("x") as opened:
        opened.write(text)


def any_of_them(file: Path, text: str) -> None:
    """One way or the other."""
    random.choice([rename, write, make_anew])(file, text)


WAYS: dict[str, tuple[int, Callable[[Path, str], None]]] = {
    "rename": (1, rename),
    "write": (1, write),
    "checkout": (12, any_of_them),
}
"""Of how many documents an edit is, and how each is saved."""


def document(edit: int) -> str:
    """The text of an edit; all are of one length."""
    return (
        "---\ntitle: A tide\npublishedDateTime: 2026-01-02\n"
        f"provider: {{name: P, domain: p.example}}\nedit: {edit:06}\nheat: 0\n---\n"
    ) + f"This is edit {edit:06}.\n" * 40


def run(place: Path, how: str, edits: int, pauses_s: tuple[float, float]) -> Outcome:
    """Have a folder in `place` edited beside mutations, and look for what was lost.

    `pauses_s`: the least and the most time between two edits.
    """
    count, save = WAYS[how]
    slugs = [f"2026-01-02-tide-{number}" for number in range(count)]
    folder = place / "folder"
    files = {slug: folder / path_of(slug) for slug in slugs}
    (folder / "_news").mkdir(parents=True)
    for file in files.values():
        file.write_text(document(0))
    key, _ = KeyFile(place / "keys.json").add("desk", [Permission.WRITE])
    arguments = [str(folder), "--watch", "--keys", str(place / "keys.json"), "--log-level=warning"]
    seen: list[_Seen] = []
    with run_newsgraph(*arguments, folder=place) as server:
        wait_until_ready(server)
        with Clients(server.url, key, slugs) as clients:
            for edit in range(1, edits + 1):
                time.sleep(random.uniform(*pauses_s))
                seen += _older(files, edit - 1)
                for file in files.values():
                    save(file, document(edit))
            time.sleep(pauses_s[1])
        seen += _older(files, edits)
    lost = [(s.path, s.edit, s.found) for s in seen if s.heat in clients.acknowledged or not s.heat]
    return Outcome(edits, lost, clients.answers)


def _older(files: dict[str, Path], edit: int) -> list[_Seen]:
    """The files whose texts come from an older edit than this, at this moment."""
    found = []
    for file in files.values():
        text = file.read_text()
        edits, heats = _EDIT.findall(text), _HEAT.findall(text)
        if not edits or int(edits[0]) != edit or document(edit).split("---\n")[2] not in text:
            found.append(_Seen(file.name, edit, *(int(n[0]) if n else 0 for n in (edits, heats))))
    return found


def main() -> None:
    """Run as the arguments say, print what came of it, and fail where something was lost."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--edits", type=int, default=400)
    parser.add_argument("--how", choices=[*WAYS, "all"], default="all")
    parser.add_argument("--pause-ms", type=float, nargs=2, default=(20, 50))
    parser.add_argument("--place", type=Path, help="where to make the folder meanwhile")
    given = parser.parse_args()
    lost = 0
    for how in WAYS if given.how == "all" else [given.how]:
        with tempfile.TemporaryDirectory(dir=given.place) as place:
            least, most = (pause / 1_000 for pause in given.pause_ms)
            outcome = run(Path(place), how, given.edits, (least, most))
        lost += len(outcome.lost)
        print(f"{how}: {len(outcome.lost)} of {outcome.edits} edits lost; {dict(outcome.answers)}")
        for each in outcome.lost[:10]:
            print("  {}: edit {} was replaced by a mutation of edit {}".format(*each))
    raise SystemExit(1 if lost else 0)


if __name__ == "__main__":
    main()
