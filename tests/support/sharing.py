"""A gallery to look at and guests to look at it, made in one go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from kilo_gql.access import Guest, Perm, System, UserActor
from kilo_gql.db import Database
from kilo_gql.guest_tokens import guest_token
from kilo_gql.models import Asset, Base, FileKind, Gallery, Project
from kilo_gql.models.base import uuid7
from tests.support.galleries import make_gallery
from tests.support.make import Make

PASSWORD = "open sesame"
#: argon2id of ``PASSWORD`` at the least cost there is: tests are not about how long it takes.
PASSWORD_HASH = "$argon2id$v=19$m=8,t=1,p=1$69NHl/FqsvFFYPUpGNzXWw$wXL/0WQbz3YNg70tSxVeIWR1OouxjGZYKL2pCsbLV9c"


@dataclass(frozen=True)
class Shown:
    """A gallery with photos whose previews are pinned."""

    owner: UserActor
    project: Project
    gallery: Gallery
    photos: Sequence[Asset]

    @property
    def slug(self) -> str:
        return self.gallery.share_slug


async def show(make: Make, count: int = 3, **columns: Any) -> Shown:
    """A project of somebody's with ``count`` photos, all of them in a gallery."""
    owner = await make.user()
    project = await make.project(owner)
    photos = [await make.asset(project) for _ in range(count)]
    for photo in photos:
        await make.file(photo, FileKind.PREVIEW, width_px=2048, height_px=1365)
    return Shown(owner, project, await make_gallery(make.db, project, photos, **columns), photos)


def visitor(db: Database, gallery: Gallery, **changed: Any) -> str:
    """The bearer of a new guest who was let in."""
    guest = Guest(gallery.id, changed.get("guest_id", uuid7()), changed.get("version", gallery.version))
    return guest_token(db.house.key, guest, db.house.clock() + timedelta(hours=24))


async def rows_of(db: Database, model: type[Base], **columns: Any) -> list[Any]:
    """Rows as the system sees them."""
    async with db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
        return list(await tx.scalars(select(model).filter_by(**columns)))
