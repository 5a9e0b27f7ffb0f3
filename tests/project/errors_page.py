"""The page on errors, made from the code.

`python -m tests.project.errors_page > docs/errors.md` writes it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

import gql.composition.app  # so that all errors are defined
import gql.errors
from gql.errors import GraphError, PersistedDocumentError, RequestError
from gql.http.handler import failure_result
from gql.schema.user_errors import UserErrorCode
from store.documents.diagnostics import DiagnosticCode
from store.errors import StoreBusyError, StoreCorruptError, StoreError

NOT_SENT = {
    "GRAPH_ERROR": "the base of the errors of the graph",
    "STORE_ERROR": "the base of the errors of the store",
    "REFUSED": "in payloads",
    "CONFLICT": "in payloads",
    "FOLDER_NOT_EMPTY": "of commands",
    "TARGET_EXISTS": "of commands",
}
"""Codes that no response has in `extensions`, and why."""

ERRORS = {
    "AUTHENTICATION_UNAVAILABLE": (
        "The file of keys, or the public keys of the token issuer, cannot be read.",
        "Retry later. The server's log has the reason.",
    ),
    "BAD_CURSOR": (
        "A cursor of another list, order or store, or a damaged one.",
        "Begin without a cursor ([lists](queries.md#lists-and-pagination)).",
    ),
    "BAD_FILTER": (
        "A filter or an order that is empty, too large or contradictory.",
        "The message names the member ([filters](queries.md#filters)).",
    ),
    "BAD_IDEMPOTENCY_KEY": (
        "The `Idempotency-Key` is too long, or has characters that cannot be printed.",
        "Send 1 to 255 printable characters, such as a UUID.",
    ),
    "BAD_PAGE_SIZE": (
        "`first` or `last` is negative or too large, or both are given.",
        "Ask for less, and for the rest by cursor.",
    ),
    "BAD_QUERY": ("An argument makes no sense.", "The message says which."),
    "BAD_REQUEST": (
        "The request is malformed, or its variables have too many values.",
        "The message says where. Do not retry.",
    ),
    "BAD_USER_INPUT": (
        "A variable or an argument has a wrong value.",
        "Send a value of its type; the message names it.",
    ),
    "BATCH_NOT_ALLOWED": ("The body is a list of operations.", "Send each in a request."),
    "DOCUMENT_ID_NOT_ENABLED": (
        "The request names its document by an id, which is not enabled.",
        "Send the text, or enable [persisted documents](persisted-documents.md).",
    ),
    "DOCUMENT_NOT_TRUSTED": (
        "Only [trusted documents](persisted-documents.md#only-trusted-documents) are executed.",
        "Register the document with the server's operator.",
    ),
    "DOCUMENT_TOO_LONG": (
        "The document has too many characters.",
        "Send long values as variables.",
    ),
    "FORBIDDEN": (
        "The key lacks a scope, or its permissions have changed.",
        "Send a key with the [scope](access.md#scopes) that the message names.",
    ),
    "GRAPHQL_PARSE_FAILED": ("The document is not GraphQL.", "Mend it at the location."),
    "GRAPHQL_VALIDATION_FAILED": (
        "The document does not fit the schema.",
        "Generate code from the [schema](queries.md), and compare it after an upgrade.",
    ),
    "HEADER_TOO_LARGE": ("The header fields are too large or too many.", "Send fewer or smaller."),
    "HTTP_VERSION_NOT_SUPPORTED": ("The HTTP version is not 1.0 or 1.1.", "Send HTTP/1.1."),
    "IDEMPOTENCY_KEY_REUSED": (
        "The `Idempotency-Key` was used for another request.",
        "Use a new key for each request, and the same one for its retries only.",
    ),
    "INTERNAL_ERROR": (
        "A bug of newsgraph (500 if nothing was executed). The log has the id `extensions.id`.",
        "Report it with the id.",
    ),
    "METHOD_NOT_ALLOWED": (
        "The HTTP method is not allowed here, such as GET for a mutation.",
        "`Allow` names the methods.",
    ),
    "NOT_ACCEPTABLE": (
        "The client accepts none of our media types.",
        "Accept `application/graphql-response+json` or `application/json`.",
    ),
    "OPERATION_RESOLUTION_FAILURE": (
        "The document has several operations, or none of this name.",
        "Send the right `operationName`.",
    ),
    "OUTCOME_UNKNOWN": (
        "The disk failed during a write, which may be done or not.",
        (
            "Retry with the same `Idempotency-Key` "
            "([writing](writing.md#retry-after-a-lost-response))."
        ),
    ),
    "PAYLOAD_TOO_LARGE": (
        "The body is larger than `NEWSGRAPH_MAX_BODY_BYTES`.",
        "Send less at once.",
    ),
    "PERSISTED_QUERY_NOT_FOUND": (
        "The server does not know the document of this hash.",
        "Send hash and text; Apollo's and urql's links do it.",
    ),
    "PERSISTED_QUERY_NOT_SUPPORTED": (
        "Automatic persisted queries are not enabled.",
        "Send the text; Apollo's and urql's links do it.",
    ),
    "QUERY_TOO_COMPLEX": ("Too many fields would have to be merged.", "Repeat fewer fields."),
    "QUERY_TOO_DEEP": (
        "The operation is nested too deeply.",
        "Split it ([limits](queries.md#limits-and-cost)).",
    ),
    "QUERY_TOO_EXPENSIVE": (
        "The operation costs more than `NEWSGRAPH_MAX_COST`.",
        "Ask for smaller pages ([cost](queries.md#limits-and-cost)).",
    ),
    "RATE_LIMITED": (
        "The [rate limit](access.md#rate-limit) is exceeded.",
        "Wait as long as `Retry-After` says.",
    ),
    "REQUEST_TIMEOUT": ("The request did not arrive in time.", "Retry."),
    "STORE_CORRUPT": ("The store is damaged.", "The operator: see the server's log."),
    "STORE_UNAVAILABLE": (
        "The store cannot be used now. Nothing was done.",
        "Retry if there is a `Retry-After` header.",
    ),
    "SUBSCRIPTION_NOT_SUPPORTED": (
        "A subscription over a transport with one response.",
        "Use a WebSocket or an event stream ([transports](realtime.md#transports)).",
    ),
    "SUBSCRIPTION_TOO_LARGE": (
        "The subscription needs more than `NEWSGRAPH_SUBSCRIPTION_BYTES`.",
        "Send a smaller operation and smaller variables.",
    ),
    "TOO_MANY_ALIASES": ("The operation has too many aliases.", "Split it."),
    "TOO_MANY_CONNECTIONS": ("The server has no room for another connection.", "Retry later."),
    "TOO_MANY_DIRECTIVES": ("The operation has too many directives.", "Split it."),
    "TOO_MANY_ERRORS": (
        "More than 100 fields failed; the others are only counted.",
        "Mend the first ones.",
    ),
    "TOO_MANY_SUBSCRIPTIONS": (
        "The client's, or the server's, [limit](realtime.md#limits) is reached.",
        "End others, or retry as `Retry-After` says.",
    ),
    "TOO_MANY_TOKENS": ("The operation has too many tokens.", "Split it."),
    "TRANSFER_CODING_NOT_SUPPORTED": ("A transfer coding but `chunked`.", "Send the body plainly."),
    "UNAUTHENTICATED": (
        "The key or token is unknown, expired or revoked, or one is required.",
        "Send a valid one ([access](access.md)).",
    ),
    "UNSUPPORTED_MEDIA_TYPE": (
        "The body is not JSON in UTF-8, by its header fields.",
        "Send `Content-Type: application/json`, uncompressed.",
    ),
    "URI_TOO_LONG": ("The URL is too long.", "Send a POST."),
}
"""The cause and the remedy of each code."""

PAGE = """# Errors

