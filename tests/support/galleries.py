"""Client galleries as rows, written as the system, past the doors."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from kilo_gql.access import Perm, System
from kilo_gql.db import Database, Tx
from kilo_gql.models import Asset, AssetFile, FileKind, Gallery, GalleryAsset, Project
from kilo_gql.models.base import uuid7


async def make_gallery(db: Database, project: Project, assets: Sequence[Asset], **columns: Any) -> Gallery:
    """A gallery of these photos in this order: published and open, unless ``columns`` say otherwise.

    Each photo is pinned to its preview, if it has one.
    """
    async with db.transaction(System("test"), Perm.SYSTEM) as tx:
        gallery = gallery_row(project, tx.now, **columns)
        tx.add(gallery)
        await tx.flush()
        pins = await _previews(tx, assets)
        for position, asset in enumerate(assets):
            tx.add(gallery_asset_row(gallery, asset, position, pinned_sha256=pins.get(asset.id)))
        await tx.session.commit()
    return gallery


def gallery_slug() -> str:
    """An address that nobody else has."""
    return secrets.token_urlsafe(18)


def gallery_row(project: Project, now: Any, **columns: Any) -> Gallery:
    """A published, open gallery without a mark, as a row that is not written yet."""
    plain = {
        "created_by": project.owner_user_id,
        "title": "Wedding",
        "share_slug": gallery_slug(),
        "published_at": now,
        "version": 1,
        "created_at": now,
        "updated_at": now,
    }
    return Gallery(id=uuid7(), project_id=project.id, **{**plain, **columns})


def gallery_asset_row(gallery: Gallery, asset: Asset, position: int, **columns: Any) -> GalleryAsset:
    """A photo in a gallery, as a row that is not written yet."""
    now = gallery.created_at
    return GalleryAsset(
        project_id=gallery.project_id, gallery_id=gallery.id, asset_id=asset.id, position=position,
        **{"pinned_at": now, "added_at": now, **columns},
    )  # fmt: skip


async def _previews(tx: Tx, assets: Sequence[Asset]) -> dict[Any, str | None]:
    preview = (AssetFile.kind == FileKind.PREVIEW) & (AssetFile.variant == "")
    named = AssetFile.asset_id.in_([asset.id for asset in assets])
    return {
        row.asset_id: row.sha256
        for row in await tx.rows(select(AssetFile.asset_id, AssetFile.sha256).where(preview, named))
    }
