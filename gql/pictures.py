"""Pictures: an article's images, grouped by the picture that they show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from gql.image_urls import parse_image_url
from store import model

_FALLBACKS = ("image/jpeg", "image/png", "image/gif", "image/svg+xml", None)
"""The types that every browser shows: one `srcset` without `type` has no other beside them."""


_UNKNOWN_WIDTH = 2**31
"""The width by which sizes of unknown width are ordered: they are last."""


class PictureSize(NamedTuple):
    """One file of a picture. Sizes in pixels.

    Attributes:
        url: Its URL.
        width: The width, from the document, else from the URL.
        height: The height, from the document, else from the URL.
        type: The MIME type, from the document, else from the URL.
    """

    url: str
    width: int | None
    height: int | None
    type: str | None


class Picture(NamedTuple):
    """One picture in all its sizes.

    Attributes:
        alt: The description: that of the last size which has one.
        sizes: The sizes, by width; those of unknown width are last.
    """

    alt: str | None
    sizes: Sequence[PictureSize]


def image_type(image: model.Image) -> str | None:
    """The MIME type of an image, from its document, else from its URL."""
    for key in ("mimeType", "type"):
        declared = image.metadata.get(key)
        if isinstance(declared, str) and declared.lower().startswith("image/"):
            return declared.lower()
    return parse_image_url(image.url).type


def group_images(images: Sequence[model.Image]) -> list[Picture]:
    """Group images by picture, in the order in which the pictures first occur.

    Which images are together does not depend on their order.
    """
    groups: dict[str, list[model.Image]] = {}
    for image in images:
        groups.setdefault(parse_image_url(image.url).picture, []).append(image)
    return [_picture(group) for group in groups.values()]


def _picture(images: Sequence[model.Image]) -> Picture:
    sized = sorted(((_size(image), _alt(image)) for image in images), key=_by_width)
    alts = [alt for _, alt in sized if alt]
    sizes: dict[str, PictureSize] = {}
    for size, _ in sized:
        sizes.setdefault(size.url, size)
    return Picture(alts[-1] if alts else None, tuple(sizes.values()))


def _size(image: model.Image) -> PictureSize:
    url = parse_image_url(image.url)
    width, height = image.width, image.height
    if width is None and height is None:
        width, height = url.width, url.height
    return PictureSize(image.url, width, height, image_type(image))


def _alt(image: model.Image) -> str | None:
    alt = image.metadata.get("alt")
    return alt if isinstance(alt, str) and alt else image.title


def _by_width(sized: tuple[PictureSize, str | None]) -> tuple[int, int, str, str, str]:
    size, alt = sized
    width = _UNKNOWN_WIDTH if size.width is None else size.width
    return width, size.height or 0, size.url, size.type or "", alt or ""


def srcset(picture: Picture, type: str | None) -> str | None:
    """The `srcset` attribute for one type, or for a type that every browser shows.

    A browser chooses by width alone. So sizes of unknown width are left out, and those whose shape
    is not that of the widest: crops. None without a size.

    https://html.spec.whatwg.org/multipage/images.html#srcset-attributes
    """
    sizes = [size for size in picture.sizes if size.width]
    if type is not None:
        sizes = [size for size in sizes if size.type == type]
    elif widest := _widest([size for size in sizes if size.type in _FALLBACKS] or sizes):
        sizes = [size for size in sizes if size.type == widest.type]
    shape = _widest([size for size in sizes if size.height])
    by_width: dict[int | None, str] = {}
    for size in sizes:
        if _has_shape(size, shape):
            by_width.setdefault(size.width, size.url)
    # A comma at the end of a URL would be a separator.
    candidates = [
        f"{url.rstrip(',')}{'%2C' * (len(url) - len(url.rstrip(',')))} {width}w"
        for width, url in by_width.items()
    ]
    return ", ".join(candidates) or None


def _widest(sizes: Sequence[PictureSize]) -> PictureSize | None:
    return max(sizes, key=lambda size: size.width or 0, default=None)


def _has_shape(size: PictureSize, shape: PictureSize | None) -> bool:
    """Whether a size has a shape, up to rounding; an unknown height has any."""
    if shape is None or not (size.width and size.height and shape.width and shape.height):
        return True
    height = size.width * shape.height / shape.width
    return abs(height - size.height) <= 1 + height / 100
