"""Documents with TOML and JSON front matter in random style, with the range of every value."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from store.documents.line_ends import plain_line_ends
from tests.support.styled_documents import StyledDocument, StyledWriter

_WORDS = st.sampled_from(
    ["Tide", "Ebb and flow", "C3PO", "Été", "a-b", "日本", 'say "a" \\ b', "😀"]
)
_COMMENTS = st.sampled_from(["", "", " # note", "   # a = [b", "  # 'x"])
_BETWEEN = st.sampled_from(["", "", "\n", "# by hand\n", "\n# a = 1\n\n", "# é\u2028[more]\n"])
_KEYS = ["title", "publishedDateTime", "provider", "heat", "excerpt", "tags", "images", "", ""]
_TOML_OTHERS = st.sampled_from(
    [
        "hex = 0x1F # 31\n",
        "big = 1_000\n",
        "version = 1.10\n",
        "tiny = 6.0e-2\n",
        "at = 07:32:00\n",
        "when = 1979-05-27 07:32:00.5-07:00 # gap\n",
        "site.'a.b' = true\nsite.\"c\".d = [1, [2]]\n",
        "long = '''\na = [\n# no comment'''\n",
        'text = """one \\\n   two"""\n',
        "inline = {x.y = 0o7, z = {}}\n",
        "odd = [[1, 2,], # c\n  [3]\n]\n",
    ]
)
_TOML_TABLES = st.sampled_from(
    [
        "[params]\nx = 0b1 # one\n\n  # deep\n  [params.deep.er]\n  y = 1\n",
        "[[cast]]\nname = 'A'\n[[cast.roles]]\nn = 1\n[[cast.roles]]\nn = 2\n[[cast]]\n",
        "[a.b]\nc = '''x\n\n'''\n[a]\nd = 2\n",
    ]
)
_JSON_OTHERS = st.sampled_from(
    ['"e": 1.50E+02', '"u": "\\u00e9\\ud83d\\ude00\\/"', '"n": null', '"o": {"a" :[ ], "b": {}}']
)


class _Style:
    """A writer with a style of its own: `draw` chooses it."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw
        self.writer = StyledWriter(draw(st.sampled_from(["\n", "\n", "\r\n", "\r"])))
        self.mark = draw(st.sampled_from(["", "\ufeff"]))
        self.counts = {"tags": draw(st.integers(2, 4)), "images": draw(st.integers(1, 3))}

    def add(self, text: str, name: str | None = None) -> None:
        """Add a text, which is the value of this name."""
        self.writer.add(text, name)

    def note(self, name: str, start: int, end: int | None = None) -> None:
        """Note a range that ends here, or at `end`."""
        self.writer.ranges[name] = (start, len(self.writer.text) if end is None else end)

    @property
    def position(self) -> int:
        """The position of the next character."""
        return len(self.writer.text)

    def add_body(self) -> None:
        """Add a body, or none."""
        if self.draw(st.booleans()):
            self.add(self.draw(st.sampled_from(["\n", "\n\n", "\n \n\n"])))
            self.add(self.draw(_WORDS) + "\n\nMore *text*.", "content")
            self.add(self.draw(st.sampled_from(["", "\n", "  \n\n"])))

    def finish(self) -> StyledDocument:
        """The document."""
        return StyledDocument(self.writer.text, self.writer.ranges, self.counts)


@st.composite
def toml_documents(draw: Any) -> StyledDocument:
    """A document with TOML front matter: strings, tables and lists of every kind, comments."""
    toml = _Toml(draw)
    toml.add(toml.mark + draw(st.sampled_from(["+++", "---toml"])) + "\n")
    toml.add_front_matter()
    toml.add("+++" if toml.writer.text.removeprefix("\ufeff").startswith("+++") else "---")
    toml.add_body()
    return toml.finish()


