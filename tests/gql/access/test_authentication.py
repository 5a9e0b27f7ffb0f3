"""Who is let in: keys, tokens and strangers, at every door of the server."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from structlog.testing import capture_logs

from gql.access import KeyFile, key_ring
from gql.identity.viewer import PREVIEW, Permission, Viewer
from gql.settings import SettingsError, load_settings
from tests.support.auth_client import DRAFT, OPEN, SEALED, ask, bearer, code, door, key, slugs

PUBLISHED = {OPEN.slug, SEALED.slug}
ALL = PUBLISHED | {DRAFT.slug}
SECRET = f'{{ article(by: {{slug: "{SEALED.slug}"}}) {{ secured }} }}'
PATHS = ["/", "/feed.xml", "/feed.json", "/sitemap.xml", "/metrics", "/graphql?query={__typename}"]


@pytest.fixture(autouse=True)
def looks_at_each_use(monkeypatch):
    """Keys that are made or revoked count at once."""
    monkeypatch.setattr(key_ring, "CHECK_INTERVAL_S", 0)


def test_stranger_reads_what_is_published(tmp_path):
    """Nothing has to be set for the public to read."""
    assert slugs(door(tmp_path)) == PUBLISHED


@pytest.mark.parametrize(
    ("scopes", "seen", "reads_secured"),
    [
        ([], PUBLISHED, False),
        ([Permission.READ_DRAFTS], ALL, False),
        ([Permission.READ_SECURED], PUBLISHED, True),
        ([Permission.WRITE], ALL, False),
        ([Permission.ADMIN], ALL, True),
    ],
)
def test_key_gives_its_scopes_and_what_they_imply(tmp_path, scopes, seen, reads_secured):
    """Who writes sees drafts, an administrator everything; nothing else comes with another."""
    client, credentials = door(tmp_path), key(tmp_path, *scopes)
    assert slugs(client, credentials) == seen
    found = ask(client, SECRET, credentials).json()
    assert ("errors" not in found) is reads_secured
    assert (found["data"]["article"]["secured"] == SEALED.secured) is reads_secured


def test_scope_that_is_missing_is_named(tmp_path):
    """The error says which right the key lacks."""
    [error] = ask(door(tmp_path), SECRET, key(tmp_path, Permission.WRITE)).json()["errors"]
    assert error["extensions"]["code"] == "FORBIDDEN"
    assert "READ_SECURED" in error["message"]


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer ng_000000000000_" + "a" * 43,
        "Bearer ",
        "Bearer",
        "",
        "Basic dXNlcjpwYXNz",
        "Bearer x y",
        "Bearer a.b.c",
        "Bearer é",
        "Bearer " + "a" * 9_000,
    ],
)
def test_credentials_that_are_not_good_are_refused(tmp_path, authorization):
    """401 with the reason, at every door; never an answer as to a stranger."""
    key(tmp_path, Permission.ADMIN)
    client = door(tmp_path)
    headers = {"authorization": authorization.encode("latin-1")}
    query = {"query": "{ articles { nodes { slug } } }"}
    for response in [
        client.post("/graphql", json=query, headers=headers),
        *(client.get(path, headers=headers) for path in PATHS),
    ]:
        assert (response.status_code, code(response)) == (401, "UNAUTHENTICATED")
        assert 'error="invalid_token"' in response.headers["www-authenticate"]
        assert "data" not in response.json()
        assert response.headers["cache-control"] == "no-store"


def test_credentials_given_twice_are_refused(tmp_path):
    """Which of them counts would be anybody's guess."""
    credentials = key(tmp_path, Permission.ADMIN)
    twice = [("authorization", f"Bearer {credentials}")] * 2
    response = door(tmp_path).get("/graphql?query={__typename}", headers=twice)
    assert code(response) == "UNAUTHENTICATED"


def test_scheme_is_read_in_any_case(tmp_path):
    """https://www.rfc-editor.org/rfc/rfc9110#section-11.1"""
    headers = {"authorization": f"bEARER {key(tmp_path, Permission.ADMIN)}"}
    assert door(tmp_path).get("/graphql?query={__typename}", headers=headers).status_code == 200


def test_key_works_until_it_is_revoked(tmp_path):
    """A running server notices both its making and its end."""
    client = door(tmp_path)
    assert slugs(client) == PUBLISHED
    credentials = key(tmp_path, Permission.READ_DRAFTS)
    assert slugs(client, credentials) == ALL
    KeyFile(tmp_path / "keys.json").revoke("reader")
    assert code(ask(client, "{ __typename }", credentials)) == "UNAUTHENTICATED"


