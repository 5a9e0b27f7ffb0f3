"""Documents that are expensive to parse: each feature of YAML and of the fields, repeated."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

HEAD = "title: A tide\npublishedDateTime: 2026-01-02\nprovider: {domain: p.example, name: P}\n"


def document(yaml: str = "", body: str = "", head: str = HEAD) -> str:
    """A valid document, but for these lines of front matter and this body."""
    return f"---\n{head}{yaml}\n---\n{body}"


def ordinary_document(size: int) -> str:
    """An ordinary document of about this size."""
    return document(
        "tags: [sea]", repeat_to_size("<p>Words of a text, and more of them.</p>\n", size)
    )


def repeat_to_size(unit: str, size: int) -> str:
    """A text of about `size` bytes of UTF-8 that repeats a unit."""
    return unit * (size // len(unit.encode("utf-8", "surrogatepass")))


def numbered_units(unit: str, size: int) -> str:
    """Units with consecutive numbers."""
    return "".join(unit.format(i) for i in range(size // (len(unit) + 3)))


def double_quoted(field: str, unit: str) -> Callable[[int], str]:
    """A double-quoted string that repeats a unit."""
    return lambda size: document(f'{field}: "{repeat_to_size(unit, size)}"')


def block_list(field: str, unit: str) -> Callable[[int], str]:
    """A block sequence that repeats an entry, which may have a number."""
    return lambda size: document(f"{field}:\n" + numbered_units(f"- {unit}\n", size))


def flow_list(field: str, unit: str) -> Callable[[int], str]:
    """A flow sequence that repeats an entry."""
    return lambda size: document(f"{field}: [{repeat_to_size(unit + ',', size)}]")


TOML_HEAD = (
    'title = "A tide"\npublishedDateTime = 2026-01-02\n'
    'provider = {domain = "p.example", name = "P"}\n'
)
JSON_HEAD = (
    '"title": "A tide", "publishedDateTime": "2026-01-02",\n'
    '"provider": {"domain": "p.example", "name": "P"}'
)


def toml(unit: str, before: str = "", after: str = "") -> Callable[[int], str]:
    """A document with TOML front matter that repeats a unit, which may have a number."""
    return lambda size: f"+++\n{TOML_HEAD}{before}{numbered_units(unit, size)}{after}\n+++\n"


def json(unit: str, before: str = "", after: str = "") -> Callable[[int], str]:
    """A document with JSON front matter that repeats a unit."""
    return lambda size: f"{{{JSON_HEAD}{before}{repeat_to_size(unit, size)}{after}}}\n"


def long_title(unit: str) -> Callable[[int], str]:
    """A title that repeats a unit."""
    return lambda size: document(head=HEAD.replace("A tide", f'"{repeat_to_size(unit, size)}"'))


KINDS: dict[str, Callable[[int], str]] = {
    "keys": lambda size: document(numbered_units("k{}: 1\n", size)),
    "key twice": lambda size: document(repeat_to_size("a: 1\n", size)),
    "long key twice": lambda size: document(f"? {repeat_to_size('k', size // 2)}\n: 1\n" * 2),
    "entries": block_list("x", "a{}"),
    "topics": block_list("topics", "t{}"),
    "tags that are numbers": flow_list("tags", "1"),
    "related stories of nothing": block_list("related", "{{}}"),
    "images of nothing": block_list("images", "a"),
    "nulls": flow_list("tags", "~"),
    "empty texts": flow_list("x", '""'),
    "empty entries": lambda size: document(f"x: {{{repeat_to_size('a,', size)}}}"),
    "question marks": lambda size: document(f"x: {{{repeat_to_size('? ,', size)}}}"),
    "brackets": lambda size: document("x: " + repeat_to_size("[", size)),
    "braces": lambda size: document("x: " + repeat_to_size("{a: ", size)),
    "dashes that nest": lambda size: document(repeat_to_size("- ", size)),
    "levels closed again": lambda size: document(
        f"x: [{repeat_to_size('[' * 20 + ']' * 20 + ',', size)}]"
    ),
    "spaces in a block": lambda size: document("x: |\n" + repeat_to_size(" " * 40 + "a\n", size)),
    "brackets in a block": lambda size: document("x: |\n  " + repeat_to_size("[ ", size)),
    "blank lines in a block": lambda size: document("x: |\n  a\n" + repeat_to_size("\n", size)),
    "a folded text": lambda size: document("x: >\n" + repeat_to_size("  a\n", size)),
    "a plain text of many lines": lambda size: document("x: a\n" + repeat_to_size("  b\n", size)),
    "anchors": block_list("x", "&a{} b"),
    "aliases": lambda size: document("y: &a b\nx:\n" + repeat_to_size("- *a\n", size)),
    "an alias of much": lambda size: document(
        f"y: &a [{repeat_to_size('b,', size // 2)}]\nx:\n" + repeat_to_size("- *a\n", size // 2)
    ),
    "aliases of aliases": lambda size: document(
        "a0: &a0 [b]\n"
        + "".join(f"a{i}: &a{i} [{f'*a{i - 1},' * 9}]\n" for i in range(1, 20))
        + repeat_to_size("# c\n", size)
    ),
    "a long alias": lambda size: document("x: *" + repeat_to_size("a", size)),
    "merges": lambda size: document(
        f"y: &a {{{numbered_units('k{}: 1,', size // 2)}}}\nx:\n"
        + repeat_to_size("- <<: *a\n", size // 2)
    ),
    "one merge of many": lambda size: document(
        "y: &a {k: 1}\nx:\n  <<: [" + repeat_to_size("*a, ", size) + "]"
    ),
    "tag directives": lambda size: (
        "---\n" + numbered_units("%TAG !a{}! t:\n", size) + "--- {title: a}\n---\n"
    ),
    "tags": flow_list("x", "!!str a"),
    "comments": lambda size: document(repeat_to_size("# c\n", size)),
    "a long comment": lambda size: document("# " + repeat_to_size("c", size)),
    "documents in one": lambda size: document(repeat_to_size("--- {a: b}\n", size)),
    "escapes": double_quoted("x", r"\x01"),
    "lone surrogates": double_quoted("x", r"\ud800"),
    "escapes in a list": block_list("x", r'"\x01"'),
    "controls": lambda size: document("x: |\n  " + repeat_to_size("\0", size)),
    "controls in the body": lambda size: document(body=repeat_to_size("\0\1", size)),
    "byte order marks": lambda size: "\ufeff" + document("x: " + repeat_to_size("\ufeff", size)),
    "CRLF": lambda size: document(body=repeat_to_size("a\r\n", size)),
    "line separators": lambda size: document("x: |\n  " + repeat_to_size("a\u2028 ", size)),
    "tabs": lambda size: document("x: a\n" + repeat_to_size("\t", size)),
    "blanks": lambda size: document(body=repeat_to_size(" ", size)),
    "lines that nearly close": lambda size: document(repeat_to_size("--- x\n", size)),
    "comments of HTML that stay open": double_quoted("excerpt", "<!--"),
    "comments of HTML": double_quoted("excerpt", "<!---->"),
    "signs": double_quoted("excerpt", "<"),
    "tags of HTML": double_quoted("excerpt", "<a>"),
    "tags of HTML that stay open": double_quoted("excerpt", "<a "),
    "declarations": double_quoted("excerpt", "<!a"),
    "references": double_quoted("excerpt", "&lt;"),
    "references that are none": double_quoted("excerpt", "&abcdefghijklmnopqrstuvwxyzabcdef"),
    "an endless reference": lambda size: document(f'excerpt: "&#{repeat_to_size("1", size)};"'),
    "endless references": double_quoted("excerpt", "&#" + "1" * 4_400),
    "accents": long_title("a\u0301\u0327"),
    "accents of a topic": lambda size: document(
        "topics: ['" + repeat_to_size("\u0301\u0327", size) + "']"
    ),
    "letters that are words": long_title("\ufdfa"),
    "a long title": long_title("tide "),
    "a long number": lambda size: document("heat: " + repeat_to_size("1", size)),
    "a long number that nobody asked for": lambda size: document("x: " + repeat_to_size("7", size)),
    "a number to the base of 60": lambda size: document("x: 1" + repeat_to_size(":1", size)),
    "a fraction to the base of 60": lambda size: document(
        "x: 1" + repeat_to_size(":1", size) + ".5"
    ),
    "hours": lambda size: document(f"title2: a\ntags: [1{repeat_to_size(':1', size)}]"),
    "hex": lambda size: document("x: 0x" + repeat_to_size("f", size)),
    "octal": lambda size: document("x: 0" + repeat_to_size("7", size)),
    "underscores": lambda size: document("x: 1" + repeat_to_size("_", size)),
    "digits behind the point": lambda size: document("x: 1." + repeat_to_size("1", size)),
    "a date of spaces": lambda size: document(
        f'updatedDateTime: "2020-01-01{repeat_to_size(" ", size)}x"'
    ),
    "a fraction of a second": lambda size: document(
        f"updatedDateTime: 2020-01-01 10:00:00.{repeat_to_size('1', size)}"
    ),
    "an address of parameters": lambda size: document(
        f'webUrl: "http://a.example/?{repeat_to_size("a&", size)}"'
    ),
    "TOML keys": toml("k{} = 1\n"),
    "TOML key of parts": toml(".a", "a"),
    "TOML keys of parts": toml("k{}.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a = 1\n"),
    "TOML keys in quotes": toml('"k\\u0061{}" = 1\n'),
    "TOML tables": toml("[t{}]\n"),
    "TOML tables of parts": toml("[a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.t{}]\n"),
    "TOML lists of tables": toml("[[t]]\nk{} = 1\n"),
    "TOML list": toml("1,", "x = [", "]"),
    "TOML brackets": toml("[", "x = "),
    "TOML braces": toml("{{a=", "x = "),
    "TOML inline tables": toml("{{a{} = 1}},", "x = [", "]"),
    "TOML comments": toml("# c\n"),
    "TOML blank lines": toml("\n"),
    "TOML open text": toml('\\"', 'x = """'),
    "TOML quotes": toml('"" ', 'x = """a', '"""'),
    "TOML escapes": toml("\\u0001", 'x = "', '"'),
    "TOML texts": toml('"a",', "x = [", "]"),
    "TOML number": toml("7", "x = "),
    "TOML hex": toml("f", "x = 0x"),
    "TOML fraction": toml("1", "x = 1."),
    "TOML underscores": toml("_1", "x = 1"),
    "TOML dates": toml("2026-01-02T03:04:05.123Z,", "x = [", "]"),
    "JSON keys": json(',"k":1'),
    "JSON list": json("1,", ',"x": [', "1]"),
    "JSON brackets": json("[", ',"x": '),
    "JSON braces": json('{"a":', ',"x": '),
    "JSON blanks": json(" \n", ',"x":', "1"),
    "JSON escapes": json(r"\u0001", ',"x": "', '"'),
    "JSON surrogates": json(r"\ud800", ',"x": "', '"'),
    "JSON texts": json('"a\\n",', ',"x": [', '"a"]'),
    "JSON number": json("7", ',"x": '),
    "JSON fraction": json("1", ',"x": 1.'),
    "JSON open text": json('\\"', ',"x": "'),
    "a long provider": lambda size: document(
        head=HEAD.replace("p.example", repeat_to_size("p.", size)).replace(
            "name: P", "name: '&amp;'"
        )
    ),
}


def random_document(random: Random, size: int) -> tuple[str, str]:
    """The name and the text of a document that mixes several kinds, with random errors."""
    names = random.sample(sorted(KINDS), random.randint(2, 4))
    parts = [KINDS[name](size // len(names)) for name in names]
    bodies = [part.partition("\n")[2].rpartition("\n---\n")[0].removeprefix(HEAD) for part in parts]
    text = document("\n".join(bodies), body=random.choice(parts))
    for _ in range(random.randint(0, 3)):
        at = random.randrange(len(text))
        text = text[:at] + random.choice(["\n", '"', " ", "\t", "]", "\0", "é"]) + text[at + 1 :]
    return " + ".join(names), text
