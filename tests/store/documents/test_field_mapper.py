"""Field mapper: documents of other tools become articles, and lose nothing."""

from __future__ import annotations

import time

import msgspec
import pytest

from store.documents.article_reader import read_article
from store.documents.field_mapping import DefaultProvider, FieldMapping
from store.documents.frontmatter import ParseOptions
from store.documents.parse_result import ParseResult

BLOG = FieldMapping(
    fields={
        "title": ("headline", "heading", "file.name"),
        "publishedDateTime": ("date", "meta.created", "file.date"),
        "excerpt": ("description", "summary"),
        "images": ("cover.image", "image", "gallery"),
        "tags": ("tags", "keywords"),
        "category": ("section", "folder"),
    },
    provider=DefaultProvider("blog.example", "The blog"),
    providers={"partner": DefaultProvider("partner.example")},
    base_url="https://blog.example/site/",
    permalink="/:year/:month/:day/:title/",
    collections=("posts", "partner"),
)


def read(front_matter: str, path: str = "posts/a.md", mapping: FieldMapping = BLOG) -> ParseResult:
    """The result of a document with this front matter."""
    options = ParseOptions(mapping=mapping)
    return read_article(path, f"---\n{front_matter}\n---\n# Heading\n\nText\n".encode(), options)


def article(front_matter: str, path: str = "posts/a.md", mapping: FieldMapping = BLOG):
    """The article of a document that has no problems."""
    result = read(front_matter, path, mapping)
    assert result.article is not None, result.diagnostics
    return result.article


@pytest.mark.parametrize(
    ("front_matter", "path", "field", "value"),
    [
        ("title: T\ndate: 2026-01-02", "posts/a.md", "title", "T"),
        ("headline: H\ndate: 2026-01-02", "posts/a.md", "title", "H"),
        ("title: T\nheadline: H\ndate: 2026-01-02", "posts/a.md", "title", "T"),
        ("date: 2026-01-02", "posts/a.md", "title", "Heading"),
        ("date: 2026-01-02\ndescription: D\nsummary: S", "posts/a.md", "excerpt", "D"),
        ("date: 2026-01-02\ndescription: ''\nsummary: S", "posts/a.md", "excerpt", "S"),
        ("date: 2026-01-02\ntags: one, two words", "posts/a.md", "tags", ("one", "two words")),
        ("date: 2026-01-02\ntags: [a, b]", "posts/a.md", "tags", ("a", "b")),
        ("date: 2026-01-02\nkeywords: x", "posts/a.md", "tags", ("x",)),
        ("date: 2026-01-02\nsection: s", "posts/f/a.md", "category", "s"),
        ("date: 2026-01-02", "posts/f/g/a.md", "category", "f"),
        ("date: 2026-01-02\nsection: [s, t]", "posts/a.md", "category", "s"),
        ("date: 2026-01-02", "partner/_posts/a.md", "category", "partner"),
    ],
)
def test_mapping_reads_a_field_from_its_first_source(front_matter, path, field, value):
    """The field's own key comes first, then the sources in order; empty values are skipped."""
    assert getattr(article(front_matter, path), field) == value


@pytest.mark.parametrize(
    ("front_matter", "path", "date"),
    [
        ("date: 2026-01-02", "posts/2020-05-06-a.md", "2026-01-02"),
        ("meta: {created: 2026-01-03}", "posts/a.md", "2026-01-03"),
        ("x: 1", "posts/2020-05-06-a.md", "2020-05-06"),
        ("x: 1", "posts/2020/05/06/a.md", "2020-05-06"),
        ("x: 1", "posts/2020-05-06/index.md", "2020-05-06"),
    ],
)
def test_mapping_reads_the_date_from_keys_or_the_path(front_matter, path, date):
    """A nested key and the date in the file's path are sources, too."""
    assert str(article(front_matter, path).published_date_time.date()) == date


@pytest.mark.parametrize(
    ("value", "urls"),
    [
        ("image: /img/a.png", ["https://blog.example/img/a.png"]),
        ("image: a.png", ["https://blog.example/site/a.png"]),
        ("image: https://cdn.example/a.png", ["https://cdn.example/a.png"]),
        ("cover: {image: /c.png, alt: x}", ["https://blog.example/c.png"]),
        ("image: {src: /s.png, alt: Alt}", ["https://blog.example/s.png"]),
        (
            "gallery: [/a.png, {path: /b.png}]",
            ["https://blog.example/a.png", "https://blog.example/b.png"],
        ),
    ],
)
def test_mapping_reads_images_in_every_form(value, urls):
    """A text, a mapping with other names of its keys, or a list of both; links become absolute."""
    images = article(f"date: 2026-01-02\n{value}").images
    assert [image.url for image in images] == urls


