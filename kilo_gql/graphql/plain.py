"""Rows as answers, without a step per field.

Most of what a client asks for are columns: fields that are attributes of a row, with scalar or enum types, or objects
made of such. For such a selection graphql-core would call its executor for every field of every row; here the selection
becomes one reader, made once a request and applied to each row. It takes a row only if nothing can go wrong with it (no
null in a non-null field, no value of an unexpected type): anything else goes the long way, and gets graphql-core's own
errors. Reading attributes has no effects, so the two ways cannot differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import date, datetime
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    GraphQLScalarType,
)
from graphql.execution.incremental import IncrementalExecutor

#: Scalars whose values of exactly this type JSON encoding writes as their serializer would.
_AS_IT_IS: Final[dict[str, type]] = {
    "String": str,
    "Boolean": bool,
    "Float": float,
    "DateTime": datetime,
    "Date": date,
}
_INT_MAX: Final = 2**31 - 1


class Unreadable(Exception):
    """This row must go the long way."""


def _leaf(kind: GraphQLOutputType) -> Callable[[Any], Any] | None:
    """How a value of a leaf type is written (None: it is no leaf). Raises Unreadable."""
    if isinstance(kind, GraphQLEnumType):
        names = {member.value: name for name, member in kind.values.items()}

        def enum(value: Any) -> Any:
            try:
                return names[value]
            except (KeyError, TypeError):
                raise Unreadable from None

        return enum
    if not isinstance(kind, GraphQLScalarType):
        return None
    if kind.name in _WRITERS:
        return _WRITERS[kind.name]
    exact = _AS_IT_IS.get(kind.name)
    return kind.serialize if exact is None else _exactly(exact)


def _int(value: Any) -> int:
    if type(value) is int and -_INT_MAX - 1 <= value <= _INT_MAX:
        return value
    raise Unreadable


def _uuid(value: Any) -> str:
    if isinstance(value, UUID):
        return str(value)  # asyncpg's are a subclass, which the encoder does not take
    raise Unreadable


_WRITERS: Final[dict[str, Callable[[Any], Any]]] = {"Int": _int, "UUID": _uuid}


def _exactly(kind: type) -> Callable[[Any], Any]:
    def same(value: Any) -> Any:
        if type(value) is kind:
            return value
        raise Unreadable

    return same


def _nullable(write: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else write(value)


def _never_null(write: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def strict(value: Any) -> Any:
        if value is None:
            raise Unreadable
        return write(value)

    return strict


def _writer(kind: GraphQLOutputType) -> Callable[[Any], Any] | None:
    """How a value of this type is written (None: not a leaf, nor a list of leaves)."""
    if isinstance(kind, GraphQLNonNull):
        inner = _writer_of(kind.of_type)
        # our own writers refuse null by themselves; a scalar's serializer or a list may not
        return inner if inner is None or inner.__module__ == __name__ else _never_null(inner)
    inner = _writer_of(kind)
    return inner and _nullable(inner)


def _writer_of(kind: GraphQLOutputType) -> Callable[[Any], Any] | None:
    if isinstance(kind, GraphQLList):
        item = _writer(kind.of_type)
        return item and _each(item)
    return _leaf(kind)


def _each(write: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda values: [write(value) for value in values]


Reader = Callable[[Any], dict[str, Any]]
#: The reader of what is selected on an object within (None: it has none).
Below = Callable[[GraphQLObjectType, list[Any]], Reader | None]


def _object(kind: GraphQLOutputType, details: list[Any], below: Below) -> Callable[[Any], Any] | None:
    """How an object that is an attribute of the row is written (None: it cannot be read so)."""
    strict = isinstance(kind, GraphQLNonNull)
    named = kind.of_type if isinstance(kind, GraphQLNonNull) else kind
    if not isinstance(named, GraphQLObjectType) or (read := below(named, details)) is None:
        return None
    belongs: Any = named.is_type_of

    def write(value: Any) -> Any:
        # no type of ours looks at the second argument, and one that did would only send the row the long way
        if belongs is not None and belongs(value, None) is not True:
            raise Unreadable
        return read(value)

    return _never_null(write) if strict else _nullable(write)


def reader(kind: GraphQLObjectType, grouped: dict[str, list[Any]], below: Below) -> Reader | None:
    """The reader of a selection on ``kind`` (None: not all of its fields are columns, or objects of columns)."""
    names: list[str] = []
    columns: list[tuple[str, Callable[[Any], Any]]] = []
    constants: dict[str, str] = {}
    for key, details in grouped.items():
        node = details[0].node
        if node.name.value == "__typename":
            constants[key] = kind.name
            continue
        field: GraphQLField | None = kind.fields.get(node.name.value)
        attribute = field.extensions.get("attribute") if field is not None else None
        write = None
        if field is not None and attribute is not None:
            write = _writer(field.type) or _object(field.type, details, below)
        if attribute is None or write is None:
            return None
        names.append(attribute)
        columns.append((key, write))
    if len(names) < 2 or constants:
        return None if not names else _slow_reader(names, columns, constants, list(grouped))
    values = attrgetter(*names)

    def read(row: Any) -> dict[str, Any]:
        return {key: write(value) for (key, write), value in zip(columns, values(row), strict=True)}

    return read


def _slow_reader(
    names: list[str], columns: list[tuple[str, Callable[[Any], Any]]], constants: dict[str, str], order: list[str]
) -> Reader:
    """One column, or ``__typename`` among them: keys must keep the order in which they were asked for."""

    def read(row: Any) -> dict[str, Any]:
        found = {key: write(getattr(row, name)) for name, (key, write) in zip(names, columns, strict=True)}
        return {key: constants[key] if key in constants else found[key] for key in order}

    return read


class PlainExecutor(IncrementalExecutor):
    """graphql-core's executor, with readers for selections of columns."""

    _readers: dict[int, Reader | None]

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._readers = {}

    def execute_collected_subfields(
        self,
        parent_type: GraphQLObjectType,
        source_value: Any,
        path: Any,
        grouped_field_set: Any,
        new_defer_usages: Any,
        position_context: Any,
    ) -> Any:
        """One object."""
        read = None if new_defer_usages or position_context else self._reader(parent_type, grouped_field_set)
        if read is not None:
            with suppress(Exception):  # whatever it is, the long way says it properly
                return read(source_value)
        return super().execute_collected_subfields(
            parent_type, source_value, path, grouped_field_set, new_defer_usages, position_context
        )

    def complete_iterable_value(
        self,
        item_type: GraphQLOutputType,
        field_details_list: Any,
        info: GraphQLResolveInfo[Any],
        path: Any,
        items: Iterable[Any],
        position_context: Any,
    ) -> Any:
        """A list of objects, all at once."""
        kind = item_type.of_type if isinstance(item_type, GraphQLNonNull) else item_type
        if isinstance(kind, GraphQLObjectType) and isinstance(items, list | tuple) and not position_context:
            collected = self.collect_subfields(kind, field_details_list)
            read = None if collected.new_defer_usages else self._reader(kind, collected.grouped_field_set)
            if read is not None and not self.get_stream_usage(field_details_list, path):
                with suppress(Exception):
                    return self._read_all(kind, read, items, info)
        return super().complete_iterable_value(item_type, field_details_list, info, path, items, position_context)

    def _read_all(
        self, kind: GraphQLObjectType, read: Reader, items: Iterable[Any], info: GraphQLResolveInfo[Any]
    ) -> list[dict[str, Any]]:
        belongs = kind.is_type_of
        if belongs is None:
            return [read(item) for item in items]
        made = []
        for item in items:
            if belongs(item, info) is not True:
                raise Unreadable
            made.append(read(item))
        return made

    def _reader(self, kind: GraphQLObjectType, grouped: Any) -> Reader | None:
        # a field set is kept by ``collect_subfields`` as long as this executor lives, so its id is its own
        key = id(grouped)
        if key not in self._readers:
            self._readers[key] = reader(kind, grouped, self._below)
        return self._readers[key]

    def _below(self, kind: GraphQLObjectType, details: list[Any]) -> Reader | None:
        collected = self.collect_subfields(kind, details)
        return None if collected.new_defer_usages else self._reader(kind, collected.grouped_field_set)
