"""From the text of a query to a document that may be carried out: parsed, measured, valid, its variables too.

Everything that depends on the text alone is done once for each text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    Source,
    TokenKind,
    VariableDefinitionNode,
    get_variable_values,
    is_input_type,
    parse,
    type_from_ast,
    validate,
)
from graphql.language import Lexer
from graphql.utilities import validate_input_value

from bff.web.errors import Unusable, UnusableDocument
from bff.web.limits import MAX_DEPTH, MAX_TOKENS, Measuring, check_cost, check_shape, too_much

KEPT = 256
"""How many texts are remembered; each has at most `MAX_TOKENS` tokens."""
MOST_ERRORS = 20


@dataclass(frozen=True)
class Asked:
    """What a request asks for."""

    query: str
    variables: Mapping[str, Any]
    operation_name: str | None = None
    document_id: str = ""  # instead of the text


@dataclass(frozen=True)
class Document:
    """A valid document."""

    node: DocumentNode
    operations: Mapping[str, OperationDefinitionNode]
    fragments: Mapping[str, FragmentDefinitionNode]


class Documents:
    """Prepares what is asked of one schema. Outside of development nobody is told what there is in it."""

    def __init__(self, schema: GraphQLSchema, *, development: bool) -> None:
        self._schema = schema
        self._development = development
        self._document = lru_cache(KEPT)(self._checked)

    def prepare(self, asked: Asked) -> tuple[Document, OperationDefinitionNode]:
        """The document and the operation that is meant. Raises Unusable."""
        document = self._document(asked.query)
        operation = _chosen(document, asked.operation_name)
        self._check_variables(operation, asked.variables)
        check_cost(Measuring(self._schema, document.fragments, asked.variables).operation(operation))
        return document, operation

    def _checked(self, query: str) -> Document:
        """Limits come first: rules of validity take longer, the larger a document is."""
        document = _parsed(query)
        for operation in document.operations.values():
            check_shape(Measuring(self._schema, document.fragments, {}).operation(operation))
        hide = not self._development
        rules = [NoSchemaIntrospectionCustomRule] if hide else []
        if errors := validate(self._schema, document.node, rules):
            raise UnusableDocument("INTROSPECTION_DISABLED", errors[:1])
        if errors := validate(self._schema, document.node, None, MOST_ERRORS, hide_suggestions=hide):
            raise UnusableDocument("GRAPHQL_VALIDATION_FAILED", errors)
        return document

    def _check_variables(self, operation: OperationDefinitionNode, variables: Mapping[str, Any]) -> None:
        definitions = operation.variable_definitions or ()
        hide = not self._development
        found = get_variable_values(
            self._schema, definitions, dict(variables), MOST_ERRORS, hide_suggestions=hide
        )
        if not isinstance(found, list):
            return
        given = [each for each in definitions if each.variable.name.value in variables]
        placed = [error for each in given for error in self._mistakes(each, variables, hide=hide)]
        raise UnusableDocument("BAD_USER_INPUT", placed or found)

    def _mistakes(
        self, definition: VariableDefinitionNode, variables: Mapping[str, Any], *, hide: bool
    ) -> list[GraphQLError]:
        """What is wrong with one variable, each with its path."""
        name = definition.variable.name.value
        found: list[GraphQLError] = []

        def note(error: GraphQLError, path: list[str | int]) -> None:
            where = {"path": ["variables", name, *path]}
            found.append(GraphQLError(f"${name}: {error.message}", definition, extensions=where))

        kind = type_from_ast(self._schema, definition.type)
        if is_input_type(kind):
            validate_input_value(variables[name], kind, note, hide)
        return found


def _parsed(query: str) -> Document:
    source = Source(query)
    try:
        node = parse(source, max_tokens=MAX_TOKENS)
    except GraphQLSyntaxError as error:
        if (tokens := _tokens(source)) > MAX_TOKENS:
            raise too_much("QUERY_TOO_LARGE", "number of tokens", tokens, MAX_TOKENS) from None
        if "nested too deeply" in error.message:  # the parser's own limit, far beyond ours
            said = f"the query is nested too deeply to be read, its depth is at most {MAX_DEPTH}"
            raise Unusable("QUERY_TOO_DEEP", said, {"limit": MAX_DEPTH, "value": None}) from None
        raise UnusableDocument("GRAPHQL_PARSE_FAILED", [error]) from None
    operations = [found for found in node.definitions if isinstance(found, OperationDefinitionNode)]
    fragments = [found for found in node.definitions if isinstance(found, FragmentDefinitionNode)]
    return Document(
        node,
        {found.name.value if found.name else "": found for found in operations},
        {found.name.value: found for found in fragments},
    )


def _tokens(source: Source) -> int:
    """How many there are, up to the first that is none."""
    lexer, count = Lexer(source), 0
    try:
        while lexer.advance().kind is not TokenKind.EOF:
            count += 1
    except GraphQLSyntaxError:
        pass
    return count


def _chosen(document: Document, name: str | None) -> OperationDefinitionNode:
    if name:
        if name not in document.operations:
            raise Unusable("GRAPHQL_BAD_REQUEST", "operationName names no operation of the document")
        return document.operations[name]
    if len(document.operations) != 1:
        said = (
            "several operations: say by operationName which is meant"
            if document.operations
            else ("the document has no operation")
        )
        raise Unusable("GRAPHQL_BAD_REQUEST", said)
    return next(iter(document.operations.values()))


def is_query(operation: OperationDefinitionNode) -> bool:
    """Whether it changes nothing."""
    return operation.operation is OperationType.QUERY


def is_subscription(operation: OperationDefinitionNode) -> bool:
    """Whether it streams."""
    return operation.operation is OperationType.SUBSCRIPTION
