"""What guests of a gallery chose, as rows written past the doors."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from kilo_gql.access import Guest, Perm, System
from kilo_gql.db import Database
from kilo_gql.domain import gallery_proposals
from kilo_gql.models import (
    Asset,
    Gallery,
    GalleryComment,
    GalleryFavorite,
    GalleryGuest,
    SelectedAsset,
    Selection,
    SelectionList,
)
from kilo_gql.models.base import uuid7
from tests.support.make import Make


class Visitors:
    """The guests of one gallery."""

    def __init__(self, db: Database, gallery: Gallery) -> None:
        self.db, self.gallery, self.make = db, gallery, Make(db)
        self._of = {"project_id": gallery.project_id, "gallery_id": gallery.id}

    @property
    def now(self) -> datetime:
        return self.db.house.clock()

    async def guest(self, name: str | None) -> GalleryGuest:
        row = GalleryGuest(id=uuid7(), name=name, last_seen_at=self.now, created_at=self.now, **self._of)
        await self.make.rows(row)
        return row

    async def heart(self, guest: GalleryGuest, *assets: Asset, noted: bool = True) -> None:
        """``noted``: as the guest's deed leaves it, the proposals brought in line."""
        await self.make.rows(
            *(
                GalleryFavorite(asset_id=asset.id, guest_id=guest.id, created_at=self.now, **self._of)
                for asset in assets
            )
        )
        if noted:
            await self.note(guest.id, *assets)

    async def unheart(self, guest: GalleryGuest, asset: Asset) -> None:
        async with self.db.transaction(System("test"), Perm.SYSTEM) as tx:
            key = {"gallery_id": self.gallery.id, "asset_id": asset.id, "guest_id": guest.id}
            await tx.delete(await tx.session.get_one(GalleryFavorite, key))
            await tx.session.commit()
        await self.note(guest.id, asset)

    async def note(self, guest_id: UUID, *assets: Asset) -> None:
        """As the guest's own transaction does it after the deed."""
        guest = Guest(self.gallery.id, guest_id, self.gallery.version)
        async with self.db.transaction(guest, Perm.PUBLIC) as tx:
            tx.act_as(guest)
            await gallery_proposals.note(tx, self.gallery, [asset.id for asset in assets])
            await tx.write_outbox()
            await tx.session.commit()

    async def select(self, guest: GalleryGuest, title: str, *assets: Asset, submitted: bool = False) -> SelectionList:
        wanted = SelectionList(id=uuid7(), title=title, position=0, created_at=self.now, **self._of)
        await self.make.rows(wanted)
        said = {"list_id": wanted.id, "guest_id": guest.id, **self._of}
        await self.make.rows(Selection(submitted_at=self.now if submitted else None, updated_at=self.now, **said))
        await self.make.rows(*(SelectedAsset(asset_id=asset.id, created_at=self.now, **said) for asset in assets))
        return wanted

    async def comment(self, guest: GalleryGuest, asset: Asset, text: str, **columns: Any) -> GalleryComment:
        row = GalleryComment(
            id=uuid7(), asset_id=asset.id, guest_id=guest.id, author_name=guest.name, text=text, created_at=self.now,
            **self._of, **columns,
        )  # fmt: skip
        await self.make.rows(row)
        return row