class _Toml(_Style):
    def add_front_matter(self) -> None:
        """Add the keys of the root, and then the tables."""
        tables = []
        for key in self.draw(st.permutations(_KEYS)):
            is_table = key in ("provider", "images") and self.draw(st.booleans())
            if is_table:
                tables.append(key)
                continue
            self.add(self.draw(_BETWEEN))
            if key == "":
                other = self.draw(_TOML_OTHERS)
                if f"\n{other.partition(' ')[0].partition('.')[0]}" not in self.plain:
                    self.add(other)
            elif key in self.counts:
                self._add_list(key)
            elif key == "provider":
                self._add_provider()
            else:
                self._add_scalar(key)
        for key in [*tables, *self.draw(st.sampled_from([[], [""], ["", ""]]))]:
            self.add(self.draw(_BETWEEN))
            self._add_table(key)
        self.add(self.draw(_BETWEEN))

    @property
    def plain(self) -> str:
        """The text with line feeds."""
        return plain_line_ends(self.writer.text)

    def _quoted(self, text: str) -> str:
        basic = json.dumps(text, ensure_ascii=self.draw(st.booleans()))
        if "\\ud" in basic:  # TOML has no surrogates
            basic = json.dumps(text, ensure_ascii=False)
        literal = f"'{text}'"
        return str(self.draw(st.sampled_from([basic, literal, f"''{literal}''", f'""{basic}""'])))

    def _add_scalar(self, key: str) -> None:
        written = {
            "publishedDateTime": ["2020-06-11", "2020-06-11T07:00:00-07:00", "'2020-06-11'"],
            "heat": ["5", "+5", "0x05"],
        }
        name = self.draw(st.sampled_from([key, f'"{key}"', f"'{key}'"]))
        self.add(name + self.draw(st.sampled_from([" = ", "=", "\t=  "])))
        texts = written.get(key)
        value = self.draw(st.sampled_from(texts)) if texts else self._quoted(self.draw(_WORDS))
        self.add(value, key)
        self.add(self.draw(_COMMENTS) + "\n")

    def _add_provider(self) -> None:
        is_dotted = self.draw(st.booleans())
        ahead, between = "provider = { ", ", "
        if is_dotted:
            ahead, between = "provider.", f"{self.draw(_COMMENTS)}\nprovider . "
        self.add(f"{ahead}domain = 'p.example'{between}name = ")
        self.add(self._quoted(self.draw(_WORDS)), "provider.name")
        self.add(("" if is_dotted else " }") + self.draw(_COMMENTS) + "\n")

    def _add_table(self, key: str) -> None:
        if key == "provider":
            self.add(f"[ provider ]{self.draw(_COMMENTS)}\ndomain = 'p.example'\n")
            self.add(self.draw(_BETWEEN) + "  name = ")
            self.add(self._quoted(self.draw(_WORDS)), "provider.name")
            self.add(self.draw(_COMMENTS) + "\n")
        elif key == "images":
            for i in range(self.counts[key]):
                start = self.position
                self.add(f"[[images]]{self.draw(_COMMENTS)}\n")
                self.add(f"  url = 'https://p.example/{i}'\n{self.draw(_BETWEEN)}  width = ")
                self.add("0o7", f"images.{i}.width")
                self.add(self.draw(_COMMENTS))
                self.note("images.append", self.position)
                self.add("\n")
                self.note(f"images.{i}.lines", start)
                self.add(self.draw(_BETWEEN))
        else:
            table = self.draw(_TOML_TABLES)
            if f"\n{table[: table.index(']')]}" not in self.plain:
                self.add(table)

    def _add_list(self, key: str) -> None:
        count = self.counts[key]
        has_lines = self.draw(st.booleans())
        self.add(f"{key} = [" + ("\n" if has_lines else " "))
        starts, ends = [], []
        for i in range(count):
            line = self.position
            self.add("  " if has_lines else "")
            starts.append(self.position)
            self._add_item(key, i)
            ends.append(self.position)
            is_last = i == count - 1
            has_comma = not is_last or self.draw(st.booleans())
            self.add("," if has_comma else "")
            self.add(self.draw(_COMMENTS) + "\n" if has_lines else " ")
            if has_lines:
                self.note(f"{key}.{i}.lines", line)
                self.note(f"{key}.append", ends[-1], self.position - len(self.writer.line_end))
        if not has_lines:
            for i in range(count):
                is_last = i == count - 1
                span = (ends[i - 1], ends[i]) if is_last else (starts[i], starts[i + 1])
                self.note(f"{key}.{i}.lines", *span)
            self.note(f"{key}.append", ends[-1], ends[-1])
        self.add("]" + self.draw(_COMMENTS) + "\n")

    def _add_item(self, key: str, i: int) -> None:
        start = self.position
        if key == "tags":
            self.add(self._quoted(f"{self.draw(_WORDS)} {i}"))
        else:
            self.add(f"{{url = 'https://p.example/{i}',width=")
            self.add("7", f"images.{i}.width")
            self.add("}")
        self.note(f"{key}.{i}", start)


