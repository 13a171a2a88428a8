"""A house with client galleries of real pictures on a port, and a worker that makes what they ask for: for browsers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import select, update

from kilo_gql.access import Perm, System, UserActor
from kilo_gql.config import Settings
from kilo_gql.models import (
    Asset,
    AssetFile,
    DownloadPolicy,
    FileKind,
    Gallery,
    GalleryAsset,
    GallerySection,
    Project,
    SelectionList,
)
from kilo_gql.models.base import Base, uuid7
from kilo_gql.tokens import hash_password
from kilo_gql.waiting import cancel
from tests.support.galleries import make_gallery
from tests.support.make import Make
from tests.support.ports import free_port
from tests.support.serving import Served, serving
from tests.support.shoot import Shoot


@dataclass
class GallerySite:
    """``photos`` in the order of their files."""

    served: Served
    make: Make
    shoot: Shoot
    owner: UserActor
    project: Project
    photos: list[Asset]

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.served.port}"

    @property
    def bearer(self) -> str:
        return self.served.api.headers(self.owner)["authorization"]

    async def gallery(
        self, photos: Sequence[Asset] | None = None, *, password: str | None = None, sections: int = 0, **columns: Any
    ) -> Gallery:
        """A published gallery of these photos (None: all), under so many headings."""
        shown = self.photos if photos is None else photos
        if password is not None:
            columns["password_hash"] = await hash_password(password)
        plain = {
            "title": "Anna & Ben",
            "message": "Thank you for a wonderful day by the lake. Take your time, and tell us what you love.",
            "downloads": DownloadPolicy.FULL,
            "cover_asset_id": shown[0].id if shown else None,
        }
        gallery = await make_gallery(self.make.db, self.project, shown, **{**plain, **columns})
        await self._divide(gallery, shown, sections)
        return gallery

    async def copies(self, count: int) -> list[Asset]:
        """So many more photos, which look like those that are there: their files are links to the same bytes."""
        now, columns = self.make.db.house.clock(), _columns(Asset)
        shown = AssetFile.kind.in_((FileKind.PREVIEW, FileKind.THUMBNAIL)) & (AssetFile.project_id == self.project.id)
        async with self.make.db.transaction(System("test"), Perm.SYSTEM) as tx:
            files = await tx.scalars(select(AssetFile).where(shown))
            copies = []
            for index in range(count):
                photo, id_ = self.photos[index % len(self.photos)], uuid7()
                own = {"id": id_, "filename": f"LAKE_{index:05}.JPG", "stem": f"lake_{index:05}", "created_at": now}
                copies.append({name: getattr(photo, name) for name in columns} | own)
                await tx.insert(Asset, copies[-1:])
                await tx.insert(AssetFile, [self._copied(file, id_) for file in files if file.asset_id == photo.id])
            await tx.session.commit()
            ids = [copy["id"] for copy in copies]
            found = {asset.id: asset for asset in await tx.scalars(select(Asset).where(Asset.id.in_(ids)))}
        return [found[id_] for id_ in ids]

    def _copied(self, file: AssetFile, asset_id: UUID) -> dict[str, Any]:
        id_, root = uuid7(), self.shoot.settings.object_root
        key = f"{file.project_id}/{asset_id}/{id_}.{file.key.rpartition('.')[2]}"
        (root / key).parent.mkdir(parents=True, exist_ok=True)
        (root / key).hardlink_to(root / file.key)
        return {name: getattr(file, name) for name in _columns(AssetFile)} | {
            "id": id_,
            "asset_id": asset_id,
            "key": key,
        }

    async def selection_list(self, gallery: Gallery, title: str, **columns: Any) -> SelectionList:
        """What guests of a gallery are asked to choose."""
        row = SelectionList(
            id=uuid7(), project_id=gallery.project_id, gallery_id=gallery.id, title=title,
            **{"position": 0, "created_at": gallery.created_at, **columns},
        )  # fmt: skip
        await self.make.rows(row)
        return row

    async def _divide(self, gallery: Gallery, photos: Sequence[Asset], count: int) -> None:
        named = ["The ceremony", "By the water", "The evening", "Details"]
        for position in range(count):
            section = GallerySection(
                id=uuid7(), project_id=gallery.project_id, gallery_id=gallery.id, title=named[position],
                position=position,
            )  # fmt: skip
            await self.make.rows(section)
            here = [
                photo.id for photo in photos[position * len(photos) // count : (position + 1) * len(photos) // count]
            ]
            await self._put(gallery, section, here)

    async def _put(self, gallery: Gallery, section: GallerySection, asset_ids: list[UUID]) -> None:
        within = (GalleryAsset.gallery_id == gallery.id) & GalleryAsset.asset_id.in_(asset_ids)
        async with self.make.db.transaction(System("test"), Perm.SYSTEM) as tx:
            await tx.session.execute(update(GalleryAsset).where(within).values(section_id=section.id))
            await tx.session.commit()


@asynccontextmanager
async def gallery_site(settings: Settings, pictures: Sequence[Path]) -> AsyncIterator[GallerySite]:
    """Serve these settings, with a project of these pictures, ingested as uploads are."""
    port = free_port()
    settings = settings.model_copy(update={"base_url": f"http://127.0.0.1:{port}"})
    async with serving(settings, port) as served:
        make = Make(served.api.services.db)
        owner = await make.user(name="Ada Lane")
        project = await make.project(owner)
        async with Shoot(make.db, settings, project.id, owner) as shoot:
            ids = [
                await shoot.upload(picture.name, await asyncio.to_thread(picture.read_bytes)) for picture in pictures
            ]
            await shoot.work()
            photos = [await shoot.ready(id_) for id_ in ids]
            worker = asyncio.create_task(_work(shoot))
            try:
                yield GallerySite(served, make, shoot, owner, project, photos)
            finally:
                await cancel(worker)


def _columns(model: type[Base]) -> list[str]:
    return [column.name for column in model.__table__.columns if column.computed is None]


async def _work(shoot: Shoot) -> None:
    while True:
        if not await shoot.work():
            await asyncio.sleep(0.1)
