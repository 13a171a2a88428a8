"""A contact sheet: one PDF of all photos of an export, made from their previews."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid5

import msgspec

from kilo_gql.claims import Failure
from kilo_gql.domain import export_jobs
from kilo_gql.domain.export_jobs import Made, Turn
from kilo_gql.domain.export_rows import SheetPhoto, sheet_photos
from kilo_gql.domain.export_settings import SheetSettings
from kilo_gql.errors import NotFound
from kilo_gql.storage import NewObject
from kilo_gql.zips import safe_names
from tasks.kit import Kit
from tasks.scratch import scratch

_MISSING: Final = Failure("preview_missing", "This photo has no preview that could be shown.")


class _Sheet(msgspec.Struct):
    """The file that the child left: ``path`` is its name in the folder."""

    path: str
    content_type: str
    byte_size: int
    sha256: str
    crc32: int


async def make_sheet(kit: Kit, turn: Turn, settings: SheetSettings) -> None:
    """Write the PDF of all photos that have a preview; the others are failed items."""
    async with kit.read() as tx:
        known = await sheet_photos(tx, [id_ for id_ in turn.assets if id_ is not None], turn.user_id)
    kit.report(0.1, "collecting", turn.name)
    async with AsyncExitStack() as stack:
        folder = await stack.enter_async_context(scratch(kit.settings))
        paths = await _paths(kit, stack, known)
        failures = {position: _MISSING for position, asset_id in enumerate(turn.assets) if asset_id not in paths}
        if len(failures) == len(turn.assets):
            await _write_failures(kit, turn, failures)
            return
        kit.report(0.3, "laying out", turn.name)
        answer = await kit.call(
            "ml.exporting.sheet:render", out=str(folder), plan=_plan(kit, turn, settings, known, paths)
        )
        sheet = msgspec.convert(answer, _Sheet)
        made = _made(turn, sheet)
        await kit.workshop.store.put_files([NewObject(made.key, folder / sheet.path, made.content_type)])
    async with kit.write() as tx:
        await export_jobs.write_sheet(tx, turn, made, failures)


async def _paths(kit: Kit, stack: AsyncExitStack, known: Mapping[UUID, SheetPhoto]) -> dict[UUID, Path]:
    """The previews as files, by photo; those that are not there are missing."""
    paths: dict[UUID, Path] = {}
    for asset_id, photo in known.items():
        try:
            paths[asset_id] = await stack.enter_async_context(kit.workshop.store.local_path(photo.key))
        except NotFound:
            continue
    return paths


async def _write_failures(kit: Kit, turn: Turn, failures: Mapping[int, Failure]) -> None:
    for position, why in failures.items():
        async with kit.write() as tx:
            await export_jobs.write_item(tx, turn, position, (), why, tell=False)


def _made(turn: Turn, sheet: _Sheet) -> Made:
    id_ = uuid5(turn.export_id, f"sheet.{sheet.sha256}")
    [name] = safe_names([f"{turn.name}.pdf"])
    key = f"{export_jobs.folder_of(turn.project_id, turn.export_id)}{id_}.pdf"
    return Made(id_, 0, name, key, sheet.content_type, sheet.byte_size, sheet.sha256, sheet.crc32, None, None)


def _plan(
    kit: Kit, turn: Turn, settings: SheetSettings, known: Mapping[UUID, SheetPhoto], paths: Mapping[UUID, Path]
) -> dict[str, Any]:
    """What the child is told, in plain JSON values; photos keep the number of their place in the export."""
    photos = [
        {**asdict(known[asset_id]), "path": str(paths[asset_id]), "number": number}
        for number, asset_id in enumerate(turn.assets, start=1)
        if asset_id is not None and asset_id in paths
    ]
    for photo in photos:
        del photo["key"]
    slug = turn.gallery_slug
    return {
        "title": settings.title or turn.project,
        "subtitle": settings.subtitle,
        "paper": settings.paper.value,
        "orientation": settings.orientation.value,
        "columns": settings.columns,
        "rows": settings.rows,
        "gallery_url": f"{kit.settings.base_url.rstrip('/')}/g/{slug}" if slug is not None else None,
        "photos": photos,
        "made_at": turn.asked_at.isoformat(),
    }
