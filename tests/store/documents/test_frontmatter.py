"""Front matter is found, read with its lines, and refused where it would do harm."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from store.characters import clean_text
from store.documents.diagnostics import DiagnosticCode
from store.documents.frontmatter import (
    ParseOptions,
    implicit_type,
    node_to_json,
    parse_front_matter,
    resolve_plain_scalar,
    split_front_matter,
)
from store.documents.yaml_tree_builder import FrontMatterError
from store.documents.yaml_writer import write_mapping
from tests.support.document_strategies import JSON, TEXTS

OPTIONS = ParseOptions()


def tree(text, options=OPTIONS):
    """Parse front matter into its tree and problems."""
    parts = split_front_matter(text, all_yaml=True)
    assert parts
    return parse_front_matter(parts, options)


def values(text):
    """The JSON values of a front matter's YAML."""
    return node_to_json(tree(text).root)


def refusal(text):
    """Return the problem of invalid front matter."""
    with pytest.raises(FrontMatterError) as caught:
        tree(text)
    return caught.value.problem


@pytest.mark.parametrize("closing", ["---", "...", "---  "])
def test_split_finds_front_matter_and_body(closing):
    """Front matter stands between --- and --- or ..., the body after it."""
    parts = split_front_matter(f"--- \na: 1\n{closing}\nbody\n---\nmore")
    assert parts
    assert (parts.yaml, parts.yaml_line, parts.body) == ("a: 1\n", 1, "body\n---\nmore")


@pytest.mark.parametrize("text", ["", "text", "\n---\na: 1\n---\n", "----\na: 1\n---", "--- a: 1"])
def test_split_finds_no_front_matter_elsewhere(text):
    """Only a first line of --- begins front matter."""
    assert split_front_matter(text) is None


@pytest.mark.parametrize("text", ["a: 1\nb: 2", "---\na: 1\nb: 2\n---\n", "---\na: 1\nb: 2"])
def test_split_takes_a_yaml_file_as_front_matter(text):
    """In a YAML file the whole file is the mapping, with or without ---."""
    assert values(text) == {"a": 1, "b": 2}


def test_split_refuses_front_matter_that_is_not_closed():
    """A missing closing line is reported at the opening line."""
    with pytest.raises(FrontMatterError) as caught:
        split_front_matter("---\na: 1\n")
    assert (caught.value.problem.code, caught.value.problem.line) == (
        DiagnosticCode.UNCLOSED_FRONT_MATTER,
        1,
    )


def test_parse_keeps_source_text_and_lines():
    """A scalar keeps what was written; lines are those of the file."""
    root = tree('---\na: 010\nb:\n  - "yes"\n---\n').root
    assert (root.entries["a"].text, root.entries["a"].plain) == ("010", True)
    assert (root.entries["b"].items[0].text, root.entries["b"].items[0].plain) == ("yes", False)
    assert root.key_lines == {"a": 2, "b": 3}
    assert root.entries["b"].items[0].line == 4


def test_parse_reports_duplicate_keys_with_both_lines():
    """Of a duplicate key the last is used, and both lines are reported."""
    read = tree("---\na: 1\nb: 2\na: 3\n---\n")
    assert node_to_json(read.root) == {"a": 3, "b": 2}
    (problem,) = read.problems
    assert (problem.code, problem.line) == (DiagnosticCode.DUPLICATE_KEY, 4)
    assert "lines 2 and 4" in problem.message


def test_parse_merges_keys():
    """`<<` adds keys of other mappings; own and earlier ones win; in quotes it is a key."""
    text = 'x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\nz: {<<: [*x, *y], a: 0}\n"<<": q\n'
    assert values(text)["z"] == {"a": 0, "b": 1, "c": 2}
    assert values(text)["<<"] == "q"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: &a [x]\n" + "".join(f"a{i}: &a [{', '.join(['*a'] * 9)}]\n" for i in range(9)), None),
        ("a: 1\nb: &b [*b]\n", 2),
        ("a: &a {<<: *a}\n", 1),
        (f"a: &a {'x' * 1000}\nb:\n" + "  - *a\n" * 2000, None),
    ],
)
def test_parse_refuses_aliases_that_explode(text, line):
    """Aliases that contain themselves, or expand beyond the size limit, are refused."""
    problem = refusal(text)
    assert problem.code == DiagnosticCode.ALIASES_EXPLODE
    assert line is None or problem.line == line


def test_parse_shares_what_aliases_name():
    """A few aliases are valid."""
    assert values("a: &a [1, 2]\nb: *a\nc: &c x\nd: *c\n")["b"] == [1, 2]


