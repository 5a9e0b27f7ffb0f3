"""Names: identity of topics, slugs of titles, and the slugs of former releases."""

from __future__ import annotations

import hashlib
import re
import string
import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.hosts import domain_key
from store.names import (
    MAX_SLUG_LENGTH,
    article_slug,
    former_article_slug,
    former_topic_slug,
    former_topic_slugs,
    topic_slug,
)

DAY = datetime(2026, 1, 2, tzinfo=UTC)
PLAIN = string.ascii_letters + string.digits + " -+#\t"


def first_slug(text: str) -> str:
    """The slug of the first release: what is left of a text after ASCII."""
    ascii_text = unicodedata.normalize("NFKD", text[:1_000]).encode("ascii", "ignore").decode()
    slug = re.sub(r"[\s-]+", "-", re.sub(r"[^a-z0-9\s-]", "", ascii_text.lower())).strip("-")
    return slug or hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=4).hexdigest()


@pytest.mark.parametrize(
    "names",
    [
        ["AI", "中国 AI", "日本 AI", "Новости AI"],
        [".NET", "NET", "dot NET"],
        ["AT&T", "ATT", "AT T"],
        ["C", "C++", "C#"],
        ["1.0", "10", "1 0"],
        ["Łódź", "Lodz", "odz"],
        ["Café", "Cafe"],
        ["🚀", "🎉"],
    ],
)
def test_different_names_are_different_topics(names):
    """The whole text is the identity, in every script."""
    assert len({topic_slug(name) for name in names}) == len(names)


@pytest.mark.parametrize(
    "names",
    [
        ["Новости", "новости", "НОВОСТИ"],
        ["Straße", "STRASSE", "strasse"],
        ["Café", "CAFE\u0301", " cafe\u0301 "],
        ["Sea Birds", "sea  birds", "sea-birds", "Sea\u00a0Birds"],
        [".NET", ".net"],
        ["中国 AI", "中国\u3000ai"],
    ],
)
def test_case_spacing_and_encoding_do_not_matter(names):
    """Names that differ in case, spacing or Unicode encoding are one topic."""
    assert len({topic_slug(name) for name in names}) == 1


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Новости AI", "novosti-ai-08bd1aac"),
        ("中国 AI", "zhongguo-ai-cb53dd27"),
        ("Łódź", "lodz-4a1ba79c"),
        ("Ελλάδα", "ellada-98f0b05a"),
        ("한국", "hangug-a458c0f5"),
        ("عربي", "rby-c473eafc"),
        ("हिन्दी", "hindi-a6c0d41e"),
        ("ไทย", "aithy-0a519173"),
        (".NET", "net-90631bc5"),
        ("C++", "c-plus-plus"),
    ],
)
def test_slug_is_transliterated_and_stays(name, slug):
    """Slugs are in links: no update of a library may change them."""
    assert topic_slug(name) == slug


@given(st.text(PLAIN, max_size=300))
def test_plain_ascii_names_keep_their_slugs(name):
    """The slugs, and so the ids, of ASCII letters, digits, blanks and hyphens are the old ones."""
    slug = first_slug(name.replace("+", " plus ").replace("#", " sharp "))
    assert topic_slug(name) == former_topic_slug(name)
    assert topic_slug(name) == slug or len(slug) > MAX_SLUG_LENGTH
    assert former_topic_slugs([name]) == ()


@given(st.text(max_size=300))
def test_slug_of_a_topic_is_its_own(name):
    """A slug is plain, short, and names the same topic as the name."""
    slug = topic_slug(name)
    assert re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", slug)
    assert len(slug) <= MAX_SLUG_LENGTH
    assert topic_slug(slug) == slug
    assert topic_slug(unicodedata.normalize("NFD", name)) == slug


@given(st.text(string.printable, max_size=300) | st.text("aeéÉüñ -\u2019\u201c\u201d", max_size=50))
def test_titles_without_lost_letters_keep_their_slugs(title):
    """ASCII titles, and accents on them, have the slugs of the first release."""
    slug = f"2026-01-02-{first_slug(title)}"[:MAX_SLUG_LENGTH].rstrip("-")
    assert article_slug("x", title, DAY) == slug
    assert former_article_slug(slug, title, DAY) is None


@pytest.mark.parametrize(
    ("title", "slug", "former"),
    [
        ("Łódź", "2026-01-02-lodz-4a1ba79c", "2026-01-02-odz"),
        ("Łódź odz", "2026-01-02-lodz-odz-1cbecb3f", "2026-01-02-odz-odz"),
        ("AI 中国", "2026-01-02-ai-zhongguo-0b1e3828", "2026-01-02-ai"),
        ("Straße", "2026-01-02-strasse-0fe7a8d1", "2026-01-02-strae"),
    ],
)
def test_lost_letters_are_transliterated_with_a_hash(title, slug, former):
    """Letters that ASCII loses are transliterated, and the former slug is known."""
    assert article_slug("x", title, DAY) == slug
    assert former_article_slug(slug, title, DAY) == former
    assert former_article_slug("2026-01-02-own", title, DAY) is None


@given(st.text(min_size=1, max_size=400))
def test_slug_of_an_article_is_a_file_name(title):
    """The slug made of a title is date-title, and gives the same slug as a file's stem."""
    slug = article_slug("x", title, DAY)
    assert article_slug(slug, "other", DAY) == slug
    assert len(slug) <= MAX_SLUG_LENGTH


@pytest.mark.parametrize(
    ("domain", "key"),
    [
        ("Example.COM.", "example.com"),
        ("Bücher.example", "xn--bcher-kva.example"),
        ("BU\u0308CHER。example.", "xn--bcher-kva.example"),
        ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
        ("a_b.ü.example", "a_b.xn--tda.example"),
        ("faß.example", "xn--fa-hia.example"),
        ("No domain Ü", "no domain ü"),
    ],
)
def test_domain_is_ascii(domain, key):
    """International domains are compared as DNS has them; other texts keep their case only."""
    assert domain_key(domain) == key


@given(st.text(max_size=300))
def test_domain_key_is_its_own(domain):
    """The canonical spelling is canonical, unless it was cut."""
    key = domain_key(domain)
    assert len(key) == 253 or domain_key(key) == key
