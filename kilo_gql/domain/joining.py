"""Which files of one name belong together: RAW+JPEG pairs, sidecars, and what came with them.

System functions, called in the transaction that ends an ingest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy import exists, func, or_, select, text, update

from kilo_gql.db import Tx
from kilo_gql.events import Change, EventName
from kilo_gql.models import Asset, AssetStatus, Rating

#: The format of sidecars, and those of RAW files (``ml.formats.Format``), which pair with the rest.
SIDECAR: Final = "xmp"
RAW_FORMATS: Final = frozenset(("dng", "cr2", "cr3", "nef", "arw", "raf", "orf", "rw2", "pef", "srw", "raw"))
#: What a sidecar says in place of its photo.
_WORDS: Final = ("title", "description", "label")


async def has_namesakes(tx: Tx, asset: Asset) -> bool:
    """Whether other files of this name came: most photos have none, and need no look for pairs and sidecars."""
    same = select(Asset.id).where(Asset.project_id == asset.project_id, Asset.stem == asset.stem, Asset.id != asset.id)
    return await tx.scalar(same.limit(1)) is not None


# --- pairs ---------------------------------------------------------------------------------------------------------


async def pair(tx: Tx, asset: Asset, *, raw: bool) -> None:
    """RAW and JPEG of one exposure become one asset: same name, same second, same camera.

    The RAW stands for both, unless somebody has already rated the other half.
    """
    if asset.captured_local is None or asset.unpaired:
        return
    has_raw_format = Asset.format.in_(RAW_FORMATS)
    statement = (
        select(Asset)
        .where(
            Asset.project_id == asset.project_id,
            Asset.stem == asset.stem,
            Asset.id != asset.id,
            Asset.status == AssetStatus.READY,
            Asset.parent_id.is_(None),
            Asset.trashed_at.is_(None),
            Asset.unpaired.is_(False),
            Asset.format != SIDECAR,
            ~has_raw_format if raw else has_raw_format,
            func.left(Asset.captured_local, 19) == asset.captured_local[:19],
            _same_or_unknown(Asset.camera_serial, asset.camera_serial),
            _same_or_unknown(Asset.camera_model, asset.camera_model),
            ~exists().where(_CHILD.parent_id == Asset.id, _CHILD.format != SIDECAR),
        )
        .order_by(Asset.id)
        .limit(1)
        .with_for_update(of=Asset)
    )
    partner: Asset | None = await tx.scalar(statement)
    if partner is None:
        return
    negative, positive = (asset, partner) if raw else (partner, asset)
    rated = await tx.scalar(select(exists().where(Rating.asset_id == partner.id, Rating.from_file.is_(False))))
    parent, child = (partner, asset) if rated else (negative, positive)
    await join(tx, parent, child)
    sidecars = select(Asset).where(Asset.parent_id == parent.id, Asset.format == SIDECAR).order_by(Asset.id)
    for sidecar in await tx.scalars(sidecars):
        await _speak(tx, parent, sidecar)
    await _bequeath(tx, parent, child)


_CHILD: Final = Asset.__table__.alias("child").c


def _same_or_unknown(column: Any, value: str | None) -> Any:
    return text("true") if value is None else or_(column == value, column.is_(None))


async def join(tx: Tx, parent: Asset, child: Asset) -> None:
    """Make one the other's; what the child had of its own goes along, so that nothing hangs below a child."""
    await tx.session.execute(update(Asset).where(Asset.parent_id == child.id).values(parent_id=parent.id))
    child.parent_id = parent.id
    child.updated_at = parent.updated_at = tx.now
    await tx.flush()
    tell(tx, child, {"parentId": str(parent.id)})
    tell(tx, parent, {"companions": {"added": [str(child.id)]}})


# --- sidecars ------------------------------------------------------------------------------------------------------


