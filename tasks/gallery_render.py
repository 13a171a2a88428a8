"""Pictures made for one gallery: all that everybody sees, or what somebody asked for."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import msgspec
import structlog

from kilo_gql.domain import gallery_renders, gallery_work
from kilo_gql.domain.gallery_looks import TAKEN
from kilo_gql.domain.gallery_work import MadeFile, Task, Work
from kilo_gql.errors import BadRequest, NotFound
from kilo_gql.jobs import JobType
from kilo_gql.models import GalleryRendition
from kilo_gql.storage import NewObject
from tasks.child import ChildClosed, ChildError
from tasks.ingest import accepted
from tasks.kit import Kit
from tasks.registry import handles
from tasks.scratch import scratch

#: Pictures that are written together.
BATCH: Final = 8
#: Seconds after which a job lets others have their turn: the rest is a job of its own.
TURN: Final = 30.0

_log: Final = structlog.get_logger(__name__)


class _Made(msgspec.Struct):
    """A file that the child left: see ``ml.gallery.Made``."""

    path: str
    content_type: str
    width: int
    height: int
    byte_size: int
    sha256: str
    crc32: int


@handles(JobType.GALLERY_RENDER, patient=True)
async def render(kit: Kit) -> Mapping[str, Any]:
    """Make the pictures of a gallery that are missing, in batches that are each committed, while it is its turn.

    Without a ``rendition`` those that everybody sees. A picture that cannot be made is passed over; if nothing else
    was asked for, the job fails with its reason.
    """
    asked, until = kit.arguments, time.monotonic() + TURN
    named = [UUID(one) for one in asked["asset_ids"]] if "asset_ids" in asked else None
    guest_id = UUID(asked["guest_id"]) if asked.get("guest_id") else None
    rendition = GalleryRendition(asked["rendition"]) if "rendition" in asked else None
    async with kit.read() as tx:
        work = await gallery_work.find_work(
            tx, UUID(asked["gallery_id"]), rendition, named, guest_id, asked.get("after")
        )
    if work is None:
        return {"skipped": "deleted"}
    if work.stale:
        async with kit.write() as tx:
            await gallery_work.drop(tx, work)
    made, left = await _all(kit, work, until)
    result = {"made": made, "total": work.total}
    async with kit.finish(result) as tx:
        if left:
            await gallery_renders.go_on(tx, work.gallery, asked, left[0].position - 1)
    return result


async def _all(kit: Kit, work: Work, until: float) -> tuple[int, Sequence[Task]]:
    """Make what is missing, batch by batch; returns how many were made, and what is left when the turn is over."""
    done, made, missing = work.total - len(work.missing), 0, work.missing
    alone = len(kit.arguments.get("asset_ids", ())) == 1
    while missing:
        batch, missing = missing[:BATCH], missing[BATCH:]
        files = [file for task in batch if (file := await _one(kit, task, alone=alone)) is not None]
        async with kit.write() as tx:
            await gallery_work.finish_pictures(tx, files)
        done, made = done + len(batch), made + len(files)
        kit.report(done / max(work.total, 1), "rendering", f"{done:,} of {work.total:,}")
        if time.monotonic() >= until:
            break
    return made, missing


async def _one(kit: Kit, task: Task, *, alone: bool) -> MadeFile | None:
    """The picture in the store; None if it cannot be made. Raises why, if nothing else was asked for (``alone``)."""
    try:
        return await _make(kit, task)
    except ChildClosed:
        raise
    except (BadRequest, NotFound, ChildError) as error:
        if alone:
            raise
        _log.warning("a gallery's picture was not made", asset=str(task.asset_id), error=str(error))
        return None


async def _make(kit: Kit, task: Task) -> MadeFile:
    """The original itself if it may be handed out, or else drawn from what has all pixels, or from the preview."""
    async with scratch(kit.settings) as folder, _mark(kit, task) as mark:
        made = await _stripped(kit, task, folder)
        if made is None:
            try:
                made = await _drawn(kit, task, task.source, folder, mark)
            except (BadRequest, NotFound):  # what cannot be read at its full size any more
                if task.source == task.preview:
                    raise
                made = await _drawn(kit, task, task.preview, folder, mark)
        file = _file(kit, task, made)
        await kit.workshop.store.put_files([NewObject(file.key, folder / made.path, file.content_type)])
    return file


async def _stripped(kit: Kit, task: Task, folder: Path) -> _Made | None:
    """The original without what it tells; None if it is not asked for, not there, or of a format that keeps it."""
    if task.original is None:
        return None
    named = {"out": str(folder), "filename": task.filename, "credit": task.credit}
    try:
        async with kit.workshop.store.local_path(task.original) as path:
            answer = await kit.call("ml.gallery:stripped", path=str(path), **named)
        return None if answer is None else accepted(answer, _Made)
    except (BadRequest, NotFound):
        return None


async def _drawn(kit: Kit, task: Task, source: str, folder: Path, mark: Mapping[str, Any] | None) -> _Made:
    """What the child draws of a stored file."""
    named: dict[str, Any] = {"out": str(folder), "mark": mark}
    if task.rendition in TAKEN:
        named |= {"filename": task.filename, "credit": task.credit}
    function = "full" if task.rendition is GalleryRendition.ORIGINAL else task.rendition.value
    async with kit.workshop.store.local_path(source) as path:
        made: _Made = accepted(await kit.call(f"ml.gallery:{function}", path=str(path), **named), _Made)
        return made


@asynccontextmanager
async def _mark(kit: Kit, task: Task) -> AsyncIterator[Mapping[str, Any] | None]:
    """The mark as the child wants it, with its picture as a file."""
    if task.mark is None:
        yield None
    elif task.mark_key is None:
        yield {**task.mark, "image_path": None}
    else:
        async with kit.workshop.store.local_path(task.mark_key) as path:
            yield {**task.mark, "image_path": str(path)}


def _file(kit: Kit, task: Task, made: _Made) -> MadeFile:
    """The key is made of job and content: another attempt stores the same in the same place."""
    name = f"{kit.claim.id}-{task.rendition.value}-{made.sha256[:8]}{Path(made.path).suffix}"
    return MadeFile(
        task,
        f"{task.project_id}/{task.asset_id}/{name}",
        made.content_type,
        made.byte_size,
        made.sha256,
        made.crc32,
        made.width or None,
        made.height or None,
    )
