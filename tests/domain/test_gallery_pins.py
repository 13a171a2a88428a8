"""Pins: what was approved stays what guests see, and its bytes stay as long as that is so."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

import pytest
from sqlalchemy import select, text

from kilo_gql.access import Perm, System, UserActor
from kilo_gql.db import Database
from kilo_gql.domain import galleries, gallery_approvals, gallery_photos, measuring, media, renders
from kilo_gql.domain.gallery_choice import Choice
from kilo_gql.domain.gallery_photos import AddedPhotos, GalleryOrder
from kilo_gql.domain.gallery_settings import GalleryChange
from kilo_gql.domain.ingest import StoredFile
from kilo_gql.domain.renders import Negative
from kilo_gql.models import Asset, AssetFile, FileKind, Gallery, GalleryAsset, Project
from kilo_gql.models.base import uuid7
from kilo_gql.operations import Throat
from kilo_gql.paging import Slice
from kilo_gql.row_rules import ROWS, Rule
from tests.support.galleries import make_gallery
from tests.support.make import Make
from tests.support.traces import queued, told


@dataclass
class Shoot:
    """A project of Ada's with one photo that has a preview."""

    db: Database
    throat: Throat
    ada: UserActor
    project: Project
    asset: Asset
    first: AssetFile

    async def develop(self, name: str, like: str | None = None) -> StoredFile:
        """Give the photo another preview, as the render job does."""
        id_ = uuid7()
        key = f"{self.project.id}/{self.asset.id}/{name}-{id_}.jpg"
        made = StoredFile(
            id_, FileKind.PREVIEW, key, "image/jpeg", 10, sha(like or name), 30, 20
        )  # fmt: skip
        async with self.db.transaction(System("test"), Perm.SYSTEM) as tx:
            negative = Negative(self.asset.id, self.project.id, "k", "a.dng", None)
            await renders.finish_render(tx, negative, "", [made])
            await tx.write_outbox()
            await tx.session.commit()
        return made

    async def previews(self) -> list[AssetFile]:
        """The previews of the photo, oldest first."""
        named = AssetFile.asset_id == self.asset.id, AssetFile.kind == FileKind.PREVIEW
        return await self.rows(select(AssetFile).where(*named).order_by(AssetFile.id))

    async def pin(self, gallery: Gallery) -> GalleryAsset:
        [pin] = await self.rows(select(GalleryAsset).where(GalleryAsset.gallery_id == gallery.id))
        return pin

    async def rows(self, statement: Any) -> list[Any]:
        async with self.db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
            return list(await tx.scalars(statement))

    async def run(self, operation: Any, *arguments: Any) -> Any:
        return (await self.throat.execute(self.ada, operation, *arguments)).value

    async def discarded(self) -> list[str]:
        return [key for arguments in await queued(self.db, "asset.purge") for key in arguments["keys"]]

    async def told(self, gallery: Gallery, what: str) -> list[list[str]]:
        names = await told(self.db, self.project.id)
        return [changed[what] for name, changed in names if name == "gallery.updated" and what in changed]


def sha(name: str) -> str:
    """The SHA-256 of a preview that holds nothing but its name."""
    return sha256(name.encode()).hexdigest()


@pytest.fixture
async def shoot(make: Make, db: Database, throat: Throat) -> Shoot:
    ada = await make.user()
    project = await make.project(ada)
    asset = await make.asset(project, "a.dng", format="dng")
    first = await make.file(asset, FileKind.PREVIEW, sha256=sha("first"))
    return Shoot(db, throat, ada, project, asset, first)


async def test_a_photo_is_pinned_to_its_present_look(shoot: Shoot) -> None:
    new = galleries.NewGallery(Choice([shoot.asset.id]), GalleryChange(title="Wedding"))
    gallery = await shoot.run(galleries.create_gallery, shoot.project.id, new)
    pin = await shoot.pin(gallery)
    assert (pin.pinned_sha256, pin.changed_at, pin.position) == (sha("first"), None, 0)
    assert gallery.changed_count == 0


