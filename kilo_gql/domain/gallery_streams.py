"""What is told, as it happens, to somebody who looks at a client gallery."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from kilo_gql.access import Guest, Perm
from kilo_gql.db import Tx
from kilo_gql.domain import sharing
from kilo_gql.events import Event, EventName, Reset
from kilo_gql.models import ActivityKind
from kilo_gql.operations import operation


class NewsKind(StrEnum):
    """What a page fetches anew: its frame, its photos, what is said of them, or what was chosen."""

    GALLERY = "gallery"
    PHOTOS = "photos"
    COMMENTS = "comments"
    CHOICES = "choices"


@dataclass(frozen=True, slots=True)
class News:
    """``asset_ids`` names the photos concerned; none: all of this kind may have changed."""

    kind: NewsKind
    asset_ids: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class GalleryStream:
    """Whose eyes to listen with, and until when the gallery is open (None: no end is set)."""

    project_id: UUID
    guest: Guest
    preview: bool
    ends_at: datetime | None


#: Hearts are counted for everybody; what goes into a list is between one guest and the photographer.
_SEEN_BY_ALL: Final = {
    ActivityKind.FAVORITED: NewsKind.CHOICES,
    ActivityKind.UNFAVORITED: NewsKind.CHOICES,
    ActivityKind.COMMENTED: NewsKind.COMMENTS,
}
_OWN: Final = frozenset((ActivityKind.SELECTED, ActivityKind.UNSELECTED, ActivityKind.SUBMITTED))
#: Photos came, went, stand elsewhere, or were pinned to another look.
_PHOTOS: Final = frozenset(("assetsAdded", "assetsRemoved", "arranged", "sections", "approvedAssets"))
#: Guests see the look that was pinned, and what the photographer learns is the photographer's.
_UNSEEN: Final = frozenset(("changedAssets", "proposals"))


@operation(Perm.PUBLIC)
async def follow_gallery(tx: Tx, slug: str) -> GalleryStream:
    """Begin, or go on, to listen to a gallery."""
    entered = await sharing.enter(tx, slug)
    ends_at = None if entered.preview else entered.gallery.expires_at
    return GalleryStream(entered.gallery.project_id, entered.guest, entered.preview, ends_at)


def news_for(guest: Guest, event: Event | Reset) -> News | None:
    """What a guest is told of an event of the project; None: nothing.

    Events of other galleries and of the project itself are nobody's business here, nor is who did something.
    """
    if isinstance(event, Reset):
        return News(NewsKind.GALLERY)
    if event.name is not EventName.GALLERY_UPDATED or guest.gallery_id not in event.ids:
        return None
    changed = event.changed
    if "activity" in changed:
        return _deed(guest, event)
    if "comments" in changed:
        return News(NewsKind.COMMENTS, _ids(changed["comments"]))
    if "choices" in changed:
        return News(NewsKind.CHOICES)
    if not _UNSEEN.isdisjoint(changed):
        return None
    if not _PHOTOS.isdisjoint(changed):
        return News(NewsKind.PHOTOS, _ids(changed.get("approvedAssets")))
    return News(NewsKind.GALLERY)


def _deed(guest: Guest, event: Event) -> News | None:
    kind, by = event.changed["activity"], event.changed.get("guestId")
    assets = _ids(event.changed.get("assetIds"))
    if kind in _SEEN_BY_ALL:
        return News(_SEEN_BY_ALL[kind], assets)
    if kind in _OWN and by == str(guest.guest_id):
        return News(NewsKind.CHOICES, assets)
    return None


def _ids(given: object) -> tuple[UUID, ...]:
    return tuple(UUID(str(one)) for one in given) if isinstance(given, list | tuple) else ()
