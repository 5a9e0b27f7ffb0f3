"""Image keys: the names that other tools give the parts of an image, such as `src` and `alt`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .yaml_tree import MappingNode, Node, ScalarNode, SequenceNode

_IMAGE_KEYS = {
    "src": "url",
    "path": "url",
    "image": "url",
    "file": "url",
    "alt": "title",
    "caption": "title",
    "credit": "attribution",
    "author": "attribution",
}
_NEW_IMAGE_KEYS = {"title": "alt", "attribution": "credit"}
"""The names of keys that an image gets, where its address has another key than `url`."""


def as_images(node: Node) -> Node:
    """A list of images; an image may be a URL, or a mapping with other names of its keys."""
    items = node.items if isinstance(node, SequenceNode) else [node]
    return SequenceNode([_as_image(item) for item in items], node.line)


def _as_image(node: Node) -> Node:
    if isinstance(node, ScalarNode):
        return MappingNode({"url": node}, {"url": node.line}, node.line)
    if isinstance(node, MappingNode) and "url" not in node.entries:
        entries: dict[str, Node] = {}
        lines: dict[str, int] = {}
        for key, value in node.entries.items():
            name = _IMAGE_KEYS.get(key, key)
            name = key if name in entries else name
            entries[name], lines[name] = value, node.key_lines.get(key, node.line)
        return MappingNode(entries, lines, node.line)
    return node


def with_own_image_keys(image: Mapping[str, Any], node: MappingNode) -> dict[str, Any]:
    """An image under the keys that an image of the document has, such as `src` and `alt`."""
    if "url" in node.entries:
        return dict(image)
    names: dict[str, str] = {}
    for key in node.entries:
        names.setdefault(_IMAGE_KEYS.get(key, key), key)
    if "url" not in names:
        return dict(image)
    return {names.get(key, _NEW_IMAGE_KEYS.get(key, key)): value for key, value in image.items()}
