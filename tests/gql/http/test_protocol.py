"""GraphQL over HTTP without a server: content negotiation, request parsing and status codes."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gql.http import GraphQLHandler, HttpRequest, HttpResponse, HttpSettings, ReferenceExecutor
from gql.http.protocol.compression import best_encoding
from gql.http.protocol.media_types import MediaType, negotiate, prefers_html
from tests.support.transport_schema import SCHEMA, Notebook

RESPONSE = "application/graphql-response+json"
JSON = "application/json"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
EXECUTOR = ReferenceExecutor(SCHEMA)


def handle(
    request: HttpRequest, settings: HttpSettings | None = None, notebook: Notebook | None = None
) -> HttpResponse:
    """The handler's response to a request."""

    async def make_context() -> Notebook:
        return notebook if notebook is not None else Notebook()

    return asyncio.run(GraphQLHandler(EXECUTOR, settings or HttpSettings())(request, make_context))


def post(body: Any, **request: Any) -> HttpRequest:
    """A POST of JSON, or of the bytes given."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpRequest(**{"method": "POST", "content_type": JSON, "body": content, **request})


def get(**parameters: str) -> HttpRequest:
    """A GET with these parameters."""
    return HttpRequest(method="GET", query_string=urlencode(parameters).encode())


def headers_of(response: HttpResponse) -> dict[str, str]:
    """A response's headers as text."""
    return {name.decode(): value.decode() for name, value in response.headers}


def assert_refused(response: HttpResponse, status: int, code: str, *words: str) -> None:
    """It is a GraphQL request error: no data, a code, and a message with these words."""
    content = json.loads(response.body)
    assert (response.status, response.error_codes) == (status, (code,))
    assert "data" not in content
    assert [error["extensions"]["code"] for error in content["errors"]] == [code]
    for word in words:
        assert word in content["errors"][0]["message"]


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (JSON, JSON),
        (RESPONSE, RESPONSE),
        (RESPONSE.upper(), RESPONSE),
        (f"{RESPONSE}, {JSON};q=0.9", RESPONSE),
        (f"{RESPONSE};q=0.5, {JSON};q=0.9", JSON),
        (f"{JSON}, {RESPONSE}", RESPONSE),
        (f"{JSON}, text/plain, */*", JSON),
        (f"{RESPONSE}, */*", RESPONSE),
        (f"{JSON};q=0, */*", RESPONSE),
        (f"{RESPONSE};q=0.1, */*;q=0.2", JSON),
        (f'{RESPONSE}; charset="UTF-8"', RESPONSE),
        (f"{RESPONSE}; charset=latin-1, {JSON}", JSON),
        (f"{RESPONSE};q=high, {JSON};q=0.1", JSON),
        ("text/html", None),
        (f"{JSON};q=0", None),
        ("*/*;q=0", None),
        (f"{JSON}; charset=utf-16", None),
        ("nonsense;;==,", None),
    ],
)
def test_accept_chooses_the_media_type(accept: str, chosen: str | None) -> None:
    """The most welcome type wins; of two equal ones, the more specific, then graphql-response."""
    assert negotiate(accept) == chosen


def test_accept_of_thousands_of_types_is_not_read_to_its_end() -> None:
    """Whatever comes behind a hundred entries counts as not sent, so a long list costs little."""
    many = "text/x, " * 99
    assert negotiate(f"{many}application/json") == "application/json"
    assert negotiate(f"{many}text/y, application/json") is None
    assert best_encoding(b"x, " * 99 + b"gzip") == "gzip"
    assert best_encoding(b"x, " * 100 + b"gzip") is None


