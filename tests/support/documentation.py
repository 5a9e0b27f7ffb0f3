"""The pages of the documentation, and a parser of their Markdown."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.glob("*.md")), ROOT / "seeds" / "README.md"]

_FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ANY_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`]+)`")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_LINK = re.compile(r"\]\((?!https?:)([^)]+)\)")
_MARKUP = re.compile(r"[^\w\- ]")


def name_of(page: Path) -> str:
    """The path of a page relative to the repository."""
    return str(page.relative_to(ROOT))


def blocks(page: Path) -> list[tuple[str, str]]:
    """The fenced code blocks of a page, each with its language."""
    return _FENCED.findall(page.read_text())


def prose(page: Path) -> str:
    """The text of a page without its code blocks."""
    return _ANY_FENCE.sub("", page.read_text())


def code_spans(page: Path) -> list[str]:
    """The inline code of a page, each on one line."""
    return [" ".join(span.split()) for span in _SPAN.findall(prose(page))]


def links(page: Path) -> list[str]:
    """The targets of the relative links of a page."""
    return _LINK.findall(prose(page))


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    seen: Counter[str] = Counter()
    result = set()
    for heading in _HEADING.findall(prose(page)):
        anchor = _MARKUP.sub("", heading.lower()).strip().replace(" ", "-")
        result.add(f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor)
        seen[anchor] += 1
    return result


def table(page: Path, header: str) -> str:
    """The only table of a page whose header begins with these words."""
    pattern = rf"^\| {re.escape(header)} \|.*?(?=\n\n|\Z)"
    [text] = re.findall(pattern, page.read_text(), re.MULTILINE | re.DOTALL)
    return str(text)


def codes_in(text: str) -> set[str]:
    """The upper-case words in code spans, such as error codes."""
    return {code for code in re.findall(r"`([A-Z0-9_]+)`", text) if "NEWSGRAPH_" not in code}
