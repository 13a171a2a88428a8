"""Scalars beyond GraphQL's own."""

from __future__ import annotations

from typing import Any, NewType

import strawberry

JSON = strawberry.scalar(
    NewType("JSON", object),
    description="Any JSON value.",
    serialize=lambda value: value,
    parse_value=lambda value: value,
)

Json = Any
