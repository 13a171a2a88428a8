"""Clients' choices on their way back to the editor: lists that Lightroom, Capture One, Finder and Excel understand."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import PurePath
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from sqlalchemy import func, literal_column, select

from kilo_gql.access import Perm
from kilo_gql.db import Tx
from kilo_gql.domain.guest_rows import gallery_order, shown_assets
from kilo_gql.domain.sidecars import Sidecar, sidecars_of
from kilo_gql.errors import BadRequest
from kilo_gql.models import (
    Asset,
    Gallery,
    GalleryAsset,
    GalleryComment,
    GalleryFavorite,
    GalleryGuest,
    GallerySection,
    SelectedAsset,
    SelectionList,
)
from kilo_gql.operations import operation

#: Photos of one answer: no gallery holds more.
CHOSEN_MAX: Final = 5_000
#: Guests that are named for one photo, and comments.
GUESTS_MAX: Final = 200
COMMENTS_MAX: Final = 200
#: What a spreadsheet takes for the beginning of a formula.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
#: The keyword under which the editor finds the choices, and the stars and the label of a chosen photo.
KEYWORD: Final = "Client favorite"
STARS: Final = 5
LABEL: Final = "Green"


class ChoiceSource(StrEnum):
    """Which of the clients' words count."""

    FAVORITES = "favorites"
    SELECTION = "selection"
    COMMENTS = "comments"


@dataclass(frozen=True, slots=True)
class ChosenPhoto:
    """A photo that was chosen, in the gallery's order (``number`` from 1). ``guests``: names, "" for who gave none."""

    asset_id: UUID
    number: int
    filename: str
    count: int
    guests: list[str]
    comments: list[str]
    sidecar: Sidecar

    @property
    def stem(self) -> str:
        """The name without its extension: the editor may hold the RAW file of a JPEG."""
        return PurePath(self.filename).stem or self.filename


@dataclass(frozen=True, slots=True)
class GalleryChoices:
    """What clients of a gallery chose."""

    gallery_id: UUID
    title: str
    source: ChoiceSource
    photos: list[ChosenPhoto]
    made_at: datetime
    xmp_url: str

    @property
    def count(self) -> int:
        return len(self.photos)

    @property
    def names(self) -> list[str]:
        """File names without extensions, each once."""
        return list(dict.fromkeys(photo.stem for photo in self.photos))

    @property
    def lightroom(self) -> str:
        """For the Library filter: Text, Filename, Contains."""
        return ", ".join(self.names)

    @property
    def capture_one(self) -> str:
        """For the search field of the browser, which takes words."""
        return " ".join(map(_quoted, self.names))

    @property
    def finder(self) -> str:
        """For the search fields of Finder and Explorer."""
        return " OR ".join(map(_quoted, self.names))

    @property
    def csv(self) -> str:
        """RFC 4180 with a byte order mark, by which Excel knows UTF-8. No cell is a formula."""
        written = io.StringIO()
        rows = csv.writer(written)
        rows.writerow(("number", "filename", "count", "guests", "comments", "assetId"))
        for photo in self.photos:
            words = (photo.filename, photo.count, "; ".join(filter(None, photo.guests)), "\n".join(photo.comments))
            rows.writerow((photo.number, *(_cell(word) for word in words), photo.asset_id))
        return "\ufeff" + written.getvalue()

    @property
    def text(self) -> str:
        """A name a line."""
        return "".join(f"{photo.filename}\n" for photo in self.photos)


def _quoted(name: str) -> str:
    return f'"{name}"' if " " in name else name


