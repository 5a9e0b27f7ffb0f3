"""Topic slugs: which topics a reader sees, and their slugs by those of former releases."""

from __future__ import annotations

from store.querying.filter_fields import FORMER_TOPICS
from store.querying.query import Field
from store.querying.terms import find_by_former_slug

from .entities import TopicIndex
from .index import InvertedIndex


class TopicSlugs:
    """The slugs of the topics that one visibility sees."""

    __slots__ = ("_index", "_tree")

    def __init__(self, index: InvertedIndex, tree: TopicIndex) -> None:
        self._index = index
        self._tree = tree

    def has(self, slug: str) -> bool:
        """Whether the tree or a visible article names this topic."""
        return slug in self._tree.by_slug or slug in self._index.postings[Field.TOPICS]

    def find_former(self, slug: str) -> str | None:
        """The topic that had this slug in a former release; of several, the newest article's."""
        present = self._tree.former.get(slug)
        if present is None and self._index.posting_list(FORMER_TOPICS, slug):
            article = next(self._index.newest_first(FORMER_TOPICS, slug))
            present = find_by_former_slug(slug, article.topics, self._tree.aliases)
        return present

    def find_present(self, slug: str) -> str:
        """The slug of the topic that had a slug in a former release, if none has it now."""
        if self.has(self._tree.aliases.get(slug, slug)):
            return slug
        return self.find_former(slug) or slug
