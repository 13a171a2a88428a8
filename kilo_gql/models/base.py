"""What every table has: a scope that says whose rows they are, UUIDv7 ids, aware timestamps."""

from __future__ import annotations

import os
import time
from datetime import date, datetime
from enum import StrEnum
from typing import Any, ClassVar, Final
from uuid import UUID

from sqlalchemy import BigInteger, Date, DateTime, MetaData, String, Text, Uuid, column, func, select, table
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column
from sqlalchemy.sql import ColumnElement
from sqlalchemy.types import TypeDecorator


def uuid7() -> UUID:
    """A time-ordered UUID (RFC 9562, version 7, method 3): the time to a quarter of a microsecond, then 62 random bits.

    Pages append at the end, and an id is its row's clock.
    """
    milliseconds, rest = divmod(time.time_ns(), 1_000_000)
    fraction = rest * 4096 // 1_000_000
    random = int.from_bytes(os.urandom(8)) >> 2
    return UUID(int=milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | random)


class Enumerated(TypeDecorator[StrEnum]):
    """A StrEnum stored as text: readable in the database, checked when read, no type to migrate."""

    impl = String(32)
    cache_ok = True

    def __init__(self, enum: type[StrEnum]) -> None:
        super().__init__()
        self.enum = enum

    def process_bind_param(self, value: StrEnum | None, dialect: Any) -> str | None:
        return None if value is None else self.enum(value).value

    def process_result_value(self, value: str | None, dialect: Any) -> StrEnum | None:
        return None if value is None else self.enum(value)


class Base(DeclarativeBase):
    """The declarative base; a table that does not say whose it is fails at import."""

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        UUID: Uuid(),
        datetime: DateTime(timezone=True),
        date: Date(),
        str: Text(),
        int: BigInteger(),
        dict[str, Any]: JSONB(),
        list[str]: ARRAY(Text()),
        list[UUID]: ARRAY(Uuid()),
    }

    def __init_subclass__(cls, **kwargs: Any) -> None:
        scopes = [scope for scope in _SCOPES if issubclass(cls, scope)]
        if len(scopes) != 1:
            raise TypeError(f"{cls.__name__} must mix in exactly one scope, not {[s.__name__ for s in scopes]}")
        super().__init_subclass__(**kwargs)


#: Whose eyes: a user's id, or the parameter that stands for it.
Viewer = UUID | ColumnElement[UUID]
#: A gallery, or its guest, whose eyes these are: the id, or the parameter that stands for it.
Watched = UUID | ColumnElement[UUID]

studio_grants = table(
    "studio_members", column("studio_id", Uuid()), column("user_id", Uuid()), column("role", String())
)

#: Who may see which project, one row a way in: made by the migration as a view over members and studio members.
grants = table(
    "project_grants",
    column("project_id", Uuid()),
    column("user_id", Uuid()),
    column("role", String()),
)

#: Which photos a gallery shows.
gallery_photos = table("gallery_assets", column("gallery_id", Uuid()), column("asset_id", Uuid()))


class InProject:
    """Rows of a project: seen by its members, written by operations that entered the project."""

    project_id: Mapped[UUID]

    @classmethod
    def visible_to(cls, user_id: Viewer) -> ColumnElement[bool]:
        return cls.project_id.in_(select(grants.c.project_id).where(grants.c.user_id == user_id))


class InGallery(InProject):
    """Rows of a client gallery: seen by the project's members, and by the gallery's guests."""

    gallery_id: Mapped[UUID]

    @classmethod
    def visible_to_guest(cls, gallery_id: Watched, guest_id: Watched) -> ColumnElement[bool]:
        return cls.gallery_id == gallery_id


class OwnInGallery(InGallery):
    """Rows of one guest in a gallery: other guests do not see them."""

    #: Of some rows it is nobody.
    guest_id: Mapped[UUID] | Mapped[UUID | None]

    @classmethod
    def visible_to_guest(cls, gallery_id: Watched, guest_id: Watched) -> ColumnElement[bool]:
        return (cls.gallery_id == gallery_id) & (cls.guest_id == guest_id)


class Owned:
    """Rows of one user, seen and written by that user alone."""

    user_id: Mapped[UUID]

    @classmethod
    def visible_to(cls, user_id: Viewer) -> ColumnElement[bool]:
        return cls.user_id == user_id


class InStudio:
    """Rows of a studio, seen by its members, written by operations that entered the studio."""

    studio_id: Mapped[UUID]

    @classmethod
    def visible_to(cls, user_id: Viewer) -> ColumnElement[bool]:
        return cls.studio_id.in_(select(studio_grants.c.studio_id).where(studio_grants.c.user_id == user_id))


class SystemTable:
    """Rows that only ``System`` reads and writes."""


_SCOPES: Final[tuple[type, ...]] = (InProject, Owned, InStudio, SystemTable)


class Identified:
    """A UUIDv7 primary key."""

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)


class Stamped:
    """When the row was made, by the application's clock."""

    @declared_attr
    @classmethod
    def created_at(cls) -> Mapped[datetime]:
        return mapped_column(server_default=func.now())


__all__ = [
    "Base",
    "Enumerated",
    "Identified",
    "InGallery",
    "InProject",
    "InStudio",
    "OwnInGallery",
    "Owned",
    "Stamped",
    "SystemTable",
    "uuid7",
]
