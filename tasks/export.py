"""Exports, made photo by photo: what is written of one stands, whatever becomes of the next, or of this process.

A file's key is made of the export, its place and its content: an attempt that was killed left the same bytes under the
same key, or something that goes with the export's folder.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid5

import msgspec
import structlog

from kilo_gql.claims import Failure, crashed
from kilo_gql.domain import export_jobs
from kilo_gql.domain.export_jobs import Item, Made, Turn
from kilo_gql.domain.export_plans import Fit, PlannedPhoto, format_of, plan
from kilo_gql.domain.export_rows import Source, photos_of, sources_of
from kilo_gql.domain.export_settings import Pictured, SheetSettings, StillSettings
from kilo_gql.domain.exports import cuts
from kilo_gql.domain.filenames import extension_of
from kilo_gql.errors import BadRequest, NotFound
from kilo_gql.jobs import JobType
from kilo_gql.storage import NewObject
from tasks.child import ChildClosed, ChildError, ChildFailed
from tasks.contact_sheet import make_sheet
from tasks.kit import Kit
from tasks.registry import handles
from tasks.scratch import scratch

#: Seconds between two events about an export.
TELL_EVERY: Final = 0.25
#: How often a photo is tried whose child dies of it.
_ATTEMPTS: Final = 3

_log: Final = structlog.get_logger(__name__)


class Written(msgspec.Struct):
    """A file that the child left: ``path`` is its name in the folder, sizes are in bytes and pixels."""

    path: str
    content_type: str
    byte_size: int
    sha256: str
    crc32: int
    width: int
    height: int


@handles(JobType.PROJECT_EXPORT, patient=True, over=export_jobs.job_over)
async def export(kit: Kit) -> Mapping[str, Any] | None:
    """One turn of an export; a contact sheet is made in one."""
    export_id, first = UUID(kit.arguments["export_id"]), int(kit.arguments["first"])
    async with kit.write() as tx:
        turn = await export_jobs.begin(tx, export_id, kit.claim.id, first)
    if turn is None:
        return {"skipped": "canceled or deleted"}
    if isinstance(turn.settings, SheetSettings):
        await make_sheet(kit, turn, turn.settings)
    else:
        await _make_stills(kit, turn, turn.settings)
    async with kit.finish({"export": str(export_id), "photos": len(turn.items)}) as tx:
        await export_jobs.finish_turn(tx, turn)
    return None


async def _make_stills(kit: Kit, turn: Turn, settings: Pictured) -> None:
    async with kit.read() as tx:
        sources = await sources_of(
            tx, [item.asset_id for item in turn.items if item.asset_id], turn.user_id, develop=settings.develop
        )
        there = [asset_id for asset_id in turn.assets if asset_id is not None]
        photos = await photos_of(tx, there, turn.user_id, subjects=cuts(settings))
    known = [(place, photos[id_]) for place, id_ in enumerate(turn.assets) if id_ in photos]
    made = plan(settings, [photo for _, photo in known], turn.project, [place for place, _ in known])
    planned = {photo.asset_id: photo for photo in made.photos}
    told = 0.0
    for number, item in enumerate(turn.items):
        kit.report((turn.over + number) / len(turn.assets), "exporting", f"{turn.over + number:,} of {len(there):,}")
        files, failure = await _make(kit, turn, settings, item, sources, planned)
        now = time.monotonic()
        tell = now - told >= TELL_EVERY
        async with kit.write() as tx:
            if not await export_jobs.write_item(tx, turn, item.position, files, failure, tell=tell):
                return
        told = now if tell else told


async def _make(
    kit: Kit,
    turn: Turn,
    settings: Pictured,
    item: Item,
    sources: Mapping[UUID, Source],
    planned: Mapping[UUID, PlannedPhoto],
) -> tuple[Sequence[Made], Failure | None]:
    """The stored files of a photo, or why there are none. Raises what is wrong with the machine, not with the photo."""
    if item.asset_id is None or item.asset_id not in planned:
        return (), Failure("photo_gone", "This photo was deleted meanwhile.")
    if (source := sources.get(item.asset_id)) is None:
        return (), _MISSING
    try:
        async with kit.workshop.store.local_path(source.key) as path, scratch(kit.settings) as folder:
            asked = child_plan(turn, settings, source, planned[item.asset_id])
            files = await _rendered(kit, path, folder, asked)
            return await _stored(kit, turn, item.position, folder, files, planned[item.asset_id]), None
    except NotFound:
        return (), _MISSING
    except ChildClosed:
        raise
    except BadRequest as refused:  # the file, not the machine
        return (), Failure(refused.code, refused.message)
    except ChildFailed as error:
        _log.error("a photo could not be exported", asset=str(item.asset_id), error=str(error))
        return (), Failure("internal", "Something went wrong on our side.")
    except ChildError as error:
        return (), crashed(str(error).partition("\n")[0])


_MISSING: Final = Failure("original_missing", "The original of this photo is not there, damaged, or in the trash.")


async def _rendered(kit: Kit, path: Path, folder: Path, asked: Mapping[str, Any]) -> list[Written]:
    """What the child made of a photo. Raises BadRequest if it refused the file, or ChildError."""
    answer = await _tried(kit, path=str(path), out=str(folder), plan=dict(asked))
    if isinstance(answer, dict) and (reason := answer.get("refused")) is not None:
        raise BadRequest(answer["message"], code=reason)
    return msgspec.convert(answer, list[Written])


async def _tried(kit: Kit, **named: Any) -> Any:
    """The child's answer. A photo that a child dies of is tried again, for the child may have been killed by chance."""
    for attempt in range(1, _ATTEMPTS):
        try:
            return await kit.call("ml.exporting.still:render", stem=f"export-{attempt}", **named)
        except (ChildClosed, ChildFailed):
            raise
        except ChildError as error:
            _log.warning("a child died", job=str(kit.claim.id), attempt=attempt, error=str(error))
    return await kit.call("ml.exporting.still:render", stem=f"export-{_ATTEMPTS}", **named)


