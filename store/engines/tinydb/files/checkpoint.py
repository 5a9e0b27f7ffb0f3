"""A checkpoint: conversion between the state of a store and the tables of its file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec

from store.collections.bounded_history import BoundedHistory
from store.collections.persistent_map import PersistentMap
from store.concurrency.cooperative import chunks_of, paced, run_to_end
from store.engines.change_history import ChangeHistory
from store.model import Article, Change, Diagnostic, TopicDefinition
from store.querying.cursors import KEY_BYTES, CursorCodec
from store.repository import SourceFile
from store.state_versions import new_versions

from .state import StoreState, split_name
from .storage import (
    FORMAT,
    FileMeta,
    RawTable,
    TableEditor,
    Tables,
    corrupt_error,
    decode_meta,
    read_tables,
)

DecodedTable = Mapping[int, Any]
"""The documents of one table by number, decoded."""

DECODERS: Mapping[str, msgspec.json.Decoder[Any]] = {
    "articles": msgspec.json.Decoder(Article),
    "topics": msgspec.json.Decoder(TopicDefinition),
    "sources": msgspec.json.Decoder(SourceFile),
    "diagnostics": msgspec.json.Decoder(Diagnostic),
    "changes": msgspec.json.Decoder(Change),
    "unchanged": msgspec.json.Decoder(Change),
}


class Checkpoint(msgspec.Struct, frozen=True):
    """The content of a store's file, as it was read or is to be written.

    Attributes:
        tables: The tables as JSON.
        values: The same tables decoded, without the metadata.
        meta: The metadata.
    """

    tables: Tables = {}
    values: Mapping[str, DecodedTable] = msgspec.field(
        default_factory=lambda: {name: {} for name in DECODERS}
    )
    meta: FileMeta = FileMeta(format=FORMAT)

    def state(self, old: StoreState) -> StoreState:
        """The state that this checkpoint holds. It shares equal parts with an older state."""
        before = old.snapshot.articles
        articles = {article.id: article for article in self.values["articles"].values()}
        changed: dict[str, Article | None] = {id: None for id in before if id not in articles}
        changed.update((id, a) for id, a in articles.items() if before.find(id) is not a)
        version, suffix = split_name(self.meta.version or "")
        return StoreState(
            run_to_end(
                old.snapshot.derive(
                    changed,
                    tuple(self.values["topics"].values()),
                    tuple(self.values["diagnostics"].values()),
                    ChangeHistory.of(
                        self.values["changes"].values(),
                        self.meta.complete_from,
                        self.meta.revision,
                    ),
                    {**new_versions(version), **self.meta.versions},
                    self._cursors(old.snapshot.cursors),
                )
            ),
            PersistentMap({source.path: source for source in self.values["sources"].values()}),
            BoundedHistory(self.values["unchanged"].values()),
            suffix,
        )

    def _cursors(self, old: CursorCodec) -> CursorCodec:
        """The cursors of the store, made with its key.

        A file of an old format has no key. Until a checkpoint gives it one, all processes derive
        the same key from the state's name, which is random and secret.
        """
        key = self.meta.cursor_key
        if key is None and self.meta.version:
            name = self.meta.version.encode()
            key = blake2b(name, digest_size=KEY_BYTES, person=b"cursor key").digest()
        return old if key in (None, old.key) else CursorCodec(key)

    def derive(self, state: StoreState, log_state: str | None, pause_s: float = 0) -> Checkpoint:
        """The checkpoint for another state, derived from this one.

        The cost is proportional to the differences, besides shallow copies of the tables.
        `log_state`: see `FileMeta`. `pause_s`: see `paced`.
        """
        snapshot, history = state.snapshot, state.snapshot.history
        values: Mapping[str, DecodedTable] = {
            "articles": {
                each.revision: each for _, each in paced(snapshot.articles.iter_items(), pause_s)
            },
            "changes": {each.revision: each for each in paced(history.all_changes(), pause_s)},
            "unchanged": dict(enumerate(state.unchanged, start=1)),
            "topics": dict(enumerate(snapshot.definitions, start=1)),
            "diagnostics": dict(enumerate(snapshot.diagnostics, start=1)),
            "sources": self._numbered(state.sources, pause_s),
        }
        editor = TableEditor(self.tables, pause_s)
        for name, after in values.items():
            before = self.values[name]
            editor.remove(name, list(_changed_numbers(before, after, pause_s)))
            editor.insert(name, {n: after[n] for n in _changed_numbers(after, before, pause_s)})
        meta = FileMeta(
            format=FORMAT,
            revision=history.revision,
            version=state.name,
            versions={e: n for e, n in snapshot.versions.items() if n != snapshot.version},
            complete_from=history.complete_from,
            log_state=log_state,
            cursor_key=snapshot.cursors.key,
        )
        editor.replace("meta", {1: meta})
        return Checkpoint(editor.tables(), values, meta)

    def contents(self) -> list[object]:
        """All documents as chunks and their containers, for `free_gradually`."""
        tables: list[Mapping[Any, Any]] = [*self.tables.values(), *self.values.values()]
        contents: list[object] = []
        for table in tables:
            contents += [*chunks_of(table), *chunks_of(table.values()), table]
        return contents

    def _numbered(self, sources: PersistentMap[str, SourceFile], pause_s: float) -> DecodedTable:
        """Sources by number. Unchanged sources keep their numbers."""
        before: Mapping[int, SourceFile] = self.values["sources"]
        old = paced(before.items(), pause_s)
        numbered = {number: source for number, source in old if sources.find(source.path) is source}
        paths = {source.path for source in paced(numbered.values(), pause_s)}
        new = (s for path, s in paced(sources.iter_items(), pause_s) if path not in paths)
        numbered.update(enumerate(new, start=max(before, default=0) + 1))
        return numbered


def read_checkpoint(path: Path, base: Checkpoint) -> Checkpoint:
    """Read a store's file. Documents that are equal in `base` are not decoded again.

    Raises: StoreCorruptError. OSError.
    """
    tables = read_tables(path)
    if not tables:
        return Checkpoint()
    try:
        values = {
            name: _decode_table(
                name, tables.get(name, {}), base.tables.get(name, {}), base.values[name]
            )
            for name in DECODERS
        }
        _check_numbers(values["articles"])
    except ValueError as error:  # decoders raise subclasses of it
        raise corrupt_error(path, error) from error
    return Checkpoint(tables, values, decode_meta(tables))


def _decode_table(
    name: str, documents: RawTable, before: RawTable, decoded: DecodedTable
) -> DecodedTable:
    """Decode a table. Documents that are equal in `before` are taken from `decoded`."""
    decode = DECODERS[name].decode
    return {
        int(number): decoded[int(number)] if before.get(number) == document else decode(document)
        for number, document in documents.items()
    }


def _check_numbers(articles: DecodedTable) -> None:
    for number, article in articles.items():
        if article.revision != number:
            raise ValueError(f"article {number} says it has revision {article.revision}")


def _changed_numbers(values: DecodedTable, others: DecodedTable, pause_s: float) -> Iterator[int]:
    """The numbers whose documents are not the same objects in the other table."""
    numbered = paced(values.items(), pause_s)
    return (number for number, value in numbered if others.get(number) is not value)
