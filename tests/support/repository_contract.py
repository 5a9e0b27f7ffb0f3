"""The contract of the `Repository` protocol, as tests that run on every engine.

An engine's tests subclass `RepositoryContract` and define the fixture `repository`, an empty store.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from store import (
    HISTORY_START,
    NEWEST_FIRST,
    UNKNOWN_BOOKMARK,
    ArticleQuery,
    Batch,
    Bookmark,
    Condition,
    ConflictError,
    CursorError,
    Field,
    FilterError,
    LookupKey,
    Not,
    Operator,
    OrderField,
    OrderStep,
    QueryError,
    Repository,
    SourceFile,
    Visibility,
    Window,
    WindowError,
    provider_filter,
    referencing_filter,
    topic_filter,
)
from store.model import (
    Article,
    Change,
    ChangeKind,
    Counts,
    Diagnostic,
    Image,
    ProviderMention,
    Related,
    Severity,
    TopicDefinition,
)
from store.names import article_id, article_slug, topic_slug
from store.querying.predicates import predicate
from store.repository import WriteKey
from tests.support.cursors import CURSORS, article_cursor
from tests.support.translation_contract import TranslationContract

ALL = Visibility.ALL
PUBLISHED = Visibility.PUBLISHED
SECURED = Visibility.SECURED
FIRST = Window(first=10)


def make_article(
    name: str, *, day: int = 1, domain: str = "post.example", **fields: Any
) -> Article:
    """A published article of a day in January 2026."""
    return Article(
        slug=f"2026-01-{day:02}-{name}",
        title=fields.pop("title", name),
        provider=fields.pop("provider", ProviderMention(domain=domain, name=domain.title())),
        published_date_time=datetime(2026, 1, day, tzinfo=UTC),
        **fields,
    )


def without_revision(article: Article | None) -> Article | None:
    """The article as it was before the store set its revision."""
    return msgspec.structs.replace(article, revision=0) if article else None


async def page_titles(
    repository: Repository, query: ArticleQuery, seen: Visibility = ALL
) -> list[str]:
    """The titles on a page."""
    [page] = await (await repository.snapshot()).pages([query], seen)
    return [article.title for article in page.items]


async def newest_bookmark(repository: Repository, visibility: Visibility) -> Bookmark:
    """The bookmark of a store's newest change."""
    return await (await repository.snapshot()).newest_change(visibility)


def kind_and_slug(change: Change) -> tuple[ChangeKind, str]:
    """The kind and the slug of a change."""
    return change.kind, change.slug


