"""Hypothesis strategies for stores with hidden articles, whose texts are marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from hypothesis import strategies as st

from store import Batch
from store.documents.diagnostics import DiagnosticCode, warning
from store.model import Article, Image, ProviderMention, Related, TopicDefinition
from tests.support import store_strategies
from tests.support.factories import article as open_article
from tests.support.translation_contract import story

articles: st.SearchStrategy[Article] = st.builds(
    msgspec.structs.replace,
    store_strategies.articles,
    content=store_strategies.optional(["Tide &amp; time.\n\u2028", '"quoted" \\']),
    secured=store_strategies.optional(["s3cret"]),
    featured_content=store_strategies.optional(["<iframe>"]),
    updated_date_time=st.none() | store_strategies.dates,
    cdn_amp_web_url=store_strategies.optional(store_strategies.URLS),
)
"""Articles with every kind of text."""
HIDDEN_MARK = "zqhidden"
"""A mark in every text of drafts."""
SECURED_MARK = "zqsealed"
"""A mark in every secured text."""
ROLES = ["open", "hidden", "dropped", "withdrawn"]
LAST_ARTICLE = open_article("last-of-all")
"""An article that is written last: its event is the end of a subscription."""
HIDDEN_DOMAIN, HIDDEN_TOPIC = f"{HIDDEN_MARK}.example", f"A {HIDDEN_MARK} topic"
HIDDEN_URL = f"https://{HIDDEN_DOMAIN}/page"
HIDDEN_PROBLEM = warning(
    f"_news/{HIDDEN_MARK}.md", DiagnosticCode.BAD_URL, f"{HIDDEN_MARK} is no address."
)


class Corpus(NamedTuple):
    """The batches of a store, and those of a reference store that never had a draft.

    Attributes:
        batches: The batches of the store.
        twin: The batches of the reference store.
        hidden: Articles that were drafts from the start.
        withdrawn: Published articles that became drafts: their former names are known.
        open: Published articles.
    """

    batches: Sequence[Batch]
    twin: Sequence[Batch]
    hidden: Sequence[Article]
    withdrawn: Sequence[Article]
    open: Sequence[Article]

    def __repr__(self) -> str:
        """A short form for failure messages."""
        names = {role: [each.slug for each in getattr(self, role)] for role in self._fields[2:]}
        return f"Corpus({names})"


def draft(article: Article) -> Article:
    """The article as a draft whose texts are all marked.

    It keeps its slug, one URL and one topic, which other articles use, too: links, lists and counts
    would include it. It has a translation group of its own, or one that others have.
    """
    return msgspec.structs.replace(
        article,
        published=False,
        translation_key=[*store_strategies.GROUPS, f"{HIDDEN_MARK}-group"][article.quality],
        title=f"{HIDDEN_MARK} title {article.title}",
        excerpt=f"{HIDDEN_MARK} excerpt",
        content=f"{HIDDEN_MARK} body",
        secured=f"{HIDDEN_MARK} {SECURED_MARK}",
        featured_content=f"<b>{HIDDEN_MARK}</b>",
        tags=(*article.tags, f"{HIDDEN_MARK}-tag"),
        topics=(*article.topics, HIDDEN_TOPIC),
        metadata={**article.metadata, "note": HIDDEN_MARK},
        web_url=HIDDEN_URL,
        provider=_marked(article.provider),
        images=(*article.images, Image(url=f"https://{HIDDEN_DOMAIN}/picture.png")),
        related=(
            *article.related,
            Related(
                title=f"{HIDDEN_MARK} story",
                provider=ProviderMention(domain=f"stub.{HIDDEN_DOMAIN}", name=HIDDEN_MARK),
            ),
        ),
    )


def _marked(provider: ProviderMention) -> ProviderMention:
    """The provider with a hidden name and logo; some have a hidden domain, too."""
    domain = HIDDEN_DOMAIN if provider.name == "Two" else provider.domain
    logo = Image(url=f"https://{HIDDEN_DOMAIN}/logo.png")
    return ProviderMention(domain=domain, name=f"{HIDDEN_MARK} name", images=(logo,))


def published(article: Article) -> Article:
    """The article as a published one, with marked secured text."""
    secured = article.secured and f"{SECURED_MARK} {article.slug}"
    return msgspec.structs.replace(article, published=True, secured=secured)


def corpus(
    drawn: Sequence[Article], roles: Sequence[str], topics: tuple[TopicDefinition, ...]
) -> Corpus:
    """The articles in their roles: open, hidden, dropped (hidden, then deleted) and withdrawn."""
    by_role: dict[str, list[Article]] = {role: [] for role in ROLES}
    for article, role in zip(drawn, roles, strict=False):
        by_role[role].append(article)
    first = Batch(puts=tuple(map(published, by_role["open"] + by_role["withdrawn"])), topics=topics)
    hidden = [draft(article) for article in by_role["hidden"] + by_role["dropped"]]
    withdrawn = [draft(article) for article in by_role["withdrawn"]]
    dropped = tuple(article.id for article in by_role["dropped"])
    return Corpus(
        batches=[
            first,
            Batch(puts=(*hidden, *withdrawn), diagnostics=(HIDDEN_PROBLEM,)),
            Batch(deletes=dropped),
        ],
        twin=[first, Batch(deletes=tuple(each.id for each in withdrawn))],
        hidden=hidden,
        withdrawn=withdrawn,
        open=first.puts[: len(by_role["open"])],
    )


TRANSLATED_CORPUS = corpus(
    [
        open_article("alone", locale="en"),
        story("2026-01-01-a", "de"),
        story("2026-01-01-a", "en", in_id=False),
        story("2026-01-01-b", "de", translation_key="2026-01-01-a"),
        story("2026-01-01-a", "de-CH"),
        story("2026-01-01-a", "ja"),
    ],
    ["open", "open", "open", "withdrawn", "hidden", "dropped"],
    (),
)
"""Translations of one story in all roles, whose events are inside of a change but the first."""
corpora: st.SearchStrategy[Any] = st.builds(
    corpus,
    st.lists(articles, min_size=4, max_size=8, unique_by=lambda article: article.id),
    st.lists(st.sampled_from(["open", "hidden", *ROLES]), min_size=8, max_size=8),
    store_strategies.definitions,
)
