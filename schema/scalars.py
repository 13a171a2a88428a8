"""Scalars beyond GraphQL's own."""

from __future__ import annotations

from typing import Any, Final, NewType
from uuid import UUID

import strawberry
from strawberry.types.scalar import ScalarDefinition

#: A Python type of its own, so that annotations can name the scalar.
JSON = NewType("JSON", object)
#: Sizes of files do not fit GraphQL's 32 bits.
BigInt = NewType("BigInt", int)


def _parse_uuid(value: Any) -> UUID:
    if not isinstance(value, str):
        raise ValueError("a UUID is written as a string")
    return UUID(value)


def _parse_int(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= 2**53:
        raise ValueError("an integer of up to 53 bits")
    return value


#: How Python types are written where Strawberry's own ways do not fit.
SCALARS: Final[dict[object, ScalarDefinition]] = {
    JSON: strawberry.scalar(
        name="JSON", description="Any JSON value.", serialize=lambda value: value, parse_value=lambda value: value
    ),
    BigInt: strawberry.scalar(
        name="BigInt",
        description="An integer of up to 53 bits, written as a JSON number.",
        serialize=int,
        parse_value=_parse_int,
    ),
    UUID: strawberry.scalar(
        name="UUID",
        description="An id: 32 hexadecimal digits in groups of 8-4-4-4-12 (RFC 9562).",
        serialize=str,
        parse_value=_parse_uuid,
    ),
}
