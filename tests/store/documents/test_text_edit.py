"""Text edits change the given fields, and nothing else of the text."""

from __future__ import annotations

import os
from collections import Counter
from copy import deepcopy
from datetime import UTC, datetime
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from store.documents.article_reader import read_article
from store.documents.front_matter_format import front_matter_format
from store.documents.frontmatter import ParseOptions, parse_front_matter, split_front_matter
from store.documents.line_ends import plain_line_ends
from store.documents.serializer import (
    DocumentData,
    article_to_document,
    body_round_trips,
    serialize_document,
)
from store.documents.text_edit import UnwritableError, edit_text
from tests.support.document_strategies import TEXTS
from tests.support.sizes import scaled
from tests.support.styled_documents import styled_documents
from tests.support.styled_formats import json_documents, toml_documents

OPTIONS = ParseOptions()
PATH = "_news/2020-06-11-a-story.md"
REAL = os.environ.get("NEWSGRAPH_REAL_DOCUMENTS")

MINIMAL = "---\ntitle: T\npublishedDateTime: 2020-06-11\nprovider: {domain: p.example}\n"
LIVELY = """---
# by hand
title:   'Tide & time'   # keep the quotes
publishedDateTime: 2020-06-11
heat: 5 # hot
published: false # until Monday

provider: {name: P, domain: p.example}

topics:
  - Sea
  # not sure
  - Birds

# the end
note: |
  two
  lines
---
Body *here*.

"""


def said(text, path=PATH):
    """Return the data of a text's article."""
    article = read_article(path, text.encode(), OPTIONS).article
    assert article is not None
    return article_to_document(article)


def edited(text, path=PATH, content=..., **values):
    """A text with some values changed; None removes a key."""
    before = said(text, path)
    after = {key: value for key, value in {**before.values, **values}.items() if value is not None}
    content = before.content if content is ... else content
    return edit_text(path, text, before, DocumentData(after, content), OPTIONS).text


def parts_of(text):
    """A text's front matter and body, as they are read."""
    parts = split_front_matter(text.replace("\r\n", "\n"))
    assert parts is not None
    return parts


def blocks(text):
    """The lines of each key of a text whose keys begin lines, those between two keys apart."""
    lines = text.split("\n")
    parts = parts_of(text)
    starts = parse_front_matter(parts, OPTIONS).root.key_lines
    end = 1 + parts.yaml.count("\n")
    found = {}
    for key, start in starts.items():
        after = min([line for line in starts.values() if line > start], default=end + 1) - 1
        block = lines[start - 1 : after]
        while not block[-1].strip() or block[-1].startswith("#"):
            block.pop()
        found[key] = block
    return found


WRITTEN = {
    "title": [
        "title: Tide",
        "title: 'Tide & time'  # good",
        '"title": "a # b"',
        "title: >-\n  long\n  one",
    ],
    "publishedDateTime": [
        "publishedDateTime: 2020-06-11",
        "publishedDateTime:   2020-06-11T01:02Z",
    ],
    "provider": [
        "provider: {name: P, domain: p.example}",
        "provider:\n  # ours\n  name: P\n  domain: p.example",
    ],
    "heat": ["heat: 5 # hot", "heat:", "heat: many", "heat: '7'"],
    "published": ["published: false", "published: yes # until Monday"],
    "excerpt": ["excerpt: |\n  # one\n\n  two", 'excerpt: "a\n\n  b"', "excerpt: plain\n  and on"],
    "topics": [
        "topics: [Sea, Birds]",
        "topics:\n- Sea\n- Birds",
        "topics:\n  - Sea\n  # or\n  - Birds",
    ],
    "images": ["images:\n  - url: https://p.example/i\n    width: 3", "images: [{url: x}]"],
    "webUrl": ["webUrl: 'https://p.example/a'", "webUrl: nonsense"],
    "note": ["note: 1.0", "note:\n  deep:\n    - 1\n    - {a: b}"],
}
NEW = {
    "title": st.sampled_from(["Tide", "a: 'b' #c", "yes"]),
    "publishedDateTime": st.sampled_from([datetime(2021, 1, 1, tzinfo=UTC)]),
    "provider": st.sampled_from([{"name": "Q", "domain": "q.example"}]),
    "heat": st.none() | st.integers(-2, 9),
    "published": st.none() | st.booleans(),
    "excerpt": st.none() | TEXTS,
    "topics": st.none() | st.sampled_from([["Sea"], ["C++", "C#"]]),
    "images": st.none() | st.sampled_from([[{"url": "https://p.example/j", "title": "x"}]]),
    "webUrl": st.none() | st.sampled_from(["https://p.example/b?a=1&amp;copy=2"]),
    "note": st.none() | st.sampled_from([1, True, {"a": [1, "b"]}]),
    "locale": st.none() | st.sampled_from(["en", "no"]),
}
BETWEEN = st.sampled_from(["", "", "", "\n", "# a comment\n", "\n# a: comment\n\n"])


