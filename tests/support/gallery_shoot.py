"""Galleries with real pictures in them, and a worker that makes what they hand out."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import numpy as np
import pyvips
from PIL import Image
from sqlalchemy import select, update

from kilo_gql.access import Guest, Perm, System, UserActor
from kilo_gql.domain import gallery_media, sharing
from kilo_gql.domain.gallery_media import ShownPicture
from kilo_gql.guest_tokens import guest_token
from kilo_gql.models import Asset, FileKind, Gallery, GalleryFile, GalleryGuest, Project, Queue
from kilo_gql.models.base import uuid7
from kilo_gql.worker import CHILD_LIMITS
from ml import renditions
from tasks import registry
from tasks.child import Children
from tasks.kit import Workshop
from tasks.runner import Runner
from tests.support import pictures
from tests.support.api import Api
from tests.support.files import put
from tests.support.galleries import make_gallery
from tests.support.make import Make


class Bells:
    """Rings in the application of the test: its hub hears what jobs tell."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def ring_events(self) -> None:
        self._api.services.throat.bells.ring_events()

    def ring_jobs(self, jobs: list[tuple[str, UUID]]) -> None:
        """Nobody: the test says when it is a job's turn."""

    def ring_ended(self, sessions: list[UUID]) -> None:
        """Nothing ends."""


@asynccontextmanager
async def a_runner(api: Api) -> AsyncIterator[Runner]:
    """A worker beside the application, with one isolated child."""
    async with Children(1, limits=CHILD_LIMITS) as children:
        services = api.services
        workshop = Workshop(services.settings, services.db, Bells(api), children, services.store)
        yield Runner(workshop, registry.handlers())


async def drain(runner: Runner, queue: Queue = Queue.CPU) -> None:
    """Let the worker do what waits."""
    while await runner.run_next(queue):
        pass


async def put_pictures(
    make: Make, api: Api, asset: Asset, seed: int = 0, width: int = 640, height: int = 427, *, original: bool = True
) -> None:
    """An original and, made of its pixels as ingest does, its preview and thumbnail."""
    soft = pyvips.Image.gaussnoise(16, 11, mean=128, sigma=60, seed=seed + 1)
    bands = soft.bandjoin([soft.flip("horizontal"), soft.flip("vertical")]).resize(width / 16, vscale=height / 11)
    image = bands.cast("uchar").crop(0, 0, width, height).copy(interpretation="srgb").copy_memory()
    store = api.services.store
    if original:
        await put(make, store, asset, FileKind.ORIGINAL, pictures.jpeg(image.numpy()))
    preview = image.jpegsave_buffer(Q=85, keep="none", interlace=False)
    small = image.thumbnail_image(renditions.THUMBNAIL_PX, size="down").webpsave_buffer(Q=78, keep="none")
    size = {"width_px": width, "height_px": height}
    await put(make, store, asset, FileKind.PREVIEW, preview, **size)
    await put(make, store, asset, FileKind.THUMBNAIL, small, **size)


@dataclass
class Shown:
    """A gallery, its photos and its people."""

    api: Api
    runner: Runner
    owner: UserActor
    project: Project
    gallery: Gallery
    assets: Sequence[Asset]

    async def pictures(self, guest: Guest | None = None) -> dict[UUID, ShownPicture]:
        """Addresses as this guest of the gallery gets them (None: whoever comes without a session)."""
        db, gallery = self.api.services.db, await self.fresh()
        who = guest or Guest(gallery.id, sharing.nobody(gallery.id), gallery.version)
        async with db.transaction(who, Perm.PUBLIC, write=False) as tx:
            tx.act_as(who)
            return await gallery_media.pictures(tx, gallery, [asset.id for asset in self.assets])

    async def signed(self, guest: Guest | None = None) -> list[str]:
        """Whole addresses of all pictures with a key, without the house's own address."""
        db, gallery = self.api.services.db, await self.fresh()
        who = guest or Guest(gallery.id, sharing.nobody(gallery.id), gallery.version)
        async with db.transaction(who, Perm.PUBLIC, write=False) as tx:
            tx.act_as(who)
            shown = await gallery_media.pictures(tx, gallery, [asset.id for asset in self.assets])
            whole = gallery_media.signer(tx, gallery)
            found = [gallery_media.signed(one, whole) for one in shown.values()]
        base = db.house.base_url
        return [url.removeprefix(base) for one in found for url in (one.thumbnail_url, one.preview_url)]

    async def fresh(self) -> Gallery:
        """The gallery as it is now."""
        async with self.api.services.db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
            gallery = await tx.session.get(Gallery, self.gallery.id)
            assert gallery is not None
            return gallery

    async def guest(self, name: str | None = None) -> Guest:
        """A guest with a session, and a row if they said their name."""
        gallery = await self.fresh()
        guest = Guest(gallery.id, uuid7(), gallery.version)
        if name is not None:
            now = self.api.services.db.house.clock()
            await Make(self.api.services.db).rows(
                GalleryGuest(
                    id=guest.guest_id, project_id=gallery.project_id, gallery_id=gallery.id, name=name, email=None,
                    last_seen_at=now, created_at=now,
                )
            )  # fmt: skip
        return guest

    def token(self, guest: Guest) -> str:
        house = self.api.services.db.house
        return guest_token(house.key, guest, house.clock() + timedelta(hours=1))

    async def set(self, **columns: Any) -> None:
        """Change the gallery's row."""
        async with self.api.services.db.transaction(System("test"), Perm.SYSTEM) as tx:
            await tx.session.execute(update(Gallery).where(Gallery.id == self.gallery.id).values(**columns))
            await tx.session.commit()

    async def files(self) -> list[GalleryFile]:
        async with self.api.services.db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
            wanted = select(GalleryFile).where(GalleryFile.gallery_id == self.gallery.id)
            return list(await tx.scalars(wanted.order_by(GalleryFile.asset_id, GalleryFile.rendition)))

    async def get(self, path: str, who: Guest | UserActor | None = None, method: str = "GET", **headers: str) -> Any:
        """Ask, and let the worker work while the request waits."""
        actor = self.token(who) if isinstance(who, Guest) else who
        sent = self.api.headers(actor) | {name.replace("_", "-"): value for name, value in headers.items()}
        waiting = asyncio.create_task(self.api.client.request(method, path, headers=sent))
        while not waiting.done():
            await self.runner.run_next(Queue.CPU)
            await asyncio.sleep(0.02)
        return await waiting


async def make_shown(api: Api, runner: Runner, count: int = 2, **columns: Any) -> Shown:
    """A published, open gallery of so many photos, unless ``columns`` say otherwise."""
    make = Make(api.services.db)
    owner = await make.user()
    project = await make.project(owner, "Smith & Jones")
    assets = []
    for number in range(count):
        asset = await make.asset(project, f"DSC_{number:04}.JPG", width_px=640, height_px=427)
        await put_pictures(make, api, asset, number)
        assets.append(asset)
    gallery = await make_gallery(api.services.db, project, assets, **columns)
    return Shown(api, runner, owner, project, gallery, assets)


def pixels(response: httpx.Response) -> Any:
    """The picture of an answer: (height, width, 3)."""
    return np.asarray(Image.open(io.BytesIO(response.content), formats=["JPEG", "WEBP"]).convert("RGB"))
