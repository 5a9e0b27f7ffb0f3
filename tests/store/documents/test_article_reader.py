"""Each field of a document is read by its type; what cannot be used is told and kept."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.documents.article_reader import read_article
from store.documents.diagnostics import DiagnosticCode
from store.documents.field_mapping import FieldMapping
from store.documents.frontmatter import ParseOptions
from store.model import Image, ProviderMention, Severity

OPTIONS = ParseOptions()
HEAD = """---
title: "A title"
publishedDateTime: 2020-06-11T17:30:00Z
provider: {name: Press, domain: Press.example.}
"""  # the next line is the fifth


def read(text, path="_news/2020-06-11-a-title.md"):
    """Parse a document's text."""
    return read_article(path, text.encode(), OPTIONS)


def article(rest, body=""):
    """The article of a document with these further lines."""
    parse_result = read(f"{HEAD}{rest}\n---\n{body}")
    assert parse_result.article, parse_result.diagnostics
    return parse_result.article


def problems(rest):
    """Return code, line and severity of the problems of these further lines."""
    return [(d.code, d.line, d.severity.value[0]) for d in read(f"{HEAD}{rest}\n---\n").diagnostics]


def test_read_document_fills_every_field():
    """Every field that the schema knows is read from the document."""
    story = article(
        """updatedDateTime: 2020-06-12
excerpt: "<p>Some&nbsp;<b>text</b> &amp; more</p>"
category: news
webUrl: "https://press.example/a?b=1&#038;c=2"
originalUrl: https://press.example/o
ampWebUrl: https://press.example/amp
cdnAmpWebUrl: https://cdn.example/amp
type: video
quality: 81
heat: -1
published: No
locale: en
tags: [one, two, one]
topics: [AI,  Computer  Vision, "computer vision"]
featuredContent: "<iframe></iframe>"
secured: "a+b=="
images:
  [{url: "https://press.example/i.jpg", width: 9, height: 0, isCached: yes, title: "A &amp; B",
    attribution: Me, alt: x}]
related:
  - title: "Other"
    webUrl: https://other.example/x
    publishedDateTime: 2020-06-09 03:34:00 +0200
    quality: 41
    type: article
    excerpt: Text
    provider: {name: Other, domain: other.example, images:
  [{url: "https://other.example/l.png"}]}
    note: 1
layout: post
nested: {a: [1, 2020-01-01]}""",
        "\n\n  Body\n\nmore\n\n",
    )
    assert story.slug == "2020-06-11-a-title"
    assert story.title == "A title"
    assert story.excerpt == "Some text & more"
    assert story.published_date_time == datetime(2020, 6, 11, 17, 30, tzinfo=UTC)
    assert story.updated_date_time == datetime(2020, 6, 12, tzinfo=UTC)
    assert story.provider == ProviderMention(domain="press.example", name="Press")
    assert story.web_url == "https://press.example/a?b=1&c=2"
    assert story.cdn_amp_web_url == "https://cdn.example/amp"
    assert (story.category, story.type, story.locale) == ("news", "video", "en")
    assert (story.quality, story.heat, story.published) == (81, -1, False)
    assert story.tags == ("one", "two")
    assert story.topics == ("AI", "Computer Vision")
    assert story.content == "  Body\n\nmore"
    assert story.images == (
        Image(
            url="https://press.example/i.jpg",
            width=9,
            height=0,
            is_cached=True,
            title="A & B",
            attribution="Me",
            metadata={"alt": "x"},
        ),
    )
    (other,) = story.related
    assert other.published_date_time == datetime(2020, 6, 9, 1, 34, tzinfo=UTC)
    assert other.provider.images[0].url == "https://other.example/l.png"
    assert (other.quality, other.metadata) == (41, {"note": 1})
    assert story.metadata == {"layout": "post", "nested": {"a": [1, "2020-01-01"]}}


