"""``/media``: the files of a photo at stable addresses, and renditions that are made when somebody asks for them.

    /media/{assetId}/{kind}-{hash}                    a file; may be kept for ever, for another content has another hash
    /media/{assetId}/full                             leads to the full-size picture, once it is there
    /media/{assetId}/crop?x=&y=&w=&h=&px=             leads to a region of it

Whoever asks is a session, a token, or holds a grant (``?grant=``); what they may see is looked up at every request.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from sqlalchemy import select
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from kilo_gql import cors, objects
from kilo_gql.access import Actor, Perm, System
from kilo_gql.disposition import content_disposition
from kilo_gql.domain import media, renders
from kilo_gql.domain.renders import Region, Rendering
from kilo_gql.errors import BadRequest, Conflict, KiloError, Unavailable, not_found
from kilo_gql.events import Event, EventName
from kilo_gql.limits import spend
from kilo_gql.models import FileKind, Job, JobStatus
from kilo_gql.operations import Outcome
from kilo_gql.rest.machinery import problem
from kilo_gql.services import Services, services

ROUTE: Final = "/media/{asset_id}/{name}"

#: A grid of thumbnails is one screen and a hundred requests: files count against a wider limit than operations.
_WIDER: Final = 10
#: How long a request waits for a rendition, and when a client should ask again.
_WAITS: Final = 15.0
_AGAIN: Final = 2.0

_KEPT: Final = "private, max-age=31536000, immutable"
_ADDRESS: Final = re.compile(rf"({'|'.join(FileKind)})-([0-9a-f]{{{media.HASH_DIGITS}}})", re.ASCII)
#: Headers that pages of other origins may send, and may read.
_ASKED_WITH: Final = ("Authorization", "Range", "If-Range", "If-None-Match")
_TOLD: Final = ("Content-Range", "Content-Length", "ETag", "Retry-After", "X-Request-Id")
#: These came from outside and are handed back under their own name, never shown by a browser.
_ATTACHED: Final = (FileKind.ORIGINAL, FileKind.SIDECAR)
_SAVED_AS: Final = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class _Asker:
    """Who asks; ``within`` one project, if a grant lets them in; ``grant`` as it was sent."""

    actor: Actor
    within: UUID | None = None
    grant: str | None = None


async def serve(request: Request) -> Response:
    """The endpoint of ``ROUTE``."""
    house = services(request)
    if request.method == "OPTIONS":
        return cors.preflight(request, house.settings.origins, methods=("GET", "HEAD"), headers=_ASKED_WITH)
    try:
        response = await _answer(house, request)
    except KiloError as error:  # a page of another origin shall learn as well why, and when to ask again
        response = problem(error, request.scope["kilo_request_id"])
    return cors.allow(request, response, house.settings.origins, exposed=_TOLD)


async def _answer(house: Services, request: Request) -> Response:
    asker = await _asker(house, request)
    try:
        asset_id = UUID(request.path_params["asset_id"])
    except ValueError:
        raise not_found("file") from None
    name: str = request.path_params["name"]
    if address := _ADDRESS.fullmatch(name):
        return await _file(house, request, asker, asset_id, FileKind(address[1]), address[2])
    return await _on_demand(house, request, asker, asset_id, name)


async def _asker(house: Services, request: Request) -> _Asker:
    """Who asks, within their rate. Raises Unauthorized, Gone or RateLimited."""
    grant = request.query_params.get("grant")
    if grant is not None:
        granted = media.read_grant(house.settings.key, grant, house.db.house.clock())
        asker = _Asker(granted.actor, granted.project_id, grant)
        key = f"user:{granted.actor.user_id}"
    else:
        asker = _Asker((await house.proof(request)).actor)
        key = asker.actor.key
    await spend(house.limiter, f"media:{key}", 1, house.settings.requests_per_minute * _WIDER, "requests")
    return asker


async def _file(
    house: Services, request: Request, asker: _Asker, asset_id: UUID, kind: FileKind, content_hash: str
) -> Response:
    found = (
        await house.throat.execute(asker.actor, media.open_media, asset_id, kind, content_hash, asker.within)
    ).value
    response = await objects.respond(
        request,
        house.store,
        found.key,
        found.byte_size,
        found.content_type,
        etag=found.sha256,
        cache_control=_KEPT,
    )
    if kind in _ATTACHED and "content-disposition" in response.headers:
        response.headers["content-disposition"] = content_disposition(_SAVED_AS, found.filename)
    return response


# --- on demand -----------------------------------------------------------------------------------------------------


async def _on_demand(house: Services, request: Request, asker: _Asker, asset_id: UUID, name: str) -> Response:
    if name not in renders.MADE_ON_DEMAND:
        raise not_found("file")
    kind = FileKind(name)
    region = _region(request) if kind is FileKind.CROP else None
    outcome: Outcome[Rendering] = await house.throat.execute(
        asker.actor, renders.render_asset, asset_id, kind, region, asker.within
    )
    rendering = outcome.value
    sha256 = rendering.sha256 or await _made(house, rendering)
    query = f"?{urlencode({'grant': asker.grant})}" if asker.grant is not None else ""
    where = media.media_url("", asset_id, kind, sha256) + query
    return RedirectResponse(where, 302, {"cache-control": "no-store"})


def _region(request: Request) -> Region:
    """``x``, ``y``, ``w``, ``h`` as fractions; ``px`` may be left out."""
    given = request.query_params
    try:
        x, y, width, height = (float(given[name]) for name in "xywh")
        return Region(x, y, width, height, int(given.get("px", renders.PX_DEFAULT)))
    except (KeyError, ValueError):
        raise BadRequest("A region is `x`, `y`, `w` and `h`, each 0 to 1, and perhaps `px`.") from None


async def _made(house: Services, rendering: Rendering) -> str:
    """The hash of what a job makes, once it is done. Raises as ``made_by`` does."""
    assert rendering.job_id is not None
    job = await made_by(house, rendering.project_id, rendering.job_id)
    if "sha256" not in (job.result or {}):
        raise _not_made(job)
    return str(job.result["sha256"])


async def made_by(house: Services, project_id: UUID, job_id: UUID) -> Any:
    """The job that makes a picture, once it is done. No database session is held while waiting.

    Raises what the job failed with, or Unavailable ``render_pending``.
    """
    cursor = await house.hub.cursor(project_id)
    job = await _job(house, job_id)
    try:
        async with asyncio.timeout(_WAITS), aclosing(house.hub.follow(project_id, cursor)) as batches:
            while not job.status.terminal:
                batch = await anext(batches, None)
                if batch is None:
                    break
                if any(_ends(event, job_id) for event in batch):
                    job = await _job(house, job_id)
    except TimeoutError:
        pass
    if not job.status.terminal:
        raise Unavailable("The picture is still being made.", code="render_pending", retry_after=_AGAIN)
    if job.status is not JobStatus.DONE:
        raise _not_made(job)
    return job


def _not_made(job: Any) -> Conflict:
    return Conflict(
        job.error or "The picture could not be made.",
        code=job.error_code or "render_failed",
        remediation=job.remediation or ["Ask again, or retry the job."],
    )


def _ends(event: Any, job_id: UUID) -> bool:
    """Does this tell the end of the job? A reset might hide it."""
    return not isinstance(event, Event) or (event.name == EventName.JOB_DONE and job_id in event.ids)


async def _job(house: Services, job_id: UUID) -> Any:
    async with house.db.transaction(System("media"), Perm.SYSTEM, write=False) as tx:
        statement = select(Job.status, Job.result, Job.error, Job.error_code, Job.remediation).where(Job.id == job_id)
        found = await tx.rows(statement)
    if not found:
        raise not_found("job")
    return found[0]