@st.composite
def texts(draw):
    """A document as people write it: keys in any order and style, comments between them."""
    optional = draw(st.sets(st.sampled_from(list(WRITTEN)[3:])))
    keys = draw(st.permutations([*list(WRITTEN)[:3], *sorted(optional)]))
    lines = [draw(BETWEEN) + draw(st.sampled_from(WRITTEN[key])) + "\n" for key in keys]
    text = "---\n" + "".join(lines) + draw(BETWEEN) + "---\n" + draw(TEXTS)
    return text.replace("\n", draw(st.sampled_from(["\n", "\r\n"])))


@settings(max_examples=scaled(100, long=300), suppress_health_check=[HealthCheck.too_slow])
@given(texts(), st.fixed_dictionaries({}, optional=NEW), st.just(...) | st.none() | TEXTS)
def test_editing_gives_the_document_wanted_and_leaves_other_lines_alone(text, values, content):
    """After any change the text has the new values, and lines of other keys are unchanged."""
    before = said(text)
    after = {key: value for key, value in {**before.values, **values}.items() if value is not None}
    if content is not ...:
        after.pop("content", None)  # what stood there and could not be written as a body
        content = content if content and body_round_trips(content) else None
    document = DocumentData(after, before.content if content is ... else content)
    result = edit_text(PATH, text, before, document, OPTIONS).text
    assert said(result) == said(serialize_document(document))
    kept, now = blocks(text), blocks(result)
    for key in kept.keys() - values.keys():
        assert now.get(key) == kept[key]
    if content is ...:
        assert parts_of(result).body == parts_of(text).body


def test_editing_a_value_changes_its_line_only():
    """A changed value leaves its line's spacing and comment, and every other byte, alone."""
    assert edited(LIVELY, heat=7) == LIVELY.replace("heat: 5 # hot", "heat: 7 # hot")
    assert edited(LIVELY, published=True) == LIVELY.replace("published: false", "published: true")
    assert edited(LIVELY, title="New") == LIVELY.replace("Tide & time", "New")


def test_editing_nothing_changes_no_byte():
    """An edit without a difference is a no-op, byte for byte."""
    assert edited(LIVELY, heat=5) == LIVELY


def test_editing_keeps_line_endings_and_byte_order_mark():
    """Line endings and the byte order mark stay."""
    text = "\ufeff" + LIVELY.replace("\n", "\r\n")
    assert edited(text, heat=7, tags=["a"]) == "\ufeff" + LIVELY.replace(
        "heat: 5 # hot", "heat: 7 # hot"
    ).replace("  - Birds\n", "  - Birds\n\ntags:\n  - a\n").replace("\n", "\r\n")


def test_editing_inserts_a_key_where_it_usually_stands():
    """A new key comes behind the one that usually stands before it."""
    text = MINIMAL + "secured: x\n---\n"
    assert edited(text, published=False).splitlines()[2:4] == [
        "publishedDateTime: 2020-06-11",
        "published: false",
    ]
    assert edited(text, note=1).splitlines()[-2:] == ["note: 1", "---"]


