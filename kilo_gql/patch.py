"""A change names only what it changes: absent and null are two different wishes."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

from msgspec import UNSET, UnsetType

__all__ = ["UNSET", "UnsetType", "given"]

_KEEP: Final = UNSET


def given(change: Any) -> dict[str, Any]:
    """The fields of a change dataclass that were given, by name."""
    return {
        field.name: value for field in dataclasses.fields(change) if (value := getattr(change, field.name)) is not _KEEP
    }
