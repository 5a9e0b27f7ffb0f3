"""Pictures, and which of several suits a request. Sizes in pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import strawberry
from strawberry import UNSET

from store import model

from .connection import given
from .scalars import Url


@strawberry.type(description="A picture at an address; sizes are what the document says.")
class Image:
    url: Url = strawberry.field(description="Where it is.")
    width: int | None = strawberry.field(description="Pixels across.")
    height: int | None = strawberry.field(description="Pixels down.")
    title: str | None = strawberry.field(description="What it shows.")
    attribution: str | None = strawberry.field(description="Whose it is.")
    is_cached: bool = strawberry.field(description="Whether the publisher's cache holds it.")


Width = Annotated[
    int | None,
    strawberry.argument(description="How wide it will be shown, in pixels. Without it: the first."),
]


def select_images(
    images: Sequence[model.Image],
    min_width: int | None,
    min_height: int | None,
    is_cached: bool | None,
) -> Sequence[model.Image]:
    """Those that are large enough and cached or not; one of unknown size is never large enough."""
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
    """The narrowest that is at least `width` wide, else the widest; the first where none is asked.

    Ties go to the earlier one; images of unknown width come last.
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
        int | None, strawberry.argument(description="Only those at least this wide, in pixels.")
    ] = UNSET,
    min_height: Annotated[
        int | None, strawberry.argument(description="Only those at least this high, in pixels.")
    ] = UNSET,
    is_cached: Annotated[
        bool | None, strawberry.argument(description="Only those that are cached, or are not.")
    ] = UNSET,
) -> Sequence[model.Image]:
    """`images(minWidth:, minHeight:, isCached:)` of an article."""
    return select_images(root.images, given(min_width), given(min_height), given(is_cached))


def resolve_image(
    root: strawberry.Parent[model.Article | model.Provider], width: Width = UNSET
) -> model.Image | None:
    """`image(width:)` of an article or a provider."""
    return best_image(root.images, given(width))
