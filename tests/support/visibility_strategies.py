"""Stores with things to hide, marked so that they are known wherever they turn up."""

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
"""In every text that only drafts have."""
SECURED_MARK = "zqsealed"
"""In every secured text."""
LAST_ARTICLE = open_article("last-of-all")
"""An article for the end: whoever has heard of it has heard all."""
HIDDEN_DOMAIN, HIDDEN_TOPIC = f"{HIDDEN_MARK}.example", f"A {HIDDEN_MARK} topic"
HIDDEN_URL = f"https://{HIDDEN_DOMAIN}/page"
HIDDEN_PROBLEM = warning(
    f"_news/{HIDDEN_MARK}.md", DiagnosticCode.BAD_URL, f"{HIDDEN_MARK} is no address."
)


class Corpus(NamedTuple):
    """What is written, in this order, and what is written to its twin, which never had a draft.

    `hidden` were drafts from their first day; `withdrawn` became drafts, so that their names are
    known, and nothing they say now.
    """

    batches: Sequence[Batch]
    twin: Sequence[Batch]
    hidden: Sequence[Article]
    withdrawn: Sequence[Article]
    open: Sequence[Article]

    def __repr__(self) -> str:
        """Short, as it is written out wherever it led to a failure."""
        names = {role: [each.slug for each in getattr(self, role)] for role in self._fields[2:]}
        return f"Corpus({names})"


def draft(article: Article) -> Article:
    """The article as a draft whose every text is marked.

    It keeps its slug, one address and one topic of those that others use too, so that links lead
    to it, lists would hold it and counts would count it.
    """
    return msgspec.structs.replace(
        article,
        published=False,
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
    """The same provider under a hidden name and logo; of some, nobody else knows at all."""
    domain = HIDDEN_DOMAIN if provider.name == "Two" else provider.domain
    logo = Image(url=f"https://{HIDDEN_DOMAIN}/logo.png")
    return ProviderMention(domain=domain, name=f"{HIDDEN_MARK} name", images=(logo,))


def published(article: Article) -> Article:
    """The article for everybody, but for its secured text."""
    secured = article.secured and f"{SECURED_MARK} {article.slug}"
    return msgspec.structs.replace(article, published=True, secured=secured)


def corpus(
    drawn: Sequence[Article], roles: Sequence[str], topics: tuple[TopicDefinition, ...]
) -> Corpus:
    """The articles in their roles: open, hidden, dropped (hidden, and deleted again), withdrawn."""
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


ROLES = ["open", "hidden", "dropped", "withdrawn"]
corpora: st.SearchStrategy[Any] = st.builds(
    corpus,
    st.lists(articles, min_size=4, max_size=8, unique_by=lambda article: article.slug),
    st.lists(st.sampled_from(["open", "hidden", *ROLES]), min_size=8, max_size=8),
    store_strategies.definitions,
)