@pytest.mark.parametrize(
    "text",
    [
        "a: " + "[" * 100_000,
        "a: " + "{a: " * 100_000,
        "a: " + "[" * 40 + "]" * 40,
        "- " * 40 + "x",
        "".join(" " * i + "k:\n" for i in range(40)),
        "".join(" " * i + "k:\n" + " " * i + "- x:\n" for i in range(0, 80, 2)),
        f"a: &a {'[' * 20}x{']' * 20}\nb: {'[' * 20}*a{']' * 20}",
    ],
)
def test_parse_refuses_deep_nesting(text):
    """Nesting beyond the limit is refused in every style, also when aliases build it."""
    assert refusal(text).code == DiagnosticCode.TOO_DEEP


def test_parse_tells_the_first_mistake():
    """Before one that comes later, such as nesting that is too deep."""
    error = refusal("a: ]\nb: " + "[" * 50)
    assert (error.code, error.line) == (DiagnosticCode.UNREADABLE_YAML, 1)


@pytest.mark.parametrize(
    "text",
    [
        'a: "' + "[" * 5_000 + '"',
        "a: |\n  " + "[{" * 5_000,
        "a: |\n" + " " * 60 + "code\n",
        "a: " + "x [ [ [ " * 100,
        "a: x" + " - - -" * 100,
        "a:\n" + "  - [x, {y: z}]\n" * 500,
    ],
)
def test_parse_takes_brackets_that_do_not_nest(text):
    """Prose, code and many small lists are no nesting."""
    assert "a" in values(text)


@pytest.mark.parametrize(
    ("text", "line", "remedy"),
    [
        ("---\na: 1\nb: x: y\n---\n", 3, "quotes"),
        ("---\na: 1\n\tb: 2\n---\n", 3, "spaces"),
        ("---\na: @b\n---\n", 2, "quotes"),
        ('---\na: "b\n---\n', None, "quotation"),
        ("---\na: *b\n---\n", 2, "quotes"),
        ("---\n[a, b]: c\n---\n", 2, "quotes"),
        ("---\n<<: x\n---\n", 2, "quotes"),
        ("a: 1\n---\nb: 2\n", 2, "file of its own"),
    ],
)
def test_parse_says_where_yaml_cannot_be_read(text, line, remedy):
    """Invalid YAML is reported with the file's line and a remedy."""
    problem = refusal(text)
    assert problem.code == DiagnosticCode.UNREADABLE_YAML
    assert line is None or problem.line == line
    assert remedy in problem.remedy


@pytest.mark.parametrize("text", ["- a\n", "text\n", "12\n"])
def test_parse_refuses_what_is_no_mapping(text):
    """Front matter is a mapping."""
    assert refusal(text).code == DiagnosticCode.WRONG_TYPE


def test_parse_replaces_control_characters():
    """Invalid characters are replaced and reported, raw or escaped."""
    read = tree('---\na: x\x07\nb: "\\x07"\n---\n')
    assert node_to_json(read.root) == {"a": "x\ufffd", "b": "\ufffd"}
    assert [(p.code, p.line) for p in read.problems] == [
        (DiagnosticCode.BAD_TEXT, 2),
        (DiagnosticCode.BAD_TEXT, 3),
    ]


def test_parse_replaces_a_byte_order_mark_amid_the_text():
    """YAML allows it at the start only; elsewhere it costs its place and not the document."""
    read = tree("---\na: x\ufeffy\n---\n")
    assert node_to_json(read.root) == {"a": "x\ufffdy"}
    assert [(p.code, p.line) for p in read.problems] == [(DiagnosticCode.BAD_TEXT, 2)]


@pytest.mark.parametrize(
    ("text", "value", "guess"),
    [
        ("010", 8, "a number"),
        ("1_000", 1000, "a number"),
        ("0x1F", 31, "a number"),
        ("1.5", 1.5, "a number"),
        ("1e3", "1e3", None),
        (".inf", ".inf", "a number"),
        (".nan", ".nan", "a number"),
        ("0x_", "0x_", "a number"),
        ("yes", True, "true or false"),
        ("~", None, "nothing"),
        ("", None, "nothing"),
        ("2020-06-11", "2020-06-11", "a date"),
        ("9223372036854775807", 2**63 - 1, "a number"),
        ("9223372036854775808", "9223372036854775808", "a number"),
        ("=", "=", None),
        ("word", "word", None),
    ],
)
def test_plain_value_is_what_yaml_reads_where_json_has_it(text, value, guess):
    """Plain scalars get YAML's value; dates, infinities and huge integers stay text."""
    assert resolve_plain_scalar(text) == value
    assert type(resolve_plain_scalar(text)) is type(value)
    assert implicit_type(text) == guess


@pytest.mark.parametrize(
    ("text", "value"),
    [("!!str 12", "12"), ("!!int '12'", 12), ("!!binary aGk=", "aGk="), ("!x {a: 1}", {"a": 1})],
)
def test_json_value_heeds_tags_where_it_can(text, value):
    """A tag says whether a scalar is text; what JSON lacks stays as it was written."""
    assert values(f"a: {text}\n") == {"a": value}


