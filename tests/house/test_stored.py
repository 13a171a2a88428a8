"""What a writing operation answers with can be kept for its key and given again, whichever operation it is."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from enum import Enum
from typing import Any
from uuid import UUID

import msgspec
import orjson
import pytest
from sqlalchemy import inspect

import kilo_gql.app  # noqa: F401 (imports every operation)
from kilo_gql import codec
from kilo_gql.models import Base
from kilo_gql.operations import OPERATIONS

KEPT = sorted(name for name, operation in OPERATIONS.items() if operation.write and operation.retention is not None)
PLAIN: dict[Any, Any] = {
    None: None,
    type(None): None,
    str: "text",
    int: 7,
    float: 0.1,
    bool: True,
    UUID: UUID(int=1),
    datetime: datetime(2026, 11, 21, 12, 30, tzinfo=UTC),
    date: date(2026, 11, 21),
    bytes: b"secret",
    Any: 1,
}


def answer_of(name: str) -> Any:
    """The type that an operation says it answers with."""
    return typing.get_type_hints(OPERATIONS[name].body)["return"]


def filled(hint: Any) -> Any:
    """A value of a type with something in every field of it."""
    kind, inside = typing.get_origin(hint) or hint, typing.get_args(hint)
    if kind in (typing.Union, types.UnionType):
        return filled(next(one for one in inside if one is not type(None)))
    if kind in PLAIN:
        return PLAIN[kind]
    if issubclass(kind, Enum):
        return next(iter(kind))
    if kind is tuple:
        return tuple(filled(one) for one in inside if one is not Ellipsis)
    if issubclass(kind, Mapping):
        return {"name": 1}
    if issubclass(kind, Sequence):
        return [filled(inside[0])]
    if issubclass(kind, Base):
        return kind(**{name: filled(one) for name, one in columns_of(kind)})
    hints = typing.get_type_hints(kind)
    return kind(**{name: filled(hints[name]) for name in fields_of(kind)})


def fields_of(kind: type) -> Sequence[str]:
    """Of a dataclass or a Struct."""
    if issubclass(kind, msgspec.Struct):
        return kind.__struct_fields__
    return [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]


def columns_of(model: type[Base]) -> Iterator[tuple[str, Any]]:
    """Columns of a row and their types."""
    hints = typing.get_type_hints(model)
    for column in inspect(model).column_attrs:
        [hint] = typing.get_args(hints.get(column.key)) or [column.columns[0].type.python_type]
        yield column.key, hint


def plain(value: Any) -> Any:
    """Comparable: rows by their columns, but for bytes, which are secrets and not kept."""
    if isinstance(value, Base):
        columns = {name: getattr(value, name) for name, _ in columns_of(type(value))}
        return type(value), {name: column for name, column in columns.items() if column not in (None, b"secret")}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return str(value) if isinstance(value, UUID) else value  # bare ids come back as text, as both doors print them


@pytest.mark.parametrize("name", KEPT)
def test_what_is_kept_is_what_was_answered(name: str) -> None:
    answered = filled(answer_of(name))
    kept = orjson.loads(orjson.dumps(codec.freeze(answered)))
    assert plain(codec.thaw(kept)) == plain(answered)


def test_no_two_kept_values_share_a_name() -> None:
    kept = {type(one) for name in KEPT for one in values_in(filled(answer_of(name)))}
    assert {codec._VALUES[one.__name__] for one in kept} == kept


def values_in(value: Any) -> Iterator[Any]:
    """The dataclasses and Structs in a value."""
    if isinstance(value, list | tuple):
        for one in value:
            yield from values_in(one)
    elif isinstance(value, msgspec.Struct) or dataclasses.is_dataclass(value):
        yield value
        for name in fields_of(type(value)):
            yield from values_in(getattr(value, name))
