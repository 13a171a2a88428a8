"""What guests take home: one photo, all, their favorites, or what they selected in a list.

The gallery says how much they may take. Files are made first and handed out when they are all there; an archive of
them is never made, its bytes follow from theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from sqlalchemy import and_, func, select

from kilo_gql.access import Perm
from kilo_gql.db import Tx
from kilo_gql.domain import gallery_activity, sharing
from kilo_gql.domain.gallery_looks import TAKEN, Look, look_of
from kilo_gql.domain.gallery_media import Preview, guest_name, is_pinned_preview, signer, viewer_of
from kilo_gql.domain.gallery_renders import enqueue_pictures
from kilo_gql.domain.guest_rows import gallery_order, shown_assets
from kilo_gql.domain.media_keys import MediaKey, invalid_key
from kilo_gql.domain.sharing import Entered
from kilo_gql.errors import BadRequest, Conflict, Forbidden, not_found
from kilo_gql.models import (
    ActivityKind,
    Asset,
    DownloadPolicy,
    Gallery,
    GalleryAsset,
    GalleryFavorite,
    GalleryFile,
    GalleryRendition,
    GallerySection,
    Project,
    SelectedAsset,
    SelectionList,
)
from kilo_gql.operations import operation
from kilo_gql.zips import safe_names

_EXTENSIONS: Final = {"image/jpeg": ".jpg", "image/tiff": ".tif"}


class DownloadOf(StrEnum):
    """Which photos: ALL of the gallery, the guest's FAVORITES, what they selected in a LIST, or one PHOTO."""

    ALL = "all"
    FAVORITES = "favorites"
    LIST = "list"
    PHOTO = "photo"


@dataclass(frozen=True, slots=True)
class Choice:
    """What is to be taken home, as WEB, FULL or ORIGINAL. ``list_id`` with LIST, ``asset_id`` with PHOTO."""

    of: DownloadOf
    rendition: GalleryRendition
    list_id: UUID | None = None
    asset_id: UUID | None = None

    def path(self, slug: str) -> str:
        """Where it is had, relative to the house."""
        if self.of is DownloadOf.PHOTO:
            return f"/g/{slug}/download/{self.asset_id}?rendition={self.rendition.value}"
        named = {"of": self.of.value, "rendition": self.rendition.value}
        if self.list_id is not None:
            named["list"] = str(self.list_id)
        return f"/g/{slug}/download.zip?{urlencode(named)}"


@dataclass(frozen=True, slots=True)
class Download:
    """How far it is: ``url`` once ``ready``; until then ``progress``, 0 to 1, of ``photo_count`` files.

    Never kept for a key: the address needs no other proof, and whoever asks again wants to know how far it is now.
    ``substitute_count``: originals among them that cannot be handed out without telling too much, RAW files above all;
    they come as JPEG of all pixels. Known when ready.
    """

    ready: bool
    progress: float
    photo_count: int
    substitute_count: int
    byte_size: int | None
    url: str | None


@dataclass(frozen=True, slots=True)
class TakenFile:
    """A file to take home, under the name it gets. ``crc32`` as zlib's."""

    name: str
    key: str
    content_type: str
    byte_size: int
    sha256: str
    crc32: int
    made_at: datetime


@dataclass(frozen=True, slots=True)
class Taking:
    """A download that begins: its files; or, with ``job_id``, what makes those that are missing."""

    title: str
    project_id: UUID
    files: Sequence[TakenFile]
    photo_count: int
    job_id: UUID | None


@operation(Perm.PUBLIC, write=True, retention=None)
async def request_download(
    tx: Tx,
    slug: str,
    of: DownloadOf,
    rendition: GalleryRendition,
    list_id: UUID | None = None,
    asset_id: UUID | None = None,
) -> Download:
    """Prepare what a guest wants to take home, and tell where it is had once it is ready. Ask again until it is.

    Raises Forbidden ``download_not_allowed``, Conflict ``nothing_to_download``, or what ``sharing.enter`` raises.
    """
    entered = await sharing.enter(tx, slug, acting=True)
    choice = _checked(entered.gallery, Choice(of, rendition, list_id, asset_id))
    look, rows = await _files(tx, entered, choice)
    have = [row for row in rows if row.key is not None]
    if len(have) < len(rows):
        await _prepare(tx, entered, choice, look, rows)
        return Download(False, len(have) / len(rows), len(rows), 0, None, None)
    substitutes = sum(1 for row in have if _is_substitute(choice, row))
    url = signer(tx, entered.gallery)(choice.path(slug))
    return Download(True, 1.0, len(rows), substitutes, sum(row.byte_size for row in have), url)