@pytest.mark.anyio
class RepositoryContract(TranslationContract):
    """The tests; subclass this with a fixture `repository`."""

    @pytest.fixture
    def anyio_backend(self) -> str:
        """The event loop of the server."""
        return "asyncio"

    async def test_a_new_store_is_empty_at_revision_0(self, repository):
        """A new store has revision 0 and holds nothing."""
        snapshot = await repository.snapshot()
        assert snapshot.revision == 0
        assert await snapshot.counts(ALL) == Counts()
        assert await repository.sources() == {}
        assert (await snapshot.changes(None, ALL)).changes == ()

    async def test_put_article_is_found_by_id_slug_and_url(self, repository):
        """A look-up of n keys returns n articles or None, in the same order."""
        article = make_article("one", web_url="https://POST.example/one?utm_source=x")
        await repository.apply(Batch(puts=(article,)))
        snapshot = await repository.snapshot()
        for by, key in [
            (LookupKey.ID, article.id),
            (LookupKey.SLUG, article.slug),
            (LookupKey.URL, "https://post.example:443/one#top"),
        ]:
            missing, found = await snapshot.get_many(by, ["nothing", key], ALL)
            assert missing is None
            assert without_revision(found) == article

    async def test_url_of_several_articles_gives_the_newest_visible(self, repository):
        """If several articles have a URL, the look-up returns the newest visible one."""
        url = "https://post.example/x"
        puts = (
            make_article("old", day=1, web_url=url),
            make_article("mid", day=2, original_url=url),
            make_article("new", day=3, web_url=url, published=False),
        )
        await repository.apply(Batch(puts=puts))
        snapshot = await repository.snapshot()
        [seen], [hidden] = [
            await snapshot.get_many(LookupKey.URL, [url], v) for v in (ALL, PUBLISHED)
        ]
        assert (seen.title, hidden.title) == ("new", "mid")

    async def test_each_put_and_delete_takes_the_next_revision(self, repository):
        """Each effective put and delete takes a revision, in batch order, deletes last."""
        one, two = make_article("one"), make_article("two")
        assert await repository.apply(Batch(puts=(one, two))) == 2
        batch = Batch(puts=(two, make_article("three")), deletes=(one.id, "nothing", one.id))
        assert await repository.apply(batch) == 4
        found = await (await repository.snapshot()).get_many(LookupKey.ID, [one.id, two.id], ALL)
        assert [article and article.revision for article in found] == [None, 2]

    async def test_article_put_again_as_it_is_takes_no_revision(self, repository):
        """A put of an equal article is a no-op; true and 1 are not equal."""
        await repository.apply(Batch(puts=(make_article("one", metadata={"a": True}),)))
        assert await repository.apply(Batch(puts=(make_article("one", metadata={"a": True}),))) == 1
        assert await repository.apply(Batch(puts=(make_article("one", metadata={"a": 1}),))) == 2

    async def test_article_put_and_deleted_in_one_batch_is_gone(self, repository):
        """Both steps are in the history, and the article is gone."""
        article = make_article("one")
        assert await repository.apply(Batch(puts=(article,), deletes=(article.id,))) == 2
        assert (await (await repository.snapshot()).counts(ALL)).articles == 0

    async def test_old_snapshot_does_not_change(self, repository):
        """A snapshot does not show later writes."""
        await repository.apply(Batch(puts=(make_article("one"),)))
        before = await repository.snapshot()
        await repository.apply(
            Batch(puts=(make_article("two"),), deletes=(make_article("one").id,))
        )
        assert before.revision == 1
        assert await before.counts(ALL) == Counts(articles=1, providers=1)
        [found] = await before.get_many(LookupKey.ID, [make_article("one").id], ALL)
        assert found is not None

    async def test_batch_with_wrong_expectation_changes_nothing(self, repository):
        """A batch with a wrong expected revision changes nothing; the error has the current one."""
        one, two = make_article("one"), make_article("two")
        await repository.apply(Batch(puts=(one,)))
        for id, revision, current in [(one.id, 7, 1), (one.id, None, 1), (two.id, 1, None)]:
            with pytest.raises(ConflictError) as caught:
                await repository.apply(Batch(puts=(two,), expected={id: revision}))
            assert caught.value.current == current
        assert (await repository.snapshot()).revision == 1
        good = Batch(puts=(two,), expected={one.id: 1, two.id: None})
        assert await repository.apply(good) == 2

    async def test_pages_go_both_ways_with_true_flags_and_totals(self, repository):
        """Pages go forwards and backwards, with correct flags and totals."""
        await repository.apply(Batch(puts=tuple(make_article(f"{n}", day=n) for n in range(1, 6))))
        snapshot = await repository.snapshot()

        async def page(**window: Any) -> tuple[list[str], bool, bool, int | None]:
            query = ArticleQuery(Window(**window), with_total=True)
            [found] = await snapshot.pages([query], ALL)
            names = [article.title for article in found.items]
            return names, found.has_previous, found.has_next, found.total

        middle = article_cursor(
            make_article("3", day=3), (OrderStep(OrderField.PUBLISHED_DATE_TIME),)
        )
        assert await page(first=2) == (["5", "4"], False, True, 5)
        assert await page(first=2, after=middle) == (["2", "1"], True, False, 5)
        assert await page(last=2) == (["2", "1"], True, False, 5)
        assert await page(last=1, before=middle) == (["4"], True, True, 5)
        assert await page(first=0) == ([], False, True, 5)
        assert await page(first=9) == (["5", "4", "3", "2", "1"], False, False, 5)

    async def test_total_is_counted_only_on_request(self, repository):
        """A page has no total unless the query asks for it."""
        await repository.apply(Batch(puts=(make_article("one"),)))
        [page] = await (await repository.snapshot()).pages([ArticleQuery(FIRST)], ALL)
        assert page.total is None

    async def test_lists_are_found_by_provider_topic_and_reference(self, repository):
        """The predefined filters select by provider, by topic and by reference."""
        target = make_article("target", web_url="https://post.example/t", topics=("Sea Birds",))
        stub = Related(title="t", web_url="https://post.example/t#x")
        other = make_article("other", day=2, domain="Else.example", related=(stub,))
        await repository.apply(Batch(puts=(target, other)))
        for filter, expected in [
            (provider_filter("else.example"), ["other"]),
            (topic_filter("sea-birds"), ["target"]),
            (referencing_filter(target), ["other"]),
            (referencing_filter(other), []),
        ]:
            assert await page_titles(repository, ArticleQuery(FIRST, filter)) == expected

    async def test_equal_articles_are_ordered_by_id_both_ways(self, repository):
        """Descending is the exact reverse of ascending."""
        await repository.apply(Batch(puts=tuple(make_article(f"{n}") for n in range(5))))
        up, down = [
            await page_titles(
                repository, ArticleQuery(FIRST, order=(OrderStep(OrderField.HEAT, way),))
            )
            for way in (False, True)
        ]
        assert up == down[::-1]
        assert up == sorted(up, key=lambda title: make_article(title).id)

    @pytest.mark.parametrize(
        "condition",
        [
            Condition(Field.HEAT, Operator.CONTAINS, "1"),
            Condition(Field.HEAT, Operator.EQ, "1"),
            Condition(Field.HEAT, Operator.EQ, True),
            Condition(Field.TITLE, Operator.IN, "x"),
            Condition(Field.TOPICS, Operator.EQ, "tides"),
            Condition(Field.RELATED_URLS, Operator.NONE, ("x",)),
            Condition(Field.PUBLISHED_DATE_TIME, Operator.GT, datetime(2026, 1, 1)),  # noqa: DTZ001
        ],
    )
    async def test_filter_that_cannot_be_used_is_refused(self, repository, condition):
        """A condition with an unsupported operator or value is an error, even in an empty store."""
        snapshot = await repository.snapshot()
        with pytest.raises(FilterError):
            await snapshot.pages([ArticleQuery(FIRST, condition)], ALL)

    @pytest.mark.parametrize("window", [Window(), Window(first=1, last=1), Window(first=-1)])
    async def test_window_that_makes_no_sense_is_refused(self, repository, window):
        """A window has exactly one size, 0 or more, in every list."""
        snapshot = await repository.snapshot()
        with pytest.raises(WindowError):
            await snapshot.pages([ArticleQuery(window)], ALL)
        for pages in (snapshot.provider_page, snapshot.topic_page):
            with pytest.raises(WindowError):
                await pages(window, ALL)
        with pytest.raises(WindowError):
            await snapshot.diagnostic_page(window)

    async def test_foreign_cursor_is_refused(self, repository):
        """A cursor of another list or order is an error."""
        snapshot = await repository.snapshot()
        by_heat = article_cursor(make_article("one"), (OrderStep(OrderField.HEAT),))
        for cursor in ("nonsense", by_heat):
            with pytest.raises(CursorError):
                await snapshot.pages([ArticleQuery(Window(first=1, after=cursor))], ALL)
            with pytest.raises(CursorError):
                await snapshot.provider_page(Window(first=1, after=cursor), ALL)

    @pytest.mark.parametrize("descending", [False, True])
    async def test_of_two_foreign_cursors_the_error_names_the_first(self, repository, descending):
        """In whichever direction a list is read, the error is that of `after`."""
        snapshot = await repository.snapshot()
        order = (OrderStep(OrderField.HEAT, descending=descending),)
        window = Window(first=1, after="one", before="other")
        with pytest.raises(CursorError, match="'one'"):
            await snapshot.pages([ArticleQuery(window, order=order)], ALL)

    async def test_look_up_by_a_key_that_entities_lack_is_refused(self, repository):
        """A look-up by a key that the type does not have is an error."""
        snapshot = await repository.snapshot()
        for find, by in [
            (snapshot.get_many, LookupKey.DOMAIN),
            (snapshot.providers, LookupKey.SLUG),
            (snapshot.topics, LookupKey.URL),
        ]:
            with pytest.raises(QueryError):
                await find(by, ["x"], ALL)

    async def test_provider_has_the_name_of_its_newest_published_article(self, repository):
        """A draft may change a provider's images for viewers of drafts, but never its name."""

        def mention(name: str) -> ProviderMention:
            return ProviderMention(
                domain="post.example", name=name, images=(Image(url=f"https://i.example/{name}"),)
            )

        await repository.apply(
            Batch(
                puts=(
                    make_article("a", day=1, provider=mention("Old")),
                    make_article("b", day=2, provider=mention("New")),
                    make_article("c", day=3, provider=mention("Draft"), published=False),
                    make_article(
                        "d",
                        day=4,
                        domain="else.example",
                        related=(Related(title="x", provider=mention("Stub")),),
                    ),
                )
            )
        )
        snapshot = await repository.snapshot()
        [public] = await snapshot.providers(LookupKey.DOMAIN, ["POST.example."], PUBLISHED)
        [everything] = await snapshot.providers(LookupKey.ID, [public.id], ALL)
        assert (public.name, everything.name) == ("New", "New")
        assert (public.article_count, everything.article_count) == (2, 3)
        images = [[i.url.rpartition("/")[2] for i in p.images] for p in (public, everything)]
        assert images == [["New", "Old", "Stub"], ["Draft", "New", "Old", "Stub"]]

    async def test_provider_known_only_from_drafts_is_hidden(self, repository):
        """A provider that only drafts name is visible only to viewers of drafts."""
        await repository.apply(Batch(puts=(make_article("a", published=False),)))
        snapshot = await repository.snapshot()
        [provider] = await snapshot.providers(LookupKey.DOMAIN, ["post.example"], ALL)
        assert provider.name == "Post.Example"
        assert await snapshot.providers(LookupKey.ID, [provider.id], PUBLISHED) == [None]
        assert (await snapshot.provider_page(FIRST, PUBLISHED)).total == 0
        assert await snapshot.counts(PUBLISHED) == Counts()

    async def test_provider_page_is_ordered_by_domain(self, repository):
        """Providers are ordered by domain, those of related stories included."""
        stub = Related(title="x", provider=ProviderMention(domain="b.example", name="B"))
        puts = (
            make_article("a", domain="c.example", related=(stub,)),
            make_article("b", domain="a.example"),
        )
        await repository.apply(Batch(puts=puts))
        snapshot = await repository.snapshot()
        page = await snapshot.provider_page(Window(first=2), PUBLISHED)
        assert [p.domain for p in page.items] == ["a.example", "b.example"]
        assert (page.has_previous, page.has_next, page.total) == (False, True, 3)
        cursor = CURSORS.provider(page.items[-1])
        rest = await snapshot.provider_page(Window(first=2, after=cursor), PUBLISHED)
        assert [p.name for p in rest.items] == ["C.Example"]

    async def test_topics_are_the_tree_and_what_visible_articles_name(self, repository):
        """A topic of the tree always exists; another exists while a visible article names it."""
        tree = (
            TopicDefinition(slug="science", name="Science", keywords=("lab",)),
            TopicDefinition(slug="tides", name="Tides", parent="science"),
            TopicDefinition(slug="lost", name="Lost", parent="nowhere"),
        )
        puts = (
            make_article("a", day=1, topics=("TIDES", "sea birds")),
            make_article("b", day=2, topics=("Sea  Birds", "Secret"), published=False),
        )
        await repository.apply(Batch(puts=puts, topics=tree))
        snapshot = await repository.snapshot()
        page = await snapshot.topic_page(FIRST, PUBLISHED)
        assert [(t.slug, t.name, t.parent, t.children, t.article_count) for t in page.items] == [
            ("lost", "Lost", None, (), 0),
            ("science", "Science", None, ("tides",), 0),
            ("sea-birds", "sea birds", None, (), 1),
            ("tides", "Tides", "science", (), 1),
        ]
        assert page.items[1].keywords == ("lab",)
        [by_name] = await snapshot.topics(LookupKey.NAME, ["SEA birds"], ALL)
        [by_id] = await snapshot.topics(LookupKey.ID, [by_name.id], ALL)
        assert by_name == by_id
        assert (by_id.name, by_id.article_count) == ("Sea  Birds", 2)
        secret = ["secret", "sea-birds"]
        hidden, seen = await snapshot.topics(LookupKey.SLUG, secret, PUBLISHED)
        assert hidden is None
        assert seen == page.items[2]
        rest = await snapshot.topic_page(Window(last=1, before=CURSORS.topic(seen)), PUBLISHED)
        assert [t.slug for t in rest.items] == ["science"]

    async def test_topics_given_later_replace_the_tree(self, repository):
        """A batch with topics replaces the tree; one without keeps it. Neither takes a revision."""
        await repository.apply(Batch(topics=(TopicDefinition(slug="a", name="A"),)))
        assert await repository.apply(Batch(topics=(TopicDefinition(slug="b", name="B"),))) == 0
        await repository.apply(Batch(puts=(make_article("one"),)))
        page = await (await repository.snapshot()).topic_page(FIRST, ALL)
        assert [topic.slug for topic in page.items] == ["b"]

    async def test_topic_is_its_whole_name_in_every_script(self, repository):
        """Names that differ in more than case and spacing are topics of their own."""
        names = ["AI", "中国 AI", "日本 AI", "Новости AI", ".NET", "Net", "AT&T", "ATT"]
        puts = [
            make_article(f"{day}", day=day, topics=(name,)) for day, name in enumerate(names, 1)
        ]
        await repository.apply(
            Batch(puts=(*puts, make_article("9", day=9, topics=("НОВОСТИ ai",))))
        )
        snapshot = await repository.snapshot()
        assert (await snapshot.counts(PUBLISHED)).topics == len(names)
        topics = await snapshot.topics(LookupKey.NAME, names, PUBLISHED)
        assert [topic and topic.article_count for topic in topics] == [1, 1, 1, 2, 1, 1, 1, 1]
        assert await snapshot.topics(LookupKey.NAME, ["НОВОСТИ  AI"], PUBLISHED) == [topics[3]]

    async def test_former_slugs_are_found(self, repository):
        """Look-ups by the slugs of former releases find topic and article, where these are free."""
        article = make_article("x", title="Łódź", topics=("Łódź", ".NET", "AT&T"))
        slug = article_slug("", article.title, article.published_date_time)
        derived = msgspec.structs.replace(article, slug=slug, id="")
        tree = (TopicDefinition(slug=topic_slug("C/C++"), name="C/C++"),)
        await repository.apply(Batch(puts=(derived,), topics=tree))
        snapshot = await repository.snapshot()
        former = ["odz", "net", "att", "cc-plus-plus", "lodz"]
        topics = await snapshot.topics(LookupKey.SLUG, former, PUBLISHED)
        assert [topic and topic.name for topic in topics] == ["Łódź", ".NET", "AT&T", "C/C++", None]
        [found] = await snapshot.get_many(LookupKey.SLUG, ["2026-01-01-odz"], PUBLISHED)
        assert without_revision(found) == derived

        renamed = msgspec.structs.replace(derived, title="Lodz")
        own = make_article("odz", topics=("net",))
        await repository.apply(Batch(puts=(renamed, own)))
        snapshot = await repository.snapshot()
        [found] = await snapshot.get_many(LookupKey.SLUG, ["2026-01-01-odz"], PUBLISHED)
        [net] = await snapshot.topics(LookupKey.SLUG, ["net"], PUBLISHED)
        assert without_revision(found) == own
        assert net is not None
        assert net.name == "net"

        await repository.apply(Batch(deletes=(own.id, derived.id)))
        snapshot = await repository.snapshot()
        assert await snapshot.get_many(LookupKey.SLUG, ["2026-01-01-odz"], ALL) == [None]
        assert await snapshot.topics(LookupKey.SLUG, ["net"], ALL) == [None]

    async def test_filters_find_topics_by_their_former_slugs(self, repository):
        """As look-ups do: where no topic that the reader sees has the slug now."""
        tree = (TopicDefinition(slug=topic_slug("C/C++"), name="C/C++"),)
        names = ("AT&T", "C/C++", "other")
        puts = [make_article(f"{d}", day=d, topics=(name,)) for d, name in enumerate(names, 1)]
        await repository.apply(Batch(puts=tuple(puts), topics=tree))
        draft = make_article("5", day=5, topics=("ATT",), published=False)

        async def count(*slugs, operator=Operator.SOME, visibility=PUBLISHED):
            snapshot = await repository.snapshot()
            condition = Condition(Field.TOPICS, operator, slugs)
            query = ArticleQuery(Window(first=9), Not(Not(condition)), with_total=True)
            (page,) = await snapshot.pages([query], visibility)
            resolved = snapshot.resolve_topics(query.filter, visibility)
            matches = predicate(resolved, snapshot.aliases)
            assert [a.id for a in page.items if matches(a)] == [a.id for a in page.items]
            assert snapshot.resolve_topics(resolved, visibility) is resolved
            return page.total

        assert await count("att") == 1
        assert await count("att", "cc-plus-plus") == 2
        assert await count("att", operator=Operator.NONE) == 2
        assert await count(topic_slug("AT&T")) == 1
        assert await count("nothing") == 0
        await repository.apply(Batch(puts=(draft,)))
        assert await count("att") == 1, "a draft changes nothing for readers of the public"
        assert await count("att", visibility=ALL) == 1
        await repository.apply(Batch(puts=(msgspec.structs.replace(draft, published=True),)))
        assert await count("att") == 1
        assert await count("att", topic_slug("AT&T")) == 2
        await repository.apply(Batch(deletes=(draft.id, puts[0].id)))
        assert await count("att") == 0

    async def test_topic_is_one_by_its_slug_and_by_a_name_that_gives_another(self, repository):
        """A topic of the tree is the same by its slug and by its name, everywhere."""
        tree = (
            TopicDefinition(slug="sea", name="Marine Biology"),
            TopicDefinition(slug="krill", name="Krill", parent="sea"),
        )
        puts = (
            make_article("by name", day=3, topics=("Krill", "marine  biology")),
            make_article("by slug", day=2, topics=("SEA",)),
            make_article("by both", day=1, topics=("sea", "Marine Biology")),
            make_article("other", day=4, topics=("Krill",)),
            make_article("draft", day=5, topics=("Marine biology",), published=False),
        )
        await repository.apply(Batch(puts=puts, topics=tree))
        snapshot = await repository.snapshot()
        page = await snapshot.topic_page(FIRST, PUBLISHED)
        assert [(t.slug, t.name, t.article_count) for t in page.items] == [
            ("krill", "Krill", 2),
            ("sea", "Marine Biology", 3),
        ]
        sea = page.items[1]
        assert (await snapshot.counts(ALL)).topics == 2
        names = ["Marine biology", "Sea", "marine-biology"]
        assert await snapshot.topics(LookupKey.NAME, names, PUBLISHED) == [sea, sea, sea]
        assert await snapshot.topics(LookupKey.SLUG, ["sea", names[2]], PUBLISHED) == [sea, None]
        assert await snapshot.topics(LookupKey.ID, [sea.id], PUBLISHED) == [sea]

        named = ["by name", "by slug", "by both"]
        for slug in ("sea", "marine-biology"):
            for operator, values, expected in [
                (Operator.SOME, (slug,), named),
                (Operator.SOME, (slug, "sea"), named),
                (Operator.ALL, (slug, "marine-biology", "sea"), named),
                (Operator.ALL, (slug, "krill"), ["by name"]),
                (Operator.NONE, (slug,), ["other"]),
            ]:
                query = ArticleQuery(FIRST, Condition(Field.TOPICS, operator, values))
                assert await page_titles(repository, query, PUBLISHED) == expected

    async def test_changed_draft_moves_the_newest_change_only_of_who_may_see_it(self, repository):
        """A write of a draft changes the newest bookmark only for viewers of drafts."""
        await repository.apply(Batch(puts=(make_article("draft", published=False),)))
        assert await newest_bookmark(repository, PUBLISHED) == HISTORY_START
        await repository.apply(Batch(puts=(make_article("public"),)))
        before = await newest_bookmark(repository, PUBLISHED)
        assert before == await newest_bookmark(repository, ALL)
        await repository.apply(Batch(puts=(make_article("draft", heat=9, published=False),)))
        assert await newest_bookmark(repository, PUBLISHED) == before
        assert (await newest_bookmark(repository, ALL)).revision == 3
        withdrawn = Batch(puts=(make_article("public", published=False),))
        await repository.apply(withdrawn)
        assert (await newest_bookmark(repository, PUBLISHED)).revision == 4

    async def test_newest_change_is_in_the_history_also_where_only_drafts_are_kept(
        self, repository
    ):
        """The history continues from the newest bookmark without a gap, for every viewer."""
        for heat in range(8):
            draft = make_article("draft", heat=heat, published=False)
            await repository.apply(Batch(puts=(draft,)))
        place = await newest_bookmark(repository, PUBLISHED)
        found = await (await repository.snapshot()).changes(place, PUBLISHED)
        assert (found.gap, found.changes) == (None, ())

    async def test_drafts_push_nothing_out_of_the_public_history(self, repository):
        """The history limit counts per visibility: drafts do not use up the public one."""
        for day in range(1, 5):
            await repository.apply(Batch(puts=(make_article(f"p{day}", day=day),)))
        before = await (await repository.snapshot()).changes(None, PUBLISHED)
        for heat in range(8):
            draft = make_article("draft", heat=heat, published=False)
            await repository.apply(Batch(puts=(draft,)))
        after = await repository.snapshot()
        assert await after.changes(None, PUBLISHED) == before
        assert (await after.changes(HISTORY_START, PUBLISHED)).gap is None
        assert (await after.changes(HISTORY_START, ALL)).gap is not None
        for day in (5, 6):
            await repository.apply(Batch(puts=(make_article(f"p{day}", day=day),)))
        kept = await (await repository.snapshot()).changes(None, PUBLISHED)
        assert [change.slug[-2:] for change in kept.changes] == ["p3", "p4", "p5", "p6"]
        assert kept.gap is not None

    @pytest.mark.parametrize(
        ("batch", "seen_by"),
        [
            (Batch(puts=(make_article("new"),)), {PUBLISHED, SECURED, ALL}),
            (Batch(puts=(make_article("public", title="T"),)), {PUBLISHED, SECURED, ALL}),
            (Batch(puts=(make_article("public", secured="other"),)), {SECURED, ALL}),
            (Batch(puts=(make_article("public", secured="s", heat=1),)), {PUBLISHED, SECURED, ALL}),
            (Batch(puts=(make_article("public", published=False),)), {PUBLISHED, SECURED, ALL}),
            (Batch(deletes=(make_article("public").id,)), {PUBLISHED, SECURED, ALL}),
            (Batch(puts=(make_article("draft"),)), {PUBLISHED, SECURED, ALL}),
            (Batch(topics=(TopicDefinition(slug="a", name="A"),)), {PUBLISHED, SECURED, ALL}),
            (Batch(puts=(make_article("draft", published=False, secured="x"),)), {ALL}),
            (Batch(puts=(make_article("draft2", published=False),)), {ALL}),
            (Batch(deletes=(make_article("draft").id,)), {ALL}),
            (
                Batch(
                    diagnostics=(
                        Diagnostic(path="a", severity=Severity.ERROR, code="X", message="m"),
                    )
                ),
                {ALL},
            ),
        ],
    )
    async def test_state_has_a_new_name_for_those_who_see_what_was_written(
        self, repository, batch, seen_by
    ):
        """A write changes the version of a state only for viewers who can see the write."""
        puts = (make_article("public", secured="text"), make_article("draft", published=False))
        await repository.apply(Batch(puts=puts))
        before = await repository.snapshot()
        held = [await before.changes(None, each) for each in Visibility]
        await repository.apply(batch)
        after = await repository.snapshot()
        moved = {each for each in Visibility if before.versions[each] != after.versions[each]}
        assert moved == seen_by
        assert {after.versions[each] for each in moved} == {after.version}
        assert after.versions[ALL] == after.version
        for each, history in zip(Visibility, held, strict=True):
            if each not in seen_by:
                assert await after.changes(None, each) == history
                assert await after.newest_change(each) == await before.newest_change(each)
        await repository.apply(Batch(puts=(make_article("draft3", published=False),)))
        later = await repository.snapshot()
        assert {e for e in Visibility if later.versions[e] != after.versions[e]} == {ALL}

    async def test_revision_for_the_public_moves_with_what_it_sees_of_an_article(self, repository):
        """A change of secured text alone is no change for viewers without that right."""
        article_of = make_article("x", secured="1")
        seen = []
        for put in (
            article_of,
            msgspec.structs.replace(article_of, secured="2"),
            msgspec.structs.replace(article_of, secured="3"),
            msgspec.structs.replace(article_of, secured="3", title="Other"),
            msgspec.structs.replace(article_of, secured="4", title="Other"),
            msgspec.structs.replace(article_of, secured="4", title="Other"),
            msgspec.structs.replace(article_of, secured="4", published=False),
            msgspec.structs.replace(article_of, secured="5", published=False),
            msgspec.structs.replace(article_of, secured="5"),
        ):
            await repository.apply(Batch(puts=(put,)))
            [found] = await (await repository.snapshot()).get_many(LookupKey.ID, [put.id], ALL)
            seen.append([found.revision_for(each) for each in (PUBLISHED, SECURED, ALL)])
        assert seen == [
            [1, 1, 1],
            [1, 2, 2],
            [1, 3, 3],
            [4, 4, 4],
            [4, 5, 5],
            [4, 5, 5],
            [6, 6, 6],
            [7, 7, 7],
            [8, 8, 8],
        ]

    @pytest.mark.parametrize(
        "wanted",
        [
            None,
            topic_filter("tides"),
            Condition(Field.TOPICS, Operator.SOME, ("tides", "sea")),
            Condition(Field.HEAT, Operator.GTE, 3),
            Condition(Field.PUBLISHED_DATE_TIME, Operator.GT, datetime(2026, 1, 3, tzinfo=UTC)),
            Condition(Field.PROVIDER_DOMAIN, Operator.EQ, "post.example"),
        ],
    )
    async def test_list_that_is_asked_for_again_follows_every_write(self, repository, wanted):
        """A repeated list shows every write, whatever is cached."""
        query = ArticleQuery(FIRST) if wanted is None else ArticleQuery(FIRST, wanted)
        passes = predicate(wanted, {}) if wanted is not None else lambda _: True
        held: dict[str, Article] = {}
        for puts in (
            [make_article(f"a{day}", day=day, topics=("Tides",), heat=day) for day in range(1, 6)],
            [make_article("a1", day=5, topics=("Sea",), heat=4)],
            [make_article("a2", day=2, heat=9), make_article("a4", day=4, topics=("Sea", "Tides"))],
            [make_article("a3", day=1, domain="news.example", topics=("Tides",), heat=2)],
        ):
            for put in puts:
                id = article_id(put.title)  # which does not depend on the day
                held[id] = msgspec.structs.replace(put, slug=put.title, id=id)
            await repository.apply(Batch(puts=tuple(held.values())))
            expected = [each.title for each in held.values() if passes(each)]
            assert sorted(await page_titles(repository, query)) == sorted(expected)

    async def test_topics_are_named_as_the_tree_has_them_now(self, repository):
        """If a topic of the tree is added, renamed or removed, articles follow at once."""
        puts = (make_article("a", topics=("Marine Biology",)), make_article("b", topics=("sea",)))
        await repository.apply(Batch(puts=puts))

        async def topics(*tree: TopicDefinition) -> dict[str, int]:
            """How many articles each topic has, under this tree."""
            await repository.apply(Batch(topics=tree))
            snapshot = await repository.snapshot()
            found = (await snapshot.topic_page(FIRST, ALL)).items
            for topic in found:
                listed = await page_titles(
                    repository, ArticleQuery(FIRST, topic_filter(topic.slug))
                )
                assert len(listed) == topic.article_count
            return {topic.slug: topic.article_count for topic in found}

        sea = TopicDefinition(slug="sea", name="Marine Biology")
        apart = {"marine-biology": 1, "sea": 1}
        assert await topics() == apart
        assert await topics(sea) == {"sea": 2}
        assert await topics(msgspec.structs.replace(sea, keywords=("fish",))) == {"sea": 2}
        assert await topics(TopicDefinition(slug="sea", name="Oceans")) == apart
        fish = TopicDefinition(slug="fish", name="Marine Biology")
        assert await topics(fish) == {"fish": 1, "sea": 1}
        await repository.apply(Batch(puts=(make_article("c", topics=("marine biology",)),)))
        assert await topics(fish) == {"fish": 2, "sea": 1}
        assert await topics() == {"marine-biology": 2, "sea": 1}

    async def test_name_that_several_topics_claim_means_one_of_them(self, repository):
        """A name means the topic with that slug, or else the topic with the least slug."""
        trees = [
            ({"sea": "Fish", "fish": "Sea"}, {"fish": 1, "sea": 0}),
            ({"sea": "Fish", "bay": "fish"}, {"bay": 1, "sea": 0}),
        ]
        await repository.apply(Batch(puts=(make_article("a", topics=("Fish",)),)))
        for names, expected in trees:
            tree = tuple(TopicDefinition(slug=slug, name=name) for slug, name in names.items())
            for order in (tree, tree[::-1]):
                await repository.apply(Batch(topics=order))
                page = await (await repository.snapshot()).topic_page(FIRST, ALL)
                assert {topic.slug: topic.article_count for topic in page.items} == expected

    async def test_diagnostics_come_by_path_and_line(self, repository):
        """Diagnostics are ordered by path and line, all of them or those of one severity."""

        def problem(path: str, line: int | None, severity: Severity) -> Diagnostic:
            return Diagnostic(path=path, line=line, severity=severity, code="X", message="m")

        error, warning = Severity.ERROR, Severity.WARNING
        found = (problem("b", 1, error), problem("a", 9, warning), problem("a", None, error))
        await repository.apply(Batch(diagnostics=found))
        snapshot = await repository.snapshot()
        page = await snapshot.diagnostic_page(FIRST)
        assert list(page.items) == list(found[::-1])
        after = Window(first=5, after=CURSORS.diagnostic(page.items[0]))
        assert [d.line for d in (await snapshot.diagnostic_page(after)).items] == [9, 1]
        errors = await snapshot.diagnostic_page(FIRST, error)
        assert ([d.path for d in errors.items], errors.total) == (["a", "b"], 2)
        await repository.apply(Batch(diagnostics=()))
        assert (await (await repository.snapshot()).diagnostic_page(FIRST)).total == 0

    async def test_sources_are_remembered_and_forgotten(self, repository):
        """Sources are stored by path; a later one replaces, a removed one is gone."""

        def source(path: str, size: int) -> SourceFile:
            return SourceFile(path=path, size_bytes=size, mtime_ns=1, lines={"title": 2})

        await repository.apply(Batch(sources=(source("a", 1), source("b", 1))))
        await repository.apply(Batch(sources=(source("a", 2),), removed_sources=("b", "c")))
        assert await repository.sources() == {"a": source("a", 2)}

    async def test_changes_tell_what_happened_after_a_revision(self, repository):
        """The history goes from the bookmark to the newest change, oldest first."""
        one, two = make_article("one"), make_article("two")
        await repository.apply(Batch(puts=(one, two)))
        await repository.apply(Batch(deletes=(one.id,)))
        snapshot = await repository.snapshot()
        first = await snapshot.changes(None, ALL, 2)
        assert [kind_and_slug(c) for c in first.changes] == [
            (ChangeKind.PUT, one.slug),
            (ChangeKind.PUT, two.slug),
        ]
        assert (first.end.revision, first.gap, first.has_next) == (2, None, True)
        rest = await snapshot.changes(first.end, ALL)
        assert [kind_and_slug(c) for c in rest.changes] == [(ChangeKind.DELETE, one.slug)]
        assert (rest.end.revision, rest.has_next) == (3, False)
        at = rest.changes[0].at
        assert at.utcoffset() == timedelta(0)
        assert (await snapshot.changes(rest.end, ALL)).changes == ()

    async def test_changes_of_a_key_are_found_by_it(self, repository):
        """The changes of a write key are found by it, and no others."""
        one, two = make_article("one"), make_article("two")
        await repository.apply(
            Batch(puts=(one, two), keys={one.id: WriteKey("k1"), two.id: WriteKey("k2")})
        )
        await repository.apply(Batch(deletes=(one.id,), keys={one.id: WriteKey("k1", "this.a")}))
        found = await repository.changes_of("k1")
        assert [(c.revision, c.id, c.request_step) for c in found] == [
            (1, one.id, ""),
            (3, one.id, "this.a"),
        ]
        assert [c.id for c in await repository.changes_of("k2")] == [two.id]
        for none in ("k", "k3", "k1.this"):
            assert list(await repository.changes_of(none)) == []

    async def test_put_that_changes_nothing_is_found_by_its_key(self, repository):
        """A no-op put with a key is found at the current revision, and is no change for anybody."""
        one, two = make_article("one"), make_article("two")
        await repository.apply(Batch(puts=(one, two)))
        batch = Batch(puts=(one, two), keys={one.id: WriteKey("k1", "this.a")})
        assert await repository.apply(batch) == 2
        [found] = await repository.changes_of("k1")
        assert (found.revision, found.id, found.request_step) == (1, one.id, "this.a")
        snapshot = await repository.snapshot()
        assert [c.revision for c in (await snapshot.changes(None, ALL)).changes] == [1, 2]

    async def test_puts_that_change_nothing_are_kept_as_long_as_changes(self, repository):
        """The keys of no-op puts are evicted like changes, oldest first."""
        one = make_article("one")
        await repository.apply(Batch(puts=(one,)))
        for number in range(8):
            await repository.apply(Batch(puts=(one,), keys={one.id: WriteKey(f"k{number}")}))
        known = [bool(await repository.changes_of(f"k{number}")) for number in range(8)]
        assert known == [False] * 3 + [True] * 5

    @pytest.mark.parametrize(
        "batch",
        [
            Batch(),
            Batch(puts=(make_article("one"),), keys={make_article("one").id: WriteKey("k1")}),
            Batch(sources=(SourceFile(path="a", size_bytes=1, mtime_ns=2),)),
        ],
    )
    async def test_state_in_which_readers_see_nothing_new_keeps_its_name(self, repository, batch):
        """A batch without visible effects keeps the version, and wakes no waiting reader."""
        await repository.apply(Batch(puts=(make_article("one"),)))
        version = (await repository.snapshot()).version
        waiting = asyncio.ensure_future(repository.wait(version))
        await repository.apply(batch)
        assert (await repository.snapshot()).version == version
        assert not waiting.done()
        await repository.apply(Batch(puts=(make_article("two"),)))
        assert (await asyncio.wait_for(waiting, 10)).revision == 2

    async def test_public_history_shows_drafts_as_absent(self, repository):
        """In the public history a draft is nothing, or the deletion of a published article."""
        for published in (False, True, False, False):
            await repository.apply(Batch(puts=(make_article("x", published=published),)))
        await repository.apply(Batch(puts=(make_article("x", title="Other", published=False),)))
        await repository.apply(Batch(deletes=(make_article("x").id,)))
        snapshot = await repository.snapshot()
        public = await snapshot.changes(None, PUBLISHED)
        assert [(c.revision, c.kind) for c in public.changes] == [
            (2, ChangeKind.PUT),
            (3, ChangeKind.DELETE),
        ]
        assert public.end.revision == 3
        assert len((await snapshot.changes(None, ALL)).changes) == 5

    async def test_history_of_a_snapshot_ends_with_it(self, repository):
        """The history of a snapshot has no later writes, so that all its reads are consistent."""
        await repository.apply(Batch(puts=(make_article("one"),)))
        before = await repository.snapshot()
        await repository.apply(Batch(puts=(make_article("two"),)))
        found = await before.changes(None, ALL)
        assert [change.revision for change in found.changes] == [1]
        assert found.end == await before.newest_change(ALL) == await before.bookmark(1)
        ahead = await (await repository.snapshot()).bookmark(2)
        assert (await before.changes(ahead, ALL)).gap == found.end

    async def test_history_that_is_no_longer_kept_is_a_gap(self, repository):
        """A bookmark before the retained history gives a gap."""
        places = []
        for heat in range(8):
            await repository.apply(Batch(puts=(make_article("x", heat=heat + 1),)))
            places.append(await newest_bookmark(repository, ALL))
        snapshot = await repository.snapshot()
        for place in (HISTORY_START, *places[:3]):
            old = await snapshot.changes(place, ALL)
            assert (old.gap, old.end, old.changes) == (places[-1], places[-1], ())
            assert not old.has_next
        kept = await snapshot.changes(places[3], ALL)
        assert [change.revision for change in kept.changes] == [5, 6, 7, 8]
        assert kept.gap is None
        whole = await snapshot.changes(None, ALL)  # the oldest that is kept ends the gap
        assert whole.gap == places[3]
        assert whole.changes == kept.changes

    async def test_place_that_stands_for_another_change_is_a_gap(self, repository):
        """A bookmark whose revision is another change after a restore gives a gap."""
        for heat in range(3):
            await repository.apply(Batch(puts=(make_article("x", heat=heat + 1),)))
        snapshot = await repository.snapshot()
        now = await snapshot.newest_change(ALL)
        for revision in (1, 2, 3):
            place = await snapshot.bookmark(revision)
            nothing = await snapshot.changes(place, ALL, 0)
            assert (nothing.end, nothing.gap) == (place, None)
            other = Bookmark(revision, bytes([place.token[0] ^ 1]) + place.token[1:])
            for strange in (other, Bookmark(revision)):
                found = await snapshot.changes(strange, ALL)
                assert (found.gap, found.changes) == (now, ())
        for strange in (UNKNOWN_BOOKMARK, Bookmark(4), Bookmark(2**63)):
            assert (await snapshot.changes(strange, ALL)).gap == now

    async def test_cursors_are_made_by_one_object_for_as_long_as_the_key_is_the_same(
        self, repository
    ):
        """The cursor codec stays the same object after a write, because caches compare it."""
        before = (await repository.snapshot()).cursors
        await repository.apply(Batch(puts=(make_article("one"),)))
        after = (await repository.snapshot()).cursors
        assert after.key == before.key
        same_order = (OrderStep(OrderField.PUBLISHED_DATE_TIME),)
        assert after.encoder_for(NEWEST_FIRST) == after.encoder_for(same_order)

    async def test_wait_returns_at_once_what_is_there_already(self, repository):
        """A reader of an old version does not wait."""
        await repository.apply(Batch(puts=(make_article("one"), make_article("two"))))
        assert (await repository.wait("")).revision == 2
        assert (await repository.wait("another")).revision == 2

    @pytest.mark.parametrize(
        "news",
        [
            Batch(puts=(make_article("two"),)),
            Batch(deletes=(make_article("one").id,)),
            Batch(topics=(TopicDefinition(slug="a", name="A"),)),
        ],
    )
    async def test_wait_wakes_everyone_at_the_next_state(self, repository, news):
        """All readers that wait get the next state, even if it takes no revision."""
        await repository.apply(Batch(puts=(make_article("one"),)))
        version = (await repository.snapshot()).version
        waiting = [asyncio.ensure_future(repository.wait(version)) for _ in range(3)]
        await asyncio.sleep(0)
        assert not any(each.done() for each in waiting)
        revision = await repository.apply(news)
        found = await asyncio.wait_for(asyncio.gather(*waiting), 10)
        assert {snapshot.revision for snapshot in found} == {revision}
        assert version not in {snapshot.version for snapshot in found}

    async def test_wait_may_be_cancelled(self, repository):
        """A cancelled wait does not affect the others."""
        await repository.apply(Batch(puts=(make_article("zero"),)))
        version = (await repository.snapshot()).version
        one, two = [asyncio.ensure_future(repository.wait(version)) for _ in range(2)]
        await asyncio.sleep(0)
        one.cancel()
        await repository.apply(Batch(puts=(make_article("one"),)))
        assert (await asyncio.wait_for(two, 10)).revision == 2
        assert one.cancelled()

    async def test_closing_twice_is_harmless(self, repository):
        """A second close is a no-op."""
        await repository.close()
        await repository.close()
