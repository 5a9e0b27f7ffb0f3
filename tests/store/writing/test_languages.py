"""Mutations of articles in several languages: by slug and locale, in folders of their locale."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store import LoadOptions, MemoryRepository
from store.documents.field_mapping import DefaultProvider, FieldMapping
from store.documents.frontmatter import ParseOptions
from store.errors import RefusedError
from store.names import article_id, keyed_article_id
from tests.support.sizes import scaled
from tests.support.writer_setup import DATE, PROVIDER, REQUIRED, WriterSetup, document, state

SLUG = "2026-01-02-a-tide"
MAPPING = FieldMapping(
    fields={"publishedDateTime": ("date",), "locale": ("lang",)},
    provider=DefaultProvider("p.example"),
    locales=("en", "ja", "zh_TW"),
    default_locale="en",
)


@pytest.fixture(params=["folder", "store"])
def setup(request, tmp_path):
    """A writer with an empty folder, or with none."""
    return WriterSetup(MemoryRepository(), tmp_path if request.param == "folder" else None)


@pytest.fixture
def in_folder(tmp_path):
    """A writer with an empty folder."""
    return WriterSetup(MemoryRepository(), tmp_path)


def mapped(folder, **changes):
    """A writer with a folder that has a mapping."""
    options = ParseOptions(mapping=msgspec.structs.replace(MAPPING, **changes))
    return WriterSetup(MemoryRepository(), folder, LoadOptions(parsing=options))


def files(setup):
    """The paths of all documents."""
    return sorted(
        str(file.relative_to(setup.folder))
        for file in setup.folder.rglob("*.md")
        if not file.name.startswith(".")
    )


def test_put_creates_translations_beside_each_other(setup):
    """A slug in another locale is a new article, with the locale in its identity."""
    english = setup.put({**REQUIRED, "locale": "en"}, slug=SLUG)
    japanese = setup.put({**REQUIRED, "title": "潮", "locale": "ja"}, slug=SLUG)
    assert english.id == article_id(SLUG)
    assert japanese.id == article_id(SLUG, "ja")
    assert {english.translation_group, japanese.translation_group} == {SLUG}
    if setup.folder:
        assert files(setup) == [f"_news/{SLUG}.md", f"_news/ja/{SLUG}.md"]


def test_put_finds_an_article_by_slug_and_locale(setup):
    """With a locale it is the article in it, without one the article that has none in its id."""
    english = setup.put({**REQUIRED, "locale": "en"}, slug=SLUG)
    japanese = setup.put({**REQUIRED, "locale": "ja"}, slug=SLUG)
    assert setup.put({"heat": 1, "locale": "JA"}, slug=SLUG).id == japanese.id
    assert setup.put({"heat": 2, "locale": "en"}, slug=SLUG).id == english.id
    assert setup.put({"heat": 3}, slug=SLUG).id == english.id
    assert setup.put({"heat": 4}, id=japanese.id).id == japanese.id


def test_put_gives_a_locale_to_an_article_without_one(setup):
    """The slug names it, as long as no article has the slug in this locale."""
    first = setup.put(REQUIRED, slug=SLUG)
    changed = setup.put({"locale": "en"}, slug=SLUG)
    assert (changed.id, changed.locale) == (first.id, "en")


def test_put_by_a_slug_without_a_locale_takes_the_only_article(setup):
    """Of several it takes none: the client says which one."""
    setup.put({**REQUIRED, "locale": "en"}, slug=SLUG)
    japanese = setup.put({**REQUIRED, "locale": "ja"}, slug=SLUG)
    setup.delete(article_id(SLUG))
    assert setup.put({"heat": 1}, slug=SLUG).id == japanese.id
    german = setup.put({**REQUIRED, "locale": "de"}, slug=SLUG)
    assert german.id == article_id(SLUG, "de")
    assert setup.refusals(setup.writer.put({"heat": 2}, slug=SLUG)) == [
        ("AMBIGUOUS_SLUG", ("slug",))
    ]


def test_put_of_a_missing_translation_names_the_locale(setup):
    """A change of an article that does not exist says in which locale it is missing."""
    setup.put({**REQUIRED, "locale": "en"}, slug=SLUG)
    refusals = setup.expect_refusals(setup.writer.put({"heat": 1, "locale": "ja"}, slug=SLUG))
    assert refusals[0].code == "NOT_FOUND"
    assert "'ja'" in refusals[0].message
    assert "send its `id`" in refusals[0].message


def test_put_without_a_slug_creates_a_translation_of_the_same_title(setup):
    """A slug that comes from title and date may be taken in another locale."""
    english = setup.put({**REQUIRED, "locale": "en"})
    german = setup.put({**REQUIRED, "locale": "de"})
    assert (english.slug, german.slug) == (SLUG, SLUG)
    assert german.id == article_id(SLUG, "de")
    for locale in ({"locale": "de"}, {"locale": "en"}, {}):
        assert setup.refusals(setup.writer.put({**REQUIRED, **locale})) == [
            ("DUPLICATE_SLUG", ("slug",))
        ]


@pytest.mark.parametrize("locale", ["no locale", "../x", "e", "日本"])
def test_put_takes_only_language_tags_into_an_identity(setup, locale):
    """Another text is no folder's name; a slug that is taken stays refused."""
    setup.put({**REQUIRED, "locale": "en"}, slug=SLUG)
    with pytest.raises(RefusedError) as refused:
        setup.run(setup.writer.put({**REQUIRED, "locale": locale}, slug=SLUG))
    assert [refusal.code for refusal in refused.value.refusals] == ["DUPLICATE_SLUG"]