@operation(Perm.PUBLIC, write=True, retention=None)
async def open_download(
    tx: Tx,
    slug: str,
    of: DownloadOf,
    rendition: GalleryRendition,
    list_id: UUID | None = None,
    asset_id: UUID | None = None,
    key: MediaKey | None = None,
    noted: bool = True,
) -> Taking:
    """The files behind a download's address. ``noted``: it begins now, and the photographer is told, of the same once
    in half an hour.

    ``key``: the proof that the address itself carried. Raises as ``request_download`` does.
    """
    entered = await sharing.enter(tx, slug, acting=True)
    if key is not None and not (entered.known and key.gallery_id == entered.gallery.id):
        raise invalid_key()
    choice = _checked(entered.gallery, Choice(of, rendition, list_id, asset_id))
    look, rows = await _files(tx, entered, choice)
    gallery = entered.gallery
    have = [row for row in rows if row.key is not None]
    if len(have) < len(rows):
        job_id = await _prepare(tx, entered, choice, look, rows)
        return Taking(gallery.title, gallery.project_id, [], len(rows), job_id)
    if noted:
        told = {"of": of.value, "rendition": rendition.value, "photos": len(rows)}
        await gallery_activity.note_once(tx, entered, ActivityKind.DOWNLOADED, asset_id, told)
    names = safe_names([_name(gallery, row) for row in have])
    files = [_taken(name, row) for name, row in zip(names, have, strict=True)]
    return Taking(gallery.title, gallery.project_id, files, len(rows), None)


def _checked(gallery: Gallery, choice: Choice) -> Choice:
    """The choice, if the gallery allows it. A mark would mean nothing beside an original."""
    if choice.rendition not in TAKEN:
        raise BadRequest("Take home `web`, `full` or `original`.", details={"field": "rendition"})
    if (choice.of is DownloadOf.LIST) != (choice.list_id is not None):
        raise BadRequest("A list is named by `listId`, and only a list.", details={"field": "listId"})
    if (choice.of is DownloadOf.PHOTO) != (choice.asset_id is not None):
        raise BadRequest("One photo is named by `assetId`, and only one.", details={"field": "assetId"})
    allowed = gallery.downloads.rank >= DownloadPolicy(choice.rendition.value).rank
    if not allowed or (gallery.watermark and choice.rendition is GalleryRendition.ORIGINAL):
        raise Forbidden(
            "The photographer does not offer this download.",
            code="download_not_allowed",
            details={"allowed": gallery.downloads.value},
            remediation=["Ask the photographer to allow downloads in this size."],
        )
    return choice


async def _files(tx: Tx, entered: Entered, choice: Choice) -> tuple[Look, Sequence[Any]]:
    """The photos of a choice in the gallery's order, each with the file made for it (or ``key`` None).

    Raises NotFound for a photo or list that is not there, Conflict ``nothing_to_download``.
    """
    gallery = entered.gallery
    title = select(Project.title).where(Project.id == gallery.project_id).scalar_subquery()
    with tx.trust("a mark may say the project's title, also on what guests take home"):
        [said] = await tx.rows(
            select(title.label("title"), guest_name(gallery.id, entered.guest.guest_id).label("name"))
        )
    look = look_of(gallery, said.title, viewer_of(gallery.id, entered.guest.guest_id, said.name))
    if choice.list_id is not None:
        listed = select(SelectionList.id).where(SelectionList.id == choice.list_id)
        if await tx.scalar(listed.where(SelectionList.gallery_id == gallery.id)) is None:
            raise not_found("list")
    rows = await tx.rows(_statement(entered, choice, look))
    if not rows and choice.asset_id is not None:
        raise not_found("photo")
    if not rows:
        raise Conflict("There are no photos in this choice.", code="nothing_to_download")
    return look, [_Row.of(row, look, choice) for row in rows]