async def test_another_look_is_told_and_the_approved_one_is_kept(shoot: Shoot) -> None:
    gallery = await make_gallery(shoot.db, shoot.project, [shoot.asset])
    await shoot.develop("second")
    pin = await shoot.pin(gallery)
    assert pin.pinned_sha256 == sha("first")
    assert pin.changed_at is not None
    kept, present = await shoot.previews()
    assert (kept.id, kept.key, kept.variant) == (shoot.first.id, shoot.first.key, f"pin-{sha('first')[:16]}")
    assert (present.variant, present.sha256) == ("", sha("second"))
    assert await shoot.discarded() == []
    assert await shoot.told(gallery, "changedAssets") == [[str(shoot.asset.id)]]

    [changed] = (await shoot.run(gallery_approvals.changed_since_approved, gallery.id, Slice())).items
    at = media.media_url(shoot.db.house.base_url, shoot.asset.id, FileKind.PREVIEW, sha("first"))
    assert (changed.asset_id, changed.pinned_url, changed.shown) == (shoot.asset.id, at, True)
    assert changed.present_url != changed.pinned_url
    opened = await shoot.run(media.open_media, shoot.asset.id, FileKind.PREVIEW, sha("first")[:16])
    assert opened.key == shoot.first.key
    assert (await shoot.run(galleries.get_gallery, gallery.id)).changed_count == 1


async def test_a_third_look_keeps_the_approved_one_alone(shoot: Shoot) -> None:
    gallery = await make_gallery(shoot.db, shoot.project, [shoot.asset])
    second = await shoot.develop("second")
    since = (await shoot.pin(gallery)).changed_at
    await shoot.develop("third")
    assert [one.sha256 for one in await shoot.previews()] == [sha("first"), sha("third")]
    assert await shoot.discarded() == [second.key]
    assert (await shoot.pin(gallery)).changed_at == since
    assert len(await shoot.told(gallery, "changedAssets")) == 1


async def test_approving_shows_the_present_look_and_lets_the_old_one_go(shoot: Shoot) -> None:
    gallery = await make_gallery(shoot.db, shoot.project, [shoot.asset])
    await shoot.develop("second")
    approved = await shoot.run(gallery_approvals.repin_gallery_assets, gallery.id)
    pin = await shoot.pin(gallery)
    assert (pin.pinned_sha256, pin.changed_at, approved.changed_count) == (sha("second"), None, 0)
    assert [one.sha256 for one in await shoot.previews()] == [sha("second")]
    assert await shoot.discarded() == [shoot.first.key]
    assert await shoot.told(gallery, "approvedAssets") == [[str(shoot.asset.id)]]
    assert (await shoot.run(gallery_approvals.changed_since_approved, gallery.id, Slice())).items == []
    await shoot.run(gallery_approvals.repin_gallery_assets, gallery.id)
    assert len(await shoot.told(gallery, "approvedAssets")) == 1


async def test_what_another_gallery_still_shows_stays(shoot: Shoot) -> None:
    one, other = [await make_gallery(shoot.db, shoot.project, [shoot.asset]) for _ in range(2)]
    await shoot.develop("second")
    await shoot.run(gallery_approvals.repin_gallery_assets, one.id, [shoot.asset.id])
    assert (await shoot.pin(other)).pinned_sha256 == sha("first")
    assert [one.sha256 for one in await shoot.previews()] == [sha("first"), sha("second")]
    await shoot.run(gallery_photos.remove_gallery_assets, other.id, [shoot.asset.id])
    assert [one.sha256 for one in await shoot.previews()] == [sha("second")]
    assert await shoot.discarded() == [shoot.first.key]


async def test_a_photo_that_looks_as_approved_again_is_changed_no_more(shoot: Shoot) -> None:
    gallery = await make_gallery(shoot.db, shoot.project, [shoot.asset])
    second = await shoot.develop("second")
    again = await shoot.develop("again", like="first")
    assert ((await shoot.pin(gallery)).changed_at, [one.id for one in await shoot.previews()]) == (None, [again.id])
    assert sorted(await shoot.discarded()) == sorted([second.key, shoot.first.key])
    assert len(await shoot.told(gallery, "changedAssets")) == 2
    await shoot.develop("third")
    kept, _ = await shoot.previews()
    assert (kept.id, kept.variant) == (again.id, f"pin-{sha('first')[:16]}")


async def test_the_first_look_of_a_photo_is_its_pin(shoot: Shoot, make: Make) -> None:
    bare = await make.asset(shoot.project, "b.dng", format="dng")
    gallery = await make_gallery(shoot.db, shoot.project, [bare])
    assert (await shoot.pin(gallery)).pinned_sha256 is None
    shoot.asset = bare
    await shoot.develop("first")
    pin = await shoot.pin(gallery)
    assert (pin.pinned_sha256, pin.changed_at) == (sha("first"), None)