async def _stored(
    kit: Kit, turn: Turn, position: int, folder: Path, files: Sequence[Written], planned: PlannedPhoto
) -> list[Made]:
    made = [
        _named(turn, position, part, file, name)
        for part, (file, name) in enumerate(zip(files, (one.name for one in planned.files), strict=True))
    ]
    await kit.workshop.store.put_files(
        [NewObject(one.key, folder / file.path, one.content_type) for one, file in zip(made, files, strict=True)]
    )
    return made


def _named(turn: Turn, position: int, part: int, file: Written, name: str) -> Made:
    id_ = uuid5(turn.export_id, f"{position}.{part}.{file.sha256}")
    key = f"{export_jobs.folder_of(turn.project_id, turn.export_id)}{id_}{Path(file.path).suffix}"
    return Made(
        id_, part, name, key, file.content_type, file.byte_size, file.sha256, file.crc32, file.width, file.height
    )


def child_plan(turn: Turn, settings: Pictured, source: Source, photo: PlannedPhoto) -> dict[str, Any]:
    """What ``ml.exporting.still:render`` is told, in plain JSON values."""
    first = photo.files[0]
    still = settings if isinstance(settings, StillSettings) else None
    most = settings.max_file_kb
    return {
        "format": format_of(settings).value,
        "quality": settings.jpeg_quality,
        "long_edge_px": still.long_edge_px if still is not None else None,
        "crops": [asdict(file.crop) for file in photo.files] if photo.fit is Fit.CROP else None,
        "size_px": None if photo.fit is Fit.WHOLE else [first.width_px, first.height_px],
        "fit": Fit.PAD_BLUR.value if photo.fit is Fit.PAD_BLUR else Fit.CROP.value,
        "color_space": settings.color_space.value,
        "sharpen": settings.sharpen.value,
        "watermark": _mark(turn, settings),
        "metadata": settings.metadata.value,
        "fields": dict(source.fields),
        "max_bytes": None if most is None else most * 1_000,
        "bit_depth": still.bit_depth if still is not None else 8,
        "develop": source.developed,
        "format_in": extension_of(source.filename),
    }


def _mark(turn: Turn, settings: Pictured) -> dict[str, Any] | None:
    """The mark with its words filled in; an export has no guest, and is no gallery's."""
    mark = settings.mark
    if mark is None:
        return None
    words = {"project": turn.project, "gallery": turn.project, "year": str(time.gmtime().tm_year)}
    return {**asdict(mark), "text": mark.words(words), "image_path": None}