@dataclass(frozen=True, slots=True)
class _Row:
    """A photo of a choice; all of its file is None unless that is of today's basis."""

    asset_id: UUID
    number: int
    filename: str
    key: str | None
    content_type: str
    byte_size: int
    sha256: str
    crc32: int
    width_px: int | None
    made_at: datetime | None

    @classmethod
    def of(cls, row: Any, look: Look, choice: Choice) -> _Row:
        good = row.basis == look.basis(choice.rendition, row.pinned_sha256)
        return cls(
            row.asset_id, row.number, row.filename, row.key if good else None, row.content_type, row.byte_size,
            row.sha256, row.crc32, row.width_px, row.created_at,
        )  # fmt: skip


def _statement(entered: Entered, choice: Choice, look: Look) -> Any:
    placed = _placed(entered.gallery.id)
    made = and_(
        GalleryFile.gallery_id == GalleryAsset.gallery_id,
        GalleryFile.asset_id == GalleryAsset.asset_id,
        GalleryFile.rendition == choice.rendition,
        GalleryFile.guest_id.is_not_distinct_from(look.guest_id(choice.rendition)),
    )
    statement = (
        select(
            GalleryAsset.asset_id, placed.c.number, GalleryAsset.pinned_sha256, Asset.filename,
            GalleryFile.basis, GalleryFile.key, GalleryFile.content_type, GalleryFile.byte_size, GalleryFile.sha256,
            GalleryFile.crc32, GalleryFile.width_px, GalleryFile.created_at,
        )
        .join(Asset, Asset.id == GalleryAsset.asset_id)
        .join(placed, placed.c.asset_id == GalleryAsset.asset_id)
        .outerjoin(GalleryFile, made)
        .where(
            GalleryAsset.gallery_id == entered.gallery.id,
            select(Preview.id).where(is_pinned_preview()).exists(),
        )
        .order_by(placed.c.number)
    )  # fmt: skip
    if choice.of is DownloadOf.PHOTO:
        return statement.where(GalleryAsset.asset_id == choice.asset_id)
    guest_id = entered.guest.guest_id
    if choice.of is DownloadOf.FAVORITES:
        mine = select(GalleryFavorite.asset_id).where(
            GalleryFavorite.gallery_id == entered.gallery.id, GalleryFavorite.guest_id == guest_id
        )
        return statement.where(GalleryAsset.asset_id.in_(mine))
    if choice.of is DownloadOf.LIST:
        chosen = select(SelectedAsset.asset_id).where(
            SelectedAsset.list_id == choice.list_id, SelectedAsset.guest_id == guest_id
        )
        return statement.where(GalleryAsset.asset_id.in_(chosen))
    return statement


def _placed(gallery_id: UUID) -> Any:
    """The photos that guests see, with the numbers that they see beside them."""
    number = func.row_number().over(order_by=gallery_order()).label("number")
    shown = shown_assets(GalleryAsset.asset_id, number).where(GalleryAsset.gallery_id == gallery_id)
    return shown.outerjoin(GallerySection, GallerySection.id == GalleryAsset.section_id).subquery("placed")


async def _prepare(tx: Tx, entered: Entered, choice: Choice, look: Look, rows: Sequence[_Row]) -> UUID:
    """Have the missing files made; returns the job."""
    named = [row.asset_id for row in rows]
    with tx.trust("what a guest may take home is made for them"):
        return await enqueue_pictures(tx, entered.gallery, choice.rendition, named, look.guest_id(choice.rendition))


def _is_substitute(choice: Choice, row: _Row) -> bool:
    """Only what was drawn anew has been measured: an original that could be stripped was not decoded."""
    return choice.rendition is GalleryRendition.ORIGINAL and row.width_px is not None


def _name(gallery: Gallery, row: _Row) -> str:
    """The photo's own name where guests may know it, or else its number in the gallery."""
    extension = _EXTENSIONS.get(row.content_type, f".{row.content_type.rpartition('/')[2]}")
    if gallery.filenames_shown:
        return PurePosixPath(row.filename.replace("\\", "/")).stem + extension
    return f"{gallery.title.replace('/', '_')}-{row.number:04}{extension}"


def _taken(name: str, row: _Row) -> TakenFile:
    assert row.key is not None
    assert row.made_at is not None
    return TakenFile(name, row.key, row.content_type, row.byte_size, row.sha256, row.crc32, row.made_at)
