"""Documents that try to cost as much as they can: every feature of YAML and of fields, repeated."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

HEAD = "title: A tide\npublishedDateTime: 2026-01-02\nprovider: {domain: p.example, name: P}\n"


def document(yaml: str = "", body: str = "", head: str = HEAD) -> str:
    """A document that is good but for what these lines do."""
    return f"---\n{head}{yaml}\n---\n{body}"


def plain(size: int) -> str:
    """An ordinary document of about this size."""
    return document("tags: [sea]", filled("<p>Words of a text, and more of them.</p>\n", size))


def filled(unit: str, size: int) -> str:
    """A text of about this many bytes of UTF-8, one unit after the other."""
    return unit * (size // len(unit.encode("utf-8", "surrogatepass")))


def numbered(unit: str, size: int) -> str:
    """Units that differ by their numbers."""
    return "".join(unit.format(i) for i in range(size // (len(unit) + 3)))


def quoted(field: str, unit: str) -> Callable[[int], str]:
    """A text in double quotes that repeats a unit."""
    return lambda size: document(f'{field}: "{filled(unit, size)}"')


def listed(field: str, unit: str) -> Callable[[int], str]:
    """A list in block style that repeats an entry, which may have a number."""
    return lambda size: document(f"{field}:\n" + numbered(f"- {unit}\n", size))


def flow(field: str, unit: str) -> Callable[[int], str]:
    """A list in flow style that repeats an entry."""
    return lambda size: document(f"{field}: [{filled(unit + ',', size)}]")


def titled(unit: str) -> Callable[[int], str]:
    """A title that repeats a unit."""
    return lambda size: document(head=HEAD.replace("A tide", f'"{filled(unit, size)}"'))


KINDS: dict[str, Callable[[int], str]] = {
    "keys": lambda size: document(numbered("k{}: 1\n", size)),
    "key twice": lambda size: document(filled("a: 1\n", size)),
    "long key twice": lambda size: document(f"? {filled('k', size // 2)}\n: 1\n" * 2),
    "entries": listed("x", "a{}"),
    "topics": listed("topics", "t{}"),
    "tags that are numbers": flow("tags", "1"),
    "related stories of nothing": listed("related", "{{}}"),
    "images of nothing": listed("images", "a"),
    "nulls": flow("tags", "~"),
    "empty texts": flow("x", '""'),
    "empty entries": lambda size: document(f"x: {{{filled('a,', size)}}}"),
    "question marks": lambda size: document(f"x: {{{filled('? ,', size)}}}"),
    "brackets": lambda size: document("x: " + filled("[", size)),
    "braces": lambda size: document("x: " + filled("{a: ", size)),
    "dashes that nest": lambda size: document(filled("- ", size)),
    "levels closed again": lambda size: document(f"x: [{filled('[' * 20 + ']' * 20 + ',', size)}]"),
    "spaces in a block": lambda size: document("x: |\n" + filled(" " * 40 + "a\n", size)),
    "brackets in a block": lambda size: document("x: |\n  " + filled("[ ", size)),
    "blank lines in a block": lambda size: document("x: |\n  a\n" + filled("\n", size)),
    "a folded text": lambda size: document("x: >\n" + filled("  a\n", size)),
    "a plain text of many lines": lambda size: document("x: a\n" + filled("  b\n", size)),
    "anchors": listed("x", "&a{} b"),
    "aliases": lambda size: document("y: &a b\nx:\n" + filled("- *a\n", size)),
    "an alias of much": lambda size: document(
        f"y: &a [{filled('b,', size // 2)}]\nx:\n" + filled("- *a\n", size // 2)
    ),
    "aliases of aliases": lambda size: document(
        "a0: &a0 [b]\n"
        + "".join(f"a{i}: &a{i} [{f'*a{i - 1},' * 9}]\n" for i in range(1, 20))
        + filled("# c\n", size)
    ),
    "a long alias": lambda size: document("x: *" + filled("a", size)),
    "merges": lambda size: document(
        f"y: &a {{{numbered('k{}: 1,', size // 2)}}}\nx:\n" + filled("- <<: *a\n", size // 2)
    ),
    "one merge of many": lambda size: document(
        "y: &a {k: 1}\nx:\n  <<: [" + filled("*a, ", size) + "]"
    ),
    "tag directives": lambda size: (
        "---\n" + numbered("%TAG !a{}! t:\n", size) + "--- {title: a}\n---\n"
    ),
    "tags": flow("x", "!!str a"),
    "comments": lambda size: document(filled("# c\n", size)),
    "a long comment": lambda size: document("# " + filled("c", size)),
    "documents in one": lambda size: document(filled("--- {a: b}\n", size)),
    "escapes": quoted("x", r"\x01"),
    "lone surrogates": quoted("x", r"\ud800"),
    "escapes in a list": listed("x", r'"\x01"'),
    "controls": lambda size: document("x: |\n  " + filled("\0", size)),
    "controls in the body": lambda size: document(body=filled("\0\1", size)),
    "byte order marks": lambda size: "\ufeff" + document("x: " + filled("\ufeff", size)),
    "CRLF": lambda size: document(body=filled("a\r\n", size)),
    "line separators": lambda size: document("x: |\n  " + filled("a\u2028 ", size)),
    "tabs": lambda size: document("x: a\n" + filled("\t", size)),
    "blanks": lambda size: document(body=filled(" ", size)),
    "lines that nearly close": lambda size: document(filled("--- x\n", size)),
    "comments of HTML that stay open": quoted("excerpt", "<!--"),
    "comments of HTML": quoted("excerpt", "<!---->"),
    "signs": quoted("excerpt", "<"),
    "tags of HTML": quoted("excerpt", "<a>"),
    "tags of HTML that stay open": quoted("excerpt", "<a "),
    "declarations": quoted("excerpt", "<!a"),
    "references": quoted("excerpt", "&lt;"),
    "references that are none": quoted("excerpt", "&abcdefghijklmnopqrstuvwxyzabcdef"),
    "an endless reference": lambda size: document(f'excerpt: "&#{filled("1", size)};"'),
    "endless references": quoted("excerpt", "&#" + "1" * 4_400),
    "accents": titled("a\u0301\u0327"),
    "accents of a topic": lambda size: document("topics: ['" + filled("\u0301\u0327", size) + "']"),
    "letters that are words": titled("\ufdfa"),
    "a long title": titled("tide "),
    "a long number": lambda size: document("heat: " + filled("1", size)),
    "a long number that nobody asked for": lambda size: document("x: " + filled("7", size)),
    "a number to the base of 60": lambda size: document("x: 1" + filled(":1", size)),
    "a fraction to the base of 60": lambda size: document("x: 1" + filled(":1", size) + ".5"),
    "hours": lambda size: document(f"title2: a\ntags: [1{filled(':1', size)}]"),
    "hex": lambda size: document("x: 0x" + filled("f", size)),
    "octal": lambda size: document("x: 0" + filled("7", size)),
    "underscores": lambda size: document("x: 1" + filled("_", size)),
    "digits behind the point": lambda size: document("x: 1." + filled("1", size)),
    "a date of spaces": lambda size: document(f'updatedDateTime: "2020-01-01{filled(" ", size)}x"'),
    "a fraction of a second": lambda size: document(
        f"updatedDateTime: 2020-01-01 10:00:00.{filled('1', size)}"
    ),
    "an address of parameters": lambda size: document(
        f'webUrl: "http://a.example/?{filled("a&", size)}"'
    ),
    "a long provider": lambda size: document(
        head=HEAD.replace("p.example", filled("p.", size)).replace("name: P", "name: '&amp;'")
    ),
}


def drawn(random: Random, size: int) -> tuple[str, str]:
    """The name and the text of a document that mixes kinds, spoilt here and there."""
    names = random.sample(sorted(KINDS), random.randint(2, 4))
    parts = [KINDS[name](size // len(names)) for name in names]
    bodies = [part.partition("\n")[2].rpartition("\n---\n")[0].removeprefix(HEAD) for part in parts]
    text = document("\n".join(bodies), body=random.choice(parts))
    for _ in range(random.randint(0, 3)):
        at = random.randrange(len(text))
        text = text[:at] + random.choice(["\n", '"', " ", "\t", "]", "\0", "é"]) + text[at + 1 :]
    return " + ".join(names), text
