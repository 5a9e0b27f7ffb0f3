"""Between the state of a store and the tables of its file."""

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
from store.state_names import new_versions

from .state import State, version_and_step
from .storage import FORMAT, Documents, Editor, Meta, Tables, broken, read_meta, read_tables

Values = Mapping[int, Any]
"""The documents of one table as values, by number."""

DECODERS: Mapping[str, msgspec.json.Decoder[Any]] = {
    "articles": msgspec.json.Decoder(Article),
    "topics": msgspec.json.Decoder(TopicDefinition),
    "sources": msgspec.json.Decoder(SourceFile),
    "diagnostics": msgspec.json.Decoder(Diagnostic),
    "changes": msgspec.json.Decoder(Change),
    "unchanged": msgspec.json.Decoder(Change),
}


class Checkpoint(msgspec.Struct, frozen=True):
    """The store's file as it was read or is to be written: its tables, and what they say."""

    tables: Tables = {}
    values: Mapping[str, Values] = msgspec.field(
        default_factory=lambda: {name: {} for name in DECODERS}
    )
    meta: Meta = Meta(format=FORMAT)

    def state(self, old: State) -> State:
        """The state that this is; what is as in an older one is not made again."""
        before = old.snapshot.articles
        articles = {article.id: article for article in self.values["articles"].values()}
        changed: dict[str, Article | None] = {id: None for id in before if id not in articles}
        changed.update((id, a) for id, a in articles.items() if before.find(id) is not a)
        version, step = version_and_step(self.meta.version or "")
        return State(
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
            step,
        )

    def _cursors(self, old: CursorCodec) -> CursorCodec:
        """What makes the store's cursors.

        A file of a former version has no key: until a checkpoint gives it one, all processes draw
        the same from its name, which is random and is told to nobody.
        """
        key = self.meta.cursor_key
        if key is None and self.meta.version:
            name = self.meta.version.encode()
            key = blake2b(name, digest_size=KEY_BYTES, person=b"cursor key").digest()
        return old if key in (None, old.key) else CursorCodec(key)

    def of(self, state: State, log: str | None, pause_s: float = 0) -> Checkpoint:
        """The file for a state that stands in the log where the state named `log` does.

        None for `log`: the file is a whole store without a log.

        Costs what differs from this one, and flat copies; with pauses, for others in between.
        """
        snapshot, history = state.snapshot, state.snapshot.history
        values: Mapping[str, Values] = {
            "articles": {
                each.revision: each for _, each in paced(snapshot.articles.iter_items(), pause_s)
            },
            "changes": {each.revision: each for each in paced(history.all_changes(), pause_s)},
            "unchanged": dict(enumerate(state.unchanged, start=1)),
            "topics": dict(enumerate(snapshot.definitions, start=1)),
            "diagnostics": dict(enumerate(snapshot.diagnostics, start=1)),
            "sources": self._numbered(state.sources, pause_s),
        }
        editor = Editor(self.tables, pause_s)
        for name, after in values.items():
            before = self.values[name]
            editor.remove(name, list(_differing(before, after, pause_s)))
            editor.insert(name, {n: after[n] for n in _differing(after, before, pause_s)})
        meta = Meta(
            format=FORMAT,
            revision=history.revision,
            version=state.name,
            versions={e: n for e, n in snapshot.versions.items() if n != snapshot.version},
            complete_from=history.complete_from,
            log=log,
            cursor_key=snapshot.cursors.key,
        )
        editor.replace("meta", {1: meta})
        return Checkpoint(editor.tables(), values, meta)

    def contents(self) -> list[object]:
        """All documents, as text and as values, and what holds them, for `free`."""
        tables: list[Mapping[Any, Any]] = [*self.tables.values(), *self.values.values()]
        found: list[object] = []
        for table in tables:
            found += [*chunks_of(table), *chunks_of(table.values()), table]
        return found

    def _numbered(self, sources: PersistentMap[str, SourceFile], pause_s: float) -> Values:
        """Sources by numbers: those that were there keep theirs."""
        before: Mapping[int, SourceFile] = self.values["sources"]
        numbered = paced(before.items(), pause_s)
        kept = {n: s for n, s in numbered if sources.find(s.path) is s}
        paths = {source.path for source in paced(kept.values(), pause_s)}
        new = (s for path, s in paced(sources.iter_items(), pause_s) if path not in paths)
        kept.update(enumerate(new, start=max(before, default=0) + 1))
        return kept


def read_checkpoint(path: Path, known: Checkpoint) -> Checkpoint:
    """The store's file; of what is as in `known`, nothing is made again.

    Raises: StoreCorruptError. OSError.
    """
    tables = read_tables(path)
    if not tables:
        return Checkpoint()
    try:
        values = {
            name: _values(
                name, tables.get(name, {}), known.tables.get(name, {}), known.values[name]
            )
            for name in DECODERS
        }
        _check_numbers(values["articles"])
    except ValueError as error:  # what decoders raise, too
        raise broken(path, error) from error
    return Checkpoint(tables, values, read_meta(tables))


def _values(name: str, documents: Documents, before: Documents, known: Values) -> Values:
    """The documents of a table as values; those that are as `before` are not decoded again."""
    decode = DECODERS[name].decode
    return {
        int(number): known[int(number)] if before.get(number) == document else decode(document)
        for number, document in documents.items()
    }


def _check_numbers(articles: Values) -> None:
    for number, article in articles.items():
        if article.revision != number:
            raise ValueError(f"article {number} says it has revision {article.revision}")


def _differing(values: Values, others: Values, pause_s: float) -> Iterator[int]:
    """The numbers of those that are not what is there in the others."""
    numbered = paced(values.items(), pause_s)
    return (number for number, value in numbered if others.get(number) is not value)