def test_read_document_takes_defaults_where_nothing_is_written():
    """Without further fields an article is published, of type article, with zeros."""
    story = article("excerpt:\ntopics: ~\n")
    assert (story.type, story.published, story.quality, story.heat) == ("article", True, 0, 0)
    assert (story.excerpt, story.content, story.topics, story.metadata) == (None, None, (), {})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2020-06-11T17:30:00Z", datetime(2020, 6, 11, 17, 30)),  # noqa: DTZ001
        ("2020-06-11 17:30:00 +0000", datetime(2020, 6, 11, 17, 30)),  # noqa: DTZ001
        ("'2020-06-11 17:30:00 -0530'", datetime(2020, 6, 11, 23)),  # noqa: DTZ001
        ("2020-06-11t7:30:00.25 +1", datetime(2020, 6, 11, 6, 30, 0, 250000)),  # noqa: DTZ001
        ("2020-6-1", datetime(2020, 6, 1)),  # noqa: DTZ001
        ("2020-06-11 17:30", datetime(2020, 6, 11, 17, 30)),  # noqa: DTZ001
        ('"20200611T173000Z"', datetime(2020, 6, 11, 17, 30)),  # noqa: DTZ001
    ],
)
def test_read_document_reads_dates_as_utc(text, expected):
    """YAML's timestamps and ISO 8601 are read, quoted or not; naive is UTC, a date midnight."""
    assert article(f"updatedDateTime: {text}").updated_date_time == expected.replace(tzinfo=UTC)


def test_read_document_tells_unknown_formats_of_dates_from_impossible_dates():
    """The message of BAD_DATE has the true reason."""
    messages = [
        read(f"{HEAD}updatedDateTime: {text}\n---\n").diagnostics[0].message
        for text in ("2020-06-11x17:30", "2020-13-01")
    ]
    assert "no date in a format that is read: '2020-06-11x17:30'" in messages[0]
    assert "not a date that exists: '2020-13-01'" in messages[1]


W, E = "W", "E"


