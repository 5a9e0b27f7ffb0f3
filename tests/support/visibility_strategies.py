"""Stores with things to hide, marked so that they are known wherever they turn up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from hypothesis import strategies as st

from store import Batch
from store.documents.diagnostics import DiagnosticCode, warning
from store.model import Article, Image, ProviderMention, Related, TopicDefinition
from tests.support import store_strategies as some
from tests.support.factories import article as open_article

articles: st.SearchStrategy[Article] = st.builds(
    msgspec.structs.replace,
    some.articles,
    content=some.maybe(["Tide &amp; time.\n\u2028", '"quoted" \\']),
    secured=some.maybe(["s3cret"]),
    featured_content=some.maybe(["<iframe>"]),
    updated_date_time=st.none() | some.dates,
    cdn_amp_web_url=some.maybe(some.URLS),
)
"""Articles with every kind of text."""
HIDDEN = "zqhidden"
"""In every text that only drafts have."""
SEALED = "zqsealed"
"""In every secured text."""
LAST = open_article("last-of-all")
"""An article for the end: whoever has heard of it has heard all."""
HIDDEN_DOMAIN, HIDDEN_TOPIC = f"{HIDDEN}.example", f"A {HIDDEN} topic"
HIDDEN_URL = f"https://{HIDDEN_DOMAIN}/page"
HIDDEN_PROBLEM = warning(f"_news/{HIDDEN}.md", DiagnosticCode.BAD_URL, f"{HIDDEN} is no address.")


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
        title=f"{HIDDEN} title {article.title}",
        excerpt=f"{HIDDEN} excerpt",
        content=f"{HIDDEN} body",
        secured=f"{HIDDEN} {SEALED}",
        featured_content=f"<b>{HIDDEN}</b>",
        tags=(*article.tags, f"{HIDDEN}-tag"),
        topics=(*article.topics, HIDDEN_TOPIC),
        metadata={**article.metadata, "note": HIDDEN},
        web_url=HIDDEN_URL,
        provider=_marked(article.provider),
        images=(*article.images, Image(url=f"https://{HIDDEN_DOMAIN}/picture.png")),
        related=(
            *article.related,
            Related(
                title=f"{HIDDEN} story",
                provider=ProviderMention(domain=f"stub.{HIDDEN_DOMAIN}", name=HIDDEN),
            ),
        ),
    )


def _marked(provider: ProviderMention) -> ProviderMention:
    """The same provider under a hidden name and logo; of some, nobody else knows at all."""
    domain = HIDDEN_DOMAIN if provider.name == "Two" else provider.domain
    logo = Image(url=f"https://{HIDDEN_DOMAIN}/logo.png")
    return ProviderMention(domain=domain, name=f"{HIDDEN} name", images=(logo,))


def shown(article: Article) -> Article:
    """The article for everybody, but for its secured text."""
    secured = article.secured and f"{SEALED} {article.slug}"
    return msgspec.structs.replace(article, published=True, secured=secured)


def corpus(
    drawn: Sequence[Article], roles: Sequence[str], topics: tuple[TopicDefinition, ...]
) -> Corpus:
    """The articles in their roles: open, hidden, dropped (hidden, and deleted again), withdrawn."""
    by_role: dict[str, list[Article]] = {role: [] for role in ROLES}
    for article, role in zip(drawn, roles, strict=False):
        by_role[role].append(article)
    first = Batch(puts=tuple(map(shown, by_role["open"] + by_role["withdrawn"])), topics=topics)
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
    some.definitions,
)