def _cell(value: str | int) -> str | int:
    """A cell that no spreadsheet runs."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


@operation(Perm.GALLERY_READ)
async def gallery_choices(
    tx: Tx,
    gallery_id: UUID,
    source: ChoiceSource = ChoiceSource.FAVORITES,
    guest_id: UUID | None = None,
    list_id: UUID | None = None,
) -> GalleryChoices:
    """The photos that a gallery's guests chose, or one guest did: for the editor, by name, as CSV, or as XMP sidecars.

    A selection needs its ``list_id``; comments are photos with open threads. The sidecars say what yours would say, and
    on top of that five stars, the label Green and the keyword "Client favorite".
    """
    gallery = await tx.get(Gallery, gallery_id)
    if (source is ChoiceSource.SELECTION) != (list_id is not None):
        raise BadRequest("A selection, and nothing else, has a list.", details={"field": "listId"})
    if list_id is not None:
        await tx.get(SelectionList, list_id)
    rows = await tx.rows(_chosen(gallery_id, source, guest_id, list_id))
    ids = [row.id for row in rows]
    said = await _said(tx, gallery_id, ids)
    words = await sidecars_of(tx, ids)
    photos = [_photo(row, said.get(row.id, []), words[row.id]) for row in rows]
    given = {"source": source.value, "guestId": guest_id, "listId": list_id, "format": "xmp"}
    query = urlencode({name: value for name, value in given.items() if value is not None})
    url = f"{tx.house.base_url}/v1/galleries/{gallery_id}/choices?{query}"
    return GalleryChoices(gallery_id, gallery.title, source, photos, tx.now, url)


def _photo(row: Any, said: list[str], words: Sidecar) -> ChosenPhoto:
    return ChosenPhoto(
        row.id, row.number, row.filename, row.count, list(row.guests)[:GUESTS_MAX], said[:COMMENTS_MAX], words
    )


def _chosen(gallery_id: UUID, source: ChoiceSource, guest_id: UUID | None, list_id: UUID | None) -> Any:
    """The photos still shown in the gallery that somebody chose, as guests see it, with how many did and who."""
    deeds = _deeds(source)
    by = select(deeds.asset_id, deeds.guest_id).where(deeds.gallery_id == gallery_id).distinct()
    if source is ChoiceSource.COMMENTS:
        open_ = (GalleryComment.resolved_at.is_(None), GalleryComment.deleted_at.is_(None))
        by = by.where(GalleryComment.parent_id.is_(None), GalleryComment.guest_id.is_not(None), *open_)
    if list_id is not None:
        by = by.where(SelectedAsset.list_id == list_id)
    if guest_id is not None:
        by = by.where(deeds.guest_id == guest_id)
    chosen = by.subquery()
    name = func.coalesce(GalleryGuest.name, "")
    who = (
        select(
            chosen.c.asset_id,
            func.count().label("count"),
            func.array_agg(name, type_=None).label("guests"),
        )
        .join(GalleryGuest, GalleryGuest.id == chosen.c.guest_id)
        .group_by(chosen.c.asset_id)
        .subquery()
    )
    number = func.row_number().over(order_by=gallery_order()).label("number")
    placed = (
        shown_assets(Asset.id, Asset.filename, number)
        .outerjoin(GallerySection, GallerySection.id == GalleryAsset.section_id)
        .where(GalleryAsset.gallery_id == gallery_id)
        .subquery()
    )
    return (
        select(placed.c.id, placed.c.filename, placed.c.number, who.c.count, who.c.guests)
        .join(who, who.c.asset_id == placed.c.id)
        .order_by(placed.c.number)
        .limit(literal_column(str(CHOSEN_MAX)))
    )


def _deeds(source: ChoiceSource) -> Any:
    return {
        ChoiceSource.FAVORITES: GalleryFavorite,
        ChoiceSource.SELECTION: SelectedAsset,
        ChoiceSource.COMMENTS: GalleryComment,
    }[source]


async def _said(tx: Tx, gallery_id: UUID, ids: Sequence[UUID]) -> dict[UUID, list[str]]:
    """What is said about each photo, oldest first, with who said it."""
    statement = (
        select(GalleryComment.asset_id, GalleryComment.author_name, GalleryComment.text)
        .where(
            GalleryComment.gallery_id == gallery_id,
            GalleryComment.asset_id.in_(ids),
            GalleryComment.deleted_at.is_(None),
        )
        .order_by(GalleryComment.id)
    )
    said: dict[UUID, list[str]] = {}
    for row in await tx.rows(statement):
        said.setdefault(row.asset_id, []).append(f"{row.author_name or 'Guest'}: {row.text}")
    return said


def with_choice(words: Sidecar) -> Sidecar:
    """The words for the sidecar of a chosen photo. A rejected one stays so: the photographer has the last word."""
    rejected = words.rating is not None and words.rating < 0
    return Sidecar(
        words.document_name,
        words.rating if rejected else STARS,
        words.label or LABEL,
        list(_with(words.keywords, KEYWORD)),
        words.title,
        words.description,
        words.existing,
    )


def _with(keywords: Iterable[str], one: str) -> dict[str, None]:
    return dict.fromkeys((*keywords, one))
