"""Pictures, and the selection of one by size. Sizes are in pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import strawberry
from strawberry import UNSET

from store import model

from .connection import value_or_none
from .scalars import Url


@strawberry.type(description="A picture. The sizes come from the document.")
class Image:
    url: Url = strawberry.field(description="The URL.")
    width: int | None = strawberry.field(description="The width in pixels.")
    height: int | None = strawberry.field(description="The height in pixels.")
    title: str | None = strawberry.field(description="A description of the picture.")
    attribution: str | None = strawberry.field(description="The author or owner.")
    is_cached: bool = strawberry.field(description="Whether the publisher has it in its cache.")


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


def best_image(images: Sequence[model.Image], width: int | None) -> model.Image | None:
    """The narrowest image that is at least `width` wide, else the widest; without a width, the
    first.

    Of equal ones the first. Images of unknown width come last.
    """
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
    root: strawberry.Parent[model.Article | model.Provider], width: Width = UNSET
) -> model.Image | None:
    """`image(width:)` of an article or a provider."""
    return best_image(root.images, value_or_none(width))