This page is made from the code by `python -m tests.project.errors_page`. Codes are a contract:
programs compare them, and they never change their meaning. Messages are for people, and may change.

- [Errors of requests and fields](#errors-of-requests-and-fields): `errors` of a response
- [User errors](#user-errors): `userErrors` of a mutation's payload
- [Diagnostics](#diagnostics): problems of documents

## Errors of requests and fields

Each has `extensions.code`. Without a status in the table it is 200 with `Accept: application/json`;
with `application/graphql-response+json` it is 200 if there is `data`, else 400
([HTTP](http.md#errors-and-status-codes)).

{errors}

## User errors

What a client can mend in a mutation comes in its payload as `userErrors {{ code message field }}`.
`code` is the enum `UserErrorCode`; treat unknown values as `REFUSED`, since releases may add some.
[Writing](writing.md#errors) has the causes.

{user_errors}

## Diagnostics

Problems of files, by `newsgraph check` and the query `diagnostics`.
[Command line](commands.md#diagnostics) has the causes.

{diagnostics}
"""


def subclasses(base: type[Exception]) -> Iterator[type[Exception]]:
    """An error and all that derive from it, but for those of tests."""
    yield base
    for each in base.__subclasses__():
        if not each.__module__.startswith("tests."):
            yield from subclasses(each)


def statuses() -> dict[str, set[int]]:
    """The HTTP statuses of each code that a response can have; none: as the media type says."""
    found: dict[str, set[int]] = defaultdict(set)
    for error in (*subclasses(GraphError), *subclasses(StoreError)):
        found[vars(error).get("code") or error.code] |= set()  # type: ignore[attr-defined]
        if issubclass(error, RequestError) and not issubclass(error, PersistedDocumentError):
            found[error.code].add(error.status)
    for unavailable in (StoreBusyError(), StoreCorruptError("")):
        found[unavailable.code].add(failure_result(unavailable).status or 0)
    for value in vars(gql.errors).values():
        if isinstance(value, str) and re.fullmatch(r"[A-Z]+(_[A-Z]+)+", value):
            found[value] |= set()
    limits = "QUERY_TOO_COMPLEX QUERY_TOO_DEEP TOO_MANY_ALIASES TOO_MANY_DIRECTIVES TOO_MANY_TOKENS"
    for code in (*limits.split(), "DOCUMENT_TOO_LONG", "QUERY_TOO_EXPENSIVE"):
        found[code] |= set()
    return {code: found[code] for code in sorted(found.keys() - NOT_SENT.keys())}


def render() -> str:
    """The page."""
    rows = ["| error code | status | cause | remedy |", "|---|---|---|---|"]
    for code, found in statuses().items():
        cause, remedy = ERRORS[code]
        status = ", ".join(map(str, sorted(found)))
        rows.append(f"| `{code}` | {status} | {cause} | {remedy} |".replace("|  |", "| |"))
    return PAGE.format(
        errors="\n".join(rows),
        user_errors=_listed([code.value for code in UserErrorCode]),
        diagnostics=_listed(map(str, DiagnosticCode)),
    )


def _listed(codes: object) -> str:
    lines, line = [], ""
    for code in sorted(codes):  # type: ignore[call-overload]
        item = f"`{code}`, "
        if len(line + item) > 118:
            lines.append(line.rstrip())
            line = ""
        line += item
    return "\n".join([*lines, line.rstrip(", ") + "."])


if __name__ == "__main__":
    print(render(), end="")
