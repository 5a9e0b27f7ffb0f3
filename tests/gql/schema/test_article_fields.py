"""The fields of an article, and the selection of its images."""

from __future__ import annotations

import asyncio

import pytest

from gql.identity.viewer import PREVIEW
from store import FolderLoader, MemoryRepository
from store.model import Image, ProviderMention
from store.names import article_id
from tests.support.cursors import CURSORS, KEY
from tests.support.factories import article, memory_repository
from tests.support.graph_client import GraphClient

DOCUMENT = """---
title: "Tide &amp; time"
excerpt: "<p>It comes,   and it goes.</p>"
publishedDateTime: 2026-03-01T13:30:00+01:30
updatedDateTime: 2026-03-02
category: news
type: feature
webUrl: "https://one.example/tide?a=1&#038;b=2"
originalUrl: "https://wire.example/tide"
ampWebUrl: "https://one.example/amp/tide"
cdnAmpWebUrl: "https://cdn.example/tide"
quality: 7
heat: -1
locale: de-CH
translationKey: reef-survey
tags: [sea, moon]
topics: [Tides]
featuredContent: "<iframe src='https://video.example/1'></iframe>"
secured: "sealed"
provider: {name: The One, domain: One.Example, images: [{url: "https://one.example/logo.png"}]}
images: [{url: "https://one.example/a.jpg", width: 480, height: 320, title: A, attribution: B,
  isCached: true}]
related: [{title: Another, webUrl: "https://two.example/other", type: video, quality: 3,
  publishedDateTime: 2026-02-01T00:00:00.25Z, provider: {name: Two, domain: two.example}}]
byline: {name: N. N.}
---
The body.
"""

EVERY_FIELD = """{ article(by: {slug: "2026-03-01-tide-time"}) {
  slug title excerpt content category type publishedDateTime updatedDateTime url webUrl originalUrl
  ampWebUrl cdnAmpWebUrl quality heat published locale translationKey tags featuredContent secured
  metadata revision provider { domain name articleCount images { url } image { url } }
  topics { slug name }
  images { url width height title attribution isCached } image { url }
  related { title excerpt type publishedDateTime url webUrl ampWebUrl cdnAmpWebUrl quality
    provider { domain name articleCount } images { url } article { slug } }
  referencedBy { totalCount }
} }"""


def test_article_has_every_field_of_its_document(tmp_path):
    """What the document says arrives, cleaned as the README promises."""
    (tmp_path / "any.md").write_text(DOCUMENT)
    repository = MemoryRepository(cursor_key=KEY)
    asyncio.run(FolderLoader(repository, tmp_path).load())
    assert GraphClient(repository, viewer=PREVIEW).query(EVERY_FIELD)["article"] == {
        "slug": "2026-03-01-tide-time",
        "title": "Tide & time",
        "excerpt": "It comes, and it goes.",
        "content": "The body.",
        "category": "news",
        "type": "feature",
        "publishedDateTime": "2026-03-01T12:00:00Z",
        "updatedDateTime": "2026-03-02T00:00:00Z",
        "url": "https://one.example/tide?a=1&b=2",
        "webUrl": "https://one.example/tide?a=1&b=2",
        "originalUrl": "https://wire.example/tide",
        "ampWebUrl": "https://one.example/amp/tide",
        "cdnAmpWebUrl": "https://cdn.example/tide",
        "quality": 7,
        "heat": -1,
        "published": True,
        "locale": "de-CH",
        "translationKey": "reef-survey",
        "tags": ["sea", "moon"],
        "featuredContent": "<iframe src='https://video.example/1'></iframe>",
        "secured": "sealed",
        "metadata": {"byline": {"name": "N. N."}},
        "revision": CURSORS.revision(article_id("2026-03-01-tide-time"), 1),
        "provider": {
            "domain": "one.example",
            "name": "The One",
            "articleCount": 1,
            "images": [{"url": "https://one.example/logo.png"}],
            "image": {"url": "https://one.example/logo.png"},
        },
        "topics": [{"slug": "tides", "name": "Tides"}],
        "images": [
            {
                "url": "https://one.example/a.jpg",
                "width": 480,
                "height": 320,
                "title": "A",
                "attribution": "B",
                "isCached": True,
            }
        ],
        "image": {"url": "https://one.example/a.jpg"},
        "related": [
            {
                "title": "Another",
                "excerpt": None,
                "type": "video",
                "publishedDateTime": "2026-02-01T00:00:00.250000Z",
                "url": "https://two.example/other",
                "webUrl": "https://two.example/other",
                "ampWebUrl": None,
                "cdnAmpWebUrl": None,
                "quality": 3,
                "provider": {"domain": "two.example", "name": "Two", "articleCount": 0},
                "images": [],
                "article": None,
            }
        ],
        "referencedBy": {"totalCount": 0},
    }


