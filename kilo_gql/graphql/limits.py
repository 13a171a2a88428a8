"""How much one GraphQL operation may return, known before it runs.

The cost is static: pages are multiplied down the document with the variables it came with (after GitHub's node limit
and Shopify's calculated cost); what a page may hold is in the schema, and ``lint_bounds`` sees to it that it is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, cast

from graphql import (
    BooleanValueNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLArgument,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    NullValueNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    Undefined,
    ValueNode,
    VariableNode,
    get_introspection_query,
    get_named_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    parse,
)

from kilo_gql.errors import BadRequest, TooLarge
from kilo_gql.paging import DEFAULT_LIMIT, MAX_LIMIT

#: Counts stop here, so that an exponential document costs no big-number arithmetic.
SATURATED: Final = 2**31 - 1
INTROSPECTION_FIELDS: Final = frozenset({"__schema", "__type"})
_PAGE_LISTS: Final = frozenset({"nodes", "edges"})
_PAGE_ARGUMENTS: Final = ("first", "last")
_NOT_AN_INT: Final = object()


@dataclass(frozen=True, slots=True)
class Limits:
    """The most one document may hold; sizes in bytes, everything else in pieces. Fragments count at every spread."""

    max_bytes: int = 64 * 1024
    max_tokens: int = 2000
    max_depth: int = 12
    max_aliases: int = 30
    max_directives: int = 50
    max_root_fields: int = 20
    max_mutation_fields: int = 5
    max_selections: int = 500
    max_operations: int = 10
    max_nodes: int = 10_000
    default_page: int = DEFAULT_LIMIT
    max_page: int = MAX_LIMIT
    max_variables_bytes: int = 1024 * 1024
    #: The same for an operation that is nothing but a field marked ``bulk``.
    max_bulk_bytes: int = 8 * 1024 * 1024
    introspection: bool = False
    suggestions: bool = False

    @property
    def max_nesting(self) -> int:
        """Brackets in the text, selection sets through fragments: what bounds every recursion of ours."""
        return 4 * self.max_depth


@dataclass(frozen=True, slots=True)
class Cost:
    """An upper bound, known before execution: objects in the answer, objects plus resolver calls, nested fields."""

    nodes: int
    points: int
    depth: int


def fragments_of(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    """The fragments of a document by name; of two with one name the last, as validation refuses both."""
    return {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}


class _Weight(NamedTuple):
    """Objects and points, and those that come once for every item of the page they are in.

    Keeping the page apart makes a fragment's weight the same at every spread, so it is computed once.
    """

    nodes: int = 0
    points: int = 0
    page_nodes: int = 0
    page_points: int = 0

    def plus(self, other: _Weight) -> _Weight:
        return _Weight(*(mine + its for mine, its in zip(self, other, strict=True)))

    def widest(self, other: _Weight) -> _Weight:
        return _Weight(*(max(mine, its) for mine, its in zip(self, other, strict=True)))

    def of_page(self, size: int) -> _Weight:
        return _Weight(self.nodes + size * self.page_nodes, self.points + size * self.page_points)


_WEIGHTLESS: Final = _Weight()


class CostModel:
    """What a schema's fields weigh.

    An object is one node. A list holds ``first``/``last`` items, or its field's ``extensions["bound"]``, or
    ``max_page``; below a field with ``first``/``last`` it is the lists ``nodes`` and ``edges`` that are multiplied.
    Points are nodes plus resolver calls: ``extensions["cost"]``, by default 1 for objects and lists, 0 for leaves.
    Introspection is charged in proportion: the standard query costs half of ``max_nodes``.
    """

    def __init__(self, schema: GraphQLSchema, limits: Limits) -> None:
        self.schema = schema
        self.limits = limits
        self.types = len(schema.type_map)
        members = sum(len(getattr(kind, "fields", ())) for kind in schema.type_map.values())
        self.members = max(1, math.ceil(members / self.types))
        self.introspection = 1
        if limits.introspection:
            self.introspection = self._standard_introspection()

    def cost(
        self,
        operation: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: Mapping[str, Any],
        depth: int,
    ) -> Cost:
        """The cost of one validated operation; linear in the document.

        Raises BadRequest for a page outside 1 to ``max_page`` and TooLarge (``graphql_too_costly``) over ``max_nodes``.
        """
        root = cast(GraphQLObjectType, self.schema.get_root_type(operation.operation))  # validation saw to it
        walk = _Walk(self, fragments, _values(operation, variables))
        weight = walk.selections(operation.selection_set, root).of_page(self.limits.max_page)
        cost = Cost(min(weight.nodes, SATURATED), min(weight.points, SATURATED), depth)
        if cost.nodes > self.limits.max_nodes:
            raise TooLarge(
                f"This could return {cost.nodes} objects; at most {self.limits.max_nodes} are allowed at once.",
                code="graphql_too_costly",
                details={"nodes": cost.nodes, "limit": self.limits.max_nodes},
                remediation=["Ask for smaller pages with `first`.", "Nest fewer lists in one request."],
            )
        return cost

    def _standard_introspection(self) -> int:
        document = parse(get_introspection_query())
        operation = next(node for node in document.definitions if isinstance(node, OperationDefinitionNode))
        field = cast(FieldNode, operation.selection_set.selections[0])
        return _Walk(self, fragments_of(document), {}).introspected(field)


def _values(operation: OperationDefinitionNode, variables: Mapping[str, Any]) -> dict[str, Any]:
    """The variables an operation declares, with their defaults; an absent one without default has no entry."""
    values = {}
    for node in operation.variable_definitions or ():
        name = node.variable.name.value
        if name in variables:
            values[name] = variables[name]
        elif node.default_value is not None:
            values[name] = _literal(node.default_value)
    return values


def _literal(node: ValueNode) -> object:
    if isinstance(node, NullValueNode):
        return None
    if isinstance(node, IntValueNode):
        # An Int has ten digits at most, and int() of some thousands of them is an error of its own.
        return int(node.value) if len(node.value) <= 11 else SATURATED
    return _NOT_AN_INT


class _Walk:
    """Weighs one operation with its variables, every fragment once."""

    def __init__(
        self, model: CostModel, fragments: Mapping[str, FragmentDefinitionNode], values: Mapping[str, Any]
    ) -> None:
        self.model = model
        self.limits = model.limits
        self.fragments = fragments
        self.values = values
        self._known: dict[str, _Weight] = {}

    def selections(self, node: SelectionSetNode, parent: GraphQLNamedType) -> _Weight:
        """The sum, where of what only one concrete type can answer only the heaviest counts."""
        total = _WEIGHTLESS
        only: dict[GraphQLNamedType, _Weight] = {}
        for selection in node.selections:
            if _never(selection):
                continue
            if isinstance(selection, FieldNode):
                total = total.plus(self.field(selection, parent))
                continue
            kind, weight = self.fragment(selection, parent)
            if kind is not parent and isinstance(kind, GraphQLObjectType):
                only[kind] = only.get(kind, _WEIGHTLESS).plus(weight)
            else:
                total = total.plus(weight)
        heaviest = _WEIGHTLESS
        for weight in only.values():
            heaviest = heaviest.widest(weight)
        return total.plus(heaviest)

    def fragment(self, node: SelectionNode, parent: GraphQLNamedType) -> tuple[GraphQLNamedType, _Weight]:
        if isinstance(node, InlineFragmentNode):
            condition = node.type_condition
            kind = self._type(condition.name.value) if condition else parent
            return kind, self.selections(node.selection_set, kind)
        name = cast(FragmentSpreadNode, node).name.value
        definition = self.fragments[name]
        kind = self._type(definition.type_condition.name.value)
        if name not in self._known:
            self._known[name] = self.selections(definition.selection_set, kind)
        return kind, self._known[name]

    def field(self, node: FieldNode, parent: GraphQLNamedType) -> _Weight:
        name = node.name.value
        if name in INTROSPECTION_FIELDS:
            scaled = math.ceil(self.introspected(node) * self.limits.max_nodes / (2 * self.model.introspection))
            return _Weight(scaled, scaled)
        if name == "__typename":
            return _WEIGHTLESS
        field = cast(GraphQLObjectType | GraphQLInterfaceType, parent).fields[name]
        page = self._page(node, field)
        kind, levels = get_named_type(field.type), _list_levels(field)
        leaf = is_leaf_type(kind)
        calls = int(field.extensions.get("cost", 0 if leaf and not levels else 1))
        if leaf or node.selection_set is None:
            return _Weight(0, calls)
        bound = page or _bound(field) or self.limits.max_page
        below = self.selections(node.selection_set, kind).of_page(bound)
        if _is_page_list(parent, name, field):
            return _Weight(0, calls, 1 + below.nodes, 1 + below.points)
        items = self._items(parent, name, page or _bound(field), levels)
        return _Weight(items * (1 + below.nodes), calls + items * (1 + below.points))

    def introspected(self, node: FieldNode) -> int:
        """The weight of ``__schema`` or ``__type`` in objects of the introspection system."""
        kind = self._type("__Schema" if node.name.value == "__schema" else "__Type")
        return 1 + (self.selections(node.selection_set, kind).nodes if node.selection_set else 0)

    def _items(self, parent: GraphQLNamedType, name: str, bound: int | None, levels: int) -> int:
        if levels == 0:
            return 1
        if parent.name.startswith("__"):
            return self.model.types if name == "types" else self.model.members
        return bound or self.limits.max_page**levels

    def _page(self, node: FieldNode, field: GraphQLField) -> int | None:
        """The largest page a field may answer with; None for a field without ``first`` and ``last``."""
        given = {argument.name.value: argument.value for argument in node.arguments or ()}
        pages = [name for name in _PAGE_ARGUMENTS if name in field.args]
        if not pages:
            return None
        asked = (self._asked(given.get(name), field.args[name]) for name in pages)
        return max((size for size in asked if size is not None), default=self.limits.default_page)

    def _asked(self, value: ValueNode | None, argument: GraphQLArgument) -> int | None:
        asked = _default(argument)
        if isinstance(value, VariableNode):
            asked = self.values.get(value.name.value, asked)
        elif value is not None:
            asked = _literal(value)
        if asked is None or asked is Undefined:
            return None
        if isinstance(asked, float) and asked.is_integer():
            asked = int(asked)
        if isinstance(asked, bool) or not isinstance(asked, int):
            return self.limits.max_page  # not an Int: execution refuses it, and no page is larger than this
        if not 1 <= asked <= self.limits.max_page:
            raise BadRequest(
                f"A page has 1 to {self.limits.max_page} items.",
                code="page_too_large" if asked > self.limits.max_page else "bad_request",
                details={"limit": max(-SATURATED, min(asked, SATURATED)), "max": self.limits.max_page},
                remediation=["Ask for a smaller page and follow `pageInfo.endCursor`."],
            )
        return asked

    def _type(self, name: str) -> GraphQLNamedType:
        return self.model.schema.type_map[name]


def _default(argument: GraphQLArgument) -> Any:
    """An argument's default, which graphql-core keeps in three ways: for code, as a value, as it was in the SDL."""
    if argument.default is None:
        return argument.default_value
    return argument.default.value if argument.default.literal is None else _literal(argument.default.literal)


