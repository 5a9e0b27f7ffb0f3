"""GraphQL documents: parsing, limits and validation, done once for each cached document."""

from __future__ import annotations

import re
import sys
from bisect import bisect_right
from functools import cached_property
from typing import Any

from graphql import (
    ASTValidationRule,
    DirectiveNode,
    DocumentNode,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLNonNull,
    GraphQLSchema,
    KnownDirectivesRule,
    NonNullTypeNode,
    OperationDefinitionNode,
    OverlappingFieldsCanBeMergedRule,
    Source,
    SourceLocation,
    ValidationRule,
    parse,
    specified_rules,
    validate,
)

from gql.adapters.graphql_core import drop_tokens, is_aborted_parsing, is_nesting_error
from gql.adapters.strawberry import MaybeNullValidationRule
from gql.error_formatting import FormattedError, format_request_error
from gql.errors import OPERATION_UNRESOLVED, PARSE_FAILED, VALIDATION_FAILED

from .limits.cost_cache import CostCache
from .limits.document_limits import DocumentLimits, check_limits
from .limits.field_merging import merge_errors

_NEWLINE = re.compile(r"\r\n|[\n\r]")
DOCUMENT_BYTES, NODE_BYTES = 5_000, 260
"""The size of a document without its tree, and of a node of the tree; measured."""

MAX_PLANS = 64
"""The most plans of a document: operations, times outcomes of directives, times permissions."""


class OneOfVariablesRule(ValidationRule):
    """The validation rule that a variable in a @oneOf input has to be non-null.

    graphql-core does not check it if the input itself is non-null.
    https://spec.graphql.org/draft/#sec-All-Variable-Usages-Are-Allowed
    """

    def leave_operation_definition(self, operation: OperationDefinitionNode, *_: Any) -> None:
        """Check all variables of an operation, also those in its fragments."""
        definitions = {
            definition.variable.name.value: definition
            for definition in operation.variable_definitions or ()
        }
        for usage in self.context.get_recursive_variable_usages(operation):
            if not isinstance(usage.parent_type, GraphQLNonNull):
                continue
            parent = usage.parent_type.of_type
            definition = definitions[usage.node.name.value]
            is_one_of = isinstance(parent, GraphQLInputObjectType) and parent.is_one_of
            if is_one_of and not isinstance(definition.type, NonNullTypeNode):
                self.report_error(
                    GraphQLError(
                        f"Variable '${usage.node.name.value}' must be non-null "
                        f"to be used for the OneOf Input Object '{parent}'.",
                        [definition, usage.node],
                    )
                )


class DirectivesRule(KnownDirectivesRule):
    """The rule that directives are known; it says what to do without incremental delivery."""

    def enter_directive(self, node: DirectiveNode, *position: Any) -> None:
        """Check a directive of the document."""
        name = node.name.value
        if name not in ("defer", "stream"):
            super().enter_directive(node, *position)
            return
        self.report_error(
            GraphQLError(
                f"The directive '@{name}' is not supported: responses are whole, not incremental. "
                "Leave it out, or send what may come later as an operation of its own.",
                node,
            )
        )


_REPLACED: dict[type[ASTValidationRule], type[ASTValidationRule]] = {
    KnownDirectivesRule: DirectivesRule
}
_RULES = [
    _REPLACED.get(rule, rule)
    for rule in specified_rules
    if rule is not OverlappingFieldsCanBeMergedRule
]
"""The rules of the specification, but for one that takes quadratic time (see `field_merging`)."""

# They rely on the checks of the specification's rules, so they run after them.
_FURTHER_RULES = (MaybeNullValidationRule, OneOfVariablesRule)