@pytest.mark.parametrize(
    ("rest", "expected", "metadata"),
    [
        ("heat: lots", [(DiagnosticCode.WRONG_TYPE, 5, W)], {"heat": "lots"}),
        ("heat: 1.5", [(DiagnosticCode.WRONG_TYPE, 5, W)], {"heat": "1.5"}),
        ("heat: 2147483648", [(DiagnosticCode.OUT_OF_RANGE, 5, W)], {"heat": "2147483648"}),
        ("heat: " + "9" * 5_000, [(DiagnosticCode.OUT_OF_RANGE, 5, W)], {"heat": "9" * 5_000}),
        ("heat: [1]", [(DiagnosticCode.WRONG_TYPE, 5, W)], {"heat": [1]}),
        ("published: maybe", [(DiagnosticCode.WRONG_TYPE, 5, W)], {"published": "maybe"}),
        (
            "updatedDateTime: 2020-02-31",
            [(DiagnosticCode.BAD_DATE, 5, W)],
            {"updatedDateTime": "2020-02-31"},
        ),
        (
            "updatedDateTime: 0001-01-01T00:00:00+05:00",
            [(DiagnosticCode.BAD_DATE, 5, W)],
            {"updatedDateTime": "0001-01-01T00:00:00+05:00"},
        ),
        (
            "webUrl: ftp://a.example/",
            [(DiagnosticCode.BAD_URL, 5, W)],
            {"webUrl": "ftp://a.example/"},
        ),
        ("webUrl: 'https://a b'", [(DiagnosticCode.BAD_URL, 5, W)], {"webUrl": "https://a b"}),
        ("category: {a: 1}", [(DiagnosticCode.WRONG_TYPE, 5, W)], {"category": {"a": 1}}),
        ("category: 2021", [(DiagnosticCode.WRONG_TYPE, 5, W)], {}),
        ("locale: no", [(DiagnosticCode.WRONG_TYPE, 5, W)], {}),
        ("topics: AI", [(DiagnosticCode.WRONG_TYPE, 5, W)], {}),
        ("tags: a b", [(DiagnosticCode.WRONG_TYPE, 5, W)], {}),
        (
            "topics:\n  - AI\n  - {a: 1}",
            [(DiagnosticCode.WRONG_TYPE, 7, W)],
            {"topics": [{"a": 1}]},
        ),
        ("images:\n  - text", [(DiagnosticCode.WRONG_TYPE, 6, W)], {"images": ["text"]}),
        ("images:\n  - width: 1", [(DiagnosticCode.BAD_URL, 6, W)], {"images": [{"width": 1}]}),
        ("images:\n  - url: no", [(DiagnosticCode.BAD_URL, 6, W)], {"images": [{"url": False}]}),
        (
            "related:\n  - webUrl: https://a.example/",
            [(DiagnosticCode.MISSING_TITLE, 6, W)],
            {"related": [{"webUrl": "https://a.example/"}]},
        ),
        ("related:\n  - title: Other", [(DiagnosticCode.MISSING_PROVIDER, 6, W)], {}),
        (
            "related:\n  - title: Other\n    webUrl: https://a.example/",
            [(DiagnosticCode.MISSING_PROVIDER, 6, W)],
            {},
        ),
        ("extra: 1\nextra: 2", [(DiagnosticCode.DUPLICATE_KEY, 6, W)], {"extra": 2}),
        ('extra: "a\\x07"', [(DiagnosticCode.BAD_TEXT, 5, W)], {"extra": "a\ufffd"}),
    ],
)
def test_read_document_keeps_what_it_cannot_use(rest, expected, metadata):
    """An invalid optional value gives a warning with its line; the raw value is in metadata."""
    assert problems(rest) == expected
    assert article(rest).metadata == metadata


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("---\npublishedDateTime: 2020-01-01\nprovider: {domain: a.b}\n---\n", "MISSING_TITLE", 2),
        ("---\ntitle: ~\n---\n", "MISSING_TITLE", 2),
        ('---\ntitle: "&nbsp;"\n---\n', "MISSING_TITLE", 2),
        ("---\ntitle: [a]\n---\n", "WRONG_TYPE", 2),
        ("---\ntitle: A\nprovider: {domain: a.b}\n---\n", "MISSING_DATE", 2),
        ("---\npublishedDateTime: 2020-13-01\n---\n", "BAD_DATE", 2),
        ("---\npublishedDateTime: {a: 1}\n---\n", "WRONG_TYPE", 2),
        ("---\ntitle: A\npublishedDateTime: 2020-01-01\n---\n", "MISSING_PROVIDER", 2),
        ("---\ntitle: A\nprovider: Press\n---\n", "WRONG_TYPE", 3),
        ("---\ntitle: A\nprovider:\n  name: Press\n---\n", "MISSING_PROVIDER", 3),
        ("---\ntitle: A\nsecured: [a]\n---\n", "WRONG_TYPE", 3),
        ("---\ntitle: A\n", "UNCLOSED_FRONT_MATTER", 1),
        ("---\ntitle: A: b\n---\n", "UNREADABLE_YAML", 2),
        ("---\nx: " + "[" * 50 + "\n---\n", "TOO_DEEP", 2),
        ("---\nx: &a [*a]\n---\n", "ALIASES_EXPLODE", 2),
        ("---\ntitle: A\n---\n".encode("utf-16"), "NOT_UTF8", 1),
        (b"---\ntitle: A\nx: \xff\n---\n", "NOT_UTF8", 3),
        (b" " * (OPTIONS.max_size_bytes + 1), "FILE_TOO_LARGE", None),
    ],
)
def test_read_document_refuses_what_is_no_document(text, code, line):
    """A missing or invalid required field is an error with its line and a remedy."""
    data = text if isinstance(text, bytes) else text.encode()
    parse_result = read_article("a.md", data, OPTIONS)
    assert parse_result.article is None
    found = {(d.code, d.line): d for d in parse_result.diagnostics if d.severity is Severity.ERROR}
    assert (code, line) in found
    assert found[code, line].remedy


@pytest.mark.parametrize("written", ["zq", "12345678", "[zq]", "{zq: 12345678}", "yes"])
def test_read_document_tells_secured_text_to_nobody_else(written):
    """No diagnostic quotes secured text, and an invalid value never gets into the metadata."""
    parse_result = read(f"{HEAD}secured: {written}\n---\n")
    if written.startswith(("[", "{")):
        assert parse_result.article is None
    else:
        assert (parse_result.article.secured, parse_result.article.metadata) == (written, {})
    assert not any(d for d in parse_result.diagnostics if written.strip("[{:}]") in d.message)


@pytest.mark.parametrize("written", ["flase", "[false]", "0.0", '"nope"'])
def test_read_document_takes_for_a_draft_what_may_be_one(written):
    """An invalid `published` makes a draft."""
    assert article(f"published: {written}").published is False


