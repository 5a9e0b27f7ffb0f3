"""Locales: ids of articles by slug and locale, ranges, and the locale that a path names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.locales import is_language_tag, matches_range, path_locale, place_document
from store.names import article_id, locale_key
from tests.support.factories import article

SLUG = "2026-01-02-hello"
LOCALES = st.sampled_from("en ja de de-CH zh-TW zh_TW pt-br pt_BR sr-Latn-RS".split())
SLUGS = st.from_regex(r"\d{4}-\d{2}-\d{2}-[^/\0]{1,40}", fullmatch=True)


def test_the_id_without_a_locale_is_that_of_former_releases():
    """Existing articles keep their ids."""
    assert article_id("2026-11-02-lighthouse-lamp-is-lit-again") == "a_2mtNBoHpQXouYRKJ"


@given(SLUGS, SLUGS, LOCALES, LOCALES)
def test_an_id_has_one_slug_and_one_locale(slug, other_slug, locale, other_locale):
    """Ids are equal only for the same slug and the same locale in its normal form."""
    is_same = (slug, locale_key(locale)) == (other_slug, locale_key(other_locale))
    assert (article_id(slug, locale) == article_id(other_slug, other_locale)) == is_same
    assert article_id(slug, locale) != article_id(other_slug)
    assert article_id(slug, locale) == article_id(slug, locale.upper().replace("-", "_"))


@pytest.mark.parametrize("text", "en JA zh-TW zh_TW sr-Latn-RS es-419 english".split())
def test_language_tags(text):
    """A tag may have any case, and hyphens or underscores."""
    assert is_language_tag(text)


@pytest.mark.parametrize(
    "text",
    ["", "e", "en-", "-en", "en--us", "en us", "en/us", "..", "日本", "12", "en" + "-abc" * 9],
)
def test_texts_that_are_no_language_tags(text):
    """Other texts are no part of an identity, nor of a path."""
    assert not is_language_tag(text)


@pytest.mark.parametrize(
    ("locale", "range", "expected"),
    [
        ("de", "de", True),
        ("de_CH", "DE", True),
        ("de-CH", "de-ch", True),
        ("de", "de-CH", False),
        ("den", "de", False),
        ("de-Latn-CH", "de-CH", False),
    ],
)
def test_ranges(locale, range, expected):
    """A range matches its locale, and those that add subtags to it."""
    assert matches_range(locale, range) is expected


NO_LOCALES = ((), None)
MAPPED = (("en", "ja", "zh_TW", "de"), "en")


@pytest.mark.parametrize(
    ("path", "locale", "mapping", "expected"),
    [
        ("_news/hello.md", None, NO_LOCALES, (None, "hello", None)),
        ("_news/hello.md", "ja", NO_LOCALES, (None, "hello", None)),
        ("ja/hello.md", "ja", NO_LOCALES, ("ja", "hello", "hello")),
        ("blog/zh_TW/hello.md", "zh-tw", NO_LOCALES, ("zh-tw", "hello", "blog/hello")),
        ("de/hello.md", "de-CH", NO_LOCALES, ("de-ch", "hello", "hello")),
        ("posts/hello.ja.md", "ja", NO_LOCALES, ("ja", "hello", "posts/hello")),
        ("it/hello.md", "en", NO_LOCALES, (None, "hello", None)),
        ("it/hello.md", None, NO_LOCALES, (None, "hello", None)),
        (f"ja/{SLUG}.md", "ja", NO_LOCALES, ("ja", SLUG, None)),
        (f"{SLUG}.ja.md", "ja", NO_LOCALES, ("ja", SLUG, None)),
        (f"{SLUG}.js.md", "ja", NO_LOCALES, (None, f"{SLUG}.js", None)),
        ("posts/hello.md", "en", MAPPED, (None, "hello", "posts/hello")),
        ("posts/hello.md", None, MAPPED, (None, "hello", "posts/hello")),
        ("posts/hello.md", "ja", MAPPED, ("ja", "hello", "posts/hello")),
        ("ja/posts/hello.md", "ja", MAPPED, ("ja", "hello", "posts/hello")),
        ("en/posts/hello.md", "en", MAPPED, ("en", "hello", "posts/hello")),
        ("content/ja/posts/hello.md", "ja", MAPPED, ("ja", "hello", "content/posts/hello")),
        ("posts/hello/index.ja.md", "ja", MAPPED, ("ja", "index", "posts/hello")),
        ("ja/_index.md", "ja", MAPPED, ("ja", "_index", "_index")),
        ("posts/fr/hello.md", "fr", MAPPED, ("fr", "hello", "posts/hello")),
        ("ja/posts/hello.md", "en", MAPPED, (None, "hello", "posts/hello")),
        (".ja.md", "ja", MAPPED, ("ja", ".ja", ".ja")),
    ],
)
def test_placement(path, locale, mapping, expected):
    """Path, locale and mapping give the identity locale, the stem and the translation key."""
    assert place_document(path, locale, *mapping) == expected


@given(LOCALES, st.sampled_from(["hello", SLUG, "index"]), st.sampled_from(["", "posts/"]))
def test_a_folder_and_a_suffix_name_the_same_locale(locale, stem, folder):
    """Where the path names the locale makes no difference."""
    placements = {
        place_document(path, locale)
        for path in (
            f"{locale}/{folder}{stem}.md",
            f"{folder}{locale}/{stem}.md",
            f"{folder}{stem}.{locale.lower()}.md",
        )
    }
    assert len(placements) == 1
    assert placements.pop().identity_locale == locale_key(locale)


@pytest.mark.parametrize(
    ("path", "expected"),
    [("ja/x.md", "ja"), ("a/ZH-tw/x.md", "ZH-tw"), ("x.de.md", "de"), ("fr/x.md", None)],
)
def test_the_locale_of_a_path(path, expected):
    """A folder or a suffix names one of the locales, in any case."""
    assert path_locale(path, MAPPED[0]) == expected


def test_an_article_tells_its_identity_locale_and_group():
    """Both can be derived from the stored article."""
    plain = article(slug=SLUG, locale="ja")
    assert (plain.identity_locale, plain.translation_group) == (None, SLUG)
    own = article(slug=SLUG, locale="zh_TW", id=article_id(SLUG, "zh-tw"))
    assert own.identity_locale == "zh-tw"
    assert article(slug=SLUG, translation_key="hello").translation_group == "hello"