def test_editing_removes_a_key_with_its_lines():
    """A removed key takes its lines, and leaves the comments before the next key."""
    expected = LIVELY.replace("topics:\n  - Sea\n  # not sure\n  - Birds\n", "")
    assert edited(LIVELY, topics=None) == expected


def test_editing_the_body_leaves_the_front_matter_alone():
    """A new content replaces the body; none removes it."""
    head = LIVELY.partition("Body")[0]
    assert edited(LIVELY, content="New\n\nbody") == LIVELY.replace("Body *here*.", "New\n\nbody")
    assert edited(LIVELY, content=None) == head


@pytest.mark.parametrize(
    "text",
    [
        "{title: T, publishedDateTime: 2020-06-11, provider: {domain: p.example}, heat: 1}",
        "---\ntitle: T\npublishedDateTime: 2020-06-11\nprovider: {domain: p.example}\nheat: 1",
        "title: T\npublishedDateTime: 2020-06-11\nprovider: {domain: p.example}\ncontent: old",
    ],
)
def test_editing_changes_files_that_are_all_yaml(text):
    """A .yaml file may be one line, lack its last line end, or hold its content under a key."""
    path = "_news/2020-06-11-a-story.yaml"
    result = edited(text, path, heat=2, content="new")
    article = read_article(path, result.encode(), OPTIONS).article
    assert article is not None
    assert (article.heat, article.content, article.metadata) == (2, "new", {})


@pytest.mark.parametrize(
    "more",
    [
        "base: &x [1]\nimages: []\nother: *x\nheat: 1\n",
        "heat: 1\ntitle: T\nheat: 3\n",
        "<<: {heat: 1}\n",
        "note: |+\n  text\n\n\nheat: 1\n",
        "note: 'a\n\n  heat: 9'\nheat: 1\n",
        "? heat\n: 1\n",
        '"heat": 1\n',
        "heat:\n",
        "heat: !!int 1\n",
        "heat: >-\n  1\n",
    ],
)
@pytest.mark.parametrize("values", [{"heat": 2}, {"heat": None}, {"base": None}])
def test_editing_survives_unusual_yaml(more, values):
    """The result has the new values for every style of YAML."""
    text = MINIMAL + more + "---\nbody\n"
    after = {**said(text).values, **values}
    result = said(edited(text, **values))
    assert result.values.get("heat", 0) == (after["heat"] or 0)
    assert result.values.get("note") == after.get("note")
    assert result.content == "body"


@pytest.mark.skipif(not REAL, reason="NEWSGRAPH_REAL_DOCUMENTS names no folder of real documents")
def test_editing_real_documents_changes_one_line():
    """Publishing or hiding a real document changes one line of it, or adds one."""
    files = [p for p in Path(REAL or "").rglob("*") if p.suffix in (".md", ".txt")]
    assert files
    for file in files:
        text = file.read_text()
        result = edited(text, published=not said(text).values["published"])
        before, after = text.split("\n"), result.split("\n")
        assert len(set(before) ^ set(after)) <= 2
        assert len(after) - len(before) in (0, 1)


# Small edits in unusual texts: the text, the new values, and the lines that leave and come