@pytest.mark.parametrize(
    "rest",
    [
        "draft: true",
        "draft: yes",
        'draft: "True"',
        "Draft: true",
        "draft: true\npublished: true",
        "published: false\ndraft: false",
        "Published: false",
        "draft: soon",
        "draft: [false]",
    ],
)
def test_draft_is_never_published(rest):
    """`draft: true`, and each value that may mean it, makes a draft."""
    assert article(rest).published is False


@pytest.mark.parametrize("status", ["draft", "Draft", '" DRAFT "', "private", "hidden", "pending"])
@pytest.mark.parametrize("key", ["status", "Status"])
@pytest.mark.parametrize("mapping", [None, FieldMapping(fields={"category": ("Status", "status")})])
def test_draft_by_status_is_never_published(status, key, mapping):
    """As Pelican, WordPress and Ghost write it, also where a mapping moves the key."""
    text = f"{HEAD}{key}: {status}\npublished: true\n---\n"
    document = read_article("a.md", text.encode(), ParseOptions(mapping=mapping)).article
    assert document is not None
    assert document.published is False
    if mapping is None:
        assert document.metadata == {key: status.strip('"')}


@pytest.mark.parametrize(
    "rest", ["status: published", "status: 1", "status: [draft]", "state: draft"]
)
def test_other_status_leaves_a_document_published(rest):
    """It is metadata."""
    assert article(rest).published is True


@pytest.mark.parametrize("key", ["Secured", "SECURED"])
def test_secured_text_under_a_key_in_another_case_is_refused(key):
    """In the metadata everybody would see it."""
    result = read_article("a.md", f"{HEAD}{key}: hush\n---\n".encode(), ParseOptions())
    assert result.article is None
    assert [each.code for each in result.diagnostics] == ["WRONG_TYPE"]
    assert "hush" not in str(result.diagnostics)


@pytest.mark.parametrize(
    ("rest", "published"),
    [
        ("draft: true", False),
        ("draft: false", True),
        ("meta: {draft: true}", False),
        ("a: b", True),
    ],
)
def test_draft_stays_a_draft_where_a_mapping_names_it_for_published(rest, published):
    """`draft` as a source of `published` is its opposite."""
    options = ParseOptions(mapping=FieldMapping(fields={"published": ("draft", "meta.draft")}))
    document = read_article("a.md", f"{HEAD}{rest}\n---\n".encode(), options).article
    assert document is not None
    assert document.published is published


@pytest.mark.parametrize("rest", ["draft: false", "draft: no", "draft:", "published: true"])
def test_document_without_draft_is_published(rest):
    """`draft: false` says what the default is; the key is a field, not metadata."""
    story = article(rest)
    assert (story.published, story.metadata) == (True, {})


@pytest.mark.parametrize(
    ("path", "published"),
    [("_drafts/a.md", False), ("x/_Drafts/y/a.md", False), ("_drafts.md", True)],
)
def test_document_in_drafts_folder_is_a_draft(path, published):
    """All that lies in `_drafts` is a draft, whatever it says."""
    assert read(f"{HEAD}published: true\n---\n", path).article.published is published


def test_read_document_tells_all_that_is_missing_at_once():
    """All missing fields are reported at once."""
    codes = {d.code for d in read("---\nx: 1\n---\n").diagnostics}
    assert codes == {
        DiagnosticCode.MISSING_TITLE,
        DiagnosticCode.MISSING_DATE,
        DiagnosticCode.MISSING_PROVIDER,
    }


def test_read_document_takes_text_from_the_source():
    """Text fields keep the source text, whatever its implicit type in YAML."""
    story = read(HEAD.replace('"A title"', "yes") + "topics: [2021]\n---\n", "a.md").article
    assert (story.title, story.topics) == ("yes", ("2021",))


def test_read_document_makes_a_slug_of_date_and_title():
    """A file that is not named as a Jekyll post gets the date and the title as its slug."""
    text = HEAD.replace("A title", "Ün web.app!") + "---\n"
    assert read(text, "post.md").article.slug == "2020-06-11-un-webapp"


def test_read_document_names_a_provider_by_its_domain():
    """A provider without a name is called by its domain, with a warning."""
    parse_result = read(HEAD.replace("name: Press, ", "") + "---\n")
    assert parse_result.article.provider.name == "press.example"
    assert [d.code for d in parse_result.diagnostics] == [DiagnosticCode.MISSING_PROVIDER]


