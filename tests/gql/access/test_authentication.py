"""Authentication by API keys and JSON Web Tokens, and anonymous requests, on every path."""

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

from gql.access import KeyFile, authenticator, key_ring
from gql.identity.viewer import PREVIEW, Permission, Viewer
from gql.settings import SettingsError, load_settings
from tests.support.auth_client import (
    DRAFT_ARTICLE,
    PUBLIC_ARTICLE,
    SECURED_ARTICLE,
    add_key,
    auth_client,
    bearer_header,
    error_code,
    post_query,
    visible_slugs,
)

PUBLISHED = {PUBLIC_ARTICLE.slug, SECURED_ARTICLE.slug}
ALL = PUBLISHED | {DRAFT_ARTICLE.slug}
SECRET = f'{{ article(by: {{slug: "{SECURED_ARTICLE.slug}"}}) {{ secured }} }}'
PATHS = ["/", "/feed.xml", "/feed.json", "/sitemap.xml", "/metrics", "/graphql?query={__typename}"]


@pytest.fixture(autouse=True)
def checked_at_each_use(monkeypatch):
    """Check the key file at each request."""
    monkeypatch.setattr(key_ring, "CHECK_INTERVAL_S", 0)


def test_anonymous_request_sees_published_articles(tmp_path):
    """It needs no setting."""
    assert visible_slugs(auth_client(tmp_path)) == PUBLISHED


@pytest.mark.parametrize(
    ("scopes", "visible", "reads_secured"),
    [
        ([], PUBLISHED, False),
        ([Permission.READ_DRAFTS], ALL, False),
        ([Permission.READ_SECURED], PUBLISHED, True),
        ([Permission.WRITE], ALL, False),
        ([Permission.ADMIN], ALL, True),
    ],
)
def test_key_gives_its_scopes_and_what_they_imply(tmp_path, scopes, visible, reads_secured):
    """WRITE implies READ_DRAFTS, ADMIN everything; no other scope implies another."""
    client, credentials = auth_client(tmp_path), add_key(tmp_path, *scopes)
    assert visible_slugs(client, credentials) == visible
    response = post_query(client, SECRET, credentials).json()
    assert ("errors" not in response) is reads_secured
    assert (response["data"]["article"]["secured"] == SECURED_ARTICLE.secured) is reads_secured


def test_error_names_the_missing_scope(tmp_path):
    """The code is FORBIDDEN."""
    [error] = post_query(auth_client(tmp_path), SECRET, add_key(tmp_path, Permission.WRITE)).json()[
        "errors"
    ]
    assert error["extensions"]["code"] == "FORBIDDEN"
    assert "READ_SECURED" in error["message"]


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer ng_000000000000_" + "a" * 43,
        "Bearer ",
        "Bearer",
        "Bearer undefined",
        "Basic dXNlcjpwYXNz",
        "Bearer x y",
        "Bearer a.b.c",
        "Bearer é",
        "Bearer " + "a" * 9_000,
    ],
)
def test_invalid_credentials_are_refused(tmp_path, authorization):
    """401 with the reason on every path; never the response of an anonymous request."""
    add_key(tmp_path, Permission.ADMIN)
    client = auth_client(tmp_path)
    headers = {"authorization": authorization.encode("latin-1")}
    query = {"query": "{ articles { nodes { slug } } }"}
    for response in [
        client.post("/graphql", json=query, headers=headers),
        *(client.get(path, headers=headers) for path in PATHS),
    ]:
        assert (response.status_code, error_code(response)) == (401, "UNAUTHENTICATED")
        assert 'error="invalid_token"' in response.headers["www-authenticate"]
        assert "data" not in response.json()
        assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("value", ["", " ", "\t "])
@pytest.mark.parametrize("anonymous", [True, False])
def test_empty_authorization_header_is_no_credentials(tmp_path, value, anonymous):
    """A logged-out app sends it; the response is that of a request without the header."""
    credentials = add_key(tmp_path, Permission.ADMIN)
    client = auth_client(tmp_path, anonymous=anonymous)
    for path in PATHS:
        plain, empty = client.get(path), client.get(path, headers={"authorization": value})
        assert empty.status_code == plain.status_code == (200 if anonymous else 401)
        if path != "/metrics":  # it counts requests
            assert empty.content == plain.content
    query = {"query": "{ articles { nodes { slug } } }"}
    for body in (query, query):  # the second one comes from caches
        empty = client.post("/graphql", json=body, headers={"authorization": value})
        assert empty.content == client.post("/graphql", json=body).content
    both = [("authorization", value), ("authorization", f"Bearer {credentials}")]
    assert client.get("/graphql?query={__typename}", headers=both).status_code == 200


def test_two_authorization_headers_are_refused(tmp_path):
    """It is not defined which of them counts."""
    credentials = add_key(tmp_path, Permission.ADMIN)
    twice = [("authorization", f"Bearer {credentials}")] * 2
    response = auth_client(tmp_path).get("/graphql?query={__typename}", headers=twice)
    assert error_code(response) == "UNAUTHENTICATED"


