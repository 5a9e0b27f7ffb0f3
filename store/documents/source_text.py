"""Source text: nodes of a source tree written again, with the text that their scalars have."""

from __future__ import annotations

from .source_tree import LINE_BREAKS, SourceNode
from .yaml_writer import scalar_text


def source_flow_text(text: str, node: SourceNode) -> str:
    """Write a node in one line, with the source text of its scalars and without aliases."""
    if node.target is not None:
        return source_flow_text(text, node.target)
    if node.kind == "sequence":
        return f"[{', '.join(source_flow_text(text, e.value) for e in node.entries)}]"
    if node.kind == "mapping":
        items = (
            f"{source_flow_text(text, e.key)}: {source_flow_text(text, e.value)}"
            for e in node.entries
            if e.key
        )
        return f"{{{', '.join(items)}}}"
    return source_scalar_text(text, node)


def source_scalar_text(text: str, node: SourceNode) -> str:
    """Write a scalar in one line as in its source, so that it keeps its type."""
    if node.style in ("", "'", '"'):
        source = text[node.start : node.end]
        if node.anchor is not None:
            source = " ".join(p for p in source.split(" ") if p != f"&{node.anchor}").strip()
        is_one_line = not any(character in LINE_BREAKS for character in source)
        is_safe = bool(node.style) or not any(c in ",[]{}" for c in source)
        if is_one_line and is_safe:
            return source or "null"
    return scalar_text(node.text, '"', "")
