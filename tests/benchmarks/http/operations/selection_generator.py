"""A generator of root selections: look-ups, lists, pages, trees."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from store import CursorCodec, domain_key, topic_slug
from store.model import Article
from store.names import provider_id, topic_id
from tests.benchmarks.http.operations import filters, selections
from tests.benchmarks.http.operations.deck import Deck
from tests.benchmarks.http.operations.list_generator import ListGenerator, ListSpec
from tests.benchmarks.http.operations.operation import Values
from tests.benchmarks.http.operations.parts import SelectionPart, join

_WIDTHS = (100, 320, 640, 800, 1_000, 1_280, 1_920)


class SelectionGenerator:
    """Generates root selections over a corpus.

    Attributes:
        rng: The source of randomness.
        articles: The public articles, newest first.
        cursors: The cursor codec of their store.
        lists: The generator of lists.
    """

    def __init__(self, rng: Random, articles: Sequence[Article], cursors: CursorCodec) -> None:
        self.rng = rng
        self.articles = articles
        self.cursors = cursors
        self.lists = ListGenerator(rng, articles, cursors)
        self.topics = sorted({topic_slug(name) for a in articles for name in a.topics})
        self.names = sorted({name for a in articles for name in a.topics})
        self.domains = sorted({domain_key(a.provider.domain) for a in articles})
        linked = {url for a in articles for story in a.related for url in story.url_keys}
        self.referenced = [a for a in articles if not linked.isdisjoint(a.url_keys)] or articles
        self.linking = [a for a in articles if a.related] or articles
        self._by_variable = Deck(rng, (True, False))

    def look_up(self, field: str, member: str, selection: SelectionPart) -> SelectionPart:
        """A look-up by a key; `by` is one variable or contains one."""
        type, draw = self._names(field, member)
        whole = self._by_variable.deal()
        argument = "$by" if whole else f"{{{member}: ${member}}}"
        types = {"by": f"{field.capitalize()}By!"} if whole else {member: type}

        def values(rng: Random) -> Values:
            name = draw(rng)
            return {"by": {member: name}} if whole else {member: name}

        text = f"{field}(by: {argument}) {{ {selection.text} }}"
        title = f"{field} by {member} {selection.title}".rstrip()
        own = SelectionPart(text, types, values, traits=frozenset({f"{field} by {member}"}))
        return join([own, selection.within("")], title)

    def _names(self, field: str, member: str) -> tuple[str, Callable[[Random], str]]:
        """The GraphQL type of a key, and a function that draws one."""
        articles = self.articles
        by_url = [article for article in articles if article.url]
        draws: dict[tuple[str, str], tuple[str, Callable[[Random], str]]] = {
            ("article", "id"): ("ID!", lambda rng: rng.choice(articles).id),
            ("article", "slug"): ("String!", lambda rng: rng.choice(articles).slug),
            ("article", "url"): ("URL!", lambda rng: str(rng.choice(by_url).url)),
            ("provider", "id"): ("ID!", lambda rng: provider_id(rng.choice(self.domains))),
            ("provider", "domain"): ("String!", lambda rng: rng.choice(self.domains)),
            ("topic", "id"): ("ID!", lambda rng: topic_id(rng.choice(self.topics))),
            ("topic", "slug"): ("String!", lambda rng: rng.choice(self.topics)),
            ("topic", "name"): ("String!", lambda rng: rng.choice(self.names)),
        }
        return draws[field, member]

    def article(self, member: str) -> SelectionPart:
        """An article with many of its fields, one in ten with its content."""
        return self.look_up("article", member, self.lists.selection(1))

    def article_in_locale(self) -> SelectionPart:
        """An article by its slug in a locale, with its translations."""
        located = [article for article in self.articles if article.locale] or self.articles

        def draw(rng: Random) -> Values:
            article = rng.choice(located)
            return {"slug": article.slug, "locale": article.locale or "en"}

        text = (
            f"article(by: {{slug: $slug, locale: $locale}}) {{ {self._card()} locale "
            "translations { id slug locale title } }"
        )
        types = {"slug": "String!", "locale": "String!"}
        traits = frozenset({"article by slug and locale", "translations"})
        return SelectionPart(text, types, draw, title="article by slug and locale", traits=traits)

    def provider(self, member: str) -> SelectionPart:
        """A provider."""
        return self.look_up(
            "provider", member, SelectionPart(f"{selections.PROVIDER} articleCount")
        )

    def topic(self, member: str) -> SelectionPart:
        """A topic with its parent, children and siblings."""
        tree = (
            f"{selections.TOPIC} keywords articleCount children {{ {selections.TOPIC} "
            f"articleCount }} parent {{ {selections.TOPIC} children {{ {selections.TOPIC} }} }}"
        )
        return self.look_up("topic", member, SelectionPart(tree, title="tree"))

    def node(self) -> SelectionPart:
        """An object of any type by its id."""
        draws = [self._names(field, "id")[1] for field in ("article", "provider", "topic")]

        def draw(rng: Random) -> Values:
            return {"id": rng.choices(draws, (8, 1, 1))[0](rng)}

        text = f"node(id: $id) {{ __typename ... on Node {{ id }} {self._of_each()} }}"
        return SelectionPart(text, {"id": "ID!"}, draw, title="any", traits=frozenset({"node"}))

    def nodes(self, size: int, *, mixed: bool) -> SelectionPart:
        """Many objects by their ids."""
        draws = [self._names(field, "id")[1] for field in ("article", "provider", "topic")]
        weights = (6, 2, 2) if mixed else (1, 0, 0)

        def draw(rng: Random) -> Values:
            return {"ids": [each(rng) for each in rng.choices(draws, weights, k=size)]}

        selection = self._of_each() if mixed else f"... on Article {{ {self._card()} }}"
        text = f"nodes(ids: $ids) {{ id {selection} }}"
        title = f"{size} {'of all types' if mixed else 'articles'}"
        return SelectionPart(
            text, {"ids": "[ID!]!"}, draw, title=title, traits=frozenset({"nodes(ids)"})
        )

    def _card(self) -> str:
        return selections.card(self.rng)

    def _of_each(self) -> str:
        return (
            f"... on Article {{ {self._card()} }} ... on Provider {{ {selections.PROVIDER} }} "
            f"... on Topic {{ {selections.TOPIC} parent {{ id name }} }}"
        )

    def story(self) -> SelectionPart:
        """The page of a story: the article, and its related articles in full."""
        story = SelectionPart(
            selections.STORY, title="story", traits=frozenset({"related", "content"})
        )
        return self._of(self.linking, self.look_up("article", "slug", story), "slug")

    def _of(self, articles: Sequence[Article], part: SelectionPart, member: str) -> SelectionPart:
        """The same look-up of these articles."""

        def draw(rng: Random) -> Values:
            name = getattr(rng.choice(articles), member)
            values = part.draw(rng)
            return values | ({"by": {member: name}} if "by" in part.types else {member: name})

        return SelectionPart(part.text, part.types, draw, part.cursors, part.title, part.traits)

    def referenced_by(self, size: int) -> SelectionPart:
        """The articles that refer to one."""
        selection = self.lists.selection(size)
        text = (
            f"id title referencedBy(first: {size}) {{ totalCount edges {{ cursor node "
            f"{{ {selection.text} }} }} pageInfo {{ hasNextPage endCursor }} }}"
        )
        part = selection.within(text)
        shown = SelectionPart(part.text, title=f"edges+cursor first {size}", traits=part.traits)
        traits = frozenset({"referencedBy"})
        found = self._of(self.referenced, self.look_up("article", "id", shown), "id")
        return join([found, SelectionPart("", traits=traits)], found.title)

    def front_page(self) -> SelectionPart:
        """Three lists under aliases, and the topics."""
        lead = ListSpec("root", filters.ONE, suffix="A", alias="lead", sizes=(1, 5), pages=False)
        popular = ListSpec("root", filters.BOTH, suffix="B", alias="popular", sizes=(5, 20))
        topical = ListSpec("topic", filters.ONE, suffix="C", sizes=(5, 20), pages=False)
        topics = SelectionPart(
            "topics(first: 50) { nodes { id slug name } }", traits=frozenset({"topics"})
        )
        lists = [self.lists.make(spec) for spec in (lead, popular, topical)]
        scopes = [part.traits for part in lists]
        extra = SelectionPart("", traits=frozenset({"aliases", "several lists"}).union(*scopes))
        return join([*lists, topics, extra], "3 lists, topics")

    def topic_list(self, *, nested: bool) -> SelectionPart:
        """A page of all topics, with their parents or with some articles of each."""
        cursors = [self.cursors.encode("t", (slug,)) for slug in self.topics]
        if nested:
            return self._entities("topics", cursors, selections.TOPIC, sizes=(5, 10, 20))
        tree = (
            f"{selections.TOPIC} articleCount parent {{ {selections.TOPIC} parent {{ id }} }} "
            f"children {{ {selections.TOPIC} children {{ {selections.TOPIC} }} }}"
        )
        part = self._page("topics", cursors, tree, range(1, 51))
        return join(
            [part, SelectionPart("", traits=frozenset({"topic tree"}))], f"{part.title} tree"
        )

    def provider_list(self, *, nested: bool) -> SelectionPart:
        """A page of all providers, with or without some articles of each."""
        cursors = [self.cursors.encode("p", (domain,)) for domain in self.domains]
        if nested:
            return self._entities("providers", cursors, selections.PROVIDER, sizes=(5, 10, 20))
        selection = f"{selections.PROVIDER} articleCount"
        return self._page("providers", cursors, selection, range(1, 101))

    def _entities(
        self, field: str, cursors: Sequence[str], selection: str, sizes: Sequence[int]
    ) -> SelectionPart:
        """A page of providers or topics, each with a list of its articles."""
        spec = ListSpec("root", filters.ONE, suffix="A", sizes=(1, 5), pages=False)
        inner = self.lists.make(spec)
        page = self._page(field, cursors, f"{selection} {inner.text}", sizes)
        traits = frozenset({f"{field} with articles"})
        rest = inner.within("")
        title = f"{page.title}: {inner.title}"
        return join([page, rest, SelectionPart("", traits=traits)], title)

    def _page(
        self, field: str, cursors: Sequence[str], selection: str, sizes: Sequence[int]
    ) -> SelectionPart:
        """A page of providers or topics."""
        edges = self.rng.random() < 0.5
        shown = (
            f"edges {{ cursor node {{ {selection} }} }}" if edges else f"nodes {{ {selection} }}"
        )
        text = f"{field}(first: $first, after: $after) {{ totalCount {shown} }}"

        def draw(rng: Random) -> Values:
            return {"first": rng.choice(sizes), "after": rng.choice([None, *cursors])}

        title = "edges+cursor" if edges else "nodes"
        types = {"first": "Int!", "after": "String"}
        return SelectionPart(text, types, draw, frozenset({"after"}), title, frozenset({field}))

    def switched(self) -> SelectionPart:
        """A list whose selection depends on variables."""
        text = (
            "id title publishedDateTime excerpt @include(if: $withExcerpt) "
            "images @skip(if: $textOnly) { url width height } "
            "... on Article @include(if: $withExcerpt) { topics { id name } }"
        )
        types = {"withExcerpt": "Boolean!", "textOnly": "Boolean!"}
        return self._selecting(text, types, "@include @skip", (True, False))

    def sized(self) -> SelectionPart:
        """A list of images for a screen size."""
        text = (
            "id title image(width: $width) { url width height } "
            "images(minWidth: $minWidth) { url width height isCached } "
            "cached: images(isCached: true, minHeight: 300) { url } "
            "provider { id name image(width: $width) { url } }"
        )
        return self._selecting(text, {"width": "Int", "minWidth": "Int"}, "image sizes", _WIDTHS)

    def _selecting(
        self, text: str, types: dict[str, str], title: str, values: Sequence[object]
    ) -> SelectionPart:
        """A filtered list with this selection; its variables take any of these values."""

        def draw(rng: Random) -> Values:
            return {name: rng.choice(values) for name in types}

        part = SelectionPart(text, types, draw, title=title, traits=frozenset({title}))
        return self.lists.make(
            ListSpec(filter=filters.BOTH, selection=part, shape="edges+cursor", sizes=(20, 50))
        )