def test_keys_that_cannot_be_read_let_nobody_in(tmp_path):
    """503 for who sends a key, without a word of the file; the public is served as before."""
    client, credentials = door(tmp_path), key(tmp_path, Permission.ADMIN)
    (tmp_path / "keys.json").write_text("not keys")
    with capture_logs() as logs:
        response = ask(client, "{ __typename }", credentials)
    assert (response.status_code, code(response)) == (503, "AUTHENTICATION_UNAVAILABLE")
    assert "keys.json" not in response.text
    assert [line for line in logs if "keys.json" in line.get("reason", "")]
    assert slugs(client) == PUBLISHED


def test_server_can_be_closed_to_strangers(tmp_path):
    """401 with a challenge at every door to documents; a key without scopes opens them."""
    client, headers = door(tmp_path, anonymous=False), bearer(key(tmp_path))
    refused = ask(client, "{ __typename }")
    assert refused.headers["www-authenticate"] == 'Bearer realm="newsgraph"'
    for path in PATHS:
        assert code(client.get(path)) == "UNAUTHENTICATED"
        assert client.head(path).status_code == 401
        assert client.get(path, headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/schema.graphql", "/graphql"])
def test_server_that_is_closed_shows_what_tells_nothing(tmp_path, path):
    """Watchers need no key, nor does the page in which one is entered."""
    with door(tmp_path, anonymous=False) as client:
        response = client.get(path, headers={"accept": "text/html"})
    assert response.status_code == 200
    assert OPEN.title not in response.text


@pytest.mark.parametrize("query", ["?", "?%71uery={__typename}", "?x=1&query={__typename}"])
def test_server_that_is_closed_executes_nothing_for_strangers(tmp_path, query):
    """However the operation is written."""
    response = door(tmp_path, anonymous=False).get(f"/graphql{query}")
    assert "data" not in response.json()


def test_preview_is_for_this_machine(tmp_path):
    """`drafts` shows them to requests from here; who sends a key has what that gives."""
    client = door(tmp_path, address="127.0.0.1", drafts=True)
    client.headers["host"] = "localhost"
    assert slugs(client) == ALL
    assert slugs(client, key(tmp_path)) == PUBLISHED
    assert slugs(door(tmp_path, drafts=True)) == PUBLISHED


def test_preview_changes_nothing():
    """It is for looking; writing needs a key even here."""
    assert PREVIEW.permissions == {Permission.READ_DRAFTS, Permission.READ_SECURED}


def test_viewers_who_see_the_same_share_answers():
    """What is cached goes by rights, not by names."""
    one, other = Viewer({Permission.WRITE}, "one"), Viewer({Permission.WRITE}, "other")
    assert (
        one.permission_key
        == other.permission_key
        != Viewer({Permission.READ_DRAFTS}).permission_key
    )


def test_log_names_the_key_and_never_shows_it(tmp_path):
    """Who did what can be told afterwards."""
    client, credentials = door(tmp_path), key(tmp_path, Permission.ADMIN, name="newsroom")
    with capture_logs() as logs:
        ask(client, "{ __typename }", credentials)
    [line] = [line for line in logs if line["event"] == "request"]
    assert line["key"] == "newsroom"
    assert credentials not in str(logs)


# Tokens -----------------------------------------------------------------------------------------

SIGNERS: dict[str, Any] = {
    "RS256": rsa.generate_private_key(public_exponent=65_537, key_size=2_048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}
CLAIMS = {"iss": "https://id.example/", "aud": "newsgraph", "sub": "ada"}


def jwks(**signers):
    """The public halves, as an issuer publishes them."""
    keys = []
    for name, signer in signers.items():
        algorithm = jwt.get_algorithm_by_name(name)
        keys.append({**algorithm.to_jwk(signer.public_key(), as_dict=True), "kid": name})
    return json.dumps({"keys": keys})


def token(algorithm="RS256", key_id=None, signer=None, **claims):
    """A token that is good for a minute, but for what is given; None leaves a claim out."""
    claims = {**CLAIMS, "exp": datetime.now(UTC) + timedelta(minutes=1), **claims}
    return jwt.encode(
        {name: value for name, value in claims.items() if value is not None},
        signer or SIGNERS[algorithm],
        algorithm,
        headers={"kid": key_id or algorithm},
    )


def issuer_door(folder, place=None, **settings):
    """The server that trusts this issuer."""
    (folder / "jwks.json").write_text(jwks(**SIGNERS))
    settings = {"jwt_issuer": CLAIMS["iss"], "jwt_audience": CLAIMS["aud"], **settings}
    return door(folder, jwks=place or str(folder / "jwks.json"), **settings)


@pytest.mark.parametrize("algorithm", SIGNERS)
def test_token_gives_the_scopes_of_its_claim(tmp_path, algorithm):
    """By every algorithm that is allowed; words that are not ours are passed over."""
    client = issuer_door(tmp_path)
    assert slugs(client, token(algorithm)) == PUBLISHED
    assert slugs(client, token(algorithm, scope="openid READ_DRAFTS profile")) == ALL
    assert slugs(client, token(algorithm, scope="read_drafts")) == PUBLISHED
    assert slugs(client, token(algorithm, scope=["READ_DRAFTS"])) == PUBLISHED


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": datetime.now(UTC) - timedelta(hours=1)},
        {"exp": None},
        {"nbf": datetime.now(UTC) + timedelta(hours=1)},
        {"iss": "https://other.example/"},
        {"iss": None},
        {"aud": "another server"},
        {"aud": None},
        {"sub": None},
        {"algorithm": "ES256", "key_id": "RS256"},
        {"key_id": "unknown"},
        {"signer": rsa.generate_private_key(public_exponent=65_537, key_size=2_048)},
    ],
    ids=[
        "expired",
        "without an expiry",
        "not valid yet",
        "another issuer",
        "without an issuer",
        "another audience",
        "without an audience",
        "without a subject",
        "another algorithm",
        "an unknown key",
        "another signer",
    ],
)
def test_token_that_is_not_for_us_is_refused(tmp_path, claims):
    """Out of time, of or for somebody else, or signed by another key: 401."""
    response = ask(issuer_door(tmp_path), "{ __typename }", token(scope="ADMIN", **claims))
    assert (response.status_code, code(response)) == (401, "UNAUTHENTICATED")


