"""Format writer: whole documents with TOML or JSON front matter."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from store.model import Article
from store.timestamps import format_timestamp

from .front_matter_format import FrontMatterFormat
from .serializer import DocumentData, article_to_document, serialize_document
from .toml_edit import NullError, toml_entry


def serialize_article_as(article: Article, format: FrontMatterFormat) -> str:
    """Serialize an article in a format; `read_article` gives the same article.

    What TOML cannot hold, null in a list or a mapping, is written as YAML.
    """
    document = article_to_document(article)
    try:
        return serialize_document_as(document, format)
    except NullError:
        return serialize_document(document)


def serialize_document_as(document: DocumentData, format: FrontMatterFormat) -> str:
    """Serialize a document's data in a format. Raises: NullError: TOML cannot hold it."""
    if format is FrontMatterFormat.JSON:
        return f"{_write_json(document.values)}\n{_body(document)}"
    if format is FrontMatterFormat.TOML:
        lines = (f"{toml_entry(key, value)}\n" for key, value in document.values.items())
        return f"+++\n{''.join(lines)}+++\n{_body(document)}"
    return serialize_document(document)


def _write_json(values: Mapping[str, Any]) -> str:
    return json.dumps(values, indent=2, ensure_ascii=False, default=format_timestamp)


def _body(document: DocumentData) -> str:
    return "" if document.content is None else f"\n{document.content}\n"
