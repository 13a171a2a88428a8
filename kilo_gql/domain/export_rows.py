"""The photos of an export as plans need them: which they are, what is known of them, and what each file shall say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import and_, or_, select, text

from kilo_gql.db import Tx
from kilo_gql.domain import chips
from kilo_gql.domain.export_crops import MIDDLE, Subject, subject_of
from kilo_gql.domain.export_names import captured_of
from kilo_gql.domain.export_plans import Photo
from kilo_gql.domain.joining import RAW_FORMATS, SIDECAR
from kilo_gql.errors import BadRequest, Conflict, not_found
from kilo_gql.models import (
    Asset,
    AssetFile,
    AssetSignals,
    AssetStatus,
    Cluster,
    FileKind,
    Rating,
    Suggestion,
)
from kilo_gql.models.assets import SHOWN

#: Photos of one export.
PHOTOS_MAX: Final = 5_000
#: What is told of photos that stand in the way.
_NAMED_MAX: Final = 20


# --- which photos --------------------------------------------------------------------------------------------------


async def chosen(tx: Tx, project_id: UUID, asset_ids: Sequence[UUID] | None) -> list[UUID]:
    """The photos of an export in their order: those named, each once, or else the actor's picks in the order of time.

    Raises BadRequest ``too_many_photos``, NotFound, or Conflict ``asset_not_ready`` or ``nothing_picked``.
    """
    wanted = await _picks(tx, project_id) if asset_ids is None else list(dict.fromkeys(asset_ids))
    if len(wanted) > PHOTOS_MAX:
        raise BadRequest(
            f"An export has at most {PHOTOS_MAX:,} photos.",
            code="too_many_photos",
            details={"photos": len(wanted), "max": PHOTOS_MAX},
            remediation=["Make several exports."],
        )
    if asset_ids is None:
        return wanted
    if not wanted:
        raise BadRequest("Name at least one photo, or none for your picks.", details={"field": "assetIds"})
    await _must_be_ready(tx, project_id, wanted)
    return wanted


async def _picks(tx: Tx, project_id: UUID) -> list[UUID]:
    picked = (
        select(Asset.id)
        .join(Rating, and_(Rating.asset_id == Asset.id, Rating.user_id == tx.user_id, Rating.picked.is_(True)))
        .where(Asset.project_id == project_id, text(SHOWN), Asset.status == AssetStatus.READY)
        .order_by(Asset.sort_at, Asset.id)
        .limit(PHOTOS_MAX + 1)
    )
    found = list(await tx.scalars(picked))
    if not found:
        raise Conflict(
            "You have not picked a photo in this project.",
            code="nothing_picked",
            remediation=["Pick some photos, or name them in `assetIds`."],
        )
    return found


async def _must_be_ready(tx: Tx, project_id: UUID, asset_ids: Sequence[UUID]) -> None:
    columns = (Asset.id, Asset.status, Asset.trashed_at, Asset.format)
    there = {
        row.id: row
        for row in await tx.rows(select(*columns).where(Asset.project_id == project_id, Asset.id.in_(asset_ids)))
    }
    if len(there) < len(asset_ids):
        raise not_found("asset")
    unready = [id_ for id_ in asset_ids if not _is_ready(there[id_])]
    if unready:
        raise Conflict(
            f"{len(unready)} of these photos cannot be exported now.",
            code="asset_not_ready",
            details={"assetIds": [str(id_) for id_ in unready[:_NAMED_MAX]], "count": len(unready)},
            remediation=["Wait until they are processed, restore them from the trash, or leave them out."],
        )


def _is_ready(row: Any) -> bool:
    return row.status is AssetStatus.READY and row.trashed_at is None and row.format != SIDECAR


# --- what plans need -----------------------------------------------------------------------------------------------

_PHOTO: Final = (
    Asset.id, Asset.filename, Asset.width_px, Asset.height_px, Asset.captured_local, Asset.camera_make,
    Asset.camera_model, Asset.label,
)  # fmt: skip
_SIGNALS: Final = (AssetSignals.faces, AssetSignals.tile_rows, AssetSignals.tile_columns, AssetSignals.tiles)


async def photos_of(tx: Tx, asset_ids: Sequence[UUID], user_id: UUID, *, subjects: bool) -> dict[UUID, Photo]:
    """By id, with this user's stars. Without ``subjects`` nobody asks where they are: their signals are not read."""
    statement: Any = select(*_PHOTO, Rating.rating).outerjoin(
        Rating, and_(Rating.asset_id == Asset.id, Rating.user_id == user_id)
    )
    if subjects:
        statement = statement.add_columns(*_SIGNALS).outerjoin(AssetSignals, AssetSignals.asset_id == Asset.id)
    rows = await tx.rows(statement.where(Asset.id.in_(asset_ids)))
    return {row.id: _photo(row, subjects) for row in rows}


