"""Trigram indexes: which articles may contain a needle in a text field.

A text is folded and padded by two blanks at its end, so that its trigrams, sorted, also hold each
pair and each single character as a prefix. For needles of up to three characters the answer is
exact; for longer ones it is an upper bound, to be checked.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from copy import copy

import numpy as np
from numpy.typing import NDArray

from store.collections.bitmaps import BitMap, Ordinals, bitmap_of
from store.concurrency.cooperative import PAUSE_S, Cooperative, paced
from store.normal_forms import fold, fold_without_accents
from store.querying.filter_fields import FILTER_FIELDS
from store.querying.query import Field

from .ordinals import ArticleTable

MAX_SYNC_BUILD = 1_000
"""The maximum number of texts of an index that the first query builds itself, in some 5 ms."""

MAX_STALE = 256
"""The number of changes since its build below which no index is stale."""

_BLOCK = 1_024
"""The number of texts that are split in one call, which holds the interpreter briefly."""

_FEW_CANDIDATES = 512
"""With no more candidates than this, further trigrams are not looked up."""

_PAD = "\0"


class TrigramIndex:
    """The trigram index of the texts of one field at one state of the articles.

    Attributes:
        texts: the folded texts by ordinal; None for a null.
        log_length: how many entries of the table's log it reflects.
    """

    __slots__ = ("_base", "_codes", "_ordinals", "_starts", "_symbols", "log_length", "texts")

    def __init__(self, texts: list[str | None], log_length: int, pause_s: float = 0.0) -> None:
        self.texts = texts
        self.log_length = log_length
        blocks = [range(at, min(at + _BLOCK, len(texts))) for at in range(0, len(texts), _BLOCK)]
        characters: set[str] = set()
        for block in paced(blocks, pause_s):
            characters.update("".join([texts[ordinal] or "" for ordinal in block]))
        alphabet = sorted(characters - {_PAD})
        self._symbols = {each: n for n, each in enumerate(alphabet, 1)}
        self._base = len(alphabet) + 1
        table = np.zeros(ord(alphabet[-1]) + 1 if alphabet else 1, dtype=np.int64)
        table[[ord(each) for each in alphabet]] = np.arange(1, self._base)
        bits = len(texts).bit_length()
        runs = [self._run(block, table, bits) for block in paced(blocks, pause_s)]
        merged = np.concatenate([_NOTHING, *runs])
        merged.sort(kind="stable")  # merges the runs
        codes = merged >> bits
        self._ordinals = (merged & ((1 << bits) - 1)).astype(np.uint32)
        firsts = np.flatnonzero(np.diff(codes, prepend=-1))
        self._codes = codes[firsts]
        self._starts = np.append(firsts, len(codes))

    def _run(self, block: range, table: NDArray[np.int64], bits: int) -> NDArray[np.int64]:
        """The pairs of trigram and ordinal of some texts, each as one integer, sorted."""
        texts = [self.texts[ordinal] or "" for ordinal in block]
        joined = "".join([f"{text}{_PAD}{_PAD}" for text in texts])
        points = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
        symbols = table[points]
        ordinals = np.repeat(np.arange(block.start, block.stop), [len(text) + 2 for text in texts])
        codes = (symbols[:-2] * self._base + symbols[1:-1]) * self._base + symbols[2:]
        both = ((codes << bits) | ordinals[:-2])[symbols[:-2] > 0]
        both.sort()
        return both[np.diff(both, prepend=-1) > 0]  # np.unique takes forty times as long

    @property
    def size_bytes(self) -> int:
        """About how much memory the trigrams and the folded texts take."""
        arrays = self._codes.nbytes + self._starts.nbytes + self._ordinals.nbytes
        return arrays + sum([50 + len(text) for text in self.texts if text is not None])

    def compacted(self, new_ordinals: Ordinals, log_length: int) -> TrigramIndex:
        """The index with the ordinals of a compaction. `new_ordinals`: new ordinals by old ones."""
        new = copy(self)
        new.log_length = log_length
        new.texts = [None] * (int(new_ordinals.max(initial=0)) + 1)
        for number, text in zip(new_ordinals.tolist(), self.texts, strict=False):
            new.texts[number] = text
        new._ordinals = new_ordinals[self._ordinals]
        return new

    def lookup(self, needle: str) -> list[Ordinals] | None:
        """The posting lists of a folded needle's trigrams, shortest first.

        For a needle of one or two characters, one list, with repetitions. None: the index cannot
        look this needle up.
        """
        if not needle or _PAD in needle:
            return None
        symbols = [self._symbols.get(each) for each in needle]
        present = [each for each in symbols if each is not None]
        if len(present) < len(symbols):
            return [self._ordinals[:0]]
        base = self._base
        if len(present) < 3:
            width = base ** (3 - len(present))
            low = (present[0] if len(present) == 1 else present[0] * base + present[1]) * width
            return [self._postings(low, low + width)]
        codes = {
            (one * base + two) * base + three
            for one, two, three in zip(present, present[1:], present[2:], strict=False)
        }
        return sorted([self._postings(code, code + 1) for code in codes], key=len)

    def _postings(self, low: int, high: int) -> Ordinals:
        """The ordinals with a trigram from one code to before another, trigram by trigram."""
        start, end = self._codes.searchsorted([low, high])
        return self._ordinals[self._starts[start] : self._starts[end]]


TextKey = tuple[Field, bool]
"""A field, and whether its texts are without accents."""

_NOTHING = np.zeros(0, dtype=np.int64)


def candidate_ordinals(posting_lists: Sequence[Ordinals], size: int) -> BitMap:
    """The intersection of the shortest posting lists, of one more while there are many left."""
    candidates = bitmap_of(posting_lists[0], size)
    for each in posting_lists[1:3]:
        if len(candidates) <= _FEW_CANDIDATES:
            break
        candidates = candidates & bitmap_of(each, size)
    return candidates


class TrigramIndexes:
    """The trigram indexes of a line of states, each built on first use.

    A build takes about 0.1 s for 10,000 articles and 1 s for 100,000. Where there are many, it runs
    in a background thread, with pauses, and queries are answered without it meanwhile.
    """

    __slots__ = ("_indexes", "_lock", "_running")

    def __init__(self, old: TrigramIndexes | None = None, log_length: int = 0) -> None:
        self._lock = threading.Lock()
        self._running: set[TextKey] = set()
        indexes: dict[TextKey, TrigramIndex] = old._indexes if old else {}
        self._indexes: dict[TextKey, TrigramIndex] = {
            field: each for field, each in indexes.items() if each.log_length <= log_length
        }

    def index(self, key: TextKey, table: ArticleTable, live: BitMap) -> TrigramIndex | None:
        """The index of a field at this state or one near it; None while it is being built."""
        index = self._indexes.get(key)
        if index is None or self._is_stale(index, table):
            if table.size <= MAX_SYNC_BUILD:
                self._indexes[key] = index = _build(key, table, live)
            else:
                self._start(key, table, live)
        return index

    def oldest_log_length(self, table: ArticleTable) -> int:
        """The first entry of the log that is needed to use these indexes at a state."""
        log_length = [each.log_length for each in self._indexes.values()]
        return min(
            [each for each in log_length if each <= table.log_length], default=table.log_length
        )

    def compacted(
        self, table: ArticleTable, new_ordinals: Ordinals, dropped: int
    ) -> Cooperative[TrigramIndexes]:
        """The indexes after a compaction. `dropped`: how many entries the log has lost."""
        new = TrigramIndexes()
        for field, each in list(self._indexes.items()):
            if dropped <= each.log_length <= table.log_length:
                new._indexes[field] = each.compacted(new_ordinals, each.log_length - dropped)
                yield
        return new

    def _is_stale(self, index: TrigramIndex, table: ArticleTable) -> bool:
        return table.log_length - index.log_length > max(MAX_STALE, table.size // 64)

    def _start(self, key: TextKey, table: ArticleTable, live: BitMap) -> None:
        with self._lock:
            if key in self._running:
                return
            self._running.add(key)

        def run() -> None:
            try:
                self._indexes[key] = _build(key, table, live, PAUSE_S)
            finally:
                self._running.discard(key)

        threading.Thread(target=run, name=f"index-{key[0]}", daemon=True).start()


def _build(key: TextKey, table: ArticleTable, live: BitMap, pause_s: float = 0.0) -> TrigramIndex:
    field, ignore_accents = key
    read, form = FILTER_FIELDS[field].read, fold_without_accents if ignore_accents else fold
    texts: list[str | None] = [None] * table.size
    for ordinal in paced(list(live), pause_s):
        text = read(table.article_at(ordinal), {})
        texts[ordinal] = None if text is None else form(text)
    return TrigramIndex(texts, table.log_length, pause_s)
