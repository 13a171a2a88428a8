"""Operation values as JSON and back: what a replayed call answers with must be what the first one did."""

from __future__ import annotations

import dataclasses
import types
import typing
from datetime import date, datetime
from enum import Enum
from typing import Any, Final
from uuid import UUID

import msgspec
import orjson
from sqlalchemy import inspect

from kilo_gql.models import Base

_TABLES: Final = {mapper.class_.__name__: mapper.class_ for mapper in Base.registry.mappers}
_VALUES: Final[dict[str, type]] = {}


def stored(cls: type) -> type:
    """Register a frozen dataclass or Struct that operations answer with, so that values can be kept and replayed."""
    _VALUES[cls.__name__] = cls
    return cls


def canonical(value: Any) -> bytes:
    """One spelling for equal input: sorted keys, no white space. Unset fields of a change are left out."""
    return orjson.dumps(_plain(value), option=orjson.OPT_SORT_KEYS)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        pairs = ((f.name, getattr(value, f.name)) for f in dataclasses.fields(value))
        return {name: _plain(item) for name, item in pairs if item is not msgspec.UNSET}
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, bytes):
        return value.hex()
    return value


def freeze(value: Any) -> Any:
    """A value (row, registered dataclass, list, scalar) as JSON data that ``thaw`` can read.

    Columns of bytes are left out: they are hashes of secrets, which no door shows.
    """
    if isinstance(value, Base):
        pairs = ((attr.key, getattr(value, attr.key)) for attr in inspect(type(value)).column_attrs)
        columns = {name: freeze(item) for name, item in pairs if not isinstance(item, bytes)}
        return {"$row": type(value).__name__, **columns}
    if isinstance(value, msgspec.Struct) or (dataclasses.is_dataclass(value) and not isinstance(value, type)):
        if type(value).__name__ not in _VALUES:
            raise TypeError(f"{type(value).__name__} is not @stored")
        names = value.__struct_fields__ if isinstance(value, msgspec.Struct) else _field_names(value)
        fields = {name: freeze(getattr(value, name)) for name in names}
        return {"$value": type(value).__name__, **fields}
    if isinstance(value, list | tuple):
        return [freeze(item) for item in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, UUID | datetime | date):
        return str(value) if isinstance(value, UUID) else value.isoformat()
    if value is None or isinstance(value, str | int | float | bool | dict):
        return value
    raise TypeError(f"cannot keep a {type(value).__name__}")


def _field_names(value: Any) -> list[str]:
    return [field.name for field in dataclasses.fields(value)]


def thaw(data: Any) -> Any:
    """The value that ``freeze`` was given; rows come back detached."""
    if isinstance(data, list):
        return [thaw(item) for item in data]
    if isinstance(data, dict) and "$row" in data:
        model = _TABLES[data["$row"]]
        attrs = {attr.key: attr.columns[0].type.python_type for attr in inspect(model).column_attrs}
        hints = _hints(model)
        return model(**{k: _typed(data[k], hints.get(k, kind)) for k, kind in attrs.items() if k in data})
    if isinstance(data, dict) and "$value" in data:
        cls = _VALUES[data["$value"]]
        hints = typing.get_type_hints(cls)
        return cls(**{k: _typed(v, hints[k]) for k, v in data.items() if k != "$value"})
    return data


def _hints(model: type) -> dict[str, Any]:
    hints = typing.get_type_hints(model)
    return {name: typing.get_args(hint)[0] for name, hint in hints.items() if typing.get_args(hint)}


def _typed(data: Any, hint: Any) -> Any:
    if isinstance(data, list | dict) and ("$row" in str(data) or "$value" in str(data)):
        return thaw(data)
    kind = typing.get_origin(hint) or hint
    if kind in (typing.Union, types.UnionType):
        options = [arg for arg in typing.get_args(hint) if arg is not type(None)]
        return None if data is None else _typed(data, options[0])
    return data if kind in (dict, typing.Any) else msgspec.convert(data, hint, strict=False)