def test_token_cannot_choose_how_it_is_checked(tmp_path):
    """Neither unsigned, nor signed with the public key as if it were a password."""
    client = issuer_door(tmp_path)
    claims = {**CLAIMS, "exp": datetime.now(UTC) + timedelta(minutes=1), "scope": "ADMIN"}
    unsigned = jwt.encode(claims, "", "none", headers={"kid": "RS256"})
    public = SIGNERS["RS256"].public_key().public_numbers().n.to_bytes(256, "big")
    by_public_key = jwt.encode(claims, public, "HS256", headers={"kid": "RS256"})
    for forged in (unsigned, by_public_key):
        assert code(ask(client, "{ __typename }", forged)) == "UNAUTHENTICATED"


def test_keys_work_beside_tokens(tmp_path):
    """One server takes both."""
    assert slugs(issuer_door(tmp_path), key(tmp_path, Permission.READ_DRAFTS)) == ALL


def test_token_without_its_issuers_keys_is_not_judged(tmp_path):
    """503: it may be good; and the public does not notice."""
    client = issuer_door(tmp_path, str(tmp_path / "nowhere.json"))
    response = ask(client, "{ __typename }", token())
    assert (response.status_code, code(response)) == (503, "AUTHENTICATION_UNAVAILABLE")
    assert "nowhere" not in response.text
    assert slugs(client) == PUBLISHED


@pytest.fixture
def published():
    """A server of public keys: its URL, and the paths it was asked for."""
    asked: list[str] = []

    class Keys(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200 if self.path == "/jwks" else 302)
            self.send_header("location", "/jwks")
            self.end_headers()
            self.wfile.write(jwks(**SIGNERS).encode())

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Keys)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()
    thread.join()


def test_issuers_keys_are_fetched_once(tmp_path, published):
    """Not for each token, and not for tokens that name keys nobody knows."""
    url, asked = published
    with issuer_door(tmp_path, f"{url}/jwks") as client:
        assert slugs(client, token(scope="ADMIN")) == ALL
        for number in range(5):
            assert ask(client, "{ __typename }", token(key_id=str(number))).status_code == 401
        assert slugs(client, token(scope="ADMIN")) == ALL
    assert asked == ["/jwks"]


def test_issuers_keys_are_not_followed_elsewhere(tmp_path, published):
    """A redirect is no place that the operator has named."""
    url, asked = published
    with issuer_door(tmp_path, f"{url}/moved") as client:
        assert ask(client, "{ __typename }", token()).status_code == 503
    assert asked == ["/moved"]


@pytest.mark.parametrize(
    "settings",
    [
        {"jwks": "jwks.json"},
        {"jwks": "jwks.json", "jwt_issuer": "x"},
        {"jwks": "jwks.json", "jwt_audience": "x"},
        {"jwks": "http://id.example/jwks", "jwt_issuer": "x", "jwt_audience": "x"},
        {"jwks": "ftp://id.example/jwks", "jwt_issuer": "x", "jwt_audience": "x"},
        {"jwks": "https://", "jwt_issuer": "x", "jwt_audience": "x"},
    ],
)
def test_issuer_is_named_in_full_and_safely(settings):
    """Who issues for whom has to be said, and nobody between may exchange the keys."""
    with pytest.raises(SettingsError, match="jwks"):
        load_settings(settings)