def test_a_change_of_the_locale_that_changes_the_id_is_refused(setup):
    """Nothing is written then; a locale that is not in the id can change."""
    english = setup.put({**REQUIRED, "locale": "en"}, slug=SLUG)
    japanese = setup.put({**REQUIRED, "locale": "ja"}, slug=SLUG)
    for locale in ("de", None, "ja-JP"):
        assert setup.refusals(setup.writer.put({"locale": locale}, id=japanese.id)) == [
            ("BAD_LOCALE", ("locale",))
        ]
    assert setup.put({"locale": "JA"}, id=japanese.id).id == japanese.id
    assert setup.put({"locale": "en-GB"}, id=english.id).locale == "en-GB"


def test_delete_and_publish_touch_one_language(setup):
    """The article with the id, and its file."""
    english = setup.put({**REQUIRED, "locale": "en"}, slug=SLUG)
    japanese = setup.put({**REQUIRED, "locale": "ja"}, slug=SLUG)
    setup.run(setup.writer.set_published(japanese.id, False))
    setup.delete(english.id)
    left = setup.get(SLUG)
    assert (left.id, left.published) == (japanese.id, False)
    if setup.folder:
        assert files(setup) == [f"_news/ja/{SLUG}.md"]


def test_import_takes_one_slug_in_several_languages(setup):
    """Documents of one import are duplicates only within a locale."""
    paths = [f"_news/{SLUG}.md", f"_news/ja/{SLUG}.md", f"_news/{SLUG}.de.md"]
    texts = [document("A"), document("B", "locale: ja\n"), document("C", "locale: de\n")]
    articles = setup.import_documents(*zip(paths, texts, strict=True))
    assert [each.id for each in articles] == [
        article_id(SLUG),
        article_id(SLUG, "ja"),
        article_id(SLUG, "de"),
    ]
    again = (f"_news/x/ja/{SLUG}.md", document("D", "locale: ja\n"))
    if setup.folder:
        assert setup.refusals(setup.writer.import_documents([again])) == [
            ("DUPLICATE_SLUG", ("documents", "0", "path"))
        ]


