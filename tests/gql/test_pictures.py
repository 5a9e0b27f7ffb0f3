"""Pictures: images grouped by the picture that their URLs show."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import product
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gql.image_urls import parse_image_url
from gql.pictures import Picture, PictureSize, group_images, srcset
from store.model import Image

ADDRESS = "https://pic.example/"

HABITS: dict[str, str] = {
    "plain": "https://pic.example/uploads/{name}.jpg",
    "suffix": "https://pic.example/uploads/{name}-{w}x{h}.jpg",
    "underscore": "https://pic.example/uploads/{name}_{w}x{h}.jpg",
    "width suffix": "https://pic.example/uploads/{name}-{w}w.jpg",
    "density": "https://pic.example/uploads/{name}@2x.jpg",
    "suffix and density": "https://pic.example/uploads/{name}-{w}x{h}@2x.jpg",
    "scaled": "https://pic.example/uploads/{name}-scaled.jpg",
    "format": "https://pic.example/uploads/{name}-{w}x{h}.jpg.webp",
    "proxy of WordPress": "https://i1.wp.com/pic.example/uploads/{name}.jpg?resize={w}%2C{h}&ssl=1",
    "parameters": "https://pic.example/uploads/{name}.jpg?w={w}&fit=max&auto=format",
    "more parameters": "http://PIC.example/uploads/{name}.jpg?q=80&width={w}&height={h}&fm=webp&utm_source=x",
}
"""URLs of one picture, whose file is in `uploads`: for its name, width and height."""

FOLDER_HABITS: dict[str, str] = {
    "folder": "https://pic.example/thumbs/{w}x{h}/{name}.png",
    "square folder": "https://pic.example/thumbs/50x50/{name}.png",
    "options": "https://pic.example/thumbs,width-{w},height-{h}/{name}.png",
    "plain": "https://pic.example/thumbs/{name}.png",
}
CLOUD_HABITS: dict[str, str] = {
    "plain": "https://pic.example/image/upload/v12/{name}.png",
    "options": "https://pic.example/image/upload/w_{w},h_{h},c_fill/v12/{name}.png",
    "chain": "https://pic.example/image/upload/f_auto/w_{w}/v12/{name}.png",
}
SCRIPT_HABITS: dict[str, str] = {
    "plain": "https://pic.example/show?id={name}",
    "sized": "https://pic.example/show?w={w}&id={name}&h={h}",
    "resized": "https://pic.example/show?id={name}&size={w}x{h}&quality=75",
}
FAMILIES = [HABITS, FOLDER_HABITS, CLOUD_HABITS, SCRIPT_HABITS]

NAMES = [
    "tide",
    "tide-1",
    "tide-2",
    "tide-12x34",
    "tide-12x35",
    "2026-01-02_10h27_54",
    "2026-01-02",
    "4-8",
    "img_0001",
    "img_0002",
    "w_300",
    "my_cats",
    "photo-e1572850220242",
    "photo-e1572850220243",
    "large",
    "small",
    "a.b",
    "größe",
]
"""Names of different pictures, many of which look like sizes of one."""

DISTINCT = [
    ("upload/my_cats/a.jpg", "upload/my_dogs/a.jpg"),
    ("upload/c_cats/a.jpg", "upload/c_dogs/a.jpg"),
    ("styles/red/public/a.jpg", "styles/blue/public/a.jpg"),
    ("show?q=cats", "show?q=dogs"),
    ("show?v=1", "show?v=2"),
    ("show?s=1", "show?s=2"),
    ("map?center=1,2&zoom=3&size=600x300", "map?center=1,2&zoom=4&size=600x300"),
    ("a.jpg?crop=10,20,30,40", "a.jpg?crop=11,20,30,40"),
    ("a.jpg?rect=0,0,9,9", "a.jpg?rect=1,0,9,9"),
    ("tiles/12x34/0.png", "tiles/12x35/0.png"),
    ("a/1.jpg", "b/1.jpg"),
    ("page-1", "page-2"),
    ("page.html?w=large", "page.html?w=small"),
    ("300x200.jpg", "600x400.jpg"),
    (".jpg", ".png"),
    ("a.jpg?mode=night", "a.jpg?mode=day"),
]


@st.composite
def labelled_images(draw: st.DrawFn) -> list[tuple[str, Image]]:
    """Images, each with the picture that it shows."""
    made = []
    for _ in range(draw(st.integers(1, 8))):
        family = draw(st.sampled_from(FAMILIES))
        name = draw(st.sampled_from(NAMES))
        width = draw(st.sampled_from([100, 150, 320, 640, 1024, 1920]))
        url = family[draw(st.sampled_from(sorted(family)))].format(
            name=name, w=width, h=width * 2 // 3
        )
        declared = draw(st.sampled_from([None, 300, 700]))
        title = draw(st.sampled_from([None, "A tide", ""]))
        image = Image(url=url, width=declared, title=title)
        made.append((f"{FAMILIES.index(family)} {name}", image))
    return made


def partition(images: Sequence[Image]) -> set[frozenset[str]]:
    """The URLs of each picture."""
    return {frozenset(size.url for size in each.sizes) for each in group_images(images)}


@given(labelled_images(), st.randoms(use_true_random=False))
def test_images_are_together_if_and_only_if_they_show_one_picture(labelled, rng: Random):
    """Each image is in exactly one picture, whatever the order of the images."""
    images = [image for _, image in labelled]
    true: dict[str, set[str]] = {}
    for label, image in labelled:
        true.setdefault(label, set()).add(image.url)
    assert partition(images) == {frozenset(urls) for urls in true.values()}
    urls = [size.url for each in group_images(images) for size in each.sizes]
    assert sorted(urls) == sorted({image.url for image in images})
    shuffled = rng.sample(images, len(images))
    assert sorted(map(repr, group_images(shuffled))) == sorted(map(repr, group_images(images)))


@given(labelled_images())
def test_sizes_are_ordered_by_width(labelled):
    """Known widths ascend, and unknown ones are last."""
    for picture in group_images([image for _, image in labelled]):
        widths = [size.width for size in picture.sizes]
        stated = [width for width in widths if width is not None]
        assert widths == sorted(stated) + [None] * (len(widths) - len(stated))


@pytest.mark.parametrize(("one", "other"), DISTINCT)
def test_other_habits_do_not_join_pictures(one, other):
    """Identifiers, versions, crops and tiles tell pictures apart."""
    assert len(group_images([Image(url=ADDRESS + one), Image(url=ADDRESS + other)])) == 2


@pytest.mark.parametrize("family", FAMILIES)
def test_names_of_different_pictures_stay_apart(family):
    """No habit makes one of two names."""
    for one, other in product(NAMES, NAMES):
        if one != other:
            keys = {
                parse_image_url(of.format(name=name, w=640, h=480)).picture
                for of in family.values()
                for name in (one, other)
            }
            assert len(keys) == 2, (one, other, keys)


@pytest.mark.parametrize(
    ("url", "width", "height", "type"),
    [
        ("uploads/a-300x200.jpg", 300, 200, "image/jpeg"),
        ("uploads/a-300x200@2x.PNG", 600, 400, "image/png"),
        ("uploads/a-800w.webp", 800, None, "image/webp"),
        ("a.png?auto=format&w=300", 300, None, None),
        ("a.png?fm=webp&w=300&dpr=2", 600, None, "image/webp"),
        ("a.jpg?w=1200&#038;strip=all", 1200, None, "image/jpeg"),
        ("cdn-cgi/image/width=80,format=auto/a.jpg", 80, None, None),
        ("image/upload/w_300,h_200,f_webp/a.jpg", 300, 200, "image/webp"),
        ("v2/resize:fit:1400/1*a.png", 1400, None, "image/png"),
        ("article/ALTERNATES/WIDE_615/A-Title", None, None, None),
        ("files/styles/teaser/public/a.svg?itok=FNOzJPpk", None, None, "image/svg+xml"),
        ("show?src=x&w=99999", None, None, None),
        ("a.jpg?w=0", None, None, "image/jpeg"),
    ],
)
def test_url_tells_size_and_type(url, width, height, type):
    """As sites and image services write them."""
    assert parse_image_url(ADDRESS + url)[1:] == (width, height, type)


@pytest.mark.parametrize("host", ["i.ytimg.com", "img.youtube.com", "i3.ytimg.com"])
def test_stills_of_one_video_are_one_picture(host):
    """Their names give the size; the frames 1 to 3 are other pictures."""
    urls = [f"https://{host}/vi/abcdefghijk/{name}.jpg" for name in ("hqdefault", "default", "1")]
    first, other = group_images([Image(url=url) for url in urls])
    assert [size.width for size in first.sizes] == [120, 480]
    assert len(other.sizes) == 1


def test_document_goes_before_the_url():
    """Sizes, alt text and MIME type of the document are those that count."""
    image = Image(
        url=f"{ADDRESS}a-300x200.jpg",
        width=290,
        height=190,
        title="A title",
        metadata={"alt": "A tide", "type": "image/webp"},
    )
    size = PictureSize(image.url, 290, 190, "image/webp")
    assert group_images([image]) == [Picture("A tide", (size,))]


def test_srcset_has_one_shape_and_one_format():
    """Crops and other formats are left out; without a format it is one for every browser."""
    images = [
        Image(url=f"{ADDRESS}a-{w}x{h}.{ext}")
        for w, h, ext in [
            (600, 400, "jpg"),
            (301, 201, "jpg"),
            (150, 150, "jpg"),
            (900, 600, "webp"),
        ]
    ]
    [picture] = group_images(images)
    assert srcset(picture, None) == f"{ADDRESS}a-301x201.jpg 301w, {ADDRESS}a-600x400.jpg 600w"
    assert srcset(picture, "image/webp") == f"{ADDRESS}a-900x600.webp 900w"
    assert srcset(picture, "image/avif") is None


@given(labelled_images())
def test_srcset_is_read_as_it_was_written(labelled):
    """HTML's parser finds each URL with its width, each width once."""
    for picture in group_images([image for _, image in labelled]):
        text = srcset(picture, None)
        candidates = re.findall(r"(\S*[^\s,]) (\d+)w(?:, |$)", text or "")
        widths = [int(width) for _, width in candidates]
        assert widths == sorted(set(widths))
        stated = {(size.url, size.width) for size in picture.sizes}
        assert {(url, int(width)) for url, width in candidates} <= stated
        assert (text is None) is (not any(size.width for size in picture.sizes))


def test_srcset_encodes_a_comma_at_the_end_of_a_url():
    """There it would separate candidates."""
    [picture] = group_images([Image(url=f"{ADDRESS}a,", width=10)])
    assert srcset(picture, None) == f"{ADDRESS}a%2C 10w"
