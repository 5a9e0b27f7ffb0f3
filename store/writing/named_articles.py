"""Named articles: which article a mutation means by a slug and, perhaps, a locale."""

from __future__ import annotations

from collections.abc import Sequence

from store.errors import Refusal, RefusedError
from store.model import Article, Visibility
from store.names import article_id, locale_key
from store.querying.query import ArticleQuery, Condition, Field, Operator, Window
from store.repository import Snapshot

AMBIGUOUS_SLUG = "AMBIGUOUS_SLUG"
_MOST_LOCALES = 1_000


async def find_by_slug(snapshot: Snapshot, slug: str) -> list[Article]:
    """Find the articles with this slug, in all locales."""
    condition = Condition(Field.SLUG, Operator.EQ, slug)
    query = ArticleQuery(Window(first=_MOST_LOCALES), filter=condition)
    (page,) = await snapshot.pages([query], Visibility.ALL)
    return list(page.items)


def choose_named(articles: Sequence[Article], slug: str, locale: str | None) -> Article | None:
    """Choose the article that a mutation means; None if it means a new one.

    With a locale it is the one in this locale, or the one that has none yet. Without, it is the
    one whose identity has no locale, or the only one. `articles` are those with the slug.
    Raises: RefusedError: it may be several.
    """
    plain = next((each for each in articles if each.id == article_id(slug)), None)
    if locale is not None:
        key = locale_key(locale)
        own = [each for each in articles if locale_key(each.locale or "") == key]
        own.sort(key=lambda each: each.identity_locale is None)
        return own[0] if own else plain if plain and plain.locale is None else None
    if plain is None and len(articles) > 1:
        locales = ", ".join(sorted(each.locale or "" for each in articles))
        message = f"Several articles have the slug {slug!r}. Send `id`, or `locale`: {locales}."
        raise RefusedError(Refusal(AMBIGUOUS_SLUG, message, ("slug",)))
    return plain or next(iter(articles), None)