def _never(node: SelectionNode) -> bool:
    """Excluded by a literal ``@skip(if: true)`` or ``@include(if: false)``; a variable counts as included."""
    for directive in node.directives or ():
        unwanted = {"skip": True, "include": False}.get(directive.name.value)
        for argument in directive.arguments or ():
            if isinstance(argument.value, BooleanValueNode) and argument.value.value is unwanted:
                return True
    return False


def _list_levels(field: GraphQLField) -> int:
    levels, kind = 0, field.type
    while is_list_type(kind) or is_non_null_type(kind):
        levels += 1 if is_list_type(kind) else 0
        kind = kind.of_type
    return levels


def _bound(field: GraphQLField) -> int | None:
    bound = field.extensions.get("bound")
    return bound if isinstance(bound, int) and not isinstance(bound, bool) and bound > 0 else None


def _is_page_list(parent: GraphQLNamedType, name: str, field: GraphQLField) -> bool:
    """Whether the page a list is cut to is asked for one field further up, at the connection."""
    mine = name in _PAGE_LISTS and parent.name.endswith("Connection") and _list_levels(field) > 0
    return mine and not any(each in field.args for each in _PAGE_ARGUMENTS) and _bound(field) is None


def lint_bounds(schema: GraphQLSchema) -> list[str]:
    """The fields whose answers have no known size, as ``Type.field``: lists that are neither paged, bounded nor the
    ``nodes``/``edges`` of a ``*Connection``, and fields that return a ``*Connection`` without taking ``first``.
    """
    offenders = []
    for kind in schema.type_map.values():
        if kind.name.startswith("__") or not isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            continue
        for name, field in kind.fields.items():
            sized = "first" in field.args or _bound(field) is not None or _is_page_list(kind, name, field)
            many = _list_levels(field) > 0 or get_named_type(field.type).name.endswith("Connection")
            if many and not sized:
                offenders.append(f"{kind.name}.{name}")
    return sorted(offenders)