def _photo(row: Any, subjects: bool) -> Photo:
    camera = " ".join(dict.fromkeys(part for part in (row.camera_make, row.camera_model) if part)) or None
    return Photo(
        asset_id=row.id,
        filename=row.filename,
        width_px=row.width_px or 0,
        height_px=row.height_px or 0,
        captured_local=row.captured_local,
        camera=camera,
        rating=row.rating or 0,
        label=row.label,
        subject=_subject(row) if subjects else MIDDLE,
    )


def _subject(row: Any) -> Subject:
    if row.tiles is None:
        return MIDDLE
    return subject_of(row.faces, row.tile_rows, row.tile_columns, row.tiles)


# --- where the pixels come from ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Source:
    """The file that a picture is made from. ``developed``: the sensor's data, not what the camera made of it."""

    asset_id: UUID
    key: str
    filename: str
    developed: bool
    fields: Mapping[str, Any]


async def sources_of(tx: Tx, asset_ids: Sequence[UUID], user_id: UUID, *, develop: bool) -> dict[UUID, Source]:
    """By photo; photos whose original is gone or damaged are missing."""
    originals = select(AssetFile.key, Asset.id, Asset.parent_id, Asset.filename, Asset.format).join(
        Asset, Asset.id == AssetFile.asset_id
    )
    rows = await tx.rows(
        originals.where(
            or_(Asset.id.in_(asset_ids), Asset.parent_id.in_(asset_ids)),
            Asset.format.is_distinct_from(SIDECAR),
            Asset.status == AssetStatus.READY,
            Asset.trashed_at.is_(None),
            AssetFile.kind == FileKind.ORIGINAL,
            AssetFile.damaged_at.is_(None),
        ).order_by(Asset.id)
    )
    said = await _fields(tx, asset_ids, user_id)
    files: dict[UUID, list[Any]] = {}
    for row in rows:
        for owner in (row.id, row.parent_id):
            if owner in said:
                files.setdefault(owner, []).append(row)
    return {id_: source_of(id_, files[id_], said[id_], develop=develop) for id_ in said if _own(id_, files)}


def _own(asset_id: UUID, files: Mapping[UUID, Sequence[Any]]) -> bool:
    return any(row.id == asset_id for row in files.get(asset_id, ()))


def source_of(asset_id: UUID, files: Sequence[Any], fields: Mapping[str, Any], *, develop: bool) -> Source:
    """Which of a photo's originals (its own, and those joined to it) the picture is made from.

    A RAW file is developed where that is asked for. Otherwise the camera's own JPEG of the same exposure speaks for it,
    or the one that it holds. The versions of an edited photo will be chosen here as well.
    """
    own = next(row for row in files if row.id == asset_id)
    is_raw = own.format in RAW_FORMATS
    chosen_file = own
    if is_raw and not develop:
        chosen_file = next((row for row in files if row.id != asset_id and row.format not in RAW_FORMATS), own)
    return Source(asset_id, chosen_file.key, chosen_file.filename, is_raw and develop, fields)


# --- contact sheets ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SheetPhoto:
    """A photo on a contact sheet. ``key``: of its preview, ``width`` × ``height`` pixels. ``captured``: local time."""

    key: str
    name: str
    rating: int | None
    label: str | None
    picked: bool
    chips: list[str]
    captured: str | None
    width: int
    height: int


