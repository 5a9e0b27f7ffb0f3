"""Change events agree with a model during writes, restarts and reconnects."""

from __future__ import annotations

import pytest

from gql.identity.viewer import PUBLIC
from store import Batch
from tests.stress.changes_model import ChangesModel, ConsumerState, ModelMismatchError, run_stores
from tests.support.cursors import CURSORS
from tests.support.repository_contract import make_article

RUNS = 20


@pytest.mark.parametrize("seed", [1, 1_001])
def test_changes_agree_with_the_model(tmp_path, seed):
    """No event is lost without a GAP, repeated or out of order, and none shows a draft."""
    counts = run_stores(RUNS, seed, tmp_path)
    assert counts["runs"] == RUNS
    assert min(counts["events"], counts["gaps"], counts["openings"]) > RUNS


ARTICLES = [make_article("a"), make_article("b"), make_article("draft", published=False)]


@pytest.fixture
def consumer():
    """The state of a public consumer, and a model with two articles and a draft."""
    model = ChangesModel(history_limit=10)
    model.commit([(Batch(puts=tuple(ARTICLES)), 3), (Batch(deletes=(ARTICLES[0].id,)), 4)])
    return ConsumerState(model, PUBLIC)


def event(kind, article, revision):
    """An event as the API returns it."""
    article_node = {"id": article.id, "slug": article.slug, "title": article.title, "excerpt": None}
    article_node |= {"topics": [], "revision": CURSORS.revision(article.id, revision)}
    return {
        "cursor": "",
        "kind": kind,
        "articleId": article.id,
        "deletedId": article.id if kind == "DELETE" else None,
        "slug": article.slug,
        "article": article_node if kind == "PUT" else None,
    }


A, B, DRAFT = (event("PUT", article, n) for n, article in enumerate(ARTICLES, start=1))
DELETION = event("DELETE", ARTICLES[0], 4)


def handle_all(consumer, events):
    """Let a consumer handle events."""
    for each in events:
        consumer.handle(each)


def test_model_accepts_all_changes_in_order(consumer):
    """The model accepts all changes in order."""
    handle_all(consumer, [A, B, DELETION])
    assert list(consumer.articles) == [ARTICLES[1].id]
    consumer.check_final({ARTICLES[1].id: B["article"]})


WRONG = {
    "lost": [B],
    "twice": [A, A],
    "out of order": [A, DELETION, B],
    "a draft": [A, B, DRAFT],
    "another article": [{**A, "article": B["article"]}],
    "an article of before": [A, B, {**DELETION, "kind": "PUT", "article": A["article"]}],
}


@pytest.mark.parametrize("events", WRONG.values(), ids=WRONG)
def test_model_detects_wrong_events(consumer, events):
    """The model detects lost, repeated, unordered and forbidden events."""
    with pytest.raises(ModelMismatchError):
        handle_all(consumer, events)


def test_model_detects_a_needless_gap(consumer):
    """A GAP while all changes are retained is an error."""
    with pytest.raises(ModelMismatchError, match="GAP"):
        consumer.handle_gap({"kind": "GAP", "cursor": ""}, {}, 4)