@given(st.text(alphabet='aplicton/json+grhqe-*;,=.01 "\x00ü') | st.text())
def test_accept_may_be_anything(accept: str) -> None:
    """No Accept header makes the negotiation fail."""
    assert negotiate(accept) in (None, *MediaType)
    assert prefers_html(accept) in (True, False)


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        (BROWSER, True),
        ("text/html", True),
        ("*/*", False),
        ("", False),
        (JSON, False),
        (f"{JSON}, text/html;q=0.5", False),
        ("text/html;q=0", False),
    ],
)
def test_accept_tells_browsers_from_clients(accept: str, *, wanted: bool) -> None:
    """A page is for those who name text/html and like nothing of ours better."""
    assert prefers_html(accept) is wanted


def test_accept_that_nothing_fits_is_refused() -> None:
    """406 says what there is, in JSON all the same."""
    response = handle(post({"query": "{ hello }"}, accept="text/csv"))
    assert_refused(response, 406, "NOT_ACCEPTABLE", RESPONSE, JSON)
    assert headers_of(response)["content-type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize("media_type", [JSON, RESPONSE])
def test_response_has_the_type_that_was_asked_for(media_type: str) -> None:
    """Every response names its type and charset, its length, and that no cache may store it."""
    response = handle(post({"query": "{ hello }"}, accept=media_type))
    assert json.loads(response.body) == {"data": {"hello": "Hello world"}}
    assert headers_of(response) == {
        "content-type": f"{media_type}; charset=utf-8",
        "content-length": str(len(response.body)),
        "cache-control": "no-store",
        "vary": "Accept, Accept-Encoding, Authorization",
    }


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        (JSON, 200),
        ("Application/JSON; Charset=UTF-8", 200),
        ('application/json; charset="utf-8"', 200),
        ("application/json; charset=utf8; profile=x", 200),
        ("application/json; charset=iso-8859-1", 415),
        ("application/json; charset=utf-16", 415),
        ("application/graphql", 415),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        ("application/json, text/plain", 415),
        ("", 415),
    ],
)
def test_content_type_has_to_be_json_in_utf8(content_type: str, status: int) -> None:
    """415 for everything else, and for what a form on a foreign page could send."""
    response = handle(post({"query": "{ hello }"}, content_type=content_type))
    assert response.status == status
    if status == 415:
        assert_refused(response, 415, "UNSUPPORTED_MEDIA_TYPE")


def test_content_encoding_is_refused() -> None:
    """A compressed body is refused as such, not as malformed JSON."""
    request = post({"query": "{ hello }"}, content_encoding="gzip")
    assert_refused(handle(request), 415, "UNSUPPORTED_MEDIA_TYPE", "gzip")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"{", "not JSON"),
        (b'{"query": "{ hello }"} {}', "not JSON"),
        (b'{"query": "\xff"}', "not JSON"),
        (b'{"query": "\\ud800"}', "not JSON"),
        ('{"query": "é"}'.encode("utf-16"), "not JSON"),
        (b"[" * 5_000 + b"]" * 5_000, "not JSON"),
        (b"null", "not null"),
        (b"1", "not a number"),
        (b'"{ hello }"', "not a string"),
        (b"{}", "query is missing"),
        (b'{"query": null}', "query is missing"),
        (b'{"query": ["{ hello }"]}', "query has to be a string, not an array"),
        (b'{"query": "{ hello }", "operationName": 1}', "operationName has to be a string"),
        (b'{"query": "{ hello }", "variables": "{}"}', "variables has to be an object"),
        (b'{"query": "{ hello }", "variables": []}', "variables has to be an object"),
        (b'{"query": "{ hello }", "extensions": true}', "extensions has to be an object"),
    ],
)
def test_body_that_is_no_request_is_refused(body: bytes, words: str) -> None:
    """400 under either media type, saying what is wrong with which parameter."""
    for accept in (JSON, RESPONSE):
        assert_refused(handle(post(body, accept=accept)), 400, "BAD_REQUEST", words)


