"""What was measured in photos, written; and which photos still have to be measured.

``follow`` is for whoever notices that something is missing. The rest are system functions, called by the jobs that
measure: ingest for a photo that comes in, and the measure job for those that came before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import and_, exists, func, or_, select, text, update
from sqlalchemy.sql import ColumnElement

from kilo_gql import jobs
from kilo_gql.db import Tx
from kilo_gql.domain.assets import announce
from kilo_gql.jobs import JobType, NewJob
from kilo_gql.model_catalogue import ModelKind
from kilo_gql.models import (
    Asset,
    AssetEmbedding,
    AssetFile,
    AssetSignals,
    FileKind,
    Job,
    JobStatus,
    ModelInUse,
    Priority,
    Project,
    ProjectStatus,
)
from kilo_gql.models.assets import SHOWN

#: How long a job waits for another that measures the same project.
PAUSE: Final = timedelta(seconds=10)
#: What is told of photos that have been measured.
READY: Final = {"signals": True, "embedding": True}
#: The remark about a photo that could not be measured when it came in.
NOT_MEASURED: Final = "its technical quality could not be measured; that is tried again with the next grouping"
#: A version that none has: what was measured does not stand for the photo any more.
_STALE: Final = 0


@dataclass(frozen=True, slots=True)
class Standard:
    """By what photos are to be measured now. ``space`` is that of their vectors; ``face_models``: None finds none."""

    signals_version: int
    descriptors_version: int
    space: str
    face_models: str | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured in one photo; the columns of ``AssetSignals`` say what is what.

    ``vector``: of the standard's space, float16, little-endian.
    """

    standard: Standard
    signals: Mapping[str, float | None]
    tile_rows: int
    tile_columns: int
    tiles: bytes
    descriptors: bytes
    faces: Sequence[Mapping[str, Any]] | None
    vector: bytes


@dataclass(frozen=True, slots=True)
class Unmeasured:
    """A photo to measure: the ``key`` of its preview in the store, and what is ``known_of`` it."""

    asset_id: UUID
    key: str
    known: Mapping[str, Any]


#: Columns of ``Asset`` that the measuring of a photo is told beside its pixels, and an Exif field.
_KNOWN: Final = (
    "captured_local", "offset_minutes", "aperture", "exposure_time_s", "iso", "flash_fired", "lens_model",
    "gps_latitude", "gps_longitude",
)  # fmt: skip
_FILM: Final = "FocalLengthIn35mmFilm"


def known_of(columns: Mapping[str, Any]) -> dict[str, Any]:
    """What the measuring of a photo is told beside its pixels, from the columns of its asset."""
    return {name: columns[name] for name in _KNOWN} | {"focal_length_35mm": columns["exif"].get(_FILM)}


async def follow(tx: Tx, project_id: UUID) -> None:
    """Some of a project's photos are not measured as they should be: have that done."""
    await jobs.enqueue(tx, _job(project_id))


async def remeasure_all(tx: Tx) -> int:
    """How photos are to be measured has changed: have every project looked through; returns how many there are."""
    return await _look_through(tx, Asset.preview_ready.is_(True))


async def catch_up(tx: Tx) -> int:
    """Have the projects looked through whose photos came before there were signals, or could not be measured."""
    return await _look_through(tx, and_(Asset.preview_ready, Asset.signals_ready.is_(False), text(SHOWN)))


async def _look_through(tx: Tx, which: ColumnElement[bool]) -> int:
    there = exists().where(Asset.project_id == Project.id, which)
    projects = await tx.scalars(select(Project.id).where(Project.status != ProjectStatus.DELETED, there))
    await jobs.enqueue(tx, *(_job(project_id, Priority.BACKFILL) for project_id in projects))
    return len(projects)


async def go_on(tx: Tx, project_id: UUID, after: UUID) -> None:
    """The measure job has had its turn and got as far as this photo: the rest is done when it is its turn again."""
    await jobs.enqueue(tx, _job(project_id, after=after))


async def is_busy(tx: Tx, project_id: UUID, job_id: UUID) -> bool:
    """Does another job than this one measure the project's photos now?"""
    others = select(Job.id).where(
        Job.project_id == project_id,
        Job.type == JobType.PROJECT_MEASURE,
        Job.status == JobStatus.RUNNING,
        Job.id != job_id,
    )
    return await tx.scalar(others.limit(1)) is not None


async def come_back(tx: Tx, project_id: UUID, after: UUID | None) -> None:
    """Another job measures the project's photos: see later what it has left."""
    await jobs.enqueue(tx, replace(_job(project_id, after=after), not_before=tx.now + PAUSE))


def _job(project_id: UUID, priority: Priority = Priority.NORMAL, after: UUID | None = None) -> NewJob:
    # one that begins with the first photo is not replaced by one that goes on
    once = f"measure:{project_id}" if after is None else f"measure:{project_id}:on"
    arguments = {} if after is None else {"after": str(after)}
    return NewJob(JobType.PROJECT_MEASURE, arguments, project_id, priority=priority, once=once)


# --- by what to measure ---------------------------------------------------------------------------------------------

_FACES: Final = (ModelKind.FACE_DETECTOR, ModelKind.FACE_LANDMARKS)
#: Name and SHA-256 of the models in use that look for faces, by kind; null: none.
FACE_MODELS: Final = (
    select(func.jsonb_object_agg(ModelInUse.kind, func.jsonb_build_array(ModelInUse.name, ModelInUse.sha256)))
    .where(ModelInUse.kind.in_(_FACES))
    .scalar_subquery()
)


