"""The transport check: which operation types an HTTP method, or a single response, allows."""

from __future__ import annotations

from graphql import OperationDefinitionNode, OperationType

from gql.errors import MethodNotAllowedError, SubscriptionError


def check_transport(operation: OperationDefinitionNode | None, *, read_only: bool) -> None:
    """Refuse an operation that this transport does not support. Raises: RequestError.

    https://graphql.github.io/graphql-over-http/draft/#sec-GET
    """
    if operation is None or operation.operation is OperationType.QUERY:
        return
    if operation.operation is OperationType.SUBSCRIPTION:
        raise SubscriptionError(
            "A subscription has many answers, and this request has one. Subscribe over WebSocket "
            "(protocol graphql-transport-ws) or server-sent events (protocol graphql-sse)."
        )
    if read_only:
        raise MethodNotAllowedError(
            "A mutation has to be sent by POST; GET only reads.", headers=((b"allow", b"POST"),)
        )