async def sheet_photos(tx: Tx, asset_ids: Sequence[UUID], user_id: UUID) -> dict[UUID, SheetPhoto]:
    """By photo, with this user's stars and picks, and why it was suggested where it won; without previews none."""
    own = and_(Rating.asset_id == Asset.id, Rating.user_id == user_id)
    rows = await tx.rows(
        select(
            Asset.id, AssetFile.key, Asset.filename, Rating.rating, Asset.label, Rating.picked, Asset.captured_local,
            AssetFile.width_px, AssetFile.height_px,
        )
        .join(AssetFile, AssetFile.asset_id == Asset.id)
        .outerjoin(Rating, own)
        .where(
            Asset.id.in_(asset_ids),
            AssetFile.kind == FileKind.PREVIEW,
            AssetFile.variant == "",
            AssetFile.damaged_at.is_(None),
        )
    )  # fmt: skip
    why = await _reasons(tx, asset_ids, user_id)
    return {
        row.id: SheetPhoto(
            row.key, row.filename, row.rating, row.label, bool(row.picked), why.get(row.id, []),
            _in_words(row.captured_local), row.width_px or 0, row.height_px or 0,
        )
        for row in rows
    }  # fmt: skip


async def _reasons(tx: Tx, asset_ids: Sequence[UUID], user_id: UUID) -> dict[UUID, list[str]]:
    """Why the winners of clusters were suggested; one's own ranker speaks before everyone's."""
    rows = await tx.rows(
        select(Cluster.winner_asset_id, Suggestion.chips)
        .join(Suggestion, Suggestion.cluster_id == Cluster.id)
        .where(
            Cluster.winner_asset_id.in_(asset_ids),
            Cluster.winner_asset_id == Suggestion.asset_ids[1],
            or_(Suggestion.user_id.is_(None), Suggestion.user_id == user_id),
        )
        .order_by(Suggestion.user_id.nulls_first(), Suggestion.id)
    )
    return {row.winner_asset_id: [chips.words(chip) for chip in row.chips] for row in rows}


def _in_words(captured_local: str | None) -> str | None:
    captured = captured_of(captured_local)
    return None if captured is None else f"{captured:%Y-%m-%d %H:%M}"


# --- what the files say --------------------------------------------------------------------------------------------

_WORDS: Final = (
    Asset.id, Asset.title, Asset.description, Asset.keywords, Asset.label, Asset.captured_local, Asset.gps_latitude,
    Asset.gps_longitude, Asset.exif, Asset.iptc, Asset.xmp,
)  # fmt: skip


async def _fields(tx: Tx, asset_ids: Sequence[UUID], user_id: UUID) -> dict[UUID, dict[str, Any]]:
    """What the house knows of photos that a file can say, with this user's stars; by photo."""
    own = and_(Rating.asset_id == Asset.id, Rating.user_id == user_id)
    rows = await tx.rows(select(*_WORDS, Rating.rating).outerjoin(Rating, own).where(Asset.id.in_(asset_ids)))
    return {row.id: _said(row) for row in rows}


def _said(row: Any) -> dict[str, Any]:
    place = None if row.gps_latitude is None or row.gps_longitude is None else [row.gps_latitude, row.gps_longitude]
    return {
        "title": row.title,
        "description": row.description,
        "keywords": list(row.keywords),
        "label": row.label,
        "rating": row.rating,
        "captured_local": row.captured_local,
        "gps": place,
        "creator": _first(row.xmp.get("dc:creator"), row.iptc.get("By-line"), row.exif.get("Artist")),
        "copyright": _first(row.xmp.get("dc:rights"), row.iptc.get("CopyrightNotice"), row.exif.get("Copyright")),
    }


def _first(*values: Any) -> str | None:
    """The first that is text, XMP before IPTC before Exif; of a list, its texts."""
    for value in values:
        texts = [value] if isinstance(value, str) else value if isinstance(value, list) else []
        if found := ", ".join(one.strip() for one in texts if isinstance(one, str) and one.strip()):
            return found
    return None