UNINDENTED = (
    MINIMAL + "zip: 01234\nimages:\n- url: https://p.example/1 # front\n  width: 640\n"
    'topics:\n- "Tech: AI"\n- Sea # wet\n---\nBody.\n'
)
FRONT = {"url": "https://p.example/1", "width": 640}
FLOW = "title: T, zip: 01234, publishedDateTime: 2020-06-11"
SMALL_EDITS = [
    (
        UNINDENTED,
        {"images": [FRONT, {"url": "https://p.example/2"}]},
        [],
        ['- url: "https://p.example/2"'],
    ),
    (UNINDENTED, {"images": [{**FRONT, "width": 9}]}, ["  width: 640"], ["  width: 9"]),
    (UNINDENTED, {"images": [{"url": "https://p.example/1"}]}, ["  width: 640"], []),
    (UNINDENTED, {"topics": ["Tech: AI", "Sea", "Ice"]}, [], ["- Ice"]),
    (UNINDENTED, {"topics": ["Sea"]}, ['- "Tech: AI"'], []),
    (UNINDENTED, {"topics": ["Sea", "Tech: AI"]}, ["- Sea # wet"], ["- Sea # wet"]),
    (
        MINIMAL + "images:\n  - {url: https://p.example/1, width: 640} # a\n---\n",
        {"images": [{**FRONT, "width": 9}]},
        ["  - {url: https://p.example/1, width: 640} # a"],
        ["  - {url: https://p.example/1, width: 9} # a"],
    ),
    (
        MINIMAL + "topics: [Sea, Ice] # both\n---\n",
        {"topics": ["Ice"]},
        ["topics: [Sea, Ice] # both"],
        ["topics: [Ice] # both"],
    ),
    (
        MINIMAL + "topics: Sea # one\n---\n",
        {"topics": ["Ice", "Sea"]},
        ["topics: Sea # one"],
        ["topics: # one", "  - Ice", "  - Sea"],
    ),
    (
        MINIMAL + 'note: "a\u2028b"\nheat: 1 # h\n---\n',
        {"heat": 2},
        ["heat: 1 # h"],
        ["heat: 2 # h"],
    ),
    (
        MINIMAL + "# a\u0085heat: 1 # h\n---\n",
        {"heat": 2},
        ["# a\u0085heat: 1 # h"],
        ["# a\u0085heat: 2 # h"],
    ),
    (MINIMAL + "note: 'a\rb'\nheat: 1\n---\n", {"heat": 2}, ["heat: 1"], ["heat: 2"]),
    (
        f"---\n{{{FLOW}, provider: {{domain: p.example}}}}\n---\n",
        {"heat": 2},
        [f"{{{FLOW}, provider: {{domain: p.example}}}}"],
        [f"{{{FLOW}, heat: 2, provider: {{domain: p.example}}}}"],
    ),
    (
        MINIMAL + "images: &i\n  - url: https://p.example/1\nsame: *i # too\n---\n",
        {"images": None},
        ["images: &i", "  - url: https://p.example/1", "same: *i # too"],
        ["same: &i [{url: https://p.example/1}] # too"],
    ),
    (MINIMAL + "base: &b {heat: 3}\n<<: *b\n---\n", {"heat": 4}, [], ["heat: 4"]),
    (
        MINIMAL + "featuredContent: |\n  one\n  two\n---\n",
        {"featuredContent": "one\n\n3\n"},
        ["  two"],
        ["", "  3"],
    ),
]


@pytest.mark.parametrize(("text", "values", "gone", "new"), SMALL_EDITS)
def test_editing_changes_no_line_more_than_needed(text, values, gone, new):
    """Whatever the style of a text, only the lines of the changed values differ."""
    before, after = text.split("\n"), edited(text, **values).split("\n")
    assert Counter(after) == Counter(before) - Counter(gone) + Counter(new)
    result = said("\n".join(after))
    assert all(result.values.get(key) == value for key, value in values.items())


def test_editing_adds_the_line_end_that_a_body_needs():
    """A body follows a front matter whose last line had no line end; nothing else changes."""
    text = "---\n# how\ntitle: T # keep\nzip: 01234\n" + MINIMAL.partition("T\n")[2] + "---"
    assert edited(text, content="New") == text + "\n\nNew\n"


def test_rewriting_keeps_comments_and_the_source_of_values():
    """A merged key can be removed only by a rewrite: the values that stay keep their source."""
    text = (
        MINIMAL + "# hours\nopens: 12:30 # noon\nversion: 1.10\n"
        "base: &b {zip: 01234, note: x}\n<<: *b\n# the end\n---\nBody\n"
    )
    before = said(text)
    after = {key: value for key, value in before.values.items() if key != "note"}
    result = edit_text(PATH, text, before, DocumentData(after, before.content), OPTIONS)
    assert result.is_rewritten
    assert said(result.text) == DocumentData(after, "Body")
    for line in ("# hours", "opens: 12:30 # noon", "version: 1.10", "zip: 01234", "# the end"):
        assert f"\n{line}\n" in result.text


# Random documents in random style


