"""Mutations in the API: committed writes are visible at once, rejected ones have user errors."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from gql.identity.viewer import Permission
from store.filesystem import guarded_change
from store.folder import transaction
from tests.support.mutation_client import DELETE, FIELDS, IMPORT, PUBLISH, PUT, mutation_client
from tests.support.writer_setup import document

SLUG = "2026-01-02-a-tide"
PATH = f"_news/{SLUG}.md"
LIST = "{ articles { totalCount nodes { slug heat provider { name articleCount } } } }"


@pytest.fixture
def client(tmp_path):
    """A client of an application with an empty folder."""
    with mutation_client(tmp_path, explain=True) as client:
        yield client


def test_import_documents_are_in_folder_and_graph(client):
    """An imported document is a file of the folder and an article in the API."""
    text = document("A tide", "topics: [Sea]\nheat: x\n", "body")
    payload = client.mutate(IMPORT, documents=[{"path": PATH, "text": text}])
    assert payload["articles"] == [{"slug": SLUG, "title": "A tide"}]
    assert payload["diagnostics"] == [{"path": PATH, "line": 6, "code": "WRONG_TYPE"}]
    assert payload["userErrors"] == []
    assert (client.folder / PATH).read_text() == text
    assert client.execute("{ topics { nodes { slug articleCount } } }")["topics"]["nodes"] == [
        {"slug": "sea", "articleCount": 1}
    ]


def test_put_article_takes_authors_and_gives_computed_fields(client):
    """Authors are read back as they were sent; the content is rendered."""
    authors = [{"name": "Jane", "url": "https://j.example/", "image": None}, {"name": "Bob"}]
    client.mutate(PUT, **FIELDS, authors=authors, content="Two *words*<script>x</script>")
    [node] = client.execute(
        "{ articles(first: 1) { nodes { authors { name url image } contentHtml contentText"
        " wordCount readingTimeMinutes metadata } } }"
    )["articles"]["nodes"]
    assert node == {
        "authors": [authors[0], {"name": "Bob", "url": None, "image": None}],
        "contentHtml": "<p>Two <em>words</em></p>\n",
        "contentText": "Two words",
        "wordCount": 3,
        "readingTimeMinutes": 1,
        "metadata": {},
    }


def test_put_article_takes_every_field(client):
    """All fields can be written, and are read back unchanged."""
    image = {"url": "https://p.example/i.jpg", "width": 3, "height": 2, "isCached": True}
    texts = {
        "excerpt": "E",
        "content": "C",
        "category": "news",
        "type": "video",
        "webUrl": "https://p.example/w",
        "originalUrl": "https://p.example/o",
        "ampWebUrl": "https://p.example/a",
        "cdnAmpWebUrl": "https://p.example/c",
        "locale": "en",
        "translationKey": "reef-survey",
        "featuredContent": "<b>",
        "updatedDateTime": "2026-01-03T00:00:00Z",
        "quality": -1,
        "heat": 7,
        "published": False,
        "tags": ["a", "b"],
        "metadata": {"x": [1]},
    }
    named = {"name": "P", "domain": "p.example", "images": [image]}
    lists: dict[str, Any] = {
        "provider": named,
        "topics": ["Sea"],
        "images": [image],
        "related": [{"title": "R", "webUrl": "https://q.example/", "quality": 1}],
    }
    query = PUT.replace(
        "heat revision",
        f"revision {' '.join(texts)} provider {{ name domain images {{ url }} }} topics {{ name }}"
        " images { url width height isCached }"
        " related { title webUrl quality provider { domain } }",
    )
    article = client.mutate(query, **{**FIELDS, **texts, **lists})["article"]
    assert {key: article[key] for key in texts} == texts
    assert article["provider"] == {
        "name": "P",
        "domain": "p.example",
        "images": [{"url": image["url"]}],
    }
    assert (article["topics"], article["images"]) == ([{"name": "Sea"}], [image])
    assert article["related"] == [{**lists["related"][0], "provider": {"domain": "q.example"}}]


def test_put_article_creates_and_finds_translations(client):
    """A slug and a locale name an article; an expected revision is that of this article."""
    first = client.mutate(PUT, **FIELDS, slug=SLUG, locale="en")["article"]
    second = client.mutate(PUT, **FIELDS, slug=SLUG, locale="ja")["article"]
    assert (first["slug"], second["slug"]) == (SLUG, SLUG)
    assert first["id"] != second["id"]
    assert (client.folder / f"_news/ja/{SLUG}.md").is_file()
    for before, other in ((first, second), (second, first)):
        locale = "en" if before is first else "ja"
        stale = client.mutate(
            PUT, slug=SLUG, locale=locale, heat=1, expectedRevision=other["revision"]
        )
        assert [error["code"] for error in stale["userErrors"]] == ["CONFLICT"]
        changed = client.mutate(
            PUT, slug=SLUG, locale=locale, heat=2, expectedRevision=before["revision"]
        )
        assert (changed["article"]["id"], changed["article"]["heat"]) == (before["id"], 2)
    refused = client.mutate(PUT, id=second["id"], locale="de")
    assert [(e["code"], e["field"]) for e in refused["userErrors"]] == [
        ("BAD_LOCALE", ["input", "locale"])
    ]
    found = client.execute(
        f'{{ article(by: {{slug: "{SLUG}", locale: "ja"}}) {{ id translations {{ id }} }} }}'
    )
    assert found["article"] == {"id": second["id"], "translations": [{"id": first["id"]}]}


def test_put_article_absent_keeps_and_null_removes(client):
    """An absent field stays unchanged, null removes it."""
    client.mutate(PUT, **FIELDS, heat=5)
    assert client.mutate(PUT, slug=SLUG, title="New")["article"]["heat"] == 5
    assert client.mutate(PUT, slug=SLUG, heat=None)["article"]["heat"] == 0


def test_set_published_decides_who_sees_an_article(client):
    """A withdrawn article is hidden from the next request on."""
    id = client.mutate(PUT, **FIELDS)["article"]["id"]
    query = "query ($id: ID!) { node(id: $id) { id } }"
    assert client.execute(query, scope=None, id=id)["node"]
    assert client.mutate(PUBLISH, id=id, published=False)["article"]["published"] is False
    assert client.execute(query, scope=None, id=id)["node"] is None
    client.mutate(PUBLISH, id=id, published=True)
    assert client.execute(query, scope=None, id=id)["node"]


def test_delete_article_removes_it_everywhere(client):
    """A deleted article is gone from the API and from the folder."""
    id = client.mutate(PUT, **FIELDS)["article"]["id"]
    payload = client.mutate(DELETE, id=id)
    assert (payload["deletedId"], payload["userErrors"]) == (id, [])
    assert client.execute(LIST)["articles"]["totalCount"] == 0
    assert not (client.folder / PATH).exists()


def test_payload_shows_the_write_and_all_that_follows_from_it(client):
    """Each mutation and its payload see the mutations before it in the same request."""
    client.mutate(PUT, **FIELDS)
    query = """mutation ($a: PutArticleInput!, $b: PutArticleInput!) {
        a: putArticle(input: $a) { article { provider { name articleCount } } }
        b: putArticle(input: $b) { article { provider { name articleCount } } }
    }"""
    named = {"domain": "p.example", "name": "Renamed"}
    first = {**FIELDS, "title": "B"}
    second = {**FIELDS, "title": "C", "publishedDateTime": "2026-02-01", "provider": named}
    data = client.execute(query, a=first, b=second)
    assert data["a"]["article"]["provider"] == {"name": "P", "articleCount": 2}
    assert data["b"]["article"]["provider"] == {"name": "Renamed", "articleCount": 3}


def test_payload_has_the_edge_to_insert(client):
    """Its cursor is that of the list of all articles, newest first."""
    put = PUT.replace("article {", "articleEdge { cursor node { slug } } article {")
    edges = [
        client.mutate(put, **{**FIELDS, "title": title, "publishedDateTime": day})["articleEdge"]
        for title, day in (("B", "2026-02-01"), ("A", "2026-03-01"), ("C", "2026-01-05"))
    ]
    listed = client.execute("{ articles { edges { cursor node { slug } } } }")["articles"]["edges"]
    assert listed == [edges[1], edges[0], edges[2]]
    after = client.execute(
        "query ($after: String) { articles(after: $after) { nodes { slug } } }",
        after=edges[0]["cursor"],
    )
    assert after["articles"]["nodes"] == [edges[2]["node"]]


def test_payload_of_an_import_has_an_edge_for_each_article(client):
    """In the order of the documents."""
    documents = [
        {"path": f"_news/{slug}.md", "text": document(slug)} for slug in (SLUG, "2026-02-01-b")
    ]
    query = IMPORT.replace("articles {", "articleEdges { cursor node { slug } } articles {")
    payload = client.mutate(query, documents=documents)
    assert [edge["node"]["slug"] for edge in payload["articleEdges"]] == [SLUG, "2026-02-01-b"]
    listed = client.execute("{ articles { edges { cursor node { slug } } } }")["articles"]["edges"]
    assert sorted(map(str, payload["articleEdges"])) == sorted(map(str, listed))


def test_payload_queries_the_state_after_its_write(client):
    """`query` sees the write of its own field, not those that come later, and has no edge if none
    was written.
    """
    query = """mutation ($a: PutArticleInput!, $b: PutArticleInput!, $c: DeleteArticleInput!) {
        a: putArticle(input: $a) { query { articles { totalCount } } }
        b: putArticle(input: $b) { articleEdge { cursor } query { articles { totalCount } } }
        c: deleteArticle(input: $c) { query { articles { totalCount } } }
    }"""
    again = {"slug": SLUG, "expectedRevision": "stale"}
    data = client.execute(query, a=FIELDS, b=again, c={"id": "a_unknown"})
    for field in data.values():
        assert field.pop("query") == {"articles": {"totalCount": 1}}
    assert data["b"] == {"articleEdge": None}
    [error] = client.post(
        PUT.replace("article {", 'query { articles(after: "x") { totalCount } } article {'),
        input={**FIELDS, "title": "Kept"},
    ).json()["errors"]
    assert error["path"] == ["putArticle", "query", "articles"]


def test_mutation_that_fails_leaves_the_others_of_its_operation(client):
    """Those before it keep their payloads, and those after it are executed."""
    id = client.mutate(PUT, **FIELDS)["article"]["id"]
    query = """mutation ($id: ID!) {
        a: setPublished(input: {id: $id, published: false}) { article { published } }
        b: createPreviewLink(input: {id: $id, expiresInMinutes: 0}) { token }
        c: setPublished(input: {id: $id, published: true}) { article { published } }
    }"""
    response = client.post(query, id=id).json()
    assert response["data"] == {
        "a": {"article": {"published": False}},
        "b": None,
        "c": {"article": {"published": True}},
    }
    assert [error["path"] for error in response["errors"]] == [["b"]]


def test_writes_show_at_once_in_compiled_answers_and_feeds(client):
    """No cache is stale after a write: responses, rows and feeds."""
    client.mutate(PUT, **FIELDS, heat=1)
    for heat in (2, 3):
        before = client.post(LIST, scope=None)
        feed = client.http.get("/feed.xml")
        client.mutate(PUT, slug=SLUG, heat=heat, title=f"Title {heat}")
        after = client.post(LIST, scope=None, headers={"if-none-match": before.headers["etag"]})
        assert after.status_code == 200
        assert after.headers["x-newsgraph-way"] == "compiled"
        assert after.json()["data"]["articles"]["nodes"][0]["heat"] == heat
        kept = {"if-none-match": feed.headers["etag"]}
        assert f"Title {heat}" in client.http.get("/feed.xml", headers=kept).text


def test_mutations_need_the_scope_to_write(client):
    """Without the scope nothing is written, and the error names it."""
    inputs = {
        IMPORT: {"documents": []},
        PUT: FIELDS,
        PUBLISH: {"id": "x", "published": True},
        DELETE: {"id": "x"},
    }
    for scope in (None, Permission.READ_DRAFTS, Permission.READ_SECURED):
        for mutation, input in inputs.items():
            answer = client.post(mutation, scope=scope, input=input).json()
            [error] = answer["errors"]
            assert answer["data"] == dict.fromkeys(error["path"])
            assert error["extensions"]["code"] == "FORBIDDEN"
            assert "WRITE" in error["message"]
    assert not list(client.folder.rglob("*.md"))


def test_mutations_go_by_post_only_and_are_never_kept(client):
    """A mutation is executed each time, and its response must not be stored."""
    got = client.http.get("/graphql", params={"query": "mutation { deleteArticle }"})
    assert (got.status_code, got.headers["allow"]) == (405, "POST")
    for _ in range(2):
        response = client.post(
            PUBLISH, headers={"if-none-match": "*"}, input={"id": "x", "published": True}
        )
        assert response.json()["data"]["setPublished"]["userErrors"][0]["code"] == "NOT_FOUND"
        assert response.headers["cache-control"] == "no-store"
        assert "etag" not in response.headers
    revisions: set[str] = set()
    for heat in (1, 2, 1, 2):
        client.mutate(PUT, **({} if revisions else FIELDS), slug=SLUG, heat=heat)
        revisions.add(client.mutate(PUT, slug=SLUG, tags=["same"])["article"]["revision"])
    assert len(revisions) == 4


def test_cursor_is_where_the_history_goes_on(client):
    """Changes after the cursor of a write are those after the write."""
    cursor = client.mutate(PUT, **FIELDS)["cursor"]
    query = "query ($after: String) { changes(after: $after) { nodes { kind slug cursor } } }"
    assert client.execute(query, after=cursor)["changes"]["nodes"] == []
    later = client.mutate(PUT, slug=SLUG, heat=1)["cursor"]
    assert client.execute(query, after=cursor)["changes"]["nodes"] == [
        {"kind": "PUT", "slug": SLUG, "cursor": later}
    ]


# Expected failures


def test_conflict_tells_the_present_revision(client):
    """A conflict error has the current revision, which can be expected next."""
    old = client.mutate(PUT, **FIELDS)["article"]
    new = client.mutate(PUT, slug=SLUG, heat=1)["article"]
    for mutation, input in (
        (PUT, {"slug": SLUG, "heat": 2}),
        (PUBLISH, {"id": old["id"], "published": False}),
        (DELETE, {"id": old["id"]}),
    ):
        for revision in (old["revision"], "nonsense", "9" * 50, ""):
            [error] = client.mutate(mutation, **input, expectedRevision=revision)["userErrors"]
            assert (error["code"], error["field"]) == ("CONFLICT", ["input", "expectedRevision"])
            assert f" {new['revision']}," in error["message"]
    assert client.mutate(DELETE, id=old["id"], expectedRevision=new["revision"])["deletedId"]


def test_import_is_all_or_nothing(client):
    """One invalid document prevents the whole import; each problem has its path."""
    documents = [
        {"path": PATH, "text": document()},
        {"path": "../evil.md", "text": document()},
        {"path": "b.md", "text": "---\ntitle: B\n---\n"},
    ]
    assert client.user_errors(IMPORT, documents=documents) == [
        ("BAD_PATH", ["input", "documents", "1", "path"]),
        ("MISSING_DATE", ["input", "documents", "2", "text"]),
        ("MISSING_PROVIDER", ["input", "documents", "2", "text"]),
    ]
    assert client.execute(LIST)["articles"]["totalCount"] == 0
    assert not list(client.folder.parent.rglob("*.md"))


def test_import_is_limited_in_number_and_size(tmp_path):
    """The number and size of documents have limits by settings."""
    with mutation_client(tmp_path, max_import_documents=1, max_document_bytes=300) as client:
        two = [{"path": f"{name}.md", "text": document(name)} for name in "ab"]
        assert client.user_errors(IMPORT, documents=two) == [
            ("TOO_MANY_DOCUMENTS", ["input", "documents"])
        ]
        large = [{"path": "a.md", "text": document(body="x" * 300)}]
        assert client.user_errors(IMPORT, documents=large) == [
            ("FILE_TOO_LARGE", ["input", "documents", "0", "text"])
        ]


@pytest.mark.parametrize(
    ("input", "code", "field"),
    [
        ({"title": "T"}, "MISSING_DATE", ["input", "publishedDateTime"]),
        ({**FIELDS, "title": " "}, "MISSING_TITLE", ["input", "title"]),
        ({**FIELDS, "provider": None}, "MISSING_PROVIDER", ["input", "provider"]),
        ({**FIELDS, "webUrl": "no"}, "BAD_URL", ["input", "webUrl"]),
        ({**FIELDS, "images": [{"url": "no"}]}, "BAD_URL", ["input", "images", "0", "url"]),
        (
            {**FIELDS, "related": [{"title": "R", "webUrl": "no"}]},
            "BAD_URL",
            ["input", "related", "0", "webUrl"],
        ),
        (
            {**FIELDS, "images": [{"url": "https://p.example/", "width": -1}]},
            "OUT_OF_RANGE",
            ["input", "images", "0", "width"],
        ),
        ({**FIELDS, "slug": "nameless"}, "BAD_SLUG", ["input", "slug"]),
        ({**FIELDS, "slug": f"{SLUG}/../x"}, "BAD_SLUG", ["input", "slug"]),
        ({**FIELDS, "id": "a_x"}, "NOT_FOUND", ["input", "id"]),
        (FIELDS, "DUPLICATE_SLUG", ["input", "slug"]),
        ({**FIELDS, "metadata": [1]}, "BAD_METADATA", ["input", "metadata"]),
        ({**FIELDS, "metadata": {"title": "x"}}, "BAD_METADATA", ["input", "metadata"]),
        ({**FIELDS, "metadata": {"author": "x"}}, "BAD_METADATA", ["input", "metadata"]),
        ({**FIELDS, "excerpt": "a\x00"}, "BAD_TEXT", ["input", "excerpt"]),
    ],
)
def test_put_article_refuses_with_code_and_field(client, input, code, field):
    """Each invalid input has a stable code and an input path."""
    client.mutate(PUT, **FIELDS)
    assert (code, field) in client.user_errors(PUT, **input)
    assert client.execute(LIST)["articles"]["totalCount"] == 1


@pytest.mark.parametrize("mutation", [PUBLISH, DELETE])
def test_mutation_of_what_is_not_there_says_so(client, mutation):
    """An unknown id is a user error."""
    input = {"id": "a_x", **({"published": True} if mutation == PUBLISH else {})}
    assert client.user_errors(mutation, **input) == [("NOT_FOUND", ["input", "id"])]


def test_mutation_without_a_folder_to_write_is_a_clear_error(client):
    """A system error is a top-level error with a code, and without paths of the machine."""
    client.mutate(PUT, **FIELDS)
    client.folder.rename(client.folder.with_name("elsewhere"))
    [error] = client.post(PUT, input={"slug": SLUG, "heat": 1}).json()["errors"]
    assert error["extensions"]["code"] == "STORE_UNAVAILABLE"
    assert str(client.folder.parent) not in error["message"]
    client.folder.with_name("elsewhere").rename(client.folder)
    assert client.mutate(PUT, slug=SLUG, heat=1)["article"]["heat"] == 1


def test_mutation_whose_outcome_nobody_knows_is_told_so_and_can_be_sent_again(client, monkeypatch):
    """An unknown outcome has a code of its own; a retry with the same key is safe."""

    def fail(folder: Path) -> None:
        if folder.name == "_news":
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    put = {"input": {**FIELDS, "heat": 5}, "headers": {"idempotency-key": "k"}}
    with monkeypatch.context() as broken:
        broken.setattr(transaction, "flush_folder", fail)
        broken.setattr(guarded_change, "flush_folder", fail)
        [error] = client.post(PUT, **put).json()["errors"]
    assert error["extensions"]["code"] == "OUTCOME_UNKNOWN"
    assert "Idempotency-Key" in error["message"]
    for _ in range(2):
        assert client.post(PUT, **put).json()["data"]["putArticle"]["article"]["heat"] == 5
    assert len(client.execute("{ changes { nodes { kind } } }")["changes"]["nodes"]) == 1


def test_put_article_takes_back_what_a_query_gives(client):
    """Related stories and providers are read in the form in which they are written."""
    path = client.folder / "_news" / f"{SLUG}.md"
    path.parent.mkdir(exist_ok=True)
    text = (
        "---\ntitle: A tide\npublishedDateTime: 2026-01-02T00:00:00Z # by hand\n"
        "provider: {domain: p.example, name: Our P, x: 1}\nzip: 01234\nrelated:\n"
        "- title: R # first\n  originalUrl: https://r.example/v\n  rank: 010\n"
        "  provider: {domain: r.example, name: Their R}\n---\nBody\n"
    )
    path.write_text(text)
    mention = "providerMention { domain name images { url } }"
    fields = f"{mention} related {{ title originalUrl {mention} }}"
    query = f'{{ article(by: {{slug: "{SLUG}"}}) {{ {fields} }} }}'
    client.mutate(PUT, slug=SLUG, heat=0)
    article = client.execute(query)["article"]
    assert article["providerMention"]["name"] == "Our P"
    related = [
        {"title": r["title"], "originalUrl": r["originalUrl"], "provider": r["providerMention"]}
        for r in article["related"]
    ]
    assert related[0]["originalUrl"] == "https://r.example/v"
    payload = client.mutate(PUT, slug=SLUG, provider=article["providerMention"], related=related)
    assert (payload["userErrors"], path.read_text()) == ([], text)


def test_put_article_removes_all_metadata_by_null(client):
    """Null for the whole object removes all other keys."""
    client.mutate(PUT, **FIELDS, metadata={"a": 1, "b": 2})
    query = f'{{ article(by: {{slug: "{SLUG}"}}) {{ metadata }} }}'
    client.mutate(PUT, slug=SLUG, metadata={"a": None})
    assert client.execute(query)["article"]["metadata"] == {"b": 2}
    client.mutate(PUT, slug=SLUG, metadata=None)
    assert client.execute(query)["article"]["metadata"] == {}


def test_mutation_by_get_is_refused_and_writes_nothing(client):
    """Links, images and prefetches send GET with the credentials of a browser's user."""
    parameters = {"query": PUT, "variables": json.dumps({"input": FIELDS})}
    bearer = {"authorization": f"Bearer {client.keys[Permission.WRITE]}"}
    for _ in range(3):  # the request cache admits it at the second
        response = client.http.get("/graphql", params=parameters, headers=bearer)
        assert response.status_code == 405
        assert "data" not in response.json()
    assert client.execute(LIST)["articles"]["totalCount"] == 0
    assert not list(client.folder.rglob("*.md"))


@pytest.mark.parametrize("number", ["1e400", "-1e999", "[1, {a: 1e309}]"])
def test_number_beyond_the_range_of_floats_is_refused_in_a_literal(tmp_path, number) -> None:
    """It was written as the text `inf`; the largest float is written as it is."""
    fields = 'slug: "2026-01-01-x", title: "T", publishedDateTime: "2026-01-01"'
    fields += ', provider: {domain: "a.example", name: "A"}'
    with mutation_client(tmp_path) as client:
        for literal in (number, "1.7976931348623157e308"):
            query = f"""mutation {{ putArticle(input: {{{fields}, metadata: {{n: {literal}}}}})
                {{ article {{ metadata }} userErrors {{ code }} }} }}"""
            headers = {"authorization": f"Bearer {client.keys[Permission.WRITE]}"}
            response = client.http.post("/graphql", json={"query": query}, headers=headers).json()
            if literal == number:
                [error] = response["errors"]
                assert error["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
                assert "1e400" in error["message"]
            else:
                metadata = response["data"]["putArticle"]["article"]["metadata"]
                assert metadata == {"n": 1.7976931348623157e308}
