"""How much one document may ask for: depth, aliases, directives, tokens, and an estimate of its cost.

Fragments are measured once and counted wherever they are spread, so nothing is hidden in them, and nothing of
this takes longer than the document is long. Introspection (`__…`) is not measured: it costs no call, and is
there in development only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLCompositeType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    NamedTypeNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    is_composite_type,
    is_list_type,
    is_non_null_type,
)

from bff.web.errors import Unusable

MAX_DEPTH = 8
MAX_ALIASES = 15
MAX_DIRECTIVES = 20
MAX_TOKENS = 1_000
MAX_COST = 500

PAGE_SIZE = 20  # what `first` is if it is not said
LIST_SIZE = 3  # what a list without pages has, about
WEIGHTS: Mapping[str, int] = {
    # a hash of a password is meant to take long
    "Mutation.signIn": 100,
    "Mutation.signUp": 100,
    "Mutation.placeOrder": 50,
    "Mutation.cancelOrder": 20,
    "Subscription.orderStatus": 20,
}
"""What a field costs by itself; any other 1 if it is an object, and nothing if it is a value."""


@dataclass(frozen=True)
class Measures:
    """Of a part of a document."""

    depth: int = 0
    aliases: int = 0
    directives: int = 0
    cost: int = 0

    def beside(self, other: Measures) -> Measures:
        """Both parts, one beside the other."""
        return Measures(
            max(self.depth, other.depth),
            self.aliases + other.aliases,
            self.directives + other.directives,
            self.cost + other.cost,
        )


def check_shape(measures: Measures) -> None:
    """Raises Unusable for what is too much whatever the variables are, with the limit and the value."""
    for code, what, value, limit in (
        ("QUERY_TOO_DEEP", "depth", measures.depth, MAX_DEPTH),
        ("QUERY_TOO_WIDE", "number of aliases", measures.aliases, MAX_ALIASES),
        ("QUERY_TOO_WIDE", "number of directives", measures.directives, MAX_DIRECTIVES),
    ):
        if value > limit:
            raise too_much(code, what, value, limit)


def check_cost(measures: Measures) -> None:
    """Raises Unusable for what costs too much with these variables."""
    if measures.cost > MAX_COST:
        raise too_much("QUERY_TOO_COSTLY", "cost", measures.cost, MAX_COST)


def too_much(code: str, what: str, value: int, limit: int) -> Unusable:
    """What is said of a document that asks for too much."""
    return Unusable(
        code, f"the {what} of the query is {value}, at most {limit}", {"limit": limit, "value": value}
    )


class Measuring:
    """Measures the operations of one document."""

    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: Mapping[str, Any],
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._variables = variables
        self._known: dict[str, Measures] = {}
        self._under_way: set[str] = set()

    def operation(self, operation: OperationDefinitionNode) -> Measures:
        """All that an operation asks for."""
        root = self._schema.get_root_type(operation.operation)
        found = self._selections(operation.selection_set, root)
        return replace(found, directives=found.directives + len(operation.directives or ()))

    def _selections(self, selected: SelectionSetNode | None, parent: GraphQLCompositeType | None) -> Measures:
        found = Measures()
        for node in selected.selections if selected else ():
            match node:
                case FieldNode():
                    one = self._field(node, parent)
                case FragmentSpreadNode():
                    one = self._fragment(node.name.value)
                case InlineFragmentNode():
                    one = self._selections(node.selection_set, self._type(node.type_condition) or parent)
                case _:
                    one = Measures()
            found = found.beside(replace(one, directives=one.directives + len(node.directives or ())))
        return found

    def _fragment(self, name: str) -> Measures:
        if name in self._under_way:
            said = f"the fragment {name!r} spreads itself: the depth of the query has no end"
            raise Unusable("QUERY_TOO_DEEP", said, {"limit": MAX_DEPTH, "value": None})
        if name not in self._known and name in self._fragments:
            fragment = self._fragments[name]
            self._under_way.add(name)
            found = self._selections(fragment.selection_set, self._type(fragment.type_condition))
            self._under_way.remove(name)
            self._known[name] = replace(found, directives=found.directives + len(fragment.directives or ()))
        return self._known.get(name, Measures())

    def _field(self, node: FieldNode, parent: GraphQLCompositeType | None) -> Measures:
        name = node.name.value
        alias = 1 if node.alias else 0
        if name.startswith("__"):
            return Measures(aliases=alias)
        field = parent.fields.get(name) if isinstance(parent, GraphQLObjectType) else None
        kind = get_named_type(field.type) if field else None
        inner = kind if is_composite_type(kind) else None
        below = self._selections(node.selection_set, inner)
        weight = WEIGHTS.get(f"{parent.name}.{name}", 1 if inner else 0) if parent else 1
        return Measures(
            below.depth + 1,
            below.aliases + alias,
            below.directives,
            weight + self._size(node, field) * below.cost,
        )

    def _size(self, node: FieldNode, field: Any) -> int:
        """How many of what is below a field there may be. A page says it for its edges."""
        if field is None or "first" not in field.args:
            return LIST_SIZE if field is not None and _is_bare_list(field.type, node) else 1
        for argument in node.arguments or ():
            if argument.name.value == "first":
                return self._number(argument.value)
        return PAGE_SIZE

    def _number(self, value: object) -> int:
        if isinstance(value, IntValueNode):
            return int(value.value)
        told = self._variables.get(value.name.value) if isinstance(value, VariableNode) else None
        return told if isinstance(told, int) else PAGE_SIZE

    def _type(self, condition: NamedTypeNode | None) -> GraphQLCompositeType | None:
        found = self._schema.get_type(condition.name.value) if condition else None
        return found if is_composite_type(found) else None


def _is_bare_list(kind: Any, node: FieldNode) -> bool:
    if is_non_null_type(kind):
        kind = kind.of_type
    return is_list_type(kind) and node.name.value not in ("edges", "nodes")