async def face_models(tx: Tx) -> Mapping[str, Sequence[str]]:
    """Name and SHA-256 of the models in use that look for faces, by kind."""
    return await tx.scalar(select(FACE_MODELS)) or {}


# --- what there is to do -------------------------------------------------------------------------------------------


async def count_unmeasured(tx: Tx, project_id: UUID, standard: Standard, after: UUID | None) -> int:
    """How many photos of a project are not measured by this standard, from ``after`` on."""
    found = _unmeasured(select(func.count()), project_id, standard, after)
    return int(await tx.scalar(found))


async def find_unmeasured(
    tx: Tx, project_id: UUID, standard: Standard, after: UUID | None, most: int
) -> list[Unmeasured]:
    """The first of them, in the order of their ids."""
    columns = [getattr(Asset, name) for name in _KNOWN]
    film = Asset.exif[_FILM].label("focal_length_35mm")
    found = _unmeasured(select(Asset.id, AssetFile.key, *columns, film), project_id, standard, after)
    rows = await tx.rows(found.order_by(Asset.id).limit(most))
    names = (*_KNOWN, "focal_length_35mm")
    return [Unmeasured(row.id, row.key, {name: getattr(row, name) for name in names}) for row in rows]


#: The preview that a photo has now: galleries may keep others.
_PREVIEW: Final = and_(AssetFile.asset_id == Asset.id, AssetFile.kind == FileKind.PREVIEW, AssetFile.variant == "")


def _unmeasured(columns: Any, project_id: UUID, standard: Standard, after: UUID | None) -> Any:
    """Photos that lists show, with a sound preview, but without signals, faces or a vector of this standard."""
    preview = and_(_PREVIEW, AssetFile.damaged_at.is_(None))
    vector = and_(AssetEmbedding.asset_id == Asset.id, AssetEmbedding.space == standard.space)
    lacking = [
        AssetSignals.asset_id.is_(None),
        AssetSignals.signals_version != standard.signals_version,
        AssetSignals.descriptors_version != standard.descriptors_version,
        AssetEmbedding.asset_id.is_(None),
    ]
    if standard.face_models is not None:
        lacking.append(AssetSignals.face_models.is_distinct_from(standard.face_models))
    here = Asset.project_id == project_id
    return (
        columns.select_from(Asset)
        .join(AssetFile, preview)
        .outerjoin(AssetSignals, AssetSignals.asset_id == Asset.id)
        .outerjoin(AssetEmbedding, vector)
        .where(here if after is None else and_(here, Asset.id > after), text(SHOWN), Asset.preview_ready, or_(*lacking))
    )


# --- what was found ------------------------------------------------------------------------------------------------


async def write(tx: Tx, project_id: UUID, found: Mapping[UUID, Measured]) -> list[UUID]:
    """Write what was measured in some photos, by asset; returns those of which it is news."""
    signals = [_signals_row(tx, project_id, asset_id, measured) for asset_id, measured in found.items()]
    vectors = [
        {"project_id": project_id, "asset_id": id_, "space": measured.standard.space, "vector": measured.vector}
        for id_, measured in found.items()
    ]
    changing = tuple(column.name for column in AssetSignals.__table__.c if column.name not in _UNCHANGING)
    news = await tx.upsert(AssetSignals, signals, changing=changing, stamp="measured_at")
    more = await tx.upsert(AssetEmbedding, vectors, changing=("vector",), stamp="vector")
    return sorted({row.asset_id for row in (*news, *more)})


_UNCHANGING: Final = ("project_id", "asset_id", "measured_at")


def _signals_row(tx: Tx, project_id: UUID, asset_id: UUID, measured: Measured) -> dict[str, Any]:
    standard, faces = measured.standard, measured.faces
    return {
        "project_id": project_id,
        "asset_id": asset_id,
        "signals_version": standard.signals_version,
        "descriptors_version": standard.descriptors_version,
        "signals": dict(measured.signals),
        "tile_rows": measured.tile_rows,
        "tile_columns": measured.tile_columns,
        "tiles": measured.tiles,
        "descriptors": measured.descriptors,
        "faces": None if faces is None else [dict(face) for face in faces],
        "face_models": None if faces is None else standard.face_models,
        "measured_at": tx.now,
    }


async def write_again(tx: Tx, project_id: UUID, found: Sequence[tuple[Unmeasured, Measured]]) -> list[UUID]:
    """As ``write``, of photos that are ready, and tell it. Passes over those whose preview is another by now."""
    seen = {photo.asset_id: photo.key for photo, _ in found}
    statement = (
        select(Asset.id, AssetFile.key)
        .join(AssetFile, _PREVIEW)
        .where(Asset.project_id == project_id, Asset.id.in_(seen))
        .order_by(Asset.id)
        .with_for_update(of=Asset)
    )
    still = {row.id for row in await tx.rows(statement) if row.key == seen[row.id]}
    news = await write(tx, project_id, {photo.asset_id: one for photo, one in found if photo.asset_id in still})
    if news:
        remarks = func.array_remove(Asset.remarks, NOT_MEASURED)
        ready = {"signals_ready": True, "embedding_ready": True, "remarks": remarks}
        await tx.session.execute(update(Asset).where(Asset.id.in_(news)).values(ready))
    announce(tx, project_id, news, {"readiness": READY})
    return news


async def forget(tx: Tx, project_id: UUID, asset_id: UUID) -> None:
    """The preview of a photo has become another: what was measured in the old one stands until this one is."""
    await tx.session.execute(
        update(AssetSignals).where(AssetSignals.asset_id == asset_id).values(signals_version=_STALE)
    )
    await follow(tx, project_id)
