"""Guests and the house at the same photo."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import delete, select, text, update

from kilo_gql.access import Anonymous, Perm, System
from kilo_gql.db import Database
from kilo_gql.domain.favorites import favorite_asset
from kilo_gql.domain.gallery_activity import record_visit
from kilo_gql.errors import NotFound
from kilo_gql.models import Asset, Gallery, GalleryAsset, GalleryFavorite
from kilo_gql.operations import Throat
from tests.support.make import Make
from tests.support.sharing import rows_of, show
from tests.support.wait import until_seen

_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


async def test_a_heart_and_a_new_look_do_not_block_each_other(throat: Throat, make: Make, db: Database) -> None:
    """A render holds its photo, and then says in the galleries that it looks different."""
    shown = await show(make, 1)
    photo, now = shown.photos[0], db.house.clock()

    async def heart_waits() -> bool:
        async with db.transaction(System("test"), Perm.SYSTEM, write=False) as look:
            return bool((await look.unchecked(text(_WAITING))).scalar_one())

    async with db.transaction(System("test"), Perm.SYSTEM) as render:
        await render.unchecked(text("SET LOCAL deadlock_timeout = '10ms'"))
        await render.scalar(select(Asset).where(Asset.id == photo.id).with_for_update())
        heart = asyncio.create_task(throat.execute(Anonymous(), favorite_asset, shown.slug, photo.id, True))
        await until_seen(heart_waits)
        changed = update(GalleryAsset).where(GalleryAsset.asset_id == photo.id).values(changed_at=now)
        await render.session.execute(changed)
        await render.session.commit()
    assert (await heart).value.favorite_count == 1
    assert len(await rows_of(db, GalleryFavorite)) == 1


async def test_a_visit_to_a_gallery_that_is_being_deleted(throat: Throat, make: Make, db: Database) -> None:
    """What a deed stands on may go while it is written; then the gallery is not there, as ever after."""
    shown = await show(make, 1)

    async def visit_waits() -> bool:
        async with db.transaction(System("test"), Perm.SYSTEM, write=False) as look:
            return bool((await look.unchecked(text(_WAITING))).scalar_one())

    async with db.transaction(System("test"), Perm.SYSTEM) as owner:
        await owner.session.execute(delete(Gallery).where(Gallery.id == shown.gallery.id))
        visit = asyncio.create_task(throat.execute(Anonymous(), record_visit, shown.slug))
        await until_seen(visit_waits)
        await owner.session.commit()
    with pytest.raises(NotFound):
        await visit
