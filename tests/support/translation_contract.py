"""The contract of translations: look-ups by slug and locale, groups, and chains of locales.

A part of `RepositoryContract`, so these tests run on every engine.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from store import (
    And,
    ArticleQuery,
    Batch,
    Condition,
    Field,
    FilterError,
    LocalizedSlug,
    LookupKey,
    Not,
    Operator,
    Repository,
    Visibility,
    Window,
)
from store.model import Article, ChangeKind
from store.names import article_id, article_slug
from store.querying.translations import MAX_TRANSLATIONS
from tests.support.factories import NOON, article

ALL = Visibility.ALL
PUBLISHED = Visibility.PUBLISHED


def story(
    slug: str, locale: str | None, *, in_id: bool = True, day: int = 0, **fields: Any
) -> Article:
    """An article whose title is `SLUG LOCALE`; `in_id`: its id has the locale."""
    made = article(
        slug=slug,
        title=fields.pop("title", f"{slug} {locale}"),
        locale=locale,
        published_date_time=NOON + timedelta(days=day),
        **fields,
    )
    return msgspec.structs.replace(made, id=article_id(slug, locale if in_id else None))


def first_of(*chain: str) -> Condition:
    """The filter with a chain of locales."""
    return Condition(Field.LOCALE, Operator.FIRST_OF, chain)


STORIES = (
    story("one", "en", in_id=False, day=1),
    story("one", "de", day=2),
    story("one", "ja", day=3),
    story("two", "en", in_id=False, day=4),
    story("two", "de-CH", day=5),
    story("drei", "de", translation_key="three", day=6),
    story("three", "fr", day=7),
    story("four", None, in_id=False, day=8),
    story("five", "ja", day=9),
)


@pytest.mark.anyio
class TranslationContract:
    """The tests; `RepositoryContract` inherits them."""

    async def titles(
        self, repository: Repository, filter: Any, seen: Visibility = PUBLISHED
    ) -> set[str]:
        """The titles of the articles that match, whose number is the total."""
        query = ArticleQuery(Window(first=100), filter, with_total=True)
        [page] = await (await repository.snapshot()).pages([query], seen)
        assert page.total == len(page.items)
        return {each.title for each in page.items}

    async def by_slug(
        self, repository: Repository, *keys: str | LocalizedSlug, seen: Visibility = PUBLISHED
    ) -> list[str | None]:
        """The titles that look-ups give."""
        snapshot = await repository.snapshot()
        found = []
        for key in keys:
            by = LookupKey.SLUG if isinstance(key, str) else LookupKey.SLUG_IN_LOCALE
            found += await snapshot.get_many(by, [key], seen)
        return [None if each is None else each.title for each in found]

    async def test_slug_in_a_locale_names_one_article(self, repository):
        """A range gives the article of that locale, else one of a region, else none."""
        await repository.apply(Batch(puts=(*STORIES, story("one", "de-AT"))))
        keys = [
            LocalizedSlug(slug, range)
            for slug, range in [
                ("one", "de"),
                ("one", "DE_at"),
                ("one", "en"),
                ("one", "EN"),
                ("one", "fr"),
                ("two", "de"),
                ("two", "de-AT"),
                ("two", "d"),
                ("four", "en"),
                ("none", "en"),
            ]
        ]
        titles = ["one de", "one de-AT", "one en", "one en", None, "two de-CH", *[None] * 4]
        assert await self.by_slug(repository, *keys) == titles

    async def test_slug_alone_names_the_article_whose_id_has_no_locale_else_the_newest(
        self, repository
    ):
        """Old links keep their article; where all have a locale in the id, the newest wins."""
        await repository.apply(Batch(puts=STORIES))
        assert await self.by_slug(repository, "one", "five", "six") == ["one en", "five ja", None]
        await repository.apply(Batch(deletes=(article_id("one"),)))
        assert await self.by_slug(repository, "one") == ["one ja"]
        tied = [story("six", locale) for locale in ("de", "en")]
        await repository.apply(Batch(puts=tuple(tied)))
        newest = max(tied, key=lambda each: each.id).title
        assert await self.by_slug(repository, "six") == [newest]

    async def test_former_and_decomposed_slugs_name_articles_in_a_locale(self, repository):
        """A slug of a former release, and one in another encoding, are found in a locale, too."""
        composed = story("2026-01-01-\u00e9t\u00e9", "de", title="eins")
        renamed = story(article_slug("", "Łódź", NOON), "de", title="Łódź")
        await repository.apply(Batch(puts=(composed, renamed)))
        decomposed = "2026-01-01-e\u0301te\u0301"
        keys = [LocalizedSlug(decomposed, "de"), LocalizedSlug(decomposed, "en")]
        assert await self.by_slug(repository, decomposed, *keys) == ["eins", "eins", None]
        former = "2026-03-01-odz"
        keys = [LocalizedSlug(former, "de"), LocalizedSlug(former, "en")]
        assert await self.by_slug(repository, former, *keys) == ["Łódź", "Łódź", None]

    async def test_filter_by_slug_gives_it_in_every_locale(self, repository):
        """A condition on the slug holds in all locales."""
        await repository.apply(Batch(puts=STORIES))
        condition = Condition(Field.SLUG, Operator.EQ, "one")
        assert await self.titles(repository, condition) == {"one en", "one de", "one ja"}
        condition = Condition(Field.SLUG, Operator.IN, ("two", "five"))
        assert await self.titles(repository, condition) == {"two en", "two de-CH", "five ja"}

    async def test_group_has_the_articles_with_one_key_by_locale(self, repository):
        """The key is the slug, or the one that the document gives; a draft is not visible."""
        draft, bare = story("one", "fr", published=False), story("one", None, in_id=False, day=-1)
        await repository.apply(Batch(puts=(*STORIES, draft, bare)))
        snapshot = await repository.snapshot()

        async def titles(group: str, seen: Visibility) -> list[str]:
            [found] = await snapshot.translations([group], seen)
            return [each.title for each in found]

        assert await titles("one", PUBLISHED) == ["one de", "one ja", "one None"]
        assert await titles("one", ALL) == ["one de", "one fr", "one ja", "one None"]
        assert await titles("three", PUBLISHED) == ["drei de", "three fr"]
        assert await titles("five", PUBLISHED) == ["five ja"]
        assert await titles("drei", PUBLISHED) == []

    @pytest.mark.parametrize(
        ("chain", "expected"),
        [
            (("de", "en"), {"one de", "two de-CH", "drei de"}),
            (("en", "de"), {"one en", "two en", "drei de"}),
            (("de-CH", "ja"), {"two de-CH", "one ja", "five ja"}),
            (("DE_ch", "en"), {"two de-CH", "one en"}),
            (("fr", "de"), {"three fr", "one de", "two de-CH"}),
            (("ja", "*"), {"one ja", "five ja", "two de-CH", "drei de", "four None"}),
            (("*", "ja"), {"one de", "two de-CH", "drei de", "four None", "five ja"}),
            (("d", "xx"), set()),
            ((), set()),
            (("",), set()),
        ],
    )
    async def test_chain_gives_each_group_once_in_its_first_locale(
        self, repository, chain, expected
    ):
        """Groups in none of the locales are left out; `*` is any locale, or none."""
        await repository.apply(Batch(puts=STORIES))
        assert await self.titles(repository, first_of(*chain)) == expected
        others = {each.title for each in STORIES} - expected
        assert await self.titles(repository, Not(first_of(*chain))) == others

    async def test_chain_is_a_condition_among_others(self, repository):
        """A chain picks among all that the viewer may see, whatever the rest of the filter says."""
        await repository.apply(Batch(puts=STORIES))
        english = And((first_of("de", "en"), Condition(Field.LOCALE, Operator.EQ, "en")))
        assert await self.titles(repository, english) == set()

    async def test_several_of_one_locale_count_once(self, repository):
        """The one whose id has no locale, else the newest."""
        puts = [
            story("a", "de", translation_key="k", day=1),
            story("b", "de", translation_key="k", day=2),
            story("c", "en", translation_key="k", day=3),
        ]
        await repository.apply(Batch(puts=tuple(puts)))
        assert await self.titles(repository, first_of("de", "en")) == {"b de"}
        plain = story("d", "DE", translation_key="k", in_id=False)
        await repository.apply(Batch(puts=(plain,)))
        assert await self.titles(repository, first_of("de", "en")) == {"d DE"}

    async def test_draft_hides_no_translation(self, repository):
        """A draft counts only for viewers of drafts."""
        puts = (story("x", "en", in_id=False), story("x", "de", published=False))
        await repository.apply(Batch(puts=puts))
        chain = first_of("de", "en")
        assert await self.titles(repository, chain, PUBLISHED) == {"x en"}
        assert await self.titles(repository, chain, ALL) == {"x de"}
        assert await self.by_slug(repository, LocalizedSlug("x", "de")) == [None]

    @pytest.mark.parametrize("first", ["g", None])
    async def test_public_history_has_no_group_of_a_draft(self, repository, first):
        """A DELETE has the group that was public, and the PUT that follows has no former one."""
        for published, key in ((True, first), (False, "secret"), (True, "h"), (True, None)):
            put = story("x", "de", published=published, translation_key=key)
            await repository.apply(Batch(puts=(put,)))
        snapshot = await repository.snapshot()
        public = (await snapshot.changes(None, PUBLISHED)).changes
        assert [(each.kind, each.group, each.former_group) for each in public] == [
            (ChangeKind.PUT, first, None),
            (ChangeKind.DELETE, first, None),
            (ChangeKind.PUT, "h", None),
            (ChangeKind.PUT, None, "h"),
        ]
        everything = (await snapshot.changes(None, ALL)).changes
        assert [each.former_group for each in everything] == [None, first or "x", "secret", "h"]

    async def test_id_decides_which_article_of_a_slug_has_no_locale_in_it(self, repository):
        """An article with a locale in its id but not in its fields is found as the others."""
        with_locale, plain = story("x", "de", day=1), story("x", "en", in_id=False)
        await repository.apply(Batch(puts=(with_locale,)))
        without = msgspec.structs.replace(with_locale, locale=None)
        await repository.apply(Batch(puts=(without,)))

        async def ids() -> list[list[str]]:
            snapshot = await repository.snapshot()
            [group] = await snapshot.translations(["x"], PUBLISHED)
            [found] = await snapshot.get_many(LookupKey.SLUG, ["x"], PUBLISHED)
            return [[each.id for each in group], [found.id]]

        assert await ids() == [[without.id], [without.id]]
        await repository.apply(Batch(puts=(plain,)))
        assert await ids() == [[plain.id, without.id], [plain.id]]
        await repository.apply(Batch(puts=(msgspec.structs.replace(plain, locale=None),)))
        assert await ids() == [[plain.id, without.id], [plain.id]]

    @pytest.mark.parametrize(
        ("write", "expected"),
        [
            (Batch(puts=(story("x", "de"),)), {"x de"}),
            (Batch(puts=(story("x", "ja"),)), {"x en"}),
            (Batch(puts=(story("y", "de", translation_key="x"),)), {"y de"}),
            (Batch(puts=(story("x", "fr", heat=1),)), {"x en"}),
            (Batch(puts=(story("x", "en", in_id=False, published=False),)), {"x fr"}),
            (Batch(puts=(story("x", "en", in_id=False, day=5),)), {"x en"}),
            (Batch(puts=(story("x", "en", in_id=False, translation_key="z"),)), {"x en", "x fr"}),
            (Batch(deletes=(article_id("x"),)), {"x fr"}),
            (Batch(deletes=(article_id("x", "fr"),)), {"x en"}),
        ],
    )
    async def test_write_of_a_translation_shows_in_the_list_at_once(
        self, repository, write, expected
    ):
        """A write of one article changes whether others of its group are in the list."""
        await repository.apply(Batch(puts=(story("x", "en", in_id=False), story("x", "fr"))))
        chain = first_of("de", "en", "fr")
        assert await self.titles(repository, chain) == {"x en"}
        await repository.apply(write)
        assert await self.titles(repository, chain) == expected

    async def test_key_of_too_many_articles_groups_none(self, repository):
        """A key that very many articles share is no translation key: each is its own group."""
        shared = [
            story(f"s{n}", f"l{n}", translation_key="all") for n in range(MAX_TRANSLATIONS + 1)
        ]
        await repository.apply(Batch(puts=(*shared, story("s", "l", translation_key="all"))))
        snapshot = await repository.snapshot()
        assert await snapshot.translations(["all"], PUBLISHED) == [[]]
        chain = first_of("l0", "l", "l1")
        assert await self.titles(repository, chain) == {"s l", "s0 l0", "s1 l1"}
        gone = tuple(each.id for each in shared[2:])
        await repository.apply(Batch(deletes=gone))
        assert await self.titles(repository, chain) == {"s0 l0"}

    async def test_chain_is_for_locales_only(self, repository):
        """Other fields refuse a chain."""
        condition = Condition(Field.CATEGORY, Operator.FIRST_OF, ("de",))
        with pytest.raises(FilterError, match="does not take firstOf"):
            await self.titles(repository, condition)
