"""Normal forms of texts: the forms under which filters and names compare them.

Texts that differ only in their Unicode encoding are equal (NFC), and a search ignores case and
compatibility variants, such as full-width letters (NFKC, casefold). See
https://www.unicode.org/reports/tr15/ and https://www.unicode.org/versions/latest/, 3.13.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

# Marks in a row take quadratic time to normalize. So a text is normalized in pieces. A piece begins
# at a character that never combines with the one before it (ASCII, CJK), or at its maximal length.
_PIECE = re.compile(
    "[\0-\x7f\u3000-\u3003\u4e00-\u9fff]?[^\0-\x7f\u3000-\u3003\u4e00-\u9fff]{1,255}"
)
# Of the scripts where marks are optional: vowel signs of Indic scripts and kana marks stay.
_ACCENT = re.compile(
    "[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u064b-\u065f\u0670"
    "\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
)
_STROKES = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ħ": "h", "ŧ": "t", "\u0131": "i", "ɨ": "i", "ƀ": "b"}
    | {"Ł": "L", "Ø": "O", "Đ": "D", "Ħ": "H", "Ŧ": "T", "Ɨ": "I", "Ƀ": "B"}
)


def nfc(text: str) -> str:
    """The text in NFC: equal for texts that look equal and have the same meaning."""
    return text if text.isascii() else _normalize("NFC", text)


def fold(text: str) -> str:
    """The text for searches: without case and compatibility variants (NFKC, casefold)."""
    return text.lower() if text.isascii() else _fold(text)


def fold_without_accents(text: str) -> str:
    """The same without accents, strokes and vowel points: `Łódź` is `lodz`."""
    return text.lower() if text.isascii() else remove_accents(_fold(text))


def remove_accents(text: str) -> str:
    """The text without accents, strokes and vowel points, in NFC."""
    if text.isascii():
        return text
    return _normalize("NFC", _ACCENT.sub("", _normalize("NFD", text)).translate(_STROKES))


def fold_name(text: str) -> str:
    """The identity of a name: NFC, casefolded, each run of white space one space."""
    folded = text.lower() if text.isascii() else _normalize("NFC", _casefold("NFD", text))
    return " ".join(folded.split())


def _fold(text: str) -> str:
    return _normalize("NFKC", _casefold("NFKC", text))


def _casefold(form: Literal["NFD", "NFKC"], text: str) -> str:
    return _normalize(form, text).casefold()


def _normalize(form: Literal["NFC", "NFD", "NFKC"], text: str) -> str:
    if len(text) <= _MAX_WHOLE:
        return unicodedata.normalize(form, text)
    return _PIECE.sub(lambda piece: unicodedata.normalize(form, piece[0]), text)


_MAX_WHOLE = 256