def test_article_without_anything_optional_has_nulls_and_empty_lists(tmp_path):
    """Three fields make a document; the rest is null, empty, zero, published."""
    (tmp_path / "any.md").write_text(
        "---\ntitle: Tide, time\npublishedDateTime: 2026-03-01\n"
        "provider: {name: One, domain: one.example}\n---\n"
    )
    repository = MemoryRepository()
    asyncio.run(FolderLoader(repository, tmp_path).load())
    found = GraphClient(repository, viewer=PREVIEW).query(EVERY_FIELD)["article"]
    given = {"slug", "title", "publishedDateTime", "provider", "referencedBy", "revision", "type"}
    assert {name: value for name, value in found.items() if name not in given and value} == {
        "published": True
    }
    assert (found["type"], found["metadata"], found["tags"]) == ("article", {}, [])


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("", "a 300"),
        ("(width: 1)", "b 100"),
        ("(width: 100)", "b 100"),
        ("(width: 101)", "c 200"),
        ("(width: 250)", "a 300"),
        ("(width: 999)", "a 300"),
    ],
)
def test_image_is_the_narrowest_that_is_wide_enough(asked, found):
    """Else it is the widest; without a width it is the first; ties go to the first."""
    sizes = [("a", 300), ("b", 100), ("c", 200), ("d", 200), ("e", None)]
    images = tuple(Image(url=f"https://one.example/{n}.jpg", width=w) for n, w in sizes)
    provider = ProviderMention(domain="one.example", name="One", images=images)
    graph = GraphClient(memory_repository(article(images=images, provider=provider)))
    shown = f"image{asked} {{ url width }}"
    node = graph.query(f"{{ articles {{ nodes {{ {shown} provider {{ {shown} }} }} }} }}")
    [only] = node["articles"]["nodes"]
    name, width = found.split()
    wanted = {"url": f"https://one.example/{name}.jpg", "width": int(width)}
    assert (only["image"], only["provider"]["image"]) == (wanted, wanted)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("(minWidth: 200)", "ac"),
        ("(minHeight: 200)", "a"),
        ("(isCached: true)", "a"),
        ("(isCached: false)", "bcd"),
        ("(minWidth: 100, isCached: false)", "bc"),
        ("(minWidth: null)", "abcd"),
    ],
)
def test_images_are_those_large_enough_and_cached_as_asked(asked, found):
    """A picture of unknown size is never large enough."""
    pictures = [("a", 300, 200, True), ("b", 100, 150, False), ("c", 200, None, False)]
    pictures += [("d", None, None, False)]  # type: ignore[list-item]
    images = tuple(
        Image(url=f"https://one.example/{n}", width=w, height=h, is_cached=c)
        for n, w, h, c in pictures
    )
    answer = GraphClient(memory_repository(article(images=images))).query(
        f"{{ articles {{ nodes {{ images{asked} {{ url }} }} }} }}"
    )
    [only] = answer["articles"]["nodes"]
    assert "".join(image["url"][-1] for image in only["images"]) == found