@st.composite
def changes(draw, documents):
    """A styled document, its data after a random change, and the expected text around it.

    The edited text starts and ends with the two texts; between them is the changed value.
    """
    document = draw(documents)
    text, ranges = document.text, document.ranges
    before = said(text)
    values: dict[str, Any] = deepcopy(before.values)
    content = before.content
    kind = draw(st.sampled_from(sorted({*ranges, "tags.append", "images.append"})))
    key, *rest = kind.split(".")
    start, end = ranges.get(kind, (0, 0))
    if rest == ["append"]:
        last = f"{key}.{document.counts[key] - 1}"
        if kind not in ranges:
            start = end = ranges.get(f"{last}.lines", ranges[last])[1]
        values[key].append("New" if key == "tags" else {"url": "https://p.example/new"})
    elif rest[1:] == ["lines"]:
        assume(document.counts[key] > 1)
        del values[key][int(rest[0])]
    elif rest[1:] == ["width"]:
        values[key][int(rest[0])] = {**values[key][int(rest[0])], "width": 8}
    elif key == "tags":
        values[key][int(rest[0])] = draw(NEW_WORDS)
    elif key == "images":
        values[key][int(rest[0])] = {"url": "https://p.example/new", "width": 7}
    elif key == "provider":
        values[key] = {**values[key], "name": draw(NEW_WORDS)}
    elif key == "content":
        content = draw(NEW_WORDS)
    elif key == "publishedDateTime":
        values[key] = datetime(2021, 1, 1, tzinfo=UTC)
    else:
        values[key] = draw(st.integers(6, 9)) if key == "heat" else draw(NEW_WORDS)
    return document, DocumentData(values, content), (text[:start], text[end:])


NEW_WORDS = st.sampled_from(["New", "it's: new # not", "null", '"', "x, y] {z}", "a\\b"])