@pytest.mark.parametrize("provider", ["", "    provider: {name: Other}\n", "    provider: Other\n"])
def test_read_document_takes_a_related_provider_from_the_address(provider):
    """A related story without a domain has that of its address; nothing written is lost."""
    rest = f"related:\n  - title: T\n    webUrl: https://www.other.example/x\n{provider}"
    (related,) = article(rest).related
    assert related.provider.domain == "other.example"
    assert (
        related.provider.name == "Other"
        or related.metadata == {"provider": "Other"}
        or not provider
    )


def test_read_document_prefers_the_body_to_a_key():
    """`content` is used without a body; with both, the body is used and the key is kept."""
    assert article("content: key").content == "key"
    story = article("content: key", "body")
    assert (story.content, story.metadata) == ("body", {"content": "key"})


def test_read_document_reads_windows_files():
    """A byte order mark and CRLF change nothing, lines included."""
    text = f"\ufeff{HEAD}heat: x\n---\nbody\nmore\n".replace("\n", "\r\n")
    parse_result = read(text)
    assert parse_result.article.content == "body\nmore"
    assert [d.line for d in parse_result.diagnostics] == [5]


_PIECES = """title:_a~ publishedDateTime:_ 2020-01-01~ provider:~ __domain:_a~ related:~ images:~
url:_ https://a.example ---~ ...~ -_ :_ [ ] { } &a_ *a_ << ' " \\x ~ __ |~ !!set_ % ?_ \0"""
YAMLISH = st.lists(
    st.sampled_from([p.replace("~", "\n").replace("_", " ") for p in _PIECES.split()]),
    max_size=40,
).map("".join)


@given(
    st.binary(max_size=200) | YAMLISH.map(str.encode) | YAMLISH.map(lambda t: b"---\n" + t.encode())
)
def test_read_document_never_raises_and_never_is_silent(data):
    """Any bytes give a document or at least one diagnostic with a message."""
    for path in ("a.md", "a.yaml"):
        parse_result = read_article(path, data, OPTIONS)
        assert parse_result.article or parse_result.diagnostics
        assert all(d.message for d in parse_result.diagnostics)


NAMES = ".NET NET AT&T ATT C++ C# C 1.0 1 1.10 R&D A&notes 012".split()


@pytest.mark.parametrize("template", ["{}", "'{}'", '"{}"'])
def test_names_keep_their_identity(template):
    """Titles and tags are their source text: no number is normalised, no sign is dropped."""
    story = article("tags: [" + ", ".join(template.format(name) for name in NAMES) + "]")
    assert story.tags == tuple(NAMES)
    for name in NAMES:
        text = HEAD.replace('"A title"', template.format(name)) + "---\n"
        assert read(text).article.title == name


@pytest.mark.parametrize(
    "text",
    [
        (
            '{"title": "T", "publishedDateTime": "2020-06-11", "tags": [1.10, 1.0, -0.50, "1.0"],'
            ' "provider": {"domain": "p.example", "name": "P"}}\n'
        ),
        (
            '+++\ntitle = "T"\npublishedDateTime = 2020-06-11\ntags = [1.10, 1.0, -0.5_0, "1.0"]\n'
            'provider = {domain = "p.example", name = "P"}\n+++\n'
        ),
    ],
)
def test_numbers_of_json_and_toml_keep_their_digits(text):
    """A version 1.10 is not 1.1, whatever the format."""
    assert read(text).article.tags == ("1.10", "1.0", "-0.50")


@pytest.mark.parametrize(
    ("url", "has_base"), [("/a/", True), ("../a.png", True), ("a.example/b", False), ("x:y", False)]
)
def test_remedy_of_a_relative_address_is_the_address_of_the_site(url, has_base):
    """One line in newsgraph.toml mends all relative addresses of a folder."""
    keys = "title: A\npublishedDateTime: 2020-01-02\nprovider: {name: A, domain: a.example}"
    text = f"---\n{keys}\nwebUrl: {url}\n---\n"
    (diagnostic,) = read_article("a.md", text.encode(), ParseOptions()).diagnostics
    assert diagnostic.remedy
    assert ("base_url" in diagnostic.remedy) is has_base