def test_a_new_title_keeps_id_and_group_of_a_document_named_otherwise(in_folder):
    """The file gets the slug as its name, a suffix with the locale stays, and so does its group."""
    folder = in_folder.folder
    for path, more in (
        ("posts/ja/hello.md", "locale: ja\n"),
        ("posts/hello.de.md", "locale: de\n"),
    ):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(document("A tide", more, "Body\n"))
    in_folder.load()
    japanese, german = article_id(SLUG, "ja"), article_id(SLUG, "de")
    for id in (japanese, german):
        changed = in_folder.put({"title": "A flood"}, id=id)
        assert (changed.id, changed.slug, changed.translation_group) == (id, SLUG, "posts/hello")
    assert files(in_folder) == [f"posts/{SLUG}.de.md", f"posts/ja/{SLUG}.md"]
    assert (folder / f"posts/{SLUG}.de.md").read_text() == document(
        "A flood", "locale: de\ntranslationKey: posts/hello\n", "Body\n"
    )


def test_a_translation_key_can_be_given_and_removed(in_folder):
    """It is written into the document; without it the path or the slug groups again."""
    path = in_folder.folder / "ja/hello.md"
    path.parent.mkdir()
    path.write_text(document("A tide", "locale: ja\n"))
    in_folder.load()
    id = article_id(SLUG, "ja")
    assert in_folder.put({"translationKey": "greeting"}, id=id).translation_key == "greeting"
    assert path.read_text() == document("A tide", "locale: ja\ntranslationKey: greeting\n")
    assert in_folder.put({"translationKey": None}, id=id).translation_key == "hello"
    assert path.read_text() == document("A tide", "locale: ja\n")


def test_a_document_with_toml_keeps_its_group(in_folder):
    """Its key is written in its own format, when its file gets another name."""
    path = in_folder.folder / "ja/hello.md"
    path.parent.mkdir()
    text = (
        '+++\ntitle = "{}"\npublishedDateTime = 2026-01-02\nlocale = "ja"\n{}'
        'provider = {{name = "P", domain = "p.example"}}\n+++\nBody\n'
    )
    path.write_text(text.format("A tide", ""))
    in_folder.load()
    changed = in_folder.put({"title": "A flood"}, id=article_id(SLUG, "ja"))
    assert (changed.slug, changed.translation_group) == (SLUG, "hello")
    assert changed == in_folder.get(SLUG)
    new = (in_folder.folder / f"ja/{SLUG}.md").read_text()
    assert 'translationKey = "hello"' in new
    assert new.startswith("+++\n")


def test_a_present_file_name_may_have_any_characters(in_folder):
    """Names that a new document may not have are no reason to refuse a change."""
    path = in_folder.folder / "ja/what: 1?.md"
    path.parent.mkdir()
    path.write_text(document("A tide", "locale: ja\n"))
    in_folder.load()
    assert in_folder.put({"heat": 1}, id=article_id(SLUG, "ja")).heat == 1
    assert "heat: 1" in path.read_text()
    in_folder.put({"title": "A flood"}, id=article_id(SLUG, "ja"))
    assert files(in_folder) == [f"ja/{SLUG}.md"]


@pytest.mark.parametrize(
    ("collections", "locale", "expected"),
    [
        ((), "ja", "_news/ja/S.md"),
        ((), "en", "_news/S.md"),
        ((), None, "_news/S.md"),
        ((), "fr", "_news/S.md"),
        (("notes", "posts"), "zh-TW", "notes/zh-tw/S.md"),
        (("_drafts", "_posts"), None, "_posts/S.md"),
        (("content/en", "content/ja"), "ja", "content/ja/S.md"),
        (("content/en", "content/ja"), None, "content/en/S.md"),
        (("content/ja", "content"), "en", "content/S.md"),
        (("en/news/_posts", "ja/news/_posts"), "ja", "ja/news/_posts/S.md"),
    ],
)
def test_a_new_document_is_in_a_folder_of_its_locale(tmp_path, collections, locale, expected):
    """The mapping says which folders there are, and which locales the path names."""
    setup = mapped(tmp_path, collections=collections)
    fields = {"title": "A tide", "publishedDateTime": DATE, "provider": PROVIDER}
    article = setup.put({**fields, **({"locale": locale} if locale else {})})
    assert files(setup) == [expected.replace("S", SLUG)]
    assert article.locale == (locale or "en")
    assert article.translation_group == SLUG
    fresh = mapped(tmp_path, collections=collections)
    fresh.load()
    assert fresh.get(SLUG).id == article.id


