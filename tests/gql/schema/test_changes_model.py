"""`changes` tells what a plain model says, whatever is written, restarted and disconnected."""

from __future__ import annotations

import pytest

from gql.identity.viewer import PUBLIC
from store import Batch
from tests.stress.changes_model import Account, ChangesError, Model, run
from tests.support.cursors import CURSORS
from tests.support.repository_contract import make_article

LIVES = 20


@pytest.mark.parametrize("seed", [1, 1_001])
def test_changes_are_what_a_plain_model_says(tmp_path, seed):
    """Nothing is lost without a GAP, nothing twice or out of order, and no draft is told."""
    counted = run(LIVES, seed, tmp_path)
    assert counted["lives"] == LIVES
    assert min(counted["events"], counted["gaps"], counted["openings"]) > LIVES


ARTICLES = [make_article("a"), make_article("b"), make_article("draft", published=False)]


@pytest.fixture
def account():
    """A reader of the public to whom two articles and a draft have to be told."""
    model = Model(history_limit=10)
    model.take([(Batch(puts=tuple(ARTICLES)), 3), (Batch(deletes=(ARTICLES[0].id,)), 4)])
    return Account(model, PUBLIC)


def event(kind, article, revision):
    """An event as the graph shows it."""
    shown = {"id": article.id, "slug": article.slug, "title": article.title, "excerpt": None}
    shown |= {"topics": [], "revision": CURSORS.revision(article.id, revision)}
    return {
        "cursor": "",
        "kind": kind,
        "id": article.id,
        "slug": article.slug,
        "article": shown if kind == "PUT" else None,
    }


A, B, DRAFT = (event("PUT", article, n) for n, article in enumerate(ARTICLES, start=1))
GONE = event("DELETE", ARTICLES[0], 4)


def tell(account, events):
    """Tell a consumer of these events."""
    for each in events:
        account.heed(each)


def test_model_takes_what_has_happened(account):
    """As it was told, each once."""
    tell(account, [A, B, GONE])
    assert list(account.held) == [ARTICLES[1].id]
    account.check_end({ARTICLES[1].id: B["article"]})


WRONG = {
    "lost": [B],
    "twice": [A, A],
    "out of order": [A, GONE, B],
    "a draft": [A, B, DRAFT],
    "another article": [{**A, "article": B["article"]}],
    "an article of before": [A, B, {**GONE, "kind": "PUT", "article": A["article"]}],
}


@pytest.mark.parametrize("events", WRONG.values(), ids=WRONG)
def test_model_refuses_what_has_not_happened(account, events):
    """It would notice what is lost, told twice, out of order, or not to be told."""
    with pytest.raises(ChangesError):
        tell(account, events)


def test_model_refuses_a_gap_where_all_is_kept(account):
    """A GAP is no way out."""
    with pytest.raises(ChangesError, match="a GAP"):
        account.heed_gap({"kind": "GAP", "cursor": ""}, {}, 4)