@pytest.mark.parametrize("name", ["variables", "operationName", "extensions"])
def test_parameter_that_is_an_empty_text_counts_as_absent(name: str) -> None:
    """Some clients send what a form has, also in a body; a document is never empty."""
    response = handle(post({"query": "{ hello }", name: ""}))
    assert json.loads(response.body) == {"data": {"hello": "Hello world"}}
    assert handle(post({"query": ""})).status == 200
    assert "GRAPHQL_PARSE_FAILED" in handle(post({"query": ""})).body.decode()


@pytest.mark.parametrize("name", ["variables", "extensions"])
@pytest.mark.parametrize("number", ["1e400", "-1E+999", "9" * 400, "1" + "0" * 309])
def test_number_beyond_the_range_of_floats_is_refused(name: str, number: str) -> None:
    """It would become infinite; a text with it, and the largest float, are good."""
    body = b'{"query": "{ hello }", "%s": {"a": [{"b": %s}]}}'
    response = handle(post(body % (name.encode(), number.encode())))
    assert response.status == 400
    message = json.loads(response.body)["errors"][0]["message"]
    assert "number is infinity" in message
    for valid in (b'"1e400"', b"1.7976931348623157e308", b"1e-400"):
        assert handle(post(body % (name.encode(), valid))).status == 200


def test_parameters_unknown_or_null_are_ignored() -> None:
    """Null is as good as absent, and what we do not know does no harm."""
    request = {"query": "{ hello }", "variables": None, "operationName": None, "extensions": None}
    assert json.loads(handle(post({**request, "trace": 1})).body) == {
        "data": {"hello": "Hello world"}
    }


@pytest.mark.parametrize("name", ["variables", "extensions"])
def test_parameter_nested_too_deeply_is_refused(name: str) -> None:
    """The refusal says how deep it is and how deep it may be."""
    value: Any = 1
    for _ in range(8):
        value = [value]
    request = post({"query": "{ hello }", name: {"value": value}})
    assert handle(request, HttpSettings(max_json_depth=9)).status == 200
    refused = handle(request, HttpSettings(max_json_depth=8))
    assert_refused(refused, 400, "BAD_REQUEST", name, "9 levels", "at most 8")


@pytest.mark.parametrize("name", ["variables", "extensions"])
@pytest.mark.parametrize(
    ("value", "most"),
    [([1] * 100, 111), ({str(n): 1 for n in range(100)}, 121), ([{"a": [1]}] * 10, 141)],
)
def test_parameter_of_too_many_values_is_refused(name: str, value: Any, most: int) -> None:
    """An object counts as ten and what it holds, a list as what it holds."""
    request = post({"query": "{ hello }", name: {"value": value}})
    assert handle(request, HttpSettings(max_json_values=most)).status == 200
    refused = handle(request, HttpSettings(max_json_values=most - 1))
    assert_refused(refused, 400, "BAD_REQUEST", name, f"more than {most - 1} values")


def test_document_id_is_not_enabled() -> None:
    """A request by documentId alone is told that this server does not do that."""
    assert_refused(handle(post({"documentId": "abc"})), 400, "DOCUMENT_ID_NOT_ENABLED", "query")


def test_get_executes_queries() -> None:
    """Parameters of the URL are the same as those of a body, two of them being JSON."""
    query = "query Greet($name: String!) { hello(name: $name) } query Other { hello }"
    request = get(query=query, operationName="Greet", variables='{"name": "Zoë"}', extensions="{}")
    response = handle(request)
    assert json.loads(response.body) == {"data": {"hello": "Hello Zoë"}}
    assert response.operation_name == "Greet"


def test_get_takes_empty_parameters_as_absent() -> None:
    """An empty parameter is as good as none."""
    response = handle(get(query="{ hello }", operationName="", variables="", extensions=""))
    assert response.status == 200


