"""What an XMP sidecar of a photo is to say, for the person who asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import and_, or_, select

from kilo_gql.access import Perm
from kilo_gql.db import Tx
from kilo_gql.domain.joining import SIDECAR
from kilo_gql.models import Asset, AssetFile, FileKind, Rating
from kilo_gql.operations import operation

#: XMP's word for "rejected".
REJECTED: Final = -1
#: What a file's own word may be, as it is written there: anything may be.
_OWN: Final = {str(stars): stars for stars in (REJECTED, 1, 2, 3, 4, 5)}


@dataclass(frozen=True, slots=True)
class Sidecar:
    """The words for a sidecar. ``rating``: -1 (rejected) to 5, None for none.

    ``existing``: the key of the sidecar that came with the photo, whose other properties (develop settings) stay.
    """

    document_name: str
    rating: int | None
    label: str | None
    keywords: list[str]
    title: str | None
    description: str | None
    existing: str | None

    @property
    def filename(self) -> str:
        """As Lightroom and Bridge look for it: the photo's name with the extension ``xmp``."""
        stem, dot, _ = self.document_name.rpartition(".")
        return f"{stem if stem and dot else self.document_name}.{SIDECAR}"


@operation(Perm.ASSET_READ)
async def asset_sidecar(tx: Tx, asset_id: UUID) -> Sidecar:
    """A photo's XMP sidecar with your rating (-1 is rejected), its label, keywords, title and description.

    Where you have said nothing, the rating is the one that the file came with. Everything else that the photo's own
    sidecar holds stays in it.
    """
    await tx.get(Asset, asset_id, only=(Asset.id, Asset.project_id))
    return (await sidecars_of(tx, [asset_id]))[asset_id]


async def sidecars_of(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, Sidecar]:
    """What the sidecars of these photos are to say; two statements, however many."""
    words = (Asset.label, Asset.keywords, Asset.title, Asset.description)
    mine = and_(Rating.asset_id == Asset.id, Rating.user_id == tx.user_id)
    statement = (
        select(Asset.id, Asset.filename, Asset.xmp["xmp:Rating"].label("own"), *words, Rating.rating, Rating.rejected)
        .outerjoin(Rating, mine)
        .where(Asset.id.in_(ids))
    )
    existing = await _existing(tx, ids)
    return {
        row.id: Sidecar(
            row.filename, _stars(row), row.label, row.keywords, row.title, row.description, existing.get(row.id)
        )
        for row in await tx.rows(statement)
    }


async def _existing(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, str]:
    """The key of the newest sidecar of each photo that has one: its own, or that of a file joined to it."""
    statement = (
        select(Asset.id, Asset.parent_id, AssetFile.key)
        .join(Asset, Asset.id == AssetFile.asset_id)
        .where(
            AssetFile.kind == FileKind.SIDECAR,
            AssetFile.damaged_at.is_(None),
            Asset.trashed_at.is_(None),
            or_(Asset.parent_id.in_(ids), Asset.id.in_(ids)),
        )
        .order_by(AssetFile.id)
    )
    rows = await tx.rows(statement)
    return {photo: row.key for row in rows for photo in (row.id, row.parent_id) if photo is not None}


def _stars(row: Any) -> int | None:
    if row.rejected:
        return REJECTED
    if row.rating is not None:
        return int(row.rating)
    return _OWN.get(str(row.own))
