"""Replay of the write-ahead log: which of its records go on from a state."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from .storage import Meta
from .write_ahead_log import DamagedLineError, Header, Log, Record, Tail, TakenIn

_NOT_ITS_LOG = "The log does not name the file: it is another one's."


class OtherFilesError(Exception):
    """The files do not go on from what is known of them."""


def records_beyond(
    version: str, log: Log, start: int, tail: Tail, file: Meta | None
) -> Sequence[Record]:
    """The records that go on from a state, of those that a log has from a place on.

    The state stands in the log by its own name or, where it was read from `file`, as that.
    Raises: OtherFilesError: it does not. DamagedLineError.
    """
    lines = [
        (number, entry)
        for number, entry in enumerate(tail.entries, start=2)
        if isinstance(entry, Record)
    ]
    if file is None and any(isinstance(e, TakenIn) and e.is_ahead for e in tail.entries):
        raise OtherFilesError
    states = [log.header.after if start == log.start else version]
    states += [record.version for _, record in lines]
    names = {version} if file is None else _names(tail.entries, log.header, file)
    places = [place for place, name in enumerate(states) if name in names]
    if not places:
        raise OtherFilesError(_NOT_ITS_LOG)
    lines = lines[places[-1] :]
    for number, record in lines:
        if record.before != version:
            if file is None:
                raise OtherFilesError
            raise DamagedLineError(number, "it does not go on from the one before it")
        version = record.version
    return [record for _, record in lines]


def _names(
    entries: Sequence[Record | TakenIn], header: Header, file: Meta
) -> Collection[str | None]:
    """By which names the state of a file may stand in a log.

    Raises: OtherFilesError: it is another file's log.
    """
    files = {header.file, *(each.taken_in for each in entries if isinstance(each, TakenIn))}
    if file.checksum not in files:
        raise OtherFilesError(_NOT_ITS_LOG)
    return {file.version or "", file.log}
