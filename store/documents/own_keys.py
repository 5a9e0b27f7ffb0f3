"""Own keys: changes of fields, translated into changes of the keys that a document uses.

Documents of other tools have their dates under `date` and their tags in one text. A change is
written where the mapping of the folder has read the value, and in the same form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from .field_mapping import FieldMapping
from .frontmatter import node_to_json
from .image_keys import with_own_image_keys
from .yaml_tree import MappingNode, Node, ScalarNode, SequenceNode

_LISTS = ("tags", "topics")
_WHOLE = (*_LISTS, "images", "related", "authors")


class OwnChange(NamedTuple):
    """A change by a document's own keys.

    Attributes:
        old: The former values.
        new: The new values; None removes a key.
        metadata: The new values of keys that are also metadata, as a field is only a part of them.
        sources: The paths of the keys that are not the fields' own. An empty value there was
            metadata before.
    """

    old: dict[str, Any]
    new: dict[str, Any]
    metadata: dict[str, Any]
    sources: list[list[str]]


def translate_change(
    names: Mapping[str, str],
    mapping: FieldMapping,
    root: MappingNode,
    old: Mapping[str, Any],
    new: Mapping[str, Any],
) -> OwnChange:
    """Translate a change of fields into one of the document's keys. Other keys stay the same.

    `names` has the key of each field in the document, see `map_fields`.
    """
    change = OwnChange(dict(old), {}, {}, [])
    for field, value in new.items():
        source = names.get(field, field).split(".")
        nodes = _find_nodes(root, source)
        if nodes is None:
            source, nodes = [field], [root.entries.get(field)]
        form = _Form(mapping, field, source[-1], nodes[-1])
        if source != [field]:
            change.sources.append(source)
            if source[0] not in change.new:
                change.old.pop(source[0], None)
            _put(change.old, source, form.convert(old.get(field)))
        _put(change.new, source, form.convert(value))
        if form.is_first_item and len(source) == 1:
            change.metadata[source[0]] = change.new[source[0]]
    return change


def without_paths(values: Mapping[str, Any], paths: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Return values without those at paths of keys, and without mappings that this empties."""
    result = dict(values)
    for first, *rest in paths:
        value = result.get(first)
        if rest and isinstance(value, Mapping):
            value = without_paths(value, [rest])
            if value:
                result[first] = value
                continue
        if not rest or value == {}:
            result.pop(first, None)
    return result


class _Form(NamedTuple):
    """The form of a field's value in a document."""

    mapping: FieldMapping
    field: str
    key: str
    node: Node | None

    @property
    def is_first_item(self) -> bool:
        """Whether the field is the first item of a list."""
        return isinstance(self.node, SequenceNode) and self.field not in _WHOLE

    def convert(self, value: Any) -> Any:
        """Convert a field's value into the form of the document."""
        if self.field == "published" and self.key.lower() == "draft" and value is not None:
            return not value
        if isinstance(self.node, SequenceNode) and self.is_first_item:
            rest = [node_to_json(item) for item in self.node.items[1:]]
            return ([] if value is None else [value]) + rest or None
        if value is None:
            return None
        if isinstance(self.node, ScalarNode):
            return self._convert_to_scalar(value)
        return self._convert_images(value) if self.field == "images" else value

    def _convert_images(self, value: list[dict[str, Any]]) -> Any:
        """Write images as the document has them: one, a list of addresses, under other keys."""
        if isinstance(self.node, MappingNode):
            images = [with_own_image_keys(image, self.node) for image in value]
            return images[0] if len(images) == 1 else images
        items = self.node.items if isinstance(self.node, SequenceNode) else []
        if items and all(isinstance(item, ScalarNode) for item in items):
            is_short = all(image.keys() == {"url"} for image in value)
            return [image["url"] for image in value] if is_short else value
        first = items[0] if items else None
        if not isinstance(first, MappingNode):
            return value
        return [with_own_image_keys(image, first) for image in value]

    def _convert_to_scalar(self, value: Any) -> Any:
        """Write a value as one text, if it can be."""
        if self.field in _LISTS:
            separator = self.mapping.list_separator
            return (separator if separator == " " else f"{separator} ").join(value)
        if self.field == "images" and len(value) == 1 and value[0].keys() == {"url"}:
            return value[0]["url"]
        default = self.mapping.provider
        if self.field == "provider" and default and value["domain"] == default.domain:
            return value["name"]
        return value


def _find_nodes(root: MappingNode, keys: Sequence[str]) -> list[Node | None] | None:
    """Return the nodes of a path of keys; None if it does not lead through mappings."""
    nodes: list[Node | None] = []
    node: Node | None = root
    for key in keys:
        if node is not None and not isinstance(node, MappingNode):
            return None
        node = node.entries.get(key) if node else None
        nodes.append(node)
    return nodes


def _put(values: dict[str, Any], keys: Sequence[str], value: Any) -> None:
    """Put a value at a path of keys; None at the end of a longer path is left out."""
    *parents, last = keys
    for key in parents:
        values = values.setdefault(key, {})
    if value is not None or not parents:
        values[last] = value