@pytest.mark.parametrize("documents", [styled_documents(), toml_documents(), json_documents()])
@settings(max_examples=scaled(250, long=3_000), suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_editing_changes_no_byte_outside_the_value(documents, data):
    """In any style, the bytes before and after a changed value stay, and it is read as asked."""
    document, after, (prefix, suffix) = data.draw(changes(documents))
    result = edit_text(PATH, document.text, said(document.text), after, OPTIONS)
    assert result.text.startswith(prefix)
    assert result.text.endswith(suffix)
    assert len(result.text) >= len(prefix) + len(suffix)
    assert not result.is_rewritten
    expected = said(serialize_document(after))
    assert said(result.text)._replace(values={}) == expected._replace(values={})
    assert dict(said(result.text).values) == dict(expected.values)
    line_end = line_end_of(document.text)
    assert not line_end or plain_line_ends(result.text).count("\n") == result.text.count(line_end)


def line_end_of(text):
    """The line end of a text that has only one kind."""
    return next(end for end in ("\r\n", "\r", "\n", "") if end in text)


@settings(max_examples=scaled(150, long=3_000), suppress_health_check=list(HealthCheck))
@given(toml_documents() | json_documents(), st.data())
def test_editing_other_formats_gives_the_document_wanted(document, data):
    """After any change, of several fields and of the order of lists, too, it is read as asked."""
    before = said(document.text)
    values = {**before.values, **data.draw(st.fixed_dictionaries({}, optional=NEW))}
    for key in ("tags", "images"):
        if values.get(key) == before.values[key]:
            values[key] = data.draw(st.lists(st.sampled_from(values[key]), unique_by=str))
    after = {key: value for key, value in values.items() if value not in (None, [])}
    content = data.draw(st.sampled_from([before.content, "New.", "A\n\nb", None]))
    wanted = DocumentData(after, content)
    result = edit_text(PATH, document.text, before, wanted, OPTIONS)
    assert not result.is_rewritten
    assert said(result.text).content == content
    assert dict(said(result.text).values) == dict(said(serialize_document(wanted)).values)
    assert result.parse_result.format is front_matter_format(document.text)


@settings(max_examples=scaled(100, long=2_000), suppress_health_check=list(HealthCheck))
@given(toml_documents() | json_documents(), st.sampled_from(["heat", "locale", "note"]))
def test_editing_other_formats_inserts_and_removes_one_piece(document, key):
    """A new key, or one that goes, changes one place; all other bytes stay."""
    before, text = said(document.text), document.text
    values = {k: v for k, v in before.values.items() if k != key or key != "heat"}
    values |= {} if key == "heat" else {key: "sv"}
    result = edit_text(PATH, text, before, DocumentData(values, before.content), OPTIONS)
    assert not result.is_rewritten
    short, long = sorted([text, result.text], key=len)
    blocks = SequenceMatcher(None, short, long, autojunk=False).get_opcodes()
    assert [tag for tag, *_ in blocks if tag != "equal"] == ["insert"]
    now = said(result.text).values
    assert now.get(key) == (0 if key == "heat" else "sv")


def test_json_with_a_duplicate_key_is_not_edited():
    """Readers differ in which of the two counts; the reason has the key and its lines."""
    text = '{"title": "T", "publishedDateTime": "2020-06-11", "provider": {"domain": "p.example"},'
    text += '\n"heat": 1, "more": {"a": 1,\n"a": 2}}'
    with pytest.raises(UnwritableError, match="'a' occurs twice, on lines 2 and 3"):
        edited(text, heat=2)


def test_new_entry_of_a_json_object_is_one_line():
    """It stands above the last one, whose line would need a comma otherwise."""
    last = '  "provider": {"domain": "p.example"}'
    text = f'{{\n  "publishedDateTime": "2020-06-11",\n  "title": "T",\n{last}\n}}\n'
    assert edited(text, note=1) == text.replace(last, f'  "note": 1,\n{last}')


STYLES = [
    ("note = '''\nold'''\n", "new\nlines", "note = '''\nnew\nlines'''\n"),
    ('note = """old""" # c\n', "\nnew \\", 'note = """\n\nnew \\\\""" # c\n'),
    ("note = 'old'\n", "it's", 'note = "it\'s"\n'),
    ("note.a = 1 # a\n# between\nnote.b = 2\n", None, "# between\n"),
    ("note = 0x1F # c\n", 7, "note = 7 # c\n"),
]


@pytest.mark.parametrize(("old", "value", "new"), STYLES)
def test_toml_value_keeps_its_style(old, value, new):
    """Quotes and the line break behind them stay, where they can; a comment stays in any case."""
    text = "+++\ntitle = 'T'\npublishedDateTime = 2020-06-11\nprovider.domain = 'p.example'\n"
    assert edited(f"{text}{old}+++\n", note=value) == f"{text}{new}+++\n"


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("opening", ["---\n", "+++\n", ";;;\n"])
def test_new_lines_have_the_line_end_of_the_text(opening, line_end):
    """Whatever it is: CR alone, too."""
    required = {
        "title": "T",
        "publishedDateTime": "2020-06-11",
        "provider": {"domain": "p.example"},
    }
    colon = " = " if opening[0] == "+" else ": "
    lines = [f'"{key}"{colon}{flow(value, colon)}' for key, value in required.items()]
    comma = ",\n" if opening[0] == ";" else "\n"
    text = (opening + comma.join(lines) + f"\n{opening}Body\n").replace("\n", line_end)
    result = edited(text, heat=7, tags=["a"], content="New\nbody")
    assert result.count(line_end) > text.count(line_end)
    assert not set(result.replace(line_end, "")) & {"\r", "\n"}


def flow(value, colon):
    """A text or a mapping of texts in one line."""
    if isinstance(value, str):
        return f'"{value}"'
    return "{" + ", ".join(f'"{key}"{colon}"{text}"' for key, text in value.items()) + "}"


def test_null_in_toml_is_refused():
    """TOML has no null, at any depth."""
    text = (
        "+++\ntitle = 'T'\npublishedDateTime = 2020-06-11\nprovider = {domain = 'p.example'}\n+++\n"
    )
    for value in ([None], {"a": None}, {"a": [{"b": None}]}):
        with pytest.raises(UnwritableError, match="no null"):
            edited(text, note=value)


UNUSUAL_TOML = {
    "empty root": ("", "[provider]\ndomain = 'p.example'\n", {"heat": 2}),
    "header of a table without keys": ("[extra]\n", "", {"extra": {"a": 1}}),
    "table that a deeper header makes": (
        "# c\n[a.b]\nc = 1\n",
        "",
        {"a": {"b": {"c": 1}, "d": 2, "e": [3]}},
    ),
    "table that becomes a text": ("[a]\nb = 1\n[a.c]\nd = 1\n", "", {"a": "x"}),
    "table of dotted keys that is emptied": ("a.b = 1\n", "", {"a": {}}),
    "dotted keys in brackets": ("a = {b.c = 0x1, d = 1}\n", "", {"a": {"b": {"c": 1}, "d": 2}}),
    "list of tables with other values": ("[[a]]\nb = 1\n[[a]]\nb = 2\n", "", {"a": [1, {"b": 2}]}),
    "list of tables in tables": (
        "[[a]]\nb = 1\n[[a.c]]\nd = 1\n[[a.c]]\nd = 2\n[[a]]\nb = 2\n",
        "",
        {"a": [{"b": 1, "c": [{"d": 2}, {"d": 3}]}, {"b": 2, "e": 1}]},
    ),
    "comma that begins a line": ("tags = [ 'a'\n  , 'b' ]\n", "", {"tags": ["a", "c", "b", "d"]}),
    "empty list": ("tags = [ # none\n]\n", "", {"tags": ["a"]}),
    "keys in quotes": ('"a b".\'c.d\' = 1\n', "", {"a b": {"c.d": 2, "e": 3}}),
}  # fmt: skip


@pytest.mark.parametrize(("more", "end", "values"), UNUSUAL_TOML.values(), ids=UNUSUAL_TOML)
def test_editing_survives_unusual_toml(more, end, values):
    """The result has the new values, and all other lines."""
    provider = "" if end else "provider = {domain = 'p.example'}\n"
    base = f"title = 'T'\npublishedDateTime = 2020-06-11\n{provider}"
    head = f"+++\n{base}{more}{end}"
    text = f"{head}+++\nBody\n"
    before = said(text)
    data = {**before.values, **values}
    result = edit_text(PATH, text, before, DocumentData(data, "Body"), OPTIONS)
    assert not result.is_rewritten
    assert dict(said(result.text).values) == data
    assert all(line in result.text.splitlines() for line in base.splitlines())


FLOW_ENTRIES = {
    "title": "title: 'A, b'",
    "publishedDateTime": "publishedDateTime: 2020-06-11",
    "provider": "provider: {domain: p.example, name: P}",
    "heat": '"heat": 5',
    "tags": "tags: [a,\n   b ]",
    "zip": "zip: 01234",
    "x": "x: {y: [010, {z: }]}",
}


@given(
    st.permutations(list(FLOW_ENTRIES)),
    st.sampled_from([", ", ",\n  ", " , "]),
    st.sampled_from(["heat", "tags", "title", "locale"]),
    st.booleans(),
)
def test_editing_a_root_in_brackets_changes_one_entry(keys, comma, changed, removes):
    """All entries but the changed one stay as they are written, whatever separates them."""
    text = "---\n{ " + comma.join(FLOW_ENTRIES[key] for key in keys) + " }\n---\nBody\n"
    values: dict[str, Any] = {"heat": 7, "tags": ["c"], "title": "New", "locale": "en"}
    value = None if removes and changed in ("heat", "tags") else values[changed]
    before = said(text)
    data = {k: v for k, v in {**before.values, changed: value}.items() if v is not None}
    result = edit_text(PATH, text, before, DocumentData(data, before.content), OPTIONS)
    assert not result.is_rewritten
    assert all(entry in result.text for key, entry in FLOW_ENTRIES.items() if key != changed)
    expected = {**before.values, changed: 0 if changed == "heat" and value is None else value}
    assert said(result.text).values == {k: v for k, v in expected.items() if v is not None}