def test_scheme_is_read_in_any_case(tmp_path):
    """https://www.rfc-editor.org/rfc/rfc9110#section-11.1"""
    headers = {"authorization": f"bEARER {add_key(tmp_path, Permission.ADMIN)}"}
    assert (
        auth_client(tmp_path).get("/graphql?query={__typename}", headers=headers).status_code == 200
    )


def test_key_works_until_it_is_revoked(tmp_path):
    """A running server notices new and revoked keys."""
    client = auth_client(tmp_path)
    assert visible_slugs(client) == PUBLISHED
    credentials = add_key(tmp_path, Permission.READ_DRAFTS)
    assert visible_slugs(client, credentials) == ALL
    KeyFile(tmp_path / "keys.json").revoke("reader")
    assert error_code(post_query(client, "{ __typename }", credentials)) == "UNAUTHENTICATED"


@pytest.mark.parametrize("uses_before", [0, 3])
def test_key_works_until_it_expires(tmp_path, monkeypatch, uses_before):
    """Also a key that the server has used, and so has in its cache."""
    expires = datetime.now(UTC) + timedelta(days=1)
    credentials, _ = KeyFile(tmp_path / "keys.json").add("ed", [Permission.READ_DRAFTS], expires)
    client = auth_client(tmp_path)
    for _ in range(uses_before):
        assert visible_slugs(client, credentials) == ALL

    class TimeOfExpiry(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return expires.astimezone(tz)

    for module in (authenticator, key_ring):
        monkeypatch.setattr(module, "datetime", TimeOfExpiry)
    assert error_code(post_query(client, "{ __typename }", credentials)) == "UNAUTHENTICATED"


def test_unreadable_key_file_makes_authentication_unavailable(tmp_path):
    """503 for requests with a key; its text does not name the file. Others are served as before."""
    client, credentials = auth_client(tmp_path), add_key(tmp_path, Permission.ADMIN)
    (tmp_path / "keys.json").write_text("not keys")
    with capture_logs() as logs:
        response = post_query(client, "{ __typename }", credentials)
    assert (response.status_code, error_code(response)) == (503, "AUTHENTICATION_UNAVAILABLE")
    assert "keys.json" not in response.text
    assert [line for line in logs if "keys.json" in line.get("reason", "")]
    assert visible_slugs(client) == PUBLISHED


def test_anonymous_requests_can_be_refused(tmp_path):
    """401 with a challenge on every path with documents; a key without scopes is enough."""
    client, headers = auth_client(tmp_path, anonymous=False), bearer_header(add_key(tmp_path))
    refused = post_query(client, "{ __typename }")
    assert refused.headers["www-authenticate"] == 'Bearer realm="newsgraph"'
    for path in PATHS:
        assert error_code(client.get(path)) == "UNAUTHENTICATED"
        assert client.head(path).status_code == 401
        assert client.get(path, headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/schema.graphql", "/graphql"])
def test_public_paths_need_no_key(tmp_path, path):
    """Health checks, the schema, and the page in which a key is entered."""
    with auth_client(tmp_path, anonymous=False) as client:
        response = client.get(path, headers={"accept": "text/html"})
    assert response.status_code == 200
    assert PUBLIC_ARTICLE.title not in response.text


@pytest.mark.parametrize("query", ["?", "?%71uery={__typename}", "?x=1&query={__typename}"])
def test_refused_anonymous_request_executes_no_operation(tmp_path, query):
    """However the parameters are written."""
    response = auth_client(tmp_path, anonymous=False).get(f"/graphql{query}")
    assert "data" not in response.json()


def test_preview_is_for_local_clients(tmp_path):
    """With `drafts` a local anonymous client sees drafts; a key has its own scopes."""
    client = auth_client(tmp_path, address="127.0.0.1", drafts=True)
    client.headers["host"] = "localhost"
    assert visible_slugs(client) == ALL
    assert visible_slugs(client, add_key(tmp_path)) == PUBLISHED
    assert visible_slugs(auth_client(tmp_path, drafts=True)) == PUBLISHED


def test_preview_cannot_write():
    """Writing needs a key, also on this machine."""
    assert PREVIEW.permissions == {Permission.READ_DRAFTS, Permission.READ_SECURED}


def test_viewers_with_the_same_permissions_share_cache_entries():
    """The cache key has the permissions, not the name."""
    one, other = Viewer({Permission.WRITE}, "one"), Viewer({Permission.WRITE}, "other")
    assert (
        one.permission_key
        == other.permission_key
        != Viewer({Permission.READ_DRAFTS}).permission_key
    )


def test_access_log_has_the_name_of_the_key_and_not_the_key(tmp_path):
    """So requests can be attributed afterwards."""
    client, credentials = (
        auth_client(tmp_path),
        add_key(tmp_path, Permission.ADMIN, name="newsroom"),
    )
    with capture_logs() as logs:
        post_query(client, "{ __typename }", credentials)
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
    """The JWKS of these key pairs, as an issuer publishes it."""
    keys = []
    for name, signer in signers.items():
        algorithm = jwt.get_algorithm_by_name(name)
        keys.append({**algorithm.to_jwk(signer.public_key(), as_dict=True), "kid": name})
    return json.dumps({"keys": keys})


def token(algorithm="RS256", key_id=None, signer=None, **claims):
    """A token that is valid for a minute, with these claims; None leaves a claim out."""
    claims = {**CLAIMS, "exp": datetime.now(UTC) + timedelta(minutes=1), **claims}
    return jwt.encode(
        {name: value for name, value in claims.items() if value is not None},
        signer or SIGNERS[algorithm],
        algorithm,
        headers={"kid": key_id or algorithm},
    )


def issuer_client(folder, location=None, **settings):
    """A test client of an application that trusts this issuer."""
    (folder / "jwks.json").write_text(jwks(**SIGNERS))
    settings = {"jwt_issuer": CLAIMS["iss"], "jwt_audience": CLAIMS["aud"], **settings}
    return auth_client(folder, jwks=location or str(folder / "jwks.json"), **settings)


@pytest.mark.parametrize("algorithm", SIGNERS)
def test_token_gives_the_scopes_of_its_claim(tmp_path, algorithm):
    """With every allowed algorithm; unknown scopes are ignored."""
    client = issuer_client(tmp_path)
    assert visible_slugs(client, token(algorithm)) == PUBLISHED
    assert visible_slugs(client, token(algorithm, scope="openid READ_DRAFTS profile")) == ALL
    assert visible_slugs(client, token(algorithm, scope="read_drafts")) == PUBLISHED
    assert visible_slugs(client, token(algorithm, scope=["READ_DRAFTS"])) == PUBLISHED


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
def test_invalid_token_is_refused(tmp_path, claims):
    """Expired, of another issuer or audience, or signed by another key: 401."""
    response = post_query(issuer_client(tmp_path), "{ __typename }", token(scope="ADMIN", **claims))
    assert (response.status_code, error_code(response)) == (401, "UNAUTHENTICATED")


def test_token_cannot_choose_its_algorithm(tmp_path):
    """Neither `none`, nor HS256 with the public key as its secret."""
    client = issuer_client(tmp_path)
    claims = {**CLAIMS, "exp": datetime.now(UTC) + timedelta(minutes=1), "scope": "ADMIN"}
    unsigned = jwt.encode(claims, "", "none", headers={"kid": "RS256"})
    public = SIGNERS["RS256"].public_key().public_numbers().n.to_bytes(256, "big")
    by_public_key = jwt.encode(claims, public, "HS256", headers={"kid": "RS256"})
    for forged in (unsigned, by_public_key):
        assert error_code(post_query(client, "{ __typename }", forged)) == "UNAUTHENTICATED"


def test_keys_work_beside_tokens(tmp_path):
    """One server accepts both."""
    assert visible_slugs(issuer_client(tmp_path), add_key(tmp_path, Permission.READ_DRAFTS)) == ALL


def test_missing_jwks_makes_authentication_unavailable(tmp_path):
    """503, since the token may be valid; anonymous requests are served."""
    client = issuer_client(tmp_path, str(tmp_path / "nowhere.json"))
    response = post_query(client, "{ __typename }", token())
    assert (response.status_code, error_code(response)) == (503, "AUTHENTICATION_UNAVAILABLE")
    assert "nowhere" not in response.text
    assert visible_slugs(client) == PUBLISHED


@pytest.fixture
def jwks_server():
    """A server of a JWKS: its URL, and the paths of its requests."""
    requested: list[str] = []

    class Keys(BaseHTTPRequestHandler):
        def do_GET(self):
            requested.append(self.path)
            self.send_response(200 if self.path == "/jwks" else 302)
            self.send_header("location", "/jwks")
            self.end_headers()
            self.wfile.write(jwks(**SIGNERS).encode())

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Keys)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", requested
    server.shutdown()
    server.server_close()
    thread.join()


def test_jwks_is_fetched_once(tmp_path, jwks_server):
    """Not for each token, and not for tokens with unknown keys."""
    url, requested = jwks_server
    with issuer_client(tmp_path, f"{url}/jwks") as client:
        assert visible_slugs(client, token(scope="ADMIN")) == ALL
        for number in range(5):
            assert (
                post_query(client, "{ __typename }", token(key_id=str(number))).status_code == 401
            )
        assert visible_slugs(client, token(scope="ADMIN")) == ALL
    assert requested == ["/jwks"]


def test_redirect_of_the_jwks_is_not_followed(tmp_path, jwks_server):
    """Only the operator decides from where the keys are loaded."""
    url, requested = jwks_server
    with issuer_client(tmp_path, f"{url}/moved") as client:
        assert post_query(client, "{ __typename }", token()).status_code == 503
    assert requested == ["/moved"]


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
def test_incomplete_or_unsafe_issuer_is_refused(settings):
    """Issuer and audience are required, and the JWKS is a file or an https URL."""
    with pytest.raises(SettingsError, match="jwks"):
        load_settings(settings)
