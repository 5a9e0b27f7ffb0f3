"""A writer that is killed at any step leaves all or nothing, and its keys stay usable."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from store import Visibility
from store.names import article_id
from tests.support.killed_writer import KEY, SLUGS, killed_at_every_step, write
from tests.support.mutation_client import DELETE, FIELDS, PUBLISH, PUT, mutation_client


def titles(setup):
    """What the articles are called, by slug; folder and store must say the same."""
    assert setup.state() == setup.fresh_state()
    return tuple(article.title for _, article in sorted(setup.state()[0].items()))


def loaded(place, what, count):
    """The titles after each death and a load, which must leave nothing but documents."""
    for setup in killed_at_every_step(place, what, count):
        setup.load()
        assert all(path.startswith("_news/") for path in setup.files())
        yield titles(setup)


@pytest.mark.parametrize(
    ("what", "after"), [("import", ("new",) * 3), ("put", ("new", "old")), ("delete", ("old",))]
)
def test_writer_that_is_killed_at_any_step_leaves_all_or_nothing(what, after, tmp_path):
    """Whenever the process dies, the next load finds the whole write or nothing."""
    seen = list(loaded(tmp_path, what, 2))
    assert set(seen) == {("old", "old"), after}
    assert seen[-1] == after


def test_writers_that_are_killed_together_leave_whole_groups(tmp_path):
    """Writes that go to the disk together are all found, or none is; none is found in part."""
    seen = list(loaded(tmp_path, "together", 4))
    assert set(seen) == {("old",) * 4, ("new",) * 4}
    assert seen[-1] == ("new",) * 4


@pytest.mark.parametrize("loads", [True, False])
@pytest.mark.parametrize(
    ("what", "after"),
    [
        ("import", ("new",) * 3),
        ("put", ("new", "old")),
        ("make", ("old", "new", "old")),
        ("delete", ("old",)),
    ],
)
def test_write_under_a_key_is_done_once_whenever_its_writer_dies(what, after, loads, tmp_path):
    """A repeated write, also after a load, is neither a conflict nor done twice."""
    for setup in killed_at_every_step(tmp_path, what, 2, KEY):
        if loads:
            setup.load()
        setup.run(write(setup.writer, what, KEY))
        setup.run(write(setup.writer, what, KEY))
        assert titles(setup) == after
        snapshot = setup.run(setup.repository.snapshot())
        everything = setup.run(snapshot.changes(None, Visibility.ALL)).changes
        changes = everything[2:]
        assert {change.key for change in changes} == {KEY}
        assert len({change.id for change in changes}) == len(changes)


def test_write_that_changes_nothing_is_done_once_whenever_its_writer_dies(tmp_path):
    """Once it has left its key, it undoes nothing that is written later."""
    found = []
    for setup in killed_at_every_step(tmp_path, "same", 2, KEY):
        setup.load()
        found.append(len(setup.run(setup.repository.changes_of(KEY))))
        setup.run(write(setup.writer, "same", KEY))
        setup.put({"title": "new"}, id=article_id(SLUGS[0]))
        setup.run(write(setup.writer, "same", KEY))
        assert titles(setup) == ("new", "old")
    assert found[0] == 0
    assert found[-1] == 1
    assert set(found) == {0, 1}


@pytest.mark.parametrize("what", ["new", "publish", "delete"])
def test_mutation_whose_server_is_killed_before_its_answer_is_kept_is_done_once(what, tmp_path):
    """A repeated request gets the result of the first from the next server."""
    id = article_id(SLUGS[0])
    requests: dict[str, tuple[str, dict[str, Any]]] = {
        "new": (PUT, {**FIELDS, "title": "Another"}),
        "publish": (PUBLISH, {"id": id, "published": False}),
        "delete": (DELETE, {"id": id}),
    }
    query, input = requests[what]
    with mutation_client(tmp_path) as client:
        before = client.mutate(PUT, **FIELDS, slug=SLUGS[0])["article"]["revision"]
        keys = client.keys
    expected = {} if what == "new" else {"expectedRevision": before}
    said = [json.dumps(keys), query, json.dumps({**input, **expected})]
    module = [sys.executable, "-m", "tests.support.killed_writer", "answer", str(tmp_path)]
    assert subprocess.run([*module, *said], check=False).returncode == -9
    with mutation_client(tmp_path, keys) as client:
        response = client.post(query, headers={"idempotency-key": KEY}, input={**input, **expected})
        [payload] = response.json()["data"].values()
        history = client.execute("{ changes { nodes { slug cursor } } }")["changes"]["nodes"]
    assert "idempotent-replayed" not in response.headers
    assert payload["userErrors"] == []
    assert payload.get("deletedId", id) == id
    assert "article" not in payload or payload["article"]["revision"] != before
    assert [each["cursor"] for each in history][-1] == payload["cursor"]
    assert len(history) <= 2
