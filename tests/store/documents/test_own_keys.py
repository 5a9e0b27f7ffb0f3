"""Changes of documents of other tools are written under their own keys, in their own form."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from store.documents.article_reader import read_article
from store.documents.field_mapping import DefaultProvider, FieldMapping
from store.documents.frontmatter import ParseOptions
from store.errors import RefusedError
from store.model import Image, ProviderMention
from store.writing.article_patch import create_document, patch_document

MAPPING = FieldMapping(
    fields={
        "publishedDateTime": ("date",),
        "excerpt": ("description", "seo.summary"),
        "tags": ("keywords",),
        "category": ("categories",),
        "published": ("draft",),
        "images": ("cover.image", "image"),
        "webUrl": ("link",),
    },
    provider=DefaultProvider("blog.example", "The blog"),
    base_url="https://blog.example/",
)
OPTIONS = ParseOptions(mapping=MAPPING)
PATH = "posts/2026-01-02-a-day.md"
DATE = datetime(2026, 2, 3, tzinfo=UTC)
IMAGE = Image(url="https://cdn.example/b.png")
NO_PROVIDER = ProviderMention(domain="", name="")
LINES = [
    "title: A day # ours",
    "date: 2026-01-02 # new year",
    "zip: 01234",
    "seo: {summary: Old, x: 010}",
    "keywords: sea, ice # two",
    "categories: [news, more]",
    "draft: false",
    "cover:",
    "  image: /a.png # front",
    "  alt: A",
    "link: /a-day/",
]


@pytest.mark.parametrize(
    ("fields", "changed"),
    [
        ({"publishedDateTime": DATE}, {1: "date: 2026-02-03T00:00:00Z # new year"}),
        ({"excerpt": "New"}, {3: "seo: {summary: New, x: 010}"}),
        ({"tags": ("sea", "wind")}, {4: 'keywords: "sea, wind" # two'}),
        ({"category": "sport"}, {5: "categories: [sport, more]"}),
        ({"published": False}, {6: "draft: true"}),
        ({"images": (IMAGE,)}, {8: '  image: "https://cdn.example/b.png" # front'}),
        ({"images": ()}, {8: None}),
        ({"webUrl": "https://blog.example/b/"}, {10: 'link: "https://blog.example/b/"'}),
        ({"webUrl": None}, {10: None}),
    ],
)  # fmt: skip
def test_change_is_written_under_the_own_key(fields, changed):
    """One line changes, under the key and in the form that the document uses."""
    text = "\n".join(["---", *LINES, "---", "Body", ""])
    article = read_article(PATH, text.encode(), OPTIONS).article
    assert article is not None
    patched = patch_document(article, PATH, text, fields, OPTIONS)
    lines = [changed.get(i, line) for i, line in enumerate(LINES)]
    expected = [line for line in lines if line is not None]
    assert patched.text == "\n".join(["---", *expected, "---", "Body", ""])
    assert patched.notices == ()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("image: /a.png", 'image: "https://cdn.example/b.png"'),
        ("image: {path: /a.png, alt: A}", 'image: {path: "https://cdn.example/b.png"}'),
        ("image: {url: /a.png, x: 1}", 'image: {url: "https://cdn.example/b.png"}'),
        ("image:\n  src: /a.png # front", 'image:\n  src: "https://cdn.example/b.png" # front'),
        ("image: [/a.png]", 'image: ["https://cdn.example/b.png"]'),
        ("images:\n  - /a.png", 'images:\n  - "https://cdn.example/b.png"'),
        ("image: [{src: /a.png}]", 'image: [{src: "https://cdn.example/b.png"}]'),
    ],
)
def test_image_keeps_the_form_of_the_document(before, after):
    """The theme of another tool reads one text, one mapping, or keys of its own."""
    text = f"---\ntitle: A\ndate: 2026-01-02\n{before}\n---\nText\n"
    article = read_article(PATH, text.encode(), OPTIONS).article
    assert article is not None
    patched = patch_document(article, PATH, text, {"images": (IMAGE,)}, OPTIONS)
    assert patched.text == text.replace(before, after)
    assert [image.url for image in patched.article.images] == [IMAGE.url]


@pytest.mark.parametrize(
    ("path", "front_matter"),
    [
        ("posts/harbour/index.md", "---\ntitle: A day\ndate: 2026-01-02\n---\n"),
        ("blog/first-post.mdx", "---\n{title: A day, date: 2026-01-02}\n---\n"),
        ("posts/harbour/index.md", '+++\ntitle = "A day"\ndate = 2026-01-02\n[x]\ny = 1\n+++\n'),
        ("posts/a.md", '{\n  "title": "A day",\n  "date": "2026-01-02"\n}\n'),
    ],
)
def test_file_of_another_tool_keeps_its_name(path, front_matter):
    """Its name is a part of its address, and an `index.md` holds a bundle together.

    The slug is written once, and stays whatever title and date become.
    """
    text = f"{front_matter}Text\n"
    article = read_article(path, text.encode(), OPTIONS).article
    assert article is not None
    patched = patch_document(article, path, text, {"title": "A night"}, OPTIONS)
    assert (patched.path, patched.article.slug) == (path, "2026-01-02-a-day")
    assert patched.article.id == article.id
    assert not patched.notices
    assert not patched.article.metadata.get("newsgraphSlug")
    fields = {"title": "Dawn", "publishedDateTime": DATE}
    again = patch_document(patched.article, path, patched.text, fields, OPTIONS)
    assert (again.path, again.article.id) == (path, article.id)
    assert again.text.count("newsgraphSlug") == 1


@pytest.mark.parametrize("slug", ["a-day", "2026-01-02-a/b", "''", "[1]"])
def test_slug_that_no_mutation_wrote_is_metadata(slug):
    """The slug comes from date and title then, as without the key."""
    text = f"---\ntitle: A day\ndate: 2026-01-02\nnewsgraphSlug: {slug}\n---\n"
    article = read_article("posts/a.md", text.encode(), OPTIONS).article
    assert article is not None
    assert article.slug == "2026-01-02-a-day"


def test_title_of_an_image_is_written_under_its_own_key():
    """`alt`, where the document has other keys than newsgraph."""
    text = "---\ntitle: A\ndate: 2026-01-02\nimage: {src: /a.png, alt: Old}\n---\n"
    article = read_article(PATH, text.encode(), OPTIONS).article
    assert article is not None
    image = Image(url="https://blog.example/a.png", title="New")
    patched = patch_document(article, PATH, text, {"images": (image,)}, OPTIONS)
    assert "alt: New" in patched.text
    assert "title: New" not in patched.text


@pytest.mark.parametrize("key", ["description: ''", "description:", "seo: {summary: '', x: 1}"])
def test_empty_value_is_replaced(key):
    """An empty value that no field used gets the value, and is no longer in the metadata."""
    source = ("seo.summary", "description") if key.startswith("seo") else ("description",)
    fields = {**MAPPING.fields, "excerpt": source}
    options = ParseOptions(mapping=msgspec.structs.replace(MAPPING, fields=fields))
    text = f"---\ntitle: A day\ndate: 2026-01-02\n{key} # ours\n---\nBody\n"
    article = read_article(PATH, text.encode(), options).article
    assert article is not None
    patched = patch_document(article, PATH, text, {"excerpt": "New"}, options)
    assert patched.article.excerpt == "New"
    assert patched.article.metadata == ({"seo": {"x": 1}} if "seo" in key else {})
    assert patched.text == text.replace("''", "'New'").replace(
        "description: #", "description: New #"
    )


@pytest.mark.parametrize(
    ("fields", "code", "input_path"),
    [
        ({"webUrl": "ftp://x"}, "BAD_URL", ("webUrl",)),
        ({"title": None}, "MISSING_TITLE", ("title",)),
        ({"provider": NO_PROVIDER}, "MISSING_PROVIDER", ("provider", "domain")),
    ],
)  # fmt: skip
def test_refusal_names_the_field_of_the_input(fields, code, input_path):
    """A client knows fields, not the keys of the folder's documents."""
    text = "\n".join(["---", *LINES, "---", ""])
    article = read_article(PATH, text.encode(), OPTIONS).article
    assert article is not None
    with pytest.raises(RefusedError) as refused:
        patch_document(article, PATH, text, fields, OPTIONS)
    assert [(r.code, r.input_path) for r in refused.value.refusals] == [(code, input_path)]