async def attach(tx: Tx, sidecar: Asset, rating: int | None) -> None:
    """Join a sidecar to its photo, if that is here; else it waits for it."""
    sidecar.xmp = {**sidecar.xmp, "xmp:Rating": rating} if rating is not None else sidecar.xmp
    tell(tx, sidecar, {"status": sidecar.status})
    if sidecar.trashed_at is not None:
        return
    named = sidecar.filename.lower().removesuffix(f".{SIDECAR}")
    statement = (
        select(Asset)
        .where(
            Asset.project_id == sidecar.project_id,
            Asset.stem == sidecar.stem,
            Asset.format != SIDECAR,
            Asset.status == AssetStatus.READY,
            Asset.trashed_at.is_(None),
        )
        # "IMG_1.CR2.xmp" names its photo; "IMG_1.xmp" is the RAW's before it is anybody else's
        .order_by((func.lower(Asset.filename) == named).desc(), Asset.format.in_(RAW_FORMATS).desc(), Asset.id)
        .limit(1)
        .with_for_update()
    )
    photo: Asset | None = await tx.scalar(statement)
    if photo is not None:
        await _apply(tx, photo, sidecar)


async def take_sidecars(tx: Tx, photo: Asset) -> None:
    """Sidecars that came before their photo. One that names another file of the same stem is left to that file."""
    own_name = func.lower(Asset.filename) == f"{photo.filename.lower()}.{SIDECAR}"
    statement = (
        select(Asset)
        .where(
            Asset.project_id == photo.project_id,
            Asset.stem == photo.stem,
            Asset.format == SIDECAR,
            Asset.status == AssetStatus.READY,
            Asset.parent_id.is_(None),
            Asset.trashed_at.is_(None),
            or_(own_name, func.lower(Asset.filename) == f"{photo.stem}.{SIDECAR}"),
        )
        .order_by(Asset.id)
        .with_for_update()
    )
    for sidecar in await tx.scalars(statement):
        await _apply(tx, photo, sidecar)


async def _apply(tx: Tx, photo: Asset, sidecar: Asset) -> None:
    """Join a sidecar to a photo, or to the pair that the photo belongs to, and let it speak."""
    top = await _top(tx, photo)
    await join(tx, top, sidecar)
    await _speak(tx, top, sidecar)


async def _speak(tx: Tx, photo: Asset, sidecar: Asset) -> None:
    """What was written into a sidecar goes before what the photo says of itself; what was said here, before both."""
    changed: dict[str, Any] = {name: value for name in _WORDS if (value := getattr(sidecar, name)) is not None}
    if sidecar.keywords:
        changed["keywords"] = list(sidecar.keywords)
    for name, value in changed.items():
        setattr(photo, name, value)
    photo.xmp = {**photo.xmp, **sidecar.xmp}
    if changed:
        tell(tx, photo, changed)
    await rate(tx, photo, sidecar.added_by, sidecar.xmp.get("xmp:Rating"))


async def _top(tx: Tx, photo: Asset) -> Asset:
    """The asset that stands for a photo: itself, or the RAW it is paired with."""
    if photo.parent_id is None:
        return photo
    parent = await tx.session.get(Asset, photo.parent_id, with_for_update=True)
    return parent or photo


async def rate(tx: Tx, asset: Asset, user_id: UUID, rating: int | None) -> None:
    """A rating that came with the file becomes its uploader's, unless they have spoken here already."""
    if not rating or not -1 <= rating <= 5:
        return
    row = {
        "project_id": asset.project_id,
        "asset_id": asset.id,
        "user_id": user_id,
        "rating": rating if rating > 0 else None,
        "picked": None,
        "rejected": True if rating < 0 else None,
        "starred": None,
        "notes": None,
        "from_file": True,
        "updated_at": tx.now,
    }
    if await tx.insert(Rating, [row], ignore=True):
        said = {"userId": str(user_id), "rating": row["rating"], "rejected": row["rejected"]}
        tell(tx, asset, {"rating": said})


async def _bequeath(tx: Tx, parent: Asset, child: Asset) -> None:
    """Ratings that came with the half which now stands behind, where nobody has rated the pair."""
    there = select(Rating.user_id).where(Rating.asset_id == parent.id)
    statement = (
        update(Rating)
        .where(Rating.asset_id == child.id, Rating.from_file.is_(True), Rating.user_id.not_in(there))
        .values(asset_id=parent.id)
        .returning(Rating.user_id, Rating.rating, Rating.rejected)
        .execution_options(synchronize_session=False)
    )
    for user_id, rating, rejected in (await tx.session.execute(statement)).all():
        tell(tx, parent, {"rating": {"userId": str(user_id), "rating": rating, "rejected": rejected}})


def tell(tx: Tx, asset: Asset, changed: Mapping[str, Any]) -> None:
    """Announce what changed on one asset."""
    tx.emit(Change(EventName.ASSET_UPDATED, asset.project_id, (asset.id,), changed))