@pytest.mark.parametrize(
    ("query_string", "words"),
    [
        (b"", "query is missing"),
        (b"query=", "query is missing"),
        (b"query=%7Bhello%7D&variables=%7B", "variables is not JSON"),
        (b"query=%7Bhello%7D&variables=1", "variables has to be an object"),
        (b"query=%7Bhello%7D&extensions=[]", "extensions has to be an object"),
        (b"query=%7Bhello%7D&query=%7Bhello%7D", "occurs twice"),
        (b"query=%FF", "cannot be read"),
        (b"query=\xff", "cannot be read"),
        (b"a&" * 100 + b"query=%7Bhello%7D", "cannot be read"),
    ],
)
def test_get_that_is_no_request_is_refused(query_string: bytes, words: str) -> None:
    """400, saying which parameter is wrong."""
    request = HttpRequest(method="GET", query_string=query_string)
    assert_refused(handle(request), 400, "BAD_REQUEST", words)


@pytest.mark.parametrize("accept", [JSON, RESPONSE])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("query", ['mutation { write(line: "x") }', "mutation { nothing }"])
def test_get_never_executes_a_mutation(query: str, method: str, accept: str) -> None:
    """405 with Allow: POST, whether the mutation is valid or not, and nothing is written."""
    notebook = Notebook()
    query_string = f"query={quote(query)}".encode()
    request = HttpRequest(method=method, query_string=query_string, accept=accept)
    response = handle(request, notebook=notebook)
    assert_refused(response, 405, "METHOD_NOT_ALLOWED", "POST")
    assert headers_of(response)["allow"] == "POST"
    assert notebook.lines == []


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "get", "BREW"])
def test_method_that_is_not_ours_is_refused(method: str) -> None:
    """405 with the methods that are."""
    response = handle(post({"query": "{ hello }"}, method=method))
    assert_refused(response, 405, "METHOD_NOT_ALLOWED", method)
    assert headers_of(response)["allow"] == "GET, HEAD, POST, OPTIONS"


def test_options_tells_the_methods() -> None:
    """OPTIONS has no body, only Allow."""
    response = handle(HttpRequest(method="OPTIONS"))
    assert (response.status, response.body) == (204, b"")
    assert headers_of(response) == {"allow": "GET, HEAD, POST, OPTIONS"}


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"query": "{"}, "GRAPHQL_PARSE_FAILED"),
        ({"query": ""}, "GRAPHQL_PARSE_FAILED"),
        ({"query": "{ nothing }"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "query ($n: Int!) { double(of: $n) }"}, "BAD_USER_INPUT"),
        ({"query": "query A { hello } query B { hello }"}, "OPERATION_RESOLUTION_FAILURE"),
        ({"query": "query A { hello }", "operationName": "B"}, "OPERATION_RESOLUTION_FAILURE"),
    ],
)
def test_request_without_data_is_400_or_by_the_legacy_type_200(
    request_: dict[str, Any], code: str
) -> None:
    """A well-formed request that cannot be executed: the new type says so by its status."""
    assert_refused(handle(post(request_, accept=RESPONSE)), 400, code)
    assert_refused(handle(post(request_, accept=JSON)), 200, code)


@pytest.mark.parametrize("accept", [JSON, RESPONSE])
def test_response_with_data_is_200_even_where_it_is_null(accept: str) -> None:
    """Errors of fields leave the status alone: the request was executed."""
    response = handle(post({"query": "{ missing }"}, accept=accept))
    content = json.loads(response.body)
    assert response.status == 200
    assert content["data"] is None
    assert content["errors"][0]["path"] == ["missing"]


@pytest.mark.parametrize("accept", [JSON, RESPONSE])
def test_subscription_by_a_plain_request_is_refused(accept: str) -> None:
    """The refusal says which transports will do."""
    query = "subscription { count }"
    for request in (post({"query": query}, accept=accept), get(query=query)):
        words = ("graphql-transport-ws", "graphql-sse")
        assert_refused(handle(request), 400, "SUBSCRIPTION_NOT_SUPPORTED", *words)


def test_batch_is_refused_unless_enabled() -> None:
    """An array of requests is a clear error by default."""
    batch = post([{"query": "{ hello }"}])
    assert_refused(handle(batch), 400, "BATCH_NOT_ALLOWED", "not enabled")