class GraphQLDocument:
    """A parsed and validated document, with everything that does not depend on variables.

    It alone owns its tree and its plans, so that all is freed when the document is evicted.

    Attributes:
        ast: The syntax tree; None after a parse error.
        errors: The parse or validation errors; with any, nothing is executed.
        operations: The operations.
        costs: The cache of cost estimates.
        nodes: The number of nodes of the tree.
        plans: The compiled plans; see `add_plan`.
        plan_bytes: The size of the plans.
        directive_variables: The variables in `@skip` and `@include`; None if not computed yet.
    """

    __slots__ = (
        "ast",
        "costs",
        "directive_variables",
        "errors",
        "nodes",
        "operations",
        "plan_bytes",
        "plans",
    )

    def __init__(
        self, ast: DocumentNode | None, errors: tuple[FormattedError, ...] = (), nodes: int = 0
    ) -> None:
        self.ast = ast
        self.nodes = nodes
        self.errors = errors
        self.costs = CostCache()
        self.plans: dict[Any, Any] = {}
        self.plan_bytes = 0
        self.directive_variables: tuple[str, ...] | None = None
        self.operations = tuple(
            node
            for node in (ast.definitions if ast else ())
            if isinstance(node, OperationDefinitionNode)
        )

    def find_operation(self, name: str | None) -> OperationDefinitionNode | None:
        """Find the operation of a name, or the only operation if there is no name.

        https://spec.graphql.org/draft/#GetOperation()
        """
        if name is None:
            return self.operations[0] if len(self.operations) == 1 else None
        named = (node for node in self.operations if node.name and node.name.value == name)
        return next(named, None)

    def add_plan(self, key: Any, plan: Any, size_bytes: int) -> None:
        """Add a plan of this size; at MAX_PLANS all others are evicted."""
        if len(self.plans) >= MAX_PLANS:
            self.plans.clear()
            self.plan_bytes = 0
        self.plans[key] = plan
        self.plan_bytes += size_bytes

    def operation_error(self, name: str | None) -> FormattedError:
        """The error of a request for which `find_operation` returned None."""
        names = ", ".join(node.name.value for node in self.operations if node.name)
        if name is not None:
            message = f"The document has no operation named {name!r}. It has: {names or 'none'}."
        elif self.operations:
            message = f"The document has several operations. Name one as operationName: {names}."
        else:
            message = "The document has no operation, only fragments."
        return {"message": message, "extensions": {"code": OPERATION_UNRESOLVED}}


def prepare_document(schema: GraphQLSchema, text: str, limits: DocumentLimits) -> GraphQLDocument:
    """Parse a text, check its limits, validate it; stop at the first step with errors."""
    try:
        ast = parse_document(text, limits)
    except GraphQLError as error:
        return GraphQLDocument(None, (format_request_error(error, PARSE_FAILED),))
    errors = check_limits(ast, limits) or validate_document(schema, ast, limits)
    formatted = tuple(format_request_error(error, VALIDATION_FAILED) for error in errors)
    return GraphQLDocument(ast, formatted, drop_tokens(ast))


class _Source(Source):
    """A source that splits its lines once, not for each error."""

    def get_location(self, position: int) -> SourceLocation:
        """The line and the column of a position."""
        line = bisect_right(self._lines, position)
        start = self._lines[line - 1] if line else 0
        return SourceLocation(line + 1, position + 1 - start)

    @cached_property
    def _lines(self) -> list[int]:
        """The positions of the lines but the first."""
        return [match.end() for match in _NEWLINE.finditer(self.body)]


def parse_document(text: str, limits: DocumentLimits) -> DocumentNode:
    """The syntax tree of a text. Raises: GraphQLError: not GraphQL, or too large."""
    if len(text) > limits.characters:
        raise GraphQLError(
            f"The document has {len(text)} characters; {limits.characters} are allowed. "
            "Send long values as variables.",
            extensions={"code": "DOCUMENT_TOO_LONG", "limit": limits.characters},
        )
    try:
        return parse(_Source(text), max_lexical_tokens=limits.tokens, max_comments=limits.tokens)
    except GraphQLError as error:
        # At a limit the parser raises an error that differs in its message only.
        if is_nesting_error(error):
            raise GraphQLError(
                "The document is nested too deeply.",
                source=error.source,
                positions=error.positions,
                extensions={"code": "QUERY_TOO_DEEP"},
            ) from None
        if not is_aborted_parsing(error):
            raise
        raise GraphQLError(
            f"The document has more than {limits.tokens} tokens; that many are allowed.",
            extensions={"code": "TOO_MANY_TOKENS", "limit": limits.tokens},
        ) from None


def validate_document(
    schema: GraphQLSchema, ast: DocumentNode, limits: DocumentLimits
) -> list[GraphQLError]:
    """The validation errors of a document; empty if it is valid."""
    errors = validate(schema, ast, _RULES, max_errors=limits.errors)
    if not errors:
        errors = merge_errors(schema, ast)[: limits.errors]
    return errors or validate(schema, ast, _FURTHER_RULES, max_errors=limits.errors)


def document_bytes(text: str, document: GraphQLDocument) -> int:
    """The size of a document: its text and tree, its cached costs, and its plans."""
    return tree_bytes(text, document) + document.costs.size_bytes + document.plan_bytes


def tree_bytes(text: str, document: GraphQLDocument) -> int:
    """The size of a document's text and tree."""
    return sys.getsizeof(text) + DOCUMENT_BYTES + NODE_BYTES * document.nodes
