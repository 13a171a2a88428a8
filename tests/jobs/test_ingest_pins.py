"""A file that is taken in anew while a gallery shows it: guests keep their look, and nothing is left over."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from sqlalchemy import select, update

from kilo_gql.access import Perm, System, UserActor
from kilo_gql.config import Settings
from kilo_gql.db import Database
from kilo_gql.models import AssetFile, FileKind, GalleryAsset, Project
from tests.support import pictures
from tests.support.galleries import make_gallery
from tests.support.make import Make
from tests.support.shoot import Shoot


@pytest.fixture
async def ada(make: Make) -> UserActor:
    return await make.user()


@pytest.fixture
async def project(make: Make, ada: UserActor) -> Project:
    return await make.project(ada)


@pytest_asyncio.fixture
async def shoot(db: Database, settings: Settings, ada: UserActor, project: Project) -> AsyncIterator[Shoot]:
    async with Shoot(db, settings, project.id, ada) as shoot:
        yield shoot


async def previews(db: Database) -> list[AssetFile]:
    wanted = select(AssetFile).where(AssetFile.kind == FileKind.PREVIEW).order_by(AssetFile.id)
    async with db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
        return list(await tx.scalars(wanted))


async def pin(db: Database) -> GalleryAsset:
    async with db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
        found: GalleryAsset = await tx.scalar(select(GalleryAsset))
        return found


async def test_the_same_look_again(shoot: Shoot, db: Database, project: Project) -> None:
    asset_id = await shoot.upload("KLO_0005.JPG", pictures.jpeg())
    await shoot.work()
    await make_gallery(db, project, [await shoot.ready(asset_id)])
    [before] = await previews(db)
    await shoot.again(asset_id)
    await shoot.work()
    [now] = await previews(db)
    assert (now.variant, now.sha256, (await pin(db)).changed_at) == ("", before.sha256, None)
    assert now.key != before.key
    assert await shoot.store.stat(before.key) is None
    assert await shoot.store.stat(now.key) is not None


async def test_another_look(shoot: Shoot, db: Database, project: Project) -> None:
    """The preview that was approved was made otherwise than it is made now."""
    asset_id = await shoot.upload("KLO_0005.JPG", pictures.jpeg())
    await shoot.work()
    async with db.transaction(System("test"), Perm.SYSTEM) as tx:
        await tx.session.execute(update(AssetFile).where(AssetFile.kind == FileKind.PREVIEW).values(sha256="ab" * 32))
        await tx.session.commit()
    await make_gallery(db, project, [await shoot.ready(asset_id)])
    [approved] = await previews(db)
    await shoot.again(asset_id)
    await shoot.work()
    kept, now = await previews(db)
    assert (kept.id, kept.variant, now.variant) == (approved.id, "pin-abababababababab", "")
    assert await shoot.store.stat(approved.key) is not None
    assert (await pin(db)).changed_at is not None
