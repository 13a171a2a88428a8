"""Pictures made for a gallery: which ones are missing, of what they are made, and their rows. System functions.

A file whose basis is another one than today's is never handed out, so what a job wrote too late does no harm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, func, or_, select
from sqlalchemy.orm import aliased

from kilo_gql.db import Tx
from kilo_gql.domain.gallery_looks import TAKEN, Look, look_of
from kilo_gql.domain.gallery_media import SHOWN, Preview, guest_name, is_pinned_preview, viewer_of
from kilo_gql.domain.renders import BATCH, discard
from kilo_gql.models import (
    Asset,
    AssetFile,
    FileKind,
    Gallery,
    GalleryAsset,
    GalleryFile,
    GalleryRendition,
    Project,
)
from kilo_gql.models.base import uuid7

#: How long files with a guest's name are kept; they are made again in a second.
NAMED_KEPT: Final = timedelta(days=7)

_Current: Final = aliased(AssetFile, name="current_preview")
_Thumbnail: Final = aliased(AssetFile, name="thumbnail")
_Full: Final = aliased(AssetFile, name="full")
_Original: Final = aliased(AssetFile, name="original")
_R: Final = GalleryRendition


@dataclass(frozen=True, slots=True)
class Task:
    """A picture that is missing. ``source``: the key of the file that it is drawn from; ``preview``: of the pinned
    preview; ``original``: of the file that came in, where that may be handed out itself.

    ``mark``: the fields of ``ml.watermarks.Mark`` without the picture's path (None: unmarked); ``mark_key``: that
    picture's key. ``credit``: creator and copyright. ``filename`` hints at the format of what came in.
    """

    project_id: UUID
    gallery_id: UUID
    asset_id: UUID
    guest_id: UUID | None
    position: int
    rendition: GalleryRendition
    basis: str
    source: str
    preview: str
    original: str | None
    filename: str
    mark: Mapping[str, Any] | None
    mark_key: str | None
    credit: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Work:
    """What a job has to make: the ``missing`` pictures of ``total`` that there are to be.

    ``stale``: ids of files that nobody is handed out any more.
    """

    gallery: Gallery
    missing: list[Task]
    total: int
    stale: list[UUID]


@dataclass(frozen=True, slots=True)
class MadeFile:
    """A picture that is in the store. ``width_px``, ``height_px`` None: nobody looked."""

    task: Task
    key: str
    content_type: str
    byte_size: int
    sha256: str
    crc32: int
    width_px: int | None
    height_px: int | None


async def find_work(
    tx: Tx,
    gallery_id: UUID,
    rendition: GalleryRendition | None = None,
    asset_ids: Sequence[UUID] | None = None,
    guest_id: UUID | None = None,
    after: int | None = None,
) -> Work | None:
    """What is missing: one ``rendition`` of some photos, or (None) all that everybody sees. None: no such gallery."""
    found = await tx.rows(
        select(Gallery, Project.title, guest_name(Gallery.id, guest_id).label("guest_name"))
        .join(Project, Project.id == Gallery.project_id)
        .where(Gallery.id == gallery_id)
    )
    if not found:
        return None
    gallery, title, name = found[0]
    look = look_of(gallery, title, viewer_of(gallery.id, guest_id, name))
    files = await _files(tx, gallery_id, asset_ids, guest_id)
    # a look that went and came back has two files of the same bytes
    photos = {row.asset_id: row for row in await tx.rows(_photos(gallery, asset_ids))}
    card_id = _card_of(gallery, list(photos))
    wanted = [
        _task(gallery, look, row, one)
        for row in photos.values()
        for one in _renditions(look, row, rendition, card=row.asset_id == card_id)
    ]
    there = {(file.asset_id, file.rendition, file.guest_id, file.basis) for file in files}
    missing = [task for task in wanted if (task.asset_id, task.rendition, task.guest_id, task.basis) not in there]
    stale = _stale(look, photos, files, wanted) if rendition is None else []
    return Work(gallery, [task for task in missing if after is None or task.position > after], len(wanted), stale)


async def _files(tx: Tx, gallery_id: UUID, asset_ids: Sequence[UUID] | None, guest_id: UUID | None) -> Sequence[Any]:
    """The files that are there for everybody, and for one guest; of some photos, or of all."""
    statement = select(
        GalleryFile.id, GalleryFile.asset_id, GalleryFile.rendition, GalleryFile.guest_id, GalleryFile.basis
    ).where(
        GalleryFile.gallery_id == gallery_id,
        or_(GalleryFile.guest_id.is_(None), GalleryFile.guest_id == guest_id),
    )
    return await tx.rows(statement if asset_ids is None else statement.where(GalleryFile.asset_id.in_(asset_ids)))


def _stale(look: Look, photos: Mapping[UUID, Any], files: Sequence[Any], wanted: Sequence[Task]) -> list[UUID]:
    """Files of another pin or mark than today's, and pictures to look at that are the photo's own again."""
    needed = {(task.asset_id, task.rendition) for task in wanted}
    return [
        file.id
        for file in files
        if (file.rendition not in TAKEN and (file.asset_id, file.rendition) not in needed)
        or file.asset_id not in photos
        or file.basis != look.basis(file.rendition, photos[file.asset_id].pinned_sha256)
    ]


async def drop(tx: Tx, work: Work) -> None:
    """Take away the files that are stale. Their bytes follow."""
    for start in range(0, len(work.stale), BATCH):
        ids = work.stale[start : start + BATCH]
        keys = await tx.scalars(
            delete(GalleryFile).where(GalleryFile.id.in_(ids)).returning(GalleryFile.key)  # type: ignore[arg-type]
        )
        await discard(tx, keys, work.gallery.project_id)


def _card_of(gallery: Gallery, asset_ids: Sequence[UUID]) -> UUID | None:
    """Which photo stands on the card: the cover, or else the first. Nobody makes a card of a locked gallery."""
    if gallery.password_hash is not None or not asset_ids:
        return None
    return gallery.cover_asset_id if gallery.cover_asset_id in asset_ids else asset_ids[0]


def _photos(gallery: Gallery, asset_ids: Sequence[UUID] | None) -> Any:
    """The photos that are shown, in their order, with the keys of what pictures can be made of."""
    kept = [GalleryAsset.gallery_id == gallery.id, Asset.trashed_at.is_(None), Asset.status.in_(SHOWN)]
    if asset_ids is not None:
        kept.append(GalleryAsset.asset_id.in_(asset_ids))
    statement = select(
        GalleryAsset.asset_id,
        GalleryAsset.position,
        GalleryAsset.pinned_sha256,
        Asset.filename,
        func.coalesce(Asset.xmp["dc:creator"], Asset.iptc["By-line"], Asset.exif["Artist"]).label("creator"),
        func.coalesce(Asset.xmp["dc:rights"], Asset.iptc["CopyrightNotice"], Asset.exif["Copyright"]).label("rights"),
        Preview.key.label("preview_key"),
        _Current.id.label("current_id"),
        _Thumbnail.key.label("thumbnail_key"),
        _Full.key.label("full_key"),
        _Original.key.label("original_key"),
    ).join(Asset, Asset.id == GalleryAsset.asset_id)
    statement = statement.join(Preview, is_pinned_preview())
    present = _file_of(_Current, FileKind.PREVIEW) & (_Current.sha256 == GalleryAsset.pinned_sha256)
    statement = statement.outerjoin(_Current, present)
    for file, kind in ((_Thumbnail, FileKind.THUMBNAIL), (_Full, FileKind.FULL), (_Original, FileKind.ORIGINAL)):
        statement = statement.outerjoin(file, _file_of(file, kind))
    return statement.where(*kept).order_by(GalleryAsset.position, GalleryAsset.asset_id)


def _file_of(file: Any, kind: FileKind) -> Any:
    return (
        (file.asset_id == GalleryAsset.asset_id)
        & (file.kind == kind)
        & (file.variant == "")
        & file.damaged_at.is_(None)
    )


def _renditions(look: Look, row: Any, rendition: GalleryRendition | None, *, card: bool) -> Sequence[GalleryRendition]:
    """Which pictures of a photo there are to be."""
    as_it_is = look.mark is None and row.current_id is not None and row.thumbnail_key is not None
    if rendition is not None:
        needless = look.mark is None and (rendition is _R.PREVIEW or (rendition is _R.THUMBNAIL and as_it_is))
        return () if needless else (rendition,)
    wanted = [] if as_it_is else [_R.THUMBNAIL]
    if look.mark is not None:
        wanted.append(_R.PREVIEW)
    if card:
        wanted.append(_R.CARD)
    return wanted


def _task(gallery: Gallery, look: Look, row: Any, rendition: GalleryRendition) -> Task:
    """All pixels are only taken from where the pinned look is: a photo that has changed has them in its preview."""
    whole = row.full_key or row.original_key if row.current_id is not None else None
    source = whole if whole is not None and rendition in (_R.FULL, _R.ORIGINAL) else row.preview_key
    return Task(
        gallery.project_id,
        gallery.id,
        row.asset_id,
        look.guest_id(rendition),
        row.position,
        rendition,
        look.basis(rendition, row.pinned_sha256),
        source,
        row.preview_key,
        row.original_key if rendition is _R.ORIGINAL else None,
        row.filename,
        _mark(look, rendition),
        look.image_key,
        {"creator": _words(row.creator), "copyright": _words(row.rights)},
    )


def _mark(look: Look, rendition: GalleryRendition) -> dict[str, Any] | None:
    if look.mark is None:
        return None
    return {**asdict(look.mark), "text": look.text(rendition)}


def _words(value: object) -> str | None:
    """Text as it was found in a file: of a list, its texts."""
    texts = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return ", ".join(one for one in texts if isinstance(one, str)) or None


async def finish_pictures(tx: Tx, files: Sequence[MadeFile]) -> None:
    """Write the rows of what was made. What had its place goes, and so does what is not shown any more."""
    for file in files:
        task = file.task
        in_gallery = (GalleryAsset.gallery_id == task.gallery_id) & (GalleryAsset.asset_id == task.asset_id)
        still_shown = await tx.scalar(select(GalleryAsset.asset_id).where(in_gallery).with_for_update())
        if still_shown is None:
            await discard(tx, [file.key], task.project_id)
            continue
        same = (
            (GalleryFile.gallery_id == task.gallery_id)
            & (GalleryFile.asset_id == task.asset_id)
            & (GalleryFile.rendition == task.rendition)
            & (GalleryFile.guest_id.is_not_distinct_from(task.guest_id))
        )
        replaced = await tx.scalars(delete(GalleryFile).where(same).returning(GalleryFile.key))  # type: ignore[arg-type]
        await discard(tx, [key for key in replaced if key != file.key], task.project_id)
        await tx.insert(GalleryFile, [_row(tx, file)])


def _row(tx: Tx, file: MadeFile) -> dict[str, Any]:
    task = file.task
    return {
        "id": uuid7(),
        "project_id": task.project_id,
        "gallery_id": task.gallery_id,
        "asset_id": task.asset_id,
        "guest_id": task.guest_id,
        "rendition": task.rendition,
        "basis": task.basis,
        "key": file.key,
        "content_type": file.content_type,
        "byte_size": file.byte_size,
        "sha256": file.sha256,
        "crc32": file.crc32,
        "width_px": file.width_px,
        "height_px": file.height_px,
        "created_at": tx.now,
    }


async def sweep_named(tx: Tx) -> int:
    """Take away a batch of files with guests' names that are a week old; returns how many. Their bytes follow."""
    old = select(GalleryFile.id).where(GalleryFile.guest_id.is_not(None), GalleryFile.created_at < tx.now - NAMED_KEPT)
    keys = await tx.scalars(
        delete(GalleryFile).where(GalleryFile.id.in_(old.limit(BATCH))).returning(GalleryFile.key)  # type: ignore[arg-type]
    )
    await discard(tx, keys, None)
    return len(keys)
