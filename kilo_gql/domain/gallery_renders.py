"""Asking for pictures of a gallery: of all of it when it is published or changed, of one when somebody looks at it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from kilo_gql import jobs
from kilo_gql.access import Perm
from kilo_gql.codec import stored
from kilo_gql.db import Tx
from kilo_gql.domain.gallery_files import find_picture
from kilo_gql.domain.media_keys import MediaKey
from kilo_gql.jobs import JobType, NewJob
from kilo_gql.models import Gallery, GalleryRendition, Priority
from kilo_gql.operations import operation


async def request_renders(tx: Tx, gallery: Gallery) -> None:
    """Have everything made that all guests of a gallery see. For whoever publishes or changes it."""
    arguments = {"gallery_id": str(gallery.id)}
    await jobs.enqueue(tx, NewJob(JobType.GALLERY_RENDER, arguments, gallery.project_id, once=_once(arguments)))


@stored
@dataclass(frozen=True, slots=True)
class PendingPicture:
    """A picture that a job makes; ``job_id`` None: it is there after all."""

    project_id: UUID
    job_id: UUID | None


@operation(Perm.PUBLIC, write=True)
async def render_gallery_picture(
    tx: Tx, slug: str, asset_id: UUID, rendition: GalleryRendition, tag: str, key: MediaKey | None = None
) -> PendingPicture:
    """Have the picture behind an address made, unless it is there. Raises as ``open_gallery_picture`` does."""
    wanted = await find_picture(tx, slug, asset_id, rendition, tag, key)
    if wanted.file is not None:
        return PendingPicture(wanted.gallery.project_id, None)
    with tx.trust("a picture that its gallery shows is made for whoever may see it"):
        job_id = await enqueue_pictures(tx, wanted.gallery, rendition, [asset_id], wanted.look.guest_id(rendition))
    return PendingPicture(wanted.gallery.project_id, job_id)


async def enqueue_pictures(
    tx: Tx, gallery: Gallery, rendition: GalleryRendition, asset_ids: Sequence[UUID], guest_id: UUID | None = None
) -> UUID:
    """Queue the making of one rendition of some photos; returns the job. However often one asks, one job waits.

    One photo goes before everything that nobody waits for.
    """
    priority = Priority.INTERACTIVE if len(asset_ids) == 1 else Priority.NORMAL
    arguments = {
        "gallery_id": str(gallery.id),
        "rendition": rendition.value,
        "asset_ids": [str(one) for one in asset_ids],
        "guest_id": None if guest_id is None else str(guest_id),
    }
    job = NewJob(JobType.GALLERY_RENDER, arguments, gallery.project_id, priority=priority, once=_once(arguments))
    (job_id,) = await jobs.enqueue(tx, job)
    return job_id


async def go_on(tx: Tx, gallery: Gallery, arguments: Mapping[str, Any], after: int) -> None:
    """Queue the rest of a job whose turn is over: what stands behind this position."""
    asked = {name: value for name, value in arguments.items() if name != "after"}
    rest = {**asked, "after": after}
    # whoever named photos asks again if need be; a whole gallery that has changed since is made from its beginning
    once = _once(asked if "asset_ids" in asked else rest)
    await jobs.enqueue(tx, NewJob(JobType.GALLERY_RENDER, rest, gallery.project_id, once=once))


def _once(arguments: Mapping[str, Any]) -> str:
    made_of = orjson.dumps(dict(arguments), option=orjson.OPT_SORT_KEYS)  # jsonb keeps no order
    return f"gallery:{arguments['gallery_id']}:{hashlib.sha256(made_of).hexdigest()[:16]}"
