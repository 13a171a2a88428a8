"""A peer of ``bench.grid``: the same page of assets with the same body and rights, by hand on Starlette and asyncpg."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

_PAGE = """
SELECT a.*, left(p.sha256, 16) AS preview, left(t.sha256, 16) AS thumbnail, r.rating, r.picked, r.rejected, r.starred,
    r.notes AS rating_notes, r.updated_at AS rated_at,
    ARRAY(SELECT format FROM assets c WHERE c.parent_id = a.id AND c.trashed_at IS NULL ORDER BY id) AS companions,
    (SELECT jsonb_array_length(faces) > 0 FROM asset_signals s WHERE s.asset_id = a.id) AS has_face,
    coalesce((SELECT place > 0 FROM cluster_members m WHERE m.asset_id = a.id AND m.kind = 'duplicate_group'), false)
        AS is_duplicate
  FROM assets a
  LEFT JOIN ratings r ON r.asset_id = a.id AND r.user_id = $1
  LEFT JOIN asset_files p ON p.asset_id = a.id AND p.kind = 'preview' AND p.variant = '' AND p.damaged_at IS NULL
  LEFT JOIN asset_files t ON t.asset_id = a.id AND t.kind = 'thumbnail' AND t.variant = '' AND t.damaged_at IS NULL
 WHERE a.project_id = $2 AND a.project_id IN (SELECT project_id FROM project_grants WHERE user_id = $1)
   AND a.trashed_at IS NULL AND a.parent_id IS NULL AND a.status IN ('processing', 'ready')
   AND a.format IS DISTINCT FROM 'xmp'
 ORDER BY a.sort_at, a.id LIMIT $3
"""


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    app.state.pool = await asyncpg.create_pool(os.environ["PLAIN_DATABASE"], min_size=4, max_size=12)
    app.state.known = {}
    yield
    await app.state.pool.close()


async def page(request: Request) -> Response:
    token = request.headers["authorization"].removeprefix("Bearer ").encode()
    known = request.app.state.known
    async with request.app.state.pool.acquire() as connection:
        hashed = sha256(token).digest()
        if (user_id := known.get(hashed)) is None:
            user_id = await connection.fetchval("SELECT user_id FROM api_tokens WHERE token_hash = $1", hashed)
            known[hashed] = user_id
        limit = int(request.query_params["limit"])
        rows = await connection.fetch(_PAGE, user_id, request.path_params["project"], limit + 1)
    items = [_item(row, user_id) for row in rows[:limit]]
    cursor = items[-1]["id"] if len(rows) > limit else None
    return Response(_json({"items": items, "pageInfo": {"nextCursor": cursor}}), media_type="application/json")


def _json(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_UTC_Z)


def _item(row: Any, user_id: UUID) -> dict[str, Any]:
    id_, companions, status = str(row["id"]), row["companions"], row["status"]
    media = f"{os.environ['PLAIN_BASE_URL']}/media/{id_}"
    preview = row["preview"] and f"{media}/preview-{row['preview']}"
    thumbnail = row["thumbnail"] and f"{media}/thumbnail-{row['thumbnail']}"
    latitude = row["gps_latitude"]
    gps = {"latitude": latitude, "longitude": row["gps_longitude"], "altitudeM": row["gps_altitude_m"]}
    return {
        "id": id_,
        "projectId": str(row["project_id"]),
        "parentId": row["parent_id"] and str(row["parent_id"]),
        "status": status,
        "filename": row["filename"],
        "format": row["format"],
        "addedBy": str(row["added_by"]),
        "ingestedAt": row["ingested_at"],
        "updatedAt": row["updated_at"],
        "trashedAt": row["trashed_at"],
        "capturedAt": row["captured_at"],
        "capturedLocal": row["captured_local"],
        "offsetMinutes": row["offset_minutes"],
        "capturedSource": row["captured_source"],
        "zoneSource": row["zone_source"],
        "widthPx": row["width_px"],
        "heightPx": row["height_px"],
        "cameraMake": row["camera_make"],
        "cameraModel": row["camera_model"],
        "cameraSerial": row["camera_serial"],
        "lensModel": row["lens_model"],
        "focalLengthMm": row["focal_length_mm"],
        "shutterSpeed": row["shutter_speed"],
        "exposureTimeS": row["exposure_time_s"],
        "aperture": row["aperture"],
        "iso": row["iso"],
        "exposureBiasEv": row["exposure_bias_ev"],
        "flashFired": row["flash_fired"],
        "driveMode": row["drive_mode"],
        "gps": None if latitude is None else gps,
        "title": row["title"],
        "description": row["description"],
        "keywords": row["keywords"],
        "remarks": row["remarks"],
        "label": row["label"],
        "notes": row["notes"],
        "flags": {
            **orjson.loads(row["flags"]),
            "processingReady": status == "ready",
            "quarantined": status == "quarantined",
            "trashed": row["trashed_at"] is not None,
            "hasSidecar": "xmp" in companions,
            "isPaired": any(format_ != "xmp" for format_ in companions),
            "hasFace": row["has_face"],
            "isDuplicate": row["is_duplicate"],
        },
        "thumbhash": row["thumbhash"],
        "averageColor": None if row["average_color"] is None else f"#{row['average_color']:06x}",
        "readiness": {
            "preview": row["preview_ready"],
            "metadata": row["metadata_ready"],
            "signals": row["signals_ready"],
            "embedding": row["embedding_ready"],
        },
        "quarantine": None,
        "thumbnailUrl": thumbnail,
        "previewUrl": preview,
        "bestPreviewUrl": preview or thumbnail,
        "sidecarUrl": f"{os.environ['PLAIN_BASE_URL']}/v1/assets/{id_}/sidecar",
        "myRating": {
            "assetId": id_,
            "userId": str(user_id),
            "rating": row["rating"],
            "picked": row["picked"],
            "rejected": row["rejected"],
            "starred": row["starred"],
            "notes": row["rating_notes"],
            "updatedAt": row["rated_at"],
        },
    }


async def ready(request: Request) -> Response:
    return PlainTextResponse("ok")


app = Starlette(routes=[Route("/assets/{project:uuid}", page), Route("/readyz", ready)], lifespan=lifespan)

if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), loop="uvloop", http="httptools", log_level="warning", access_log=False)