@pytest.mark.parametrize(
    ("field", "sources", "value"),
    [
        ("category", ("folder", "category"), "sport"),
        ("category", ("folder", "category"), None),
        ("category", ("folder",), None),
        ("title", ("heading", "title"), "Another"),
    ],
)
def test_change_that_the_mapping_would_not_read_is_refused(field, sources, value):
    """The folder or the heading has the value: a key that nobody reads would change nothing."""
    options = ParseOptions(mapping=_with_sources(field, sources))
    text = "---\ntitle: A\ndate: 2026-01-02\n---\n# B\n"
    article = read_article(PATH, text.encode(), options).article
    assert article is not None
    with pytest.raises(RefusedError, match=f"takes it from `{sources[0]}`") as refused:
        patch_document(article, PATH, text, {field: value}, options)
    (refusal,) = refused.value.refusals
    assert (refusal.code, refusal.input_path) == ("KEYS_NOT_WRITABLE", (field,))


def test_new_document_that_the_mapping_would_read_otherwise_is_refused():
    """A heading that comes before the title would be the title."""
    options = ParseOptions(mapping=_with_sources("title", ("heading", "title")))
    fields = {"title": "A", "publishedDateTime": DATE, "content": "# B\n"}
    with pytest.raises(RefusedError, match="`title` cannot be changed"):
        create_document(None, fields, options)


def _with_sources(field: str, sources: tuple[str, ...]) -> FieldMapping:
    fields = {"publishedDateTime": ("date",), field: sources}
    return msgspec.structs.replace(MAPPING, fields=fields)


def test_new_document_has_the_keys_of_its_folder():
    """A new document looks like the others: it is in their folder, under their keys."""
    options = ParseOptions(mapping=msgspec.structs.replace(MAPPING, collections=("posts",)))
    fields = {
        "title": "A day",
        "publishedDateTime": DATE,
        "published": False,
        "tags": ("sea",),
        "content": "Hello",
    }
    new = create_document(None, fields, options)
    assert new.path == "posts/2026-02-03-a-day.md"
    assert new.text == (
        "---\ntitle: A day\ndate: 2026-02-03T00:00:00Z\ndraft: true\n\n"
        "keywords:\n  - sea\n---\n\nHello\n"
    )
    assert (new.article.published, new.article.metadata) == (False, {})