@st.composite
def json_documents(draw: Any) -> StyledDocument:
    """A document with JSON front matter: any indentation, spacing, escapes and delimiters."""
    style = _Json(draw)
    opening, closing = draw(st.sampled_from([("", ""), ("---json\n", "\n---"), (";;;\n", "\n;;;")]))
    style.add(style.mark + opening)
    style.add_object()
    style.add(closing)
    if not closing and draw(st.booleans()):
        style.add("  ")
    style.add_body()
    return style.finish()


class _Json(_Style):
    def __init__(self, draw: Any) -> None:
        super().__init__(draw)
        self._indent = draw(st.sampled_from(["", "  ", "    ", "\t"]))
        self._comma = draw(st.sampled_from([",", ", "]))
        self._colon = draw(st.sampled_from([":", ": ", " : "]))
        self._is_ascii = draw(st.booleans())

    def add_object(self) -> None:
        """Add the root object."""
        self.add("{")
        keys: list[str] = []
        for key in self.draw(st.permutations(_KEYS)):
            other = "" if key else self.draw(_JSON_OTHERS)
            if other[:3] in keys:
                continue
            self._break(1, is_first=not keys)
            keys.append(other[:3] or key)
            if other:
                self.add(other)
                continue
            self.add(f'"{key}"{self._colon}')
            if key in self.counts:
                self._add_list(key)
            elif key == "provider":
                self.add(f'{{"domain"{self._colon}"p.example"{self._comma}"name"{self._colon}')
                self.add(self._quoted(self.draw(_WORDS)), "provider.name")
                self.add("}")
            else:
                text = self._quoted(self.draw(_WORDS))
                self.add({"publishedDateTime": '"2020-06-11"', "heat": "5"}.get(key, text), key)
        self.add(f"\n{'}'}" if self._indent else "}")

    def _break(self, depth: int, *, is_first: bool) -> None:
        """Add what separates two entries, or a bracket from the first."""
        if self._indent:
            self.add(("" if is_first else ",") + "\n" + self._indent * depth)
        else:
            self.add("" if is_first else self._comma)

    def _quoted(self, text: str) -> str:
        return json.dumps(text, ensure_ascii=self._is_ascii)

    def _add_list(self, key: str) -> None:
        count = self.counts[key]
        has_lines = bool(self._indent) and self.draw(st.booleans())
        self.add("[")
        starts, ends = [], []
        for i in range(count):
            if has_lines:
                self._break(2, is_first=not i)
            else:
                self.add(self._comma if i else "")
            starts.append(self.position)
            if key == "tags":
                self.add(self._quoted(f"{self.draw(_WORDS)} {i}"))
            else:
                url = f'"url"{self._colon}"https:\\/\\/p.example\\/{i}"'
                self.add(f'{{{url}{self._comma}"width"{self._colon}')
                self.add("7", f"images.{i}.width")
                self.add("}")
            ends.append(self.position)
            self.note(f"{key}.{i}", starts[-1])
        for i in range(count):
            is_last = i == count - 1
            span = (ends[i - 1], ends[i]) if is_last else (starts[i], starts[i + 1])
            self.note(f"{key}.{i}.lines", *span)
        self.note(f"{key}.append", ends[-1], ends[-1])
        self.add(f"\n{self._indent}]" if has_lines else "]")