@pytest.mark.parametrize(
    ("path", "image", "url"),
    [
        ("posts/harbour/index.md", "cover.jpg", "https://blog.example/posts/harbour/cover.jpg"),
        ("posts/harbour/index.fr.md", "./c.jpg", "https://blog.example/posts/harbour/c.jpg"),
        ("posts/harbour/index.md", "/img/c.jpg", "https://blog.example/img/c.jpg"),
        ("posts/harbour/index.md", "img/c.jpg", "https://blog.example/site/img/c.jpg"),
        ("posts/harbour.md", "cover.jpg", "https://blog.example/site/cover.jpg"),
        ("posts/harbour/index.md", "https://x.example/c", "https://x.example/c"),
    ],
)
def test_image_of_a_page_bundle_is_beside_its_page(path, image, url):
    """Hugo serves the files in the folder of an `index.md` below the address of that page."""
    mapping = msgspec.structs.replace(BLOG, locales=("en", "fr"))
    text = f"date: 2026-01-02\nwebUrl: /posts/harbour/\nimage: {image}"
    assert article(text, path, mapping).images[0].url == url


def test_mapping_gives_a_provider_and_a_link():
    """A document without them has the defaults of its folder; a name keeps the default domain."""
    assert article("date: 2026-01-02").provider.domain == "blog.example"
    assert article("date: 2026-01-02").provider.name == "The blog"
    assert article("date: 2026-01-02", "partner/x/a.md").provider.domain == "partner.example"
    assert article("date: 2026-01-02\nprovider: Guest").provider.name == "Guest"
    own = article("date: 2026-01-02\nprovider: {name: P, domain: p.example}")
    assert own.provider.domain == "p.example"
    url = article("date: 2026-01-02", "posts/2020-05-06-good-day.md").web_url
    assert url == "https://blog.example/2026/01/02/good-day/"


@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("posts/a.md", "https://blog.example/a/"),
        ("posts/f/a.md", "https://blog.example/f/a/"),
        ("posts/a[b.md", "https://blog.example/a%5Bb/"),
        ("posts/[x].md", "https://blog.example/%5Bx%5D/"),
        ("posts/a b?c#d.md", "https://blog.example/a%20b%3Fc%23d/"),
    ],
)
def test_mapping_makes_links_of_any_file_name(path, url):
    """Signs are encoded, and a missing folder does not turn a name into a host."""
    mapping = msgspec.structs.replace(BLOG, permalink="/:folder/:name/")
    assert article("date: 2026-01-02", path, mapping).web_url == url


def test_mapping_loses_nothing():
    """A source that a field uses moves; all other keys, and what is beside it, stay metadata."""
    metadata = article(
        "date: 2026-01-02\ndescription: D\nsummary: S\nlayout: post\ncover: {image: /c.png, alt: x}"
    ).metadata
    assert metadata == {"summary": "S", "layout": "post", "cover": {"alt": "x"}}
    assert article("date: 2026-01-02\nsection: [s, t]").metadata == {"section": ["s", "t"]}


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("2026-03-21 12:00 EDT", "2026-03-21T16:00:00+00:00"),
        ("2026-03-21 12:00:00 PST", "2026-03-21T20:00:00+00:00"),
        ("2026-03-21 12:00:00 GMT", "2026-03-21T12:00:00+00:00"),
        ("September 8, 2014", "2014-09-08T00:00:00+00:00"),
        ("8 Sep 2014", "2014-09-08T00:00:00+00:00"),
        ("2014/09/08", "2014-09-08T00:00:00+00:00"),
        ("news/2014/09/08/1.0-title", "2014-09-08T00:00:00+00:00"),
    ],
)
def test_mapping_reads_dates_that_other_tools_read(text, date):
    """Names of months, and the time zones of RFC 822."""
    assert article(f"date: {text}").published_date_time.isoformat() == date


@pytest.mark.parametrize(
    ("front_matter", "code", "line", "words"),
    [
        ("layout: post\ntitle: T\ndate: 2026-13-01", "BAD_DATE", 4, "`date`"),
        ("layout: post\ntitle: T\nmeta: {created: soon}", "BAD_DATE", 4, "`meta.created`"),
        ("layout: post\ntitle: T", "MISSING_DATE", 2, "`date`"),
    ],
)
def test_mapping_keeps_the_names_and_lines_of_keys(front_matter, code, line, words):
    """A diagnostic speaks of the keys of the file, and the remedy, too."""
    [diagnostic] = read(front_matter).diagnostics
    assert (diagnostic.code, diagnostic.line) == (code, line)
    assert words in diagnostic.message


@pytest.mark.parametrize(
    "make",
    [
        lambda n: ("date: 2026-01-02", "# " + "#" * n + "x"),
        lambda n: ("date: 2026-01-02", "# " + " " * n + "x"),
        lambda n: ("date: '2026" + " " * n + "x'", ""),
        lambda n: ("date: '" + "2026/01/" * (n // 8) + "'", ""),
        lambda n: ("date: 2026-01-02\ntags: '" + " ," * (n // 2) + "'", ""),
    ],
    ids=["signs", "blanks", "date", "path", "tags"],
)
def test_mapping_takes_linear_time(make):
    """Ten times the text takes about ten times as long, not a hundred times."""

    def cost(size: int) -> float:
        front_matter, body = make(size)
        data = f"---\n{front_matter}\n---\n{body}\n".encode()
        costs = []
        for _ in range(3):
            started = time.process_time()
            read_article("posts/a.md", data, ParseOptions(mapping=BLOG))
            costs.append(time.process_time() - started)
        return min(costs)

    assert cost(200_000) < 40 * max(cost(20_000), 0.0005)
