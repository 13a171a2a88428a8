"""Whose eyes a transaction sees with, and what they see: in every statement, never function by function.

``kilo_gql.db`` puts these criteria on every statement of an actor.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ARRAY, String, bindparam, false, func, select
from sqlalchemy.orm import with_loader_criteria
from sqlalchemy.types import Uuid

from kilo_gql.access import Guest
from kilo_gql.models import Base, InProject, InStudio, Owned, Project, User
from kilo_gql.models.base import grants, studio_grants

_viewer: ContextVar[UUID | None] = ContextVar("kilo_viewer", default=None)
_VIEWER: Final = bindparam("kilo_viewer", type_=Uuid(), callable_=_viewer.get)


def viewer_id() -> UUID | None:
    """Whose eyes the present transaction sees with (None: nobody's, and then no scoped row is visible)."""
    return _viewer.get()


#: One visibility criterion a model, built once: SQLAlchemy applies them to joins and subqueries as well.
VISIBLE: Final = [
    with_loader_criteria(mapper.class_, mapper.class_.visible_to(_VIEWER), include_aliases=True)
    for mapper in Base.registry.mappers
    if issubclass(mapper.class_, InProject | Owned | InStudio)
]

_guest: ContextVar[Guest | None] = ContextVar("kilo_guest", default=None)
_GALLERY: Final = bindparam("kilo_gallery", type_=Uuid(), callable_=lambda: getattr(_guest.get(), "gallery_id", None))
_GUEST: Final = bindparam("kilo_guest", type_=Uuid(), callable_=lambda: getattr(_guest.get(), "guest_id", None))

#: What a guest of a gallery sees: models that say so themselves, and nothing of all others.
VISIBLE_TO_GUEST: Final = [
    with_loader_criteria(
        mapper.class_,
        sees(_GALLERY, _GUEST) if (sees := getattr(mapper.class_, "visible_to_guest", None)) else false(),
        include_aliases=True,
    )
    for mapper in Base.registry.mappers
    if issubclass(mapper.class_, InProject | Owned | InStudio)
]


@contextmanager
def eyes(user_id: UUID | None) -> Iterator[None]:
    """Look with this user's eyes for a block (None: with nobody's)."""
    viewer, guest = _viewer.set(user_id), _guest.set(None)
    try:
        yield
    finally:
        _guest.reset(guest)
        _viewer.reset(viewer)


def look_as(guest: Guest) -> None:
    """Look with a guest's eyes for the rest of the block."""
    _guest.set(guest)


def noun(name: str) -> str:
    """What a model is called in sentences: ``GalleryComment`` is a gallery comment."""
    return re.sub(r"(?<!^)(?=[A-Z])", " ", name).lower()


def scope_column(model: type[Base]) -> Any:
    """The column that says which project, studio or user a row belongs to."""
    table: Any = model.__table__
    if model is Project or model is User:
        return table.c.id
    if issubclass(model, InProject):
        return table.c.project_id
    return table.c.studio_id if issubclass(model, InStudio) else table.c.user_id


@lru_cache
def rights(model: type[Base]) -> tuple[Any, ...]:
    """What ``get`` reads beside a row: the viewer's roles in its scope, and for a project's rows where that stands."""
    if issubclass(model, InProject):
        project = scope_column(model)
        role = select(func.array_agg(grants.c.role, type_=ARRAY(String))).where(
            grants.c.project_id == project, grants.c.user_id == _VIEWER
        )
        if model.__name__ == Project.__name__:
            return role.scalar_subquery(), Project.status
        status = select(Project.__table__.c.status).where(Project.__table__.c.id == project)
        return role.scalar_subquery(), status.scalar_subquery()
    if issubclass(model, InStudio):
        role = select(func.array_agg(studio_grants.c.role, type_=ARRAY(String))).where(
            studio_grants.c.studio_id == model.studio_id, studio_grants.c.user_id == _VIEWER
        )
        return (role.scalar_subquery(),)
    return ()
