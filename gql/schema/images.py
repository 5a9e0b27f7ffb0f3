"""Pictures, and the selection of one by size. Sizes are in pixels."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Annotated

import strawberry
from strawberry import UNSET

from gql import pictures
from gql.image_urls import MIME_TYPES
from gql.pictures import Picture as PictureValue
from gql.pictures import group_images, image_type
from store import model

from .connection import value_or_none
from .scalars import Url

PICTURE_COSTS = dict.fromkeys(
    ("Article.pictures", "RelatedArticle.pictures", "Provider.pictures"), 100
)
"""The costs of fields that take the URLs of all images apart: 40 microseconds each."""


@strawberry.enum(description="A format of images.")
class ImageFormat(Enum):
    AVIF = strawberry.enum_value("image/avif", description="The MIME type image/avif.")
    GIF = strawberry.enum_value("image/gif", description="The MIME type image/gif.")
    JPEG = strawberry.enum_value("image/jpeg", description="The MIME type image/jpeg.")
    PNG = strawberry.enum_value("image/png", description="The MIME type image/png.")
    SVG = strawberry.enum_value("image/svg+xml", description="The MIME type image/svg+xml.")
    WEBP = strawberry.enum_value("image/webp", description="The MIME type image/webp.")


def mime_type(format: ImageFormat | None) -> str | None:
    """The MIME type of a format; None where the client gives none."""
    given = value_or_none(format)
    return None if given is None else MIME_TYPES[given.name.lower()]


_TYPE = (
    "The MIME type, from the document, else from the URL; null where neither tells, or where the "
    "server chooses it for each browser."
)


def resolve_type(root: strawberry.Parent[model.Image]) -> str | None:
    """The MIME type of an image."""
    return image_type(root)


@strawberry.type(description="An image: one file. The sizes come from the document.")
class Image:
    url: Url = strawberry.field(description="The URL.")
    width: int | None = strawberry.field(description="The width in pixels.")
    height: int | None = strawberry.field(description="The height in pixels.")
    title: str | None = strawberry.field(description="A description of the picture.")
    attribution: str | None = strawberry.field(description="The author or owner.")
    is_cached: bool = strawberry.field(description="Whether the publisher has it in its cache.")
    type: str | None = strawberry.field(resolver=resolve_type, description=_TYPE)


@strawberry.type(description="One file of a picture.")
class PictureSize:
    url: Url = strawberry.field(description="The URL.")
    width: int | None = strawberry.field(
        description="The width in pixels, from the document, else from the URL."
    )
    height: int | None = strawberry.field(
        description="The height in pixels, from the document, else from the URL."
    )
    type: str | None = strawberry.field(description=_TYPE)


def resolve_srcset(
    root: strawberry.Parent[PictureValue],
    format: Annotated[
        ImageFormat | None,
        strawberry.argument(
            description="Only files of this format, for a `source` element; without it, those of "
            "a format that every browser shows, for `img`."
        ),
    ] = UNSET,
) -> str | None:
    """`Picture.srcset(format:)`."""
    return pictures.srcset(root, mime_type(format))


@strawberry.type(
    description="A picture: the images that show it in several sizes and formats, as their URLs "
    "tell."
)
class Picture:
    alt: str | None = strawberry.field(description="A description of the picture.")
    sizes: list[PictureSize] = strawberry.field(
        description="Its files, by width; those of unknown width are last."
    )
    srcset: str | None = strawberry.field(
        resolver=resolve_srcset,
        description="The attribute `srcset` in HTML: the files of one format whose shape is that "
        "of the widest. Null without a file of known width.",
    )


Width = Annotated[
    int | None,
    strawberry.argument(
        description="The width at which it is shown, in pixels; without it, the first picture."
    ),
]


def select_images(
    images: Sequence[model.Image],
    min_width: int | None,
    min_height: int | None,
    is_cached: bool | None,
) -> Sequence[model.Image]:
    """The images that are large enough, and cached or not; an unknown size is too small."""
    if min_width is None and min_height is None and is_cached is None:
        return images
    return [
        image
        for image in images
        if (min_width is None or (image.width is not None and image.width >= min_width))
        and (min_height is None or (image.height is not None and image.height >= min_height))
        and (is_cached is None or image.is_cached is is_cached)
    ]


def best_image(
    images: Sequence[model.Image], width: int | None, type: str | None = None
) -> model.Image | None:
    """The narrowest image that is at least `width` wide, else the widest; without a width, the
    first. `type`: of this MIME type.

    Of equal ones the first. Images of unknown width come last.
    """
    if type is not None:
        images = [image for image in images if image_type(image) == type]
    if width is None or not images:
        return images[0] if images else None
    enough = [image for image in images if image.width is not None and image.width >= width]
    if enough:
        return min(enough, key=lambda image: image.width or 0)
    return max(images, key=lambda image: image.width or 0)


def resolve_images(
    root: strawberry.Parent[model.Article],
    min_width: Annotated[
        int | None,
        strawberry.argument(description="Only images of at least this width, in pixels."),
    ] = UNSET,
    min_height: Annotated[
        int | None,
        strawberry.argument(description="Only images of at least this height, in pixels."),
    ] = UNSET,
    is_cached: Annotated[
        bool | None,
        strawberry.argument(description="Only images that are cached, or that are not."),
    ] = UNSET,
) -> Sequence[model.Image]:
    """`images(minWidth:, minHeight:, isCached:)` of an article."""
    return select_images(
        root.images, value_or_none(min_width), value_or_none(min_height), value_or_none(is_cached)
    )


def resolve_image(
    root: strawberry.Parent[model.Article | model.Provider],
    width: Width = UNSET,
    format: Annotated[
        ImageFormat | None,
        strawberry.argument(description="Only images of this format; null if there is none."),
    ] = UNSET,
) -> model.Image | None:
    """`image(width:, format:)` of an article or a provider."""
    return best_image(root.images, value_or_none(width), mime_type(format))


def resolve_pictures(
    root: strawberry.Parent[model.Article | model.Related | model.Provider],
) -> Sequence[PictureValue]:
    """`pictures` of an article, a related story or a provider."""
    return group_images(root.images)
