"""``/exports/{exportId}/archive?k=…``: all files of an export in one ZIP, made while it is sent.

The address is its own permission. Beside the files there are ``manifest.json``, which says what each one is, and
``checksums.sha256`` for ``sha256sum -c``. The bytes are the same each time, so a broken download goes on where it was.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, Final
from uuid import UUID

import orjson
from starlette.requests import Request
from starlette.responses import Response

from kilo_gql.access import Perm, System
from kilo_gql.archives import respond_zip
from kilo_gql.domain.export_jobs import Archive, archive_of
from kilo_gql.domain.export_links import check_archive_key
from kilo_gql.errors import not_found
from kilo_gql.limits import spend
from kilo_gql.models import ExportFile, ItemStatus
from kilo_gql.services import Services, services
from kilo_gql.storage import Store
from kilo_gql.zips import ZipEntry, ZipLayout, of_bytes, safe_names

ROUTE: Final = "/exports/{export_id}/archive"
MANIFEST: Final = "manifest.json"
CHECKSUMS: Final = "checksums.sha256"


async def serve(request: Request) -> Response:
    """The endpoint of ``ROUTE``. Raises Forbidden, Gone, NotFound or RateLimited."""
    house = services(request)
    try:
        export_id = UUID(request.path_params["export_id"])
    except ValueError:
        raise not_found("export") from None
    now = house.db.house.clock()
    check_archive_key(house.settings.key, export_id, request.query_params.get("k", ""), now)
    await spend(house.limiter, f"export:{export_id}", 1, house.settings.requests_per_minute, "requests")
    archive = await _archive(house, export_id)
    return respond_zip(request, layout_of(archive, house.store), f"{archive.export.name}.zip")


async def _archive(house: Services, export_id: UUID) -> Archive:
    async with house.db.transaction(System("export archive"), Perm.SYSTEM, write=False) as tx:
        found = await archive_of(tx, export_id)
    if found is None:
        raise not_found("export")
    return found


def layout_of(archive: Archive, store: Store) -> ZipLayout:
    """The archive: the files in their order, then what is said about them."""
    made_at = archive.export.finished_at or archive.export.created_at
    names = safe_names([*(file.name for file in archive.files), MANIFEST, CHECKSUMS])
    entries = [_entry(file, name, store) for file, name in zip(archive.files, names, strict=False)]
    # the driver's UUIDs are a subclass, which orjson does not take for one
    manifest = orjson.dumps(_manifest(archive, names), option=orjson.OPT_INDENT_2, default=str)
    lines = (f"{file.sha256}  {name}\n" for file, name in zip(archive.files, names, strict=False))
    return ZipLayout(
        [
            *entries,
            of_bytes(names[-2], manifest, made_at),
            of_bytes(names[-1], "".join(lines).encode(), made_at),
        ]
    )


def _entry(file: ExportFile, name: str, store: Store) -> ZipEntry:
    def content(start: int, end: int) -> AsyncIterator[bytes]:
        return store.stream(file.key, start, end)

    return ZipEntry(name, file.byte_size, file.crc32, file.created_at, content)


def _manifest(archive: Archive, names: Sequence[str]) -> dict[str, Any]:
    """What the archive holds, and which photos it lacks."""
    export = archive.export
    assets = {item.position: item.asset_id for item in archive.items}
    return {
        "exportId": export.id,
        "projectId": export.project_id,
        "preset": export.preset,
        "settings": export.settings,
        "createdAt": export.created_at,
        "files": [
            {
                "name": name,
                "assetId": assets.get(file.position),
                "position": file.position,
                "part": file.part,
                "byteSize": file.byte_size,
                "sha256": file.sha256,
                "widthPx": file.width_px,
                "heightPx": file.height_px,
            }
            for file, name in zip(archive.files, names, strict=False)
        ],
        "failed": [
            {"assetId": item.asset_id, "position": item.position, "code": item.error_code}
            for item in archive.items
            if item.status is ItemStatus.FAILED
        ],
    }
