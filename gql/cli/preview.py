"""The command `preview`: a link to one draft."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Annotated
from urllib.parse import urlsplit, urlunsplit

import typer

from gql.identity.preview_links import MAX_LIFETIME, PARAMETER, SignedLink, sign_preview
from gql.settings import Settings, SettingsError
from gql.store_factory import open_store
from store import LocalizedSlug, LookupKey, Visibility

from .options import STORE_LOCATION, Json, with_settings
from .output import err, out, print_json

_HOUR = timedelta(hours=1)


@with_settings(*STORE_LOCATION, "public_url", "host", "port")
def preview(  # noqa: PLR0913  # the options of the command
    settings: Settings,
    slug: Annotated[str, typer.Argument(metavar="SLUG", help="The article's slug or id.")],
    *,
    locale: Annotated[
        str | None, typer.Option(help="The locale, if the slug has articles in several.")
    ] = None,
    hours: Annotated[
        int,
        typer.Option(min=1, max=MAX_LIFETIME // _HOUR, help="How long the link can be used."),
    ] = 24,
    url: Annotated[
        str | None,
        typer.Option(help="The page to link to, such as one of the site. Default: GraphQL."),
    ] = None,
    json: Json = False,
) -> None:
    """Make a link to one draft, for readers without a key. Whoever has it can read the draft.

    [bold]Examples[/]

    newsgraph preview 2025-04-07-harbour-tide-gauge --folder articles

    newsgraph preview 2025-04-07-harbour-tide-gauge --hours 2 --url https://site.example/preview
    """
    key = slug if locale is None else LocalizedSlug(slug, locale)
    token, expires = asyncio.run(_sign(settings, key, hours * _HOUR))
    page = urlsplit(url or f"{settings.public_url or _local_address(settings)}/graphql")
    query = f"{page.query}&" if page.query else ""
    link = urlunsplit(page._replace(query=f"{query}{PARAMETER}={token}"))
    if json:
        print_json({"url": link, "token": token, "expiresAt": f"{expires:%Y-%m-%dT%H:%M:%SZ}"})
        return
    out.print(link, markup=False, soft_wrap=True)
    err.print(f"Until {expires:%Y-%m-%d %H:%M} UTC whoever has this link can read the draft.")


async def _sign(settings: Settings, key: str | LocalizedSlug, lifetime: timedelta) -> SignedLink:
    repository = open_store(settings, must_exist=True)
    try:
        snapshot = await repository.snapshot()
        plain = (LookupKey.SLUG, LookupKey.ID)
        for by in plain if isinstance(key, str) else (LookupKey.SLUG_IN_LOCALE,):
            [article] = await snapshot.get_many(by, [key], Visibility.ALL)
            if article is not None:
                return sign_preview(snapshot.cursors.key, article.id, lifetime)
    finally:
        await repository.close()
    if isinstance(key, str):
        raise SettingsError(f"The store has no article with the slug or id {key!r}.")
    raise SettingsError(f"The store has no article with the slug {key.slug!r} in {key.range!r}.")


def _local_address(settings: Settings) -> str:
    return f"http://{settings.host}:{settings.port}"
