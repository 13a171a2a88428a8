"""Keyset pages, the same behind both doors: a cursor names the last row seen, so inserts never shift a page."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

import msgspec

from kilo_gql.errors import BadRequest

T = TypeVar("T")

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 200


@dataclass(frozen=True, slots=True)
class Slice:
    """Which rows are asked for: at most ``limit`` of them, after ``cursor``."""

    limit: int = DEFAULT_LIMIT
    cursor: str | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MAX_LIMIT:
            raise BadRequest(
                f"A page has 1 to {MAX_LIMIT} items.",
                code="page_too_large" if self.limit > MAX_LIMIT else "bad_request",
                details={"limit": self.limit, "max": MAX_LIMIT},
            )

    def after(self, *types: type[Any]) -> tuple[Any, ...] | None:
        """The key of the last row seen, in the given types. Raises BadRequest for a cursor that is not ours."""
        if self.cursor is None:
            return None
        try:
            values = msgspec.json.decode(base64.urlsafe_b64decode(self.cursor.encode() + b"=="), type=list[Any])
            if len(values) != len(types):
                raise ValueError(self.cursor)
            return tuple(msgspec.convert(value, kind) for value, kind in zip(values, types, strict=True))
        except (ValueError, binascii.Error, msgspec.MsgspecError, UnicodeError) as error:
            raise BadRequest(
                "This cursor is not one of ours.",
                code="bad_cursor",
                remediation=["Start again without a cursor."],
            ) from error


def cursor_of(*values: Any) -> str:
    """An opaque cursor for a row's key."""
    return base64.urlsafe_b64encode(msgspec.json.encode(list(values))).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows, and where the next ones begin (None: these were the last). ``cursor`` names any one of them."""

    items: Sequence[T]
    next_cursor: str | None
    cursor: Callable[[T], str]


def page_of(rows: Sequence[T], slice_: Slice, key: Callable[[T], tuple[Any, ...]]) -> Page[T]:
    """Cut a page from ``limit + 1`` rows: the extra one only tells that there is more."""

    def cursor(row: T) -> str:
        return cursor_of(*key(row))

    items = rows[: slice_.limit]
    more = len(rows) > slice_.limit
    return Page(items, cursor(items[-1]) if more else None, cursor)


def by_id(row: Any) -> tuple[UUID]:
    """The key of lists in order of creation: a UUIDv7 is its own clock."""
    return (row.id,)
