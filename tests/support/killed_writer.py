"""A process that writes documents, for tests that kill it.

`python -m tests.support.killed_writer each`: for each line on standard input, a JSON array
[PLACE, LAST, ACTION, KEY], forks a child that runs an action on the folder and store in PLACE, and
exits before the file-system call after the LAST one; prints its exit status.

`python -m tests.support.killed_writer answer PLACE KEYS QUERY INPUT` runs the application in PLACE
and sends a mutation; it is killed after the write, before its response is stored.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from store import DocumentWriter, TinyDBRepository
from store.names import article_id
from tests.support.mutation_client import mutation_client
from tests.support.sizes import scaled
from tests.support.writer_setup import REQUIRED, WriterSetup, document

KEY = "key"
SLUGS = [f"2026-01-0{number}-x" for number in (1, 2, 3, 4)]
_STEPS = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.chmod", "open", "os.utime"}


async def write(writer: DocumentWriter, action: str, key: str | None = None) -> None:
    """Run an action on the articles of `SLUGS`; those that exist have the title "old"."""
    named: dict[str, Any] = {"id": article_id(SLUGS[0]), "expected_revision": 1, "key": key}
    match action:
        case "import":
            documents = [(f"_news/{slug}.md", document("new")) for slug in SLUGS[:3]]
            await writer.import_documents(documents, key=key)
        case "together":
            await asyncio.gather(*(writer.put({"title": "new"}, slug=slug) for slug in SLUGS))
        case "put":
            await writer.put({"title": "new"}, **named)
        case "same":
            await writer.put({"title": "old"}, **named)
        case "make":
            await writer.put({**REQUIRED, "title": "new"}, key=key)
        case "delete":
            await writer.delete(**named)


def killed_at_every_step(
    place: Path, action: str, count: int, key: str | None = None
) -> Iterator[WriterSetup]:
    """A setup with `count` documents after its writer died, one file-system call later each time.

    Calls are sampled, except with the profile `long`. In the last setup the writer did not die.
    With a key, calls on the store count, too.
    """
    command = [sys.executable, "-m", "tests.support.killed_writer", "each"]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as helper:
        assert helper.stdin
        assert helper.stdout
        died = True
        for last in range(0, 200, scaled(2, long=1)):
            setup = _open_setup(place / str(last))
            setup.import_documents(
                *((f"_news/{slug}.md", document("old")) for slug in SLUGS[:count])
            )
            setup.run(setup.repository.close())
            line = json.dumps([str(place / str(last)), last, action, key])
            print(line, file=helper.stdin, flush=True)
            died = helper.stdout.readline() != "0\n"
            setup = _open_setup(place / str(last))
            yield setup
            setup.run(setup.repository.close())
            if not died:
                return


def _open_setup(place: Path) -> WriterSetup:
    (place / "folder").mkdir(parents=True, exist_ok=True)
    return WriterSetup(TinyDBRepository.open(place / "store.json"), place / "folder")


def _write_each() -> None:
    for line in sys.stdin:
        place, last, action, key = json.loads(line)
        child = os.fork()
        if not child:
            _write_and_die(Path(place), last, action, key)
            os._exit(0)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _write_and_die(place: Path, last: int, action: str, key: str | None) -> None:
    steps = 0
    watched = str(place if key else place / "folder")

    def count(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal steps
        if event in _STEPS and watched in str(arguments[0]):
            steps += 1
            if steps > last:
                os._exit(9)

    async def begin() -> None:
        writer = _open_setup(place).writer
        sys.addaudithook(count)
        await write(writer, action, key)

    asyncio.run(begin())


def _answer_and_die(place: Path, keys: str, query: str, input: str) -> None:
    answers = str(place / "store.json.answers")

    def kill(event: str, arguments: tuple[Any, ...]) -> None:
        # A stored response overwrites a file.
        if event == "os.truncate" and answers in str(
            Path(f"/proc/self/fd/{arguments[0]}").resolve()
        ):
            os.kill(os.getpid(), signal.SIGKILL)

    with mutation_client(place, json.loads(keys)) as client:
        sys.addaudithook(kill)
        client.post(query, headers={"idempotency-key": KEY}, input=json.loads(input))


if __name__ == "__main__":
    if sys.argv[1] == "answer":
        _answer_and_die(Path(sys.argv[2]), *sys.argv[3:])
    else:
        _write_each()
