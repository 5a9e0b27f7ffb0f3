"""The generation of operations from a seed and a corpus."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from store import CursorCodec
from store.model import Article
from tests.benchmarks.http.operations import selections
from tests.benchmarks.http.operations.deck import Deck
from tests.benchmarks.http.operations.operation import GeneratedOperation, Inlining, make_bodies
from tests.benchmarks.http.operations.parts import template
from tests.benchmarks.http.operations.selection_generator import SelectionGenerator
from tests.benchmarks.http.operations.strata import STRATA, Stratum

__all__ = ["STRATA", "generate"]

_INLINING = (Inlining.NONE, Inlining.NONE, Inlining.NONE, Inlining.FEW)


def generate(
    articles: Sequence[Article], cursors: CursorCodec, count: int, *, seed: int, values: int
) -> list[GeneratedOperation]:
    """Generate `count` operations with up to `values` request bodies each.

    Every stratum occurs if `count` is at least the number of `STRATA`; otherwise evenly spread
    ones. `articles`: the public ones, newest first. `cursors`: those of their store.
    """
    rng = Random(seed)
    maker = SelectionGenerator(rng, list(articles), cursors)
    styles = Deck(rng, selections.STYLES)
    typenames = Deck(rng, (True, False))
    inlinings = Deck(rng, _INLINING)
    operations = []
    for number, kind in enumerate(_strata(count), start=1):
        name = f"G{number:02}"
        part = kind.make(maker)
        style, typename = styles.deal(), typenames.deal()
        inlining = kind.inlining or inlinings.deal()
        drawn = template(_camel(kind.name), part, style, typename=typename)
        bodies = make_bodies(drawn, inlining, Random(f"{seed} {name}"), values)
        styled = [
            *([f"{style} fragments"] if style != "plain" else []),
            *(["__typename"] if typename else []),
            inlining.value,
        ]
        shown = [word for word in styled if word != Inlining.NONE.value]
        operations.append(
            GeneratedOperation(
                name,
                kind.name,
                " ".join([part.title, *(f"[{', '.join(shown)}]" for _ in shown[:1])]),
                part.traits.union(styled, {kind.name}),
                drawn.text({}),
                bodies,
            )
        )
    return operations


def _strata(count: int) -> Sequence[Stratum]:
    """`count` strata: evenly spread ones, or some several times."""
    size = len(STRATA)
    if count < size:
        return [STRATA[number * size // count] for number in range(count)]
    return [STRATA[number % size] for number in range(count)]


def _camel(words: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in words.replace("-", " ").split())