async def test_with_the_gallery_its_kept_looks_go(shoot: Shoot) -> None:
    gallery = await make_gallery(shoot.db, shoot.project, [shoot.asset])
    await shoot.develop("second")
    await shoot.run(galleries.delete_gallery, gallery.id)
    assert [one.sha256 for one in await shoot.previews()] == [sha("second")]
    assert await shoot.discarded() == [shoot.first.key]
    assert await shoot.rows(select(GalleryAsset)) == []


async def test_a_look_does_not_go_while_it_is_being_pinned(shoot: Shoot) -> None:
    """A render that comes while a photo is put into a gallery waits, and then keeps what was pinned."""
    gallery = await make_gallery(shoot.db, shoot.project, [])
    async with shoot.db.transaction(shoot.ada, Perm.GALLERY_MANAGE) as tx:
        added = AddedPhotos(Choice([shoot.asset.id]))
        await gallery_photos.add_gallery_assets.body(tx, gallery.id, added)
        rendering = asyncio.create_task(shoot.develop("second"))
        await asyncio.sleep(0.2)
        assert not rendering.done()
        await tx.session.commit()
    await rendering
    assert [one.sha256 for one in await shoot.previews()] == [sha("first"), sha("second")]
    pin = await shoot.pin(gallery)
    assert (pin.pinned_sha256, pin.changed_at is None) == (sha("first"), False)


async def test_a_look_that_came_while_letting_go_leaves_nothing(shoot: Shoot) -> None:
    """The other way round: a photo is taken out while its preview is being replaced."""
    gallery = await make_gallery(shoot.db, shoot.project, [shoot.asset])
    async with shoot.db.transaction(System("test"), Perm.SYSTEM) as tx:
        made = StoredFile(uuid7(), FileKind.PREVIEW, "p/a/second.jpg", "image/jpeg", 10, sha("second"), 30, 20)
        await renders.finish_render(tx, Negative(shoot.asset.id, shoot.project.id, "k", "a.dng", None), "", [made])
        removing = asyncio.create_task(shoot.run(gallery_photos.remove_gallery_assets, gallery.id, [shoot.asset.id]))
        await asyncio.sleep(0.2)
        assert not removing.done()
        await tx.session.commit()
    await removing
    assert [one.sha256 for one in await shoot.previews()] == [sha("second")]


async def test_measuring_sees_the_present_look_alone(shoot: Shoot, make: Make) -> None:
    """It found a photo twice when a gallery kept an older preview of it."""
    await make_gallery(shoot.db, shoot.project, [shoot.asset])
    second = await shoot.develop("second")
    standard = measuring.Standard(1, 1, "concept-v1", None)
    async with shoot.db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
        found = await measuring.find_unmeasured(tx, shoot.project.id, standard, None, 10)
    assert [(one.asset_id, one.key) for one in found] == [(shoot.asset.id, second.key)]


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_happens_at_once_each_pin_has_its_look(shoot: Shoot, make: Make, seed: int) -> None:
    """Renders, and photos that come, go and are approved, in any order and side by side."""
    photos = [shoot.asset, *[await make.asset(shoot.project, f"{number}.dng", format="dng") for number in range(2)]]
    shown = [await make_gallery(shoot.db, shoot.project, []) for _ in range(3)]

    async def somebody(number: int) -> None:
        chance = random.Random(f"{seed} {number}")
        for _ in range(15):
            asset, gallery = chance.choice(photos), chance.choice(shown)
            deed = chance.choice(("develop", "develop", "add", "remove", "repin", "sort"))
            if deed == "develop":
                await replace(shoot, asset=asset).develop(chance.choice("abc"))
            elif deed == "add":
                await shoot.run(gallery_photos.add_gallery_assets, gallery.id, AddedPhotos(Choice([asset.id])))
            elif deed == "remove":
                await shoot.run(gallery_photos.remove_gallery_assets, gallery.id, [asset.id])
            elif deed == "repin":
                await shoot.run(gallery_approvals.repin_gallery_assets, gallery.id)
            else:
                await shoot.run(gallery_photos.sort_gallery, gallery.id, GalleryOrder.NAME, chance.random() < 0.5)

    await asyncio.gather(*(somebody(number) for number in range(5)))
    async with shoot.db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
        broken = [row for rule in ROWS[Rule.PIN] for row in await tx.unchecked(text(rule))]
        keys = set(await tx.scalars(select(AssetFile.key)))
    assert broken == []
    assert keys.isdisjoint(await shoot.discarded())
