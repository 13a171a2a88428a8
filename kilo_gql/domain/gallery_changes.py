"""What every change of a gallery ends with: it is told, pictures that now look otherwise are made, and it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kilo_gql.db import Tx
from kilo_gql.domain import gallery_rows
from kilo_gql.domain.gallery_renders import request_renders
from kilo_gql.domain.gallery_rows import GalleryRow
from kilo_gql.events import Change, EventName
from kilo_gql.models import Gallery


async def changed(tx: Tx, gallery: Gallery, what: Mapping[str, Any], *, pictures: bool = False) -> None:
    """Tell the project what happened to a gallery. ``pictures``: guests, if there are any, see other ones now."""
    gallery.updated_at = tx.now
    tx.emit(Change(EventName.GALLERY_UPDATED, gallery.project_id, (gallery.id,), what))
    if pictures and gallery.published_at is not None:
        await request_renders(tx, gallery)


async def answer(tx: Tx, gallery: Gallery) -> GalleryRow:
    """A gallery after a change, as its owner sees it."""
    await tx.flush()
    return await gallery_rows.the(tx, gallery.id)