def test_batch_is_answered_in_order_where_enabled() -> None:
    """Each operation has its own answer, and they share one context."""
    write = {"query": 'mutation { write(line: "x") }'}
    batch = post([write, {"query": "{"}, {"query": "subscription { count }"}, write])
    response = handle(batch, HttpSettings(batching=True))
    first, second, third, last = json.loads(response.body)
    assert response.status == 200
    assert (first, last) == ({"data": {"write": 1}}, {"data": {"write": 2}})
    assert list(second) == list(third) == ["errors"]
    assert response.error_codes == ("GRAPHQL_PARSE_FAILED", "SUBSCRIPTION_NOT_SUPPORTED")


@pytest.mark.parametrize(
    ("batch", "code", "words"),
    [
        ([], "BATCH_NOT_ALLOWED", "0 operations"),
        ([{"query": "{ hello }"}] * 3, "BATCH_NOT_ALLOWED", "at most 2"),
        ([{"query": "{ hello }"}, {"query": 1}], "BAD_REQUEST", "operation 2"),
        ([[{"query": "{ hello }"}]], "BAD_REQUEST", "operation 1"),
    ],
)
def test_batch_that_is_too_large_or_malformed_is_refused(
    batch: list[Any], code: str, words: str
) -> None:
    """Nothing of it is executed, and the message says which operation is wrong."""
    settings = HttpSettings(batching=True, max_batch_size=2)
    assert_refused(handle(post(batch), settings), 400, code, words)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
request_like = st.fixed_dictionaries(
    {},
    optional={
        "query": json_values | st.sampled_from(["{ hello }", "{ nothing }", "{", "{ broken }"]),
        "operationName": json_values,
        "variables": json_values,
        "extensions": json_values,
        "documentId": json_values,
    },
)
bodies = st.binary() | st.one_of(json_values, request_like).map(lambda v: json.dumps(v).encode())


@given(bodies, st.booleans(), st.sampled_from(["", JSON, RESPONSE, "*/*", "image/png"]))
def test_any_body_is_answered_in_graphql(body: bytes, batching: bool, accept: str) -> None:
    """Whatever comes, the answer is JSON with data or with errors that have codes; never 5xx."""
    response = handle(post(body, accept=accept), HttpSettings(batching=batching))
    assert response.status == 200 or 400 <= response.status < 500
    content = json.loads(response.body)
    for answer in content if isinstance(content, list) else [content]:
        assert "data" in answer or answer["errors"]
        assert all(error["extensions"]["code"] for error in answer.get("errors", ()))


@given(st.binary() | st.text().map(lambda text: f"query={quote(text)}".encode()))
def test_any_query_string_is_answered_in_graphql(query_string: bytes) -> None:
    """The same for what follows the question mark."""
    response = handle(HttpRequest(method="GET", query_string=query_string))
    assert 400 <= response.status < 500 or response.status == 200
    assert json.loads(response.body)["errors"]


@pytest.mark.parametrize(
    "query",
    [
        "{ ... @defer { hello } }",
        '{ ... @defer(label: "x", if: false) { hello } }',
        "{ __schema { types @stream(initialCount: 1) { name } } }",
    ],
)
@pytest.mark.parametrize(
    ("accept", "status"),
    [
        (f"multipart/mixed;deferSpec=20220824,{RESPONSE},{JSON};q=0.9", 400),
        (f"multipart/mixed, {JSON}", 200),
        ("*/*", 200),
    ],
)
def test_incremental_delivery_is_refused_with_a_remedy(
    query: str, accept: str, status: int
) -> None:
    """In the form of any invalid document, which all clients read."""
    response = handle(post({"query": query}, accept=accept))
    assert_refused(
        response, status, "GRAPHQL_VALIDATION_FAILED", "is not supported", "Leave it out"
    )
