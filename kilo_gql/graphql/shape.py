"""How large a document is, counted without a schema and through its fragments, before anything expensive is done."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, cast

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
)

from kilo_gql.errors import BadRequest, Forbidden, TooLarge
from kilo_gql.graphql.limits import INTROSPECTION_FIELDS, SATURATED, Limits, fragments_of

#: Fields of nesting a standard introspection query needs; ``max_depth`` does not apply below ``__schema``.
INTROSPECTION_DEPTH: Final = 16


def too_many(code: str, what: str, value: int, limit: int) -> TooLarge:
    return TooLarge(
        f"This request is too large: {value} {what}, {limit} are allowed.",
        code=code,
        details={"value": value, "limit": limit},
        remediation=["Ask for less, or split it into several requests."],
    )


def too_deep(value: int, limit: int) -> TooLarge:
    return too_many("graphql_too_deep", "levels of nesting", value, limit)


@dataclass(frozen=True, slots=True)
class Shape:
    """Counts over a selection set and all below it: ``depth`` in fields, ``height`` in selection sets."""

    depth: int = 0
    height: int = 0
    roots: int = 0
    selections: int = 0
    aliases: int = 0
    directives: int = 0

    def beside(self, other: Shape) -> Shape:
        return Shape(
            max(self.depth, other.depth),
            max(self.height, other.height),
            *(min(mine + its, SATURATED) for mine, its in zip(self._sums(), other._sums(), strict=True)),
        )

    def _sums(self) -> tuple[int, int, int, int]:
        return self.roots, self.selections, self.aliases, self.directives


_NOTHING: Final = Shape()


def operations_of(document: DocumentNode) -> list[OperationDefinitionNode]:
    return [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]


def name_of(node: OperationDefinitionNode) -> str | None:
    return node.name.value if node.name else None


def measure(document: DocumentNode, limits: Limits) -> dict[str | None, Shape]:
    """The shape of every operation by name, in time linear in the document. Raises what the first limit says."""
    operations = operations_of(document)
    if len(operations) > limits.max_operations:
        raise too_many("graphql_too_many_operations", "operations", len(operations), limits.max_operations)
    shapes = _Shapes(document, limits)
    measured = {}
    for node in operations:
        roots = limits.max_mutation_fields if node.operation.value == "mutation" else limits.max_root_fields
        shape = shapes.operation(node)
        _refuse(shape, limits, roots)
        measured[name_of(node)] = shape
    # Fragments nobody spreads are refused by validation, but only after it has worked through them.
    for name in shapes.fragments:
        shape = shapes.fragment(name, 1)
        _refuse(Shape(height=shape.height, selections=shape.selections), limits, 0)
    if shapes.visited > limits.max_selections:
        raise too_many("graphql_too_many_selections", "selections", shapes.visited, limits.max_selections)
    return measured


def _refuse(shape: Shape, limits: Limits, max_roots: int) -> None:
    if shape.height > limits.max_nesting:
        raise too_deep(shape.height, limits.max_nesting)
    if shape.depth > limits.max_depth:
        raise too_deep(shape.depth, limits.max_depth)
    for code, what, value, limit in (
        ("graphql_too_many_aliases", "aliases", shape.aliases, limits.max_aliases),
        ("graphql_too_many_directives", "directives", shape.directives, limits.max_directives),
        ("graphql_too_many_root_fields", "fields at the root", shape.roots, max_roots),
        ("graphql_too_many_selections", "selections", shape.selections, limits.max_selections),
    ):
        if value > limit:
            raise too_many(code, what, value, limit)


class _Shapes:
    """Measures one document, every fragment once."""

    def __init__(self, document: DocumentNode, limits: Limits) -> None:
        self.limits = limits
        self.fragments = fragments_of(document)
        self.visited = 0
        self._known: dict[str, Shape] = {}
        self._open: set[str] = set()

    def operation(self, node: OperationDefinitionNode) -> Shape:
        shape = self._within(node.selection_set, 1)
        own = len(node.directives or ()) + sum(len(each.directives or ()) for each in node.variable_definitions or ())
        return replace(shape, directives=shape.directives + own)

    def fragment(self, name: str, level: int) -> Shape:
        if name in self._open:
            raise BadRequest(
                "A fragment of this document spreads itself.",
                code="graphql_fragment_cycle",
                remediation=["Break the circle: a fragment may not contain itself, also not through others."],
            )
        node = self.fragments.get(name)
        if node is None:  # validation has the better words for it
            return _NOTHING
        if name not in self._known:
            self._open.add(name)
            shape = self._within(node.selection_set, level)
            self._known[name] = replace(shape, directives=shape.directives + len(node.directives or ()))
            self._open.discard(name)
        return self._known[name]

    def _within(self, selections: SelectionSetNode, level: int) -> Shape:
        if level > self.limits.max_nesting:
            raise too_deep(level, self.limits.max_nesting)
        found = _NOTHING
        for node in selections.selections:
            self.visited += 1
            found = found.beside(self._one(node, level))
        return replace(found, height=found.height + 1)

    def _one(self, node: SelectionNode, level: int) -> Shape:
        if isinstance(node, FieldNode):
            shape = self._field(node, level)
        elif isinstance(node, InlineFragmentNode):
            shape = self._within(node.selection_set, level + 1)
        else:
            shape = self.fragment(cast(FragmentSpreadNode, node).name.value, level + 1)
        own = len(node.directives or ())
        return replace(shape, selections=shape.selections + 1, directives=shape.directives + own)

    def _field(self, node: FieldNode, level: int) -> Shape:
        introspects = node.name.value in INTROSPECTION_FIELDS
        if introspects and not self.limits.introspection:
            raise Forbidden(
                "This server does not describe its schema over the wire.",
                code="introspection_off",
                remediation=["Read the schema from schema/schema.graphql, which is the same."],
            )
        below = self._within(node.selection_set, level + 1) if node.selection_set else _NOTHING
        depth = below.depth + 1
        if introspects:
            if depth > INTROSPECTION_DEPTH:
                raise too_deep(depth, INTROSPECTION_DEPTH)
            depth = 1
        return replace(below, depth=depth, roots=1, aliases=below.aliases + (node.alias is not None))