def test_a_folder_for_other_languages_only_refuses(tmp_path):
    """A document would be read in a locale that nobody has sent."""
    setup = mapped(tmp_path, collections=("ja/news", "zh_TW/news"), default_locale="")
    assert setup.refusals(setup.writer.put({**REQUIRED})) == [("BAD_LOCALE", ("locale",))]
    assert files(setup) == []


LOCALES = st.sampled_from([None, "en", "ja", "JA", "de-CH", "zh_TW"])
SLUGS = st.sampled_from([None, SLUG, "2026-01-02-b"])
TITLES = st.sampled_from(["A tide", "B"])
PATHS = st.sampled_from(
    [f"_news/{SLUG}.md", f"_news/ja/{SLUG}.md", "_news/x.de-CH.md", "_news/ja/a.md"]
)
PUTS = st.tuples(st.just("put"), SLUGS, LOCALES, TITLES)
CHANGES = st.tuples(
    st.just("change"), st.integers(0, 5), st.sampled_from(["locale", "title", "key"]), LOCALES
)
DELETES = st.tuples(st.just("delete"), st.integers(0, 5), st.none(), st.none())
IMPORTS = st.tuples(st.just("import"), PATHS, LOCALES, TITLES)


@settings(max_examples=scaled(60, long=1_000))
@given(
    st.lists(PUTS | CHANGES | DELETES | IMPORTS, max_size=8),
    st.sampled_from([None, MAPPING, msgspec.structs.replace(MAPPING, collections=("_news",))]),
)
def test_writes_leave_other_articles_and_equal_a_load(steps, mapping):
    """A write changes one article, or none and says why; the folder loads as the store is."""
    with tempfile.TemporaryDirectory() as path:
        loads = LoadOptions(parsing=ParseOptions(mapping=mapping))
        setup = WriterSetup(MemoryRepository(), Path(path), loads)
        for step in steps:
            before = by_id(setup)
            written: set[str] = set()
            with suppress(RefusedError):
                written = write(setup, sorted(before), *step)
            after = by_id(setup)
            assert {id for id in {*before, *after} if before.get(id) != after.get(id)} <= written
        fresh = WriterSetup(MemoryRepository(), Path(path), loads)
        fresh.load()
        assert by_id(fresh) == by_id(setup)


def by_id(setup):
    """The articles by id, without their revisions."""
    return {each.id: each for each in setup.run(state(setup.repository))[0].values()}


def write(setup, ids, kind, *values):
    """Make one write; return the ids of the articles that it may change."""
    first, second, third = values
    if kind == "put":
        locale = {"locale": second} if second else {}
        return {setup.put({**REQUIRED, "title": third, **locale}, slug=first).id}
    if kind == "import":
        source = setup.run(setup.repository.sources()).get(first)
        more = f"locale: {second}\n" if second else ""
        [article] = setup.import_documents((first, document(third, more)))
        return {article.id, source and keyed_article_id(source.article_key)}
    if first >= len(ids):
        return set()
    id = ids[first]
    if kind == "delete":
        setup.delete(id)
    else:
        field = {"key": "translationKey"}.get(second, second)
        value = third or ("A flood" if field == "title" else None)
        assert setup.put({field: value}, id=id).id == id
    return {id}
