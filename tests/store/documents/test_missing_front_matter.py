"""Files without front matter: how bad that is, and the true reason."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from store.documents.article_reader import read_article
from store.documents.diagnostics import DiagnosticCode
from store.documents.field_mapping import FieldMapping
from store.documents.frontmatter import ParseOptions
from store.documents.missing_front_matter import missing_front_matter
from store.documents.topic_reader import read_topic
from store.model import Severity

OPTIONS = ParseOptions()
REST = "title: A\ntags:\n- x\n\n# comment\ndate: 2020-06-11\n---\nText.\n"


def problem(text, path="a.md"):
    """Return the diagnostic of a file without front matter."""
    (diagnostic,) = read_article(path, text.encode(), OPTIONS).diagnostics
    assert diagnostic.code == DiagnosticCode.NO_FRONT_MATTER
    return diagnostic


@pytest.mark.parametrize(
    ("path", "severity"),
    [
        ("README.md", Severity.INFO),
        ("_posts/readme.de.md", Severity.INFO),
        ("sub/LICENSE.txt", Severity.INFO),
        ("security.md", Severity.INFO),
        ("a.md", Severity.WARNING),
        ("security-notice.md", Severity.WARNING),
        ("changes-in-tide.md", Severity.WARNING),
        ("authors_meet.md", Severity.WARNING),
        ("notice of sale.md", Severity.WARNING),
        ("_news/a.md", Severity.ERROR),
        ("blog/_posts/2020/a.md", Severity.ERROR),
        ("_news/security.md", Severity.ERROR),
        ("_news.md", Severity.WARNING),
    ],
)
def test_missing_front_matter_is_as_bad_as_what_is_lost(path, severity):
    """Text in a folder of documents is an error; by its whole name a file may be no document."""
    assert problem("Hello\n", path).severity is severity


@pytest.mark.parametrize(
    ("path", "severity"),
    [
        ("notes/a.md", Severity.ERROR),
        ("notes/2020/_index.mdx", Severity.ERROR),
        ("notes/security.md", Severity.ERROR),
        ("notes/README.md", Severity.INFO),
        ("notes/_part.md", Severity.WARNING),
        ("notes/robots.txt", Severity.INFO),
        ("notes/page.html", Severity.WARNING),
        ("notes-2/a.md", Severity.WARNING),
        ("a.md", Severity.WARNING),
    ],
)
def test_texts_of_a_collection_of_the_mapping_are_documents(path, severity):
    """A text in a folder that `collections` names is a document that is lost."""
    options = ParseOptions(mapping=FieldMapping(collections=("notes",)))
    (diagnostic,) = read_article(path, b"Hello\n", options).diagnostics
    assert diagnostic.severity is severity


def test_asciidoc_header_is_named():
    """The true reason: the file has a header, in a format that is not read."""
    assert "AsciiDoc header" in problem("= A title\nA Name\n2020-06-11\n", "a.adoc").message


@pytest.mark.parametrize(
    ("text", "reason", "line"),
    [
        (f"\n---\n{REST}", "A blank line stands before", 2),
        (f"\r\n  \r\n---\n{REST}", "A blank line stands before", 3),
        (f" ---\n{REST}", "an invisible character stands before", 1),
        (f"\u200b---\n{REST}", "an invisible character stands before", 1),
        (f"x---\n{REST}", "is 'x---', not ---", 1),
        (f"----\n{REST}", "is '----', not ---", 1),
        (f"\u2014\n{REST}", "is '\u2014', not ---", 1),
        (f"\u2014-\n{REST}", "is '\u2014-', not ---", 1),
        (f"--- # mine\n{REST}", "is '--- # mine', not ---", 1),
        (REST, "The opening line --- is missing", 1),
        (f"<!-- mine -->\n---\n{REST}", "opens on line 2", 1),
        ("Title: A\nDate: 2020-06-11\n\nText.\n", "metadata lines", 1),
        ("\ntags: a,\n    b\ntitle: A\n", "metadata lines", 2),
        ("\n+++\ntitle = 'A'\n+++\n", "TOML", 2),
        ('\n{"title": "A"}\n', "JSON", 2),
        ("\n;;;\n{}\n;;;\n", "JSON", 2),
    ],
)
def test_front_matter_that_is_nearly_right_is_an_error_with_the_reason(text, reason, line):
    """A document is lost, so `check` must fail wherever the file is, and say what to change."""
    diagnostic = problem(text)
    assert (diagnostic.severity, diagnostic.line) == (Severity.ERROR, line)
    assert reason in diagnostic.message
    assert diagnostic.remedy


@pytest.mark.parametrize(
    "text",
    [
        "Hello\n---\nNote: text\n",
        "Title\n=====\n\nText.\n---\nMore\n",
        "Note: this is text.\n\nSo is this.\n\n---\nMore.\n",
        "Title: this is text.\n\nSo is this.\n",
        "Title: A\nNote: B\nand text without a blank line.\n",
        "Who: A\nWhat: B\n\nText.\n",
        "```yaml\ntitle: A\n```\n",
        "- a\n- b\n",
        "Note: this\ntext --- and more\n",
        "<p>Hello</p>\n",
        "{% include x %}\n",
        "----\nHello\n----\n",
        "---",
    ],
)
def test_text_that_resembles_no_front_matter_is_a_warning(text):
    """Rules, headings and labels in a text are no front matter."""
    result = read_article("a.md", text.encode(), OPTIONS)
    if text != "---":
        assert problem(text).severity is Severity.WARNING
    else:
        assert result.diagnostics[0].code == DiagnosticCode.UNCLOSED_FRONT_MATTER


@pytest.mark.parametrize("text", ["", "\n \n", "\ufeff"])
def test_empty_file_is_called_empty(text):
    """The reason is that the file is empty; a topic file is named as one."""
    assert problem(text).message == "The file is empty."
    assert problem(text, "_news/a.md").severity is Severity.ERROR
    path = "_data/topics/a.yaml"
    (diagnostic,) = read_topic(path, text.encode(), OPTIONS).diagnostics
    assert (diagnostic.message, diagnostic.severity) == ("The topic file is empty.", Severity.ERROR)


@given(st.lists(st.sampled_from(["\n", "---", "-", "\u2014", "a: b", " ", "\r", "{", "x", "+++"])))
@example(["\n"] * 30_000 + ["x"])
def test_each_text_has_a_reason(parts):
    """A reason is found for any text, with a line that the text has."""
    text = "".join(parts)
    diagnostic = missing_front_matter("_news/a.md", text)
    assert diagnostic.severity is Severity.ERROR
    assert diagnostic.line is not None
    assert 1 <= diagnostic.line <= text.count("\n") + 1