@given(st.dictionaries(TEXTS | st.just("k" * 2_000), JSON, max_size=4))
@example({"a": [1e16, 5e-324, -0.0, 1.5]})
def test_write_mapping_reads_back_as_the_same_values(mapping):
    """JSON values survive a round trip, in the same order."""
    text = write_mapping(mapping)
    again = values(f"---\n{text}---\n")
    assert again == mapping
    assert list(again) == list(mapping)
    assert repr(again) == repr(mapping)  # 1 is not 1.0 is not True


def test_write_mapping_looks_as_people_write_it():
    """Words stand plain, other text in quotes, lists under their key."""
    written = write_mapping(
        {"name": "SC Media", "url": "https://a.example", "no": "no", "m": [1, {"a": [], "b": "x"}]}
    )
    assert written == (
        'name: SC Media\nurl: "https://a.example"\n"no": "no"\n\nm:\n  - 1\n  - a: []\n    b: x\n'
    )


@pytest.mark.parametrize("odd", ["\u2028", "\u2029", "\x85", "\r"])
def test_lines_count_as_in_an_editor(odd):
    """A separator that is a line break in YAML only does not move the lines of diagnostics."""
    head = f'title: "a{odd}b"\n# c{odd}# d\n'
    root = tree(f"---\n{head}heat: 1\nlist:\n  - {{x: y}}\n---\n").root
    assert root.key_lines == {"title": 2, "heat": 4, "list": 5}
    assert root.entries["list"].items[0].line == 6
    assert refusal(f"---\n{head}heat: [\n---\n").line in (4, 5)
    assert refusal(f"---\n{head}heat: 'a' b\n---\n").line == 4
    assert refusal(f"---\n{head}heat: *a\n---\n").line == 4


def test_surrogate_pairs_are_read_as_json_writes_them():
    """An escape of a surrogate pair is its character in double quotes, and text elsewhere."""
    text = r"""
? "k\ud83d\ude00"
: "Party \ud83d\ude00\uD83D\uDE01! \\ud83d \\\ud83d\ude00"
# \ud83d\ude00
plain: a \ud83d\ude00
single: '\ud83d\ude02'
literal: |
  \ud83d\ude02 \ud83d
after: "\ud83d\ude03"
flow: {a: "\ud83d\ude04", b: '\ud83d'}
"""
    assert values(text) == {
        "k\U0001f600": "Party \U0001f600\U0001f601! \\ud83d \\\U0001f600",
        "plain": r"a \ud83d\ude00",
        "single": r"\ud83d\ude02",
        "literal": "\\ud83d\\ude02 \\ud83d\n",
        "after": "\U0001f603",
        "flow": {"a": "\U0001f604", "b": r"\ud83d"},
    }


def test_lone_surrogate_escape_is_replaced_with_a_warning():
    """Half a pair is no character: U+FFFD stands for it, as for all invalid characters."""
    parsed = tree('---\na: 1\nb: "x\\ud83d y\\ude00"\n---\n')
    assert node_to_json(parsed.root) == {"a": 1, "b": "x\ufffd y\ufffd"}
    assert [(p.code, p.line) for p in parsed.problems] == [(DiagnosticCode.BAD_TEXT, 3)]


@given(st.lists(st.text(max_size=20), max_size=5))
@example(["\U0001f600\\\U0010ffff\\\\", "\U00010000"])
def test_front_matter_reads_what_json_dumps_writes(texts):
    """Each text that `json.dumps` escapes is read back."""
    expected = {f"k{i}": clean_text(text) for i, text in enumerate(texts)}
    lines = [f"{key}: {json.dumps(text)}\n" for key, text in expected.items()]
    assert values("".join(lines) or "{}") == expected


@pytest.mark.parametrize("opening", ["---\n", ""])
@pytest.mark.parametrize("line", [1, 2, 3])
def test_control_character_is_reported_on_its_line(opening, line):
    """A character that YAML forbids, and one that only its escape sequence can give."""
    for bad in ("b: x\x01y", 'b: "x\\x01y"'):
        lines = ["a: 1", "c: 2", "d: 3"]
        lines[line - 1] = bad
        problems = tree(opening + "\n".join(lines) + "\n").problems
        assert [(problem.code, problem.line) for problem in problems] == [
            (DiagnosticCode.BAD_TEXT, line + len(opening.splitlines()))
        ]


def test_merged_key_has_the_line_where_it_is_written():
    """A key that comes by `<<` has the line of its source; a key of the mapping itself its own."""
    root = tree(
        "---\nbase: &base\n  name: A\n  image: B\nuser:\n  <<: *base\n  name: C\n---\n"
    ).root
    assert root.entries["user"].key_lines == {"name": 7, "image": 4}
