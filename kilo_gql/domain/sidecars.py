"""What an XMP sidecar of a photo is to say, for the person who asks."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import or_, select

from kilo_gql.access import Perm
from kilo_gql.db import Tx
from kilo_gql.domain.joining import SIDECAR
from kilo_gql.models import Asset, AssetFile, FileKind, Rating
from kilo_gql.operations import operation

#: XMP's word for "rejected".
REJECTED = -1


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
    asset = await tx.get(Asset, asset_id)
    said: Rating | None = await tx.scalar(
        select(Rating).where(Rating.asset_id == asset_id, Rating.user_id == tx.user_id)
    )
    existing: str | None = await tx.scalar(
        select(AssetFile.key)
        .join(Asset, Asset.id == AssetFile.asset_id)
        .where(
            AssetFile.kind == FileKind.SIDECAR,
            AssetFile.damaged_at.is_(None),
            Asset.trashed_at.is_(None),
            or_(Asset.parent_id == asset_id, Asset.id == asset_id),
        )
        .order_by(AssetFile.id.desc())
        .limit(1)
    )
    words = (asset.label, asset.keywords, asset.title, asset.description)
    return Sidecar(asset.filename, _stars(said, asset.xmp.get("xmp:Rating")), *words, existing)


def _stars(said: Rating | None, own: object) -> int | None:
    if said is not None and said.rejected:
        return REJECTED
    if said is not None and said.rating is not None:
        return said.rating
    stars = int(own) if isinstance(own, int | str) and str(own).lstrip("-").isdecimal() else 0
    return stars if REJECTED <= stars <= 5 and stars else None
