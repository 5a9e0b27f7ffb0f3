"""Documents in random style, with the range of every value, to see which bytes an edit changes."""

from __future__ import annotations

from typing import Any, NamedTuple

from hypothesis import strategies as st

from store.documents.line_ends import plain_line_ends

_WORDS = st.sampled_from(["Tide", "Ebb and flow", "C3PO", "Été", "a-b", "日本"])
_COMMENTS = st.sampled_from(["", "", " # note", "   # a: [b", "  # 'x"])
_BETWEEN = st.sampled_from(["", "", "\n", "# by hand\n", "\n# a: comment\n\n", "# é\u2028# more\n"])
_OTHERS = st.sampled_from(
    [
        "zip: 01234\n",
        "opens: 12:30 # noon\n",
        "version: 1.10\n",
        "base: &b {x: 010}\nsame: *b\n",
        "more: &m\n  y: 0o7\nmerged:\n  <<: *m\n  z: 1\n",
        'long: "a\u2028b\u0085c"\n',
        "text: |\n  one\n\n  two\n",
        "folded: >-\n  one\n  two\n",
        "? odd\n: 1\n",
        "tagged: !!str 1\n",
    ]
)


class StyledDocument(NamedTuple):
    """A document, the range of each of its values, and the number of items of its lists."""

    text: str
    ranges: dict[str, tuple[int, int]]
    counts: dict[str, int]


class StyledWriter:
    """Builds a text and notes ranges."""

    def __init__(self, line_end: str) -> None:
        self.text = ""
        self.ranges: dict[str, tuple[int, int]] = {}
        self.line_end = line_end

    def add(self, text: str, name: str | None = None) -> None:
        """Add a text, which is the value of this name."""
        start = len(self.text)
        self.text += text.replace("\n", self.line_end)
        if name:
            self.ranges[name] = (start, len(self.text))


@st.composite
def styled_documents(draw: Any) -> StyledDocument:
    """A document with random indentation, quotes, brackets, comments, line ends and anchors."""
    writer = StyledWriter(draw(st.sampled_from(["\n", "\r\n", "\r"])))
    writer.add(draw(st.sampled_from(["", "\ufeff"])) + "---\n")
    counts = {"tags": draw(st.integers(2, 4)), "images": draw(st.integers(1, 3))}
    keys = ["title", "publishedDateTime", "provider", "heat", "excerpt", "tags", "images", "", ""]
    for key in draw(st.permutations(keys)):
        writer.add(draw(_BETWEEN))
        if key in counts:
            _add_list(draw, writer, key, counts[key])
        elif key == "provider":
            _add_provider(draw, writer)
        elif key:
            _add_scalar(draw, writer, key)
        else:
            _add_other(draw, writer)
    writer.add(draw(_BETWEEN) + "---")
    if draw(st.booleans()):
        writer.add(draw(st.sampled_from(["\n", "\n\n", "\n \n\n"])))
        writer.add(draw(_WORDS) + "\n\nMore *text*.", "content")
        writer.add(draw(st.sampled_from(["", "\n", "  \n\n"])))
    return StyledDocument(writer.text, writer.ranges, counts)


def _add_other(draw: Any, writer: StyledWriter) -> None:
    other = draw(_OTHERS)
    if f"\n{other.partition(':')[0]}:" not in plain_line_ends(writer.text):
        writer.add(other)


def _quoted(draw: Any, value: str) -> str:
    return str(draw(st.sampled_from([value, f"'{value}'", f'"{value}"'])))


def _add_scalar(draw: Any, writer: StyledWriter, key: str) -> None:
    value = {"publishedDateTime": "2020-06-11", "heat": "5"}.get(key) or _quoted(draw, draw(_WORDS))
    writer.add(f"{key}:" + draw(st.sampled_from([" ", "   ", "\n  "])))
    writer.add(value, key)
    writer.add(draw(_COMMENTS) + "\n")


def _add_provider(draw: Any, writer: StyledWriter) -> None:
    name = _quoted(draw, draw(_WORDS))
    if draw(st.booleans()):
        writer.add("provider: {domain: p.example, name: ")
        writer.add(name, "provider.name")
        writer.add("}" + draw(_COMMENTS) + "\n")
    else:
        indent = " " * draw(st.sampled_from([1, 2, 4]))
        writer.add(f"provider:{draw(_COMMENTS)}\n{indent}domain: p.example\n{indent}name: ")
        writer.add(name, "provider.name")
        writer.add(draw(_COMMENTS) + "\n")


def _add_list(draw: Any, writer: StyledWriter, key: str, count: int) -> None:
    if draw(st.integers(0, 3)) == 0:
        writer.add(f"{key}: [")
        for i in range(count):
            writer.add(draw(st.sampled_from([", ", ",\n    "])) if i else "")
            _add_item(draw, writer, f"{key}.{i}", None)
        writer.add("]" + draw(_COMMENTS) + "\n")
        return
    writer.add(f"{key}:{draw(_COMMENTS)}\n")
    indent = " " * draw(st.sampled_from([0, 2, 4]))
    for i in range(count):
        start = len(writer.text)
        writer.add(f"{indent}-" + draw(st.sampled_from([" ", "   "])))
        _add_item(draw, writer, f"{key}.{i}", len(indent))
        writer.add(draw(_COMMENTS) + "\n")
        writer.ranges[f"{key}.{i}.lines"] = (start, len(writer.text))
        if i < count - 1:
            writer.add(draw(st.sampled_from(["", "", f"{indent}# between\n"])))


def _add_item(draw: Any, writer: StyledWriter, name: str, indent: int | None) -> None:
    """Add a word, or an image in brackets or, below an `indent`, as lines."""
    start = len(writer.text)
    if name.startswith("tags"):
        writer.add(_quoted(draw, f"{draw(_WORDS)} {name[-1]}"))
    else:
        in_lines = indent is not None and draw(st.booleans())
        url = f"https://p.example/{name[-1]}"
        column = len(writer.text) - writer.text.rfind(writer.line_end[-1]) - 1
        gap = draw(_COMMENTS) + "\n" + " " * column if in_lines else ", "
        writer.add(f"url: {url}{gap}width: " if in_lines else f"{{url: {url}{gap}width: ")
        writer.add("7", f"{name}.width")
        writer.add("" if in_lines else "}")
    writer.ranges[name] = (start, len(writer.text))
