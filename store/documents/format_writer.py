"""Format writer: documents with TOML or JSON front matter, so that an export keeps the format."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from store.model import Article

from .front_matter_format import FrontMatterFormat
from .serializer import DocumentData, article_to_document, serialize_document

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_DELETE = "\x7f"


def serialize_article_as(article: Article, format: FrontMatterFormat) -> str:
    """Serialize an article in a format; `read_article` gives the same article.

    What TOML cannot hold, null in a list or a mapping, is written as YAML.
    """
    document = article_to_document(article)
    if format is FrontMatterFormat.JSON:
        return _write_json(document)
    if format is FrontMatterFormat.TOML and not _has_null(document.values):
        return _write_toml(document)
    return serialize_document(document)


def _write_json(document: DocumentData) -> str:
    values = json.dumps(document.values, indent=2, ensure_ascii=False, default=_write_date)
    return f"{values}\n{_body(document)}"


def _write_toml(document: DocumentData) -> str:
    lines = (f"{_toml_key(key)} = {_toml_value(value)}\n" for key, value in document.values.items())
    return f"+++\n{''.join(lines)}+++\n{_body(document)}"


def _body(document: DocumentData) -> str:
    return "" if document.content is None else f"\n{document.content}\n"


def _write_date(value: Any) -> str:
    assert isinstance(value, datetime)  # noqa: S101  # front matter has no other type
    return value.isoformat()


def _has_null(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_has_null, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_has_null, value))
    return value is None


def _toml_key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else _toml_text(key)


def _toml_text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace(_DELETE, "\\u007f")


def _toml_value(value: Any) -> str:
    if isinstance(value, str):
        return _toml_text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        entries = (f"{_toml_key(key)} = {_toml_value(inner)}" for key, inner in value.items())
        return f"{{{', '.join(entries)}}}"
    if isinstance(value, Sequence):
        return f"[{', '.join(map(_toml_value, value))}]"
    return repr(value)
