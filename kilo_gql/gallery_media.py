"""``/g/{slug}``: the pictures that guests of a gallery look at, the card of its link, and what they take home.

    /g/{slug}/media/{assetId}/{rendition}-{tag}                   a picture; another content has another tag
    /g/{slug}/card.jpg                                            for links in messages, where there is no password
    /g/{slug}/download/{assetId}?rendition=                       one file
    /g/{slug}/download.zip?of=&rendition=&list=                   many

Whoever asks is a guest by cookie or bearer, a member of the project by session, nobody in an open gallery, or has a
key in the address (``?k=``). The gallery is looked up at every request, so nothing outlives what allowed it.
"""

from __future__ import annotations

import re
from typing import Any, Final
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from kilo_gql import gallery_visitors, media, objects
from kilo_gql.access import Actor, Anonymous
from kilo_gql.archives import respond_zip
from kilo_gql.disposition import content_disposition
from kilo_gql.domain import gallery_cards, gallery_downloads, gallery_files, gallery_renders
from kilo_gql.domain.gallery_downloads import DownloadOf, TakenFile, Taking
from kilo_gql.domain.gallery_files import StoredPicture
from kilo_gql.domain.gallery_looks import SEEN, TAG_DIGITS
from kilo_gql.domain.media_keys import MediaKey, invalid_key, read_media_key
from kilo_gql.errors import BadRequest, Unavailable, not_found
from kilo_gql.limits import spend
from kilo_gql.models import GalleryRendition
from kilo_gql.rest.machinery import client_address
from kilo_gql.services import Services, services
from kilo_gql.zips import ZipEntry, ZipLayout

PICTURE: Final = "/g/{slug}/media/{asset_id}/{name}"
CARD: Final = "/g/{slug}/card.jpg"
DOWNLOAD: Final = "/g/{slug}/download/{asset_id}"
ARCHIVE: Final = "/g/{slug}/download.zip"

#: A grid of thumbnails is one screen and a hundred requests, and a whole party may sit behind one address.
_WIDER: Final = 10
#: Browsers ask again after a minute: so long may they show what a guest shall not see any more.
_KEPT: Final = "private, max-age=60, must-revalidate"
_CARD_KEPT: Final = "public, max-age=60, must-revalidate"
_TAKEN: Final = "private, no-cache"
_AGAIN: Final = 3.0

_SLUG: Final = re.compile(r"[A-Za-z0-9_-]{1,32}", re.ASCII)
_NAME: Final = re.compile(rf"({'|'.join(sorted(SEEN))})-([0-9a-f]{{{TAG_DIGITS}}})", re.ASCII)


def routes() -> list[BaseRoute]:
    """The routes of this door."""
    return [
        Route(PICTURE, picture, methods=["GET"]),
        Route(CARD, card, methods=["GET"]),
        Route(DOWNLOAD, download, methods=["GET"]),
        Route(ARCHIVE, archive, methods=["GET"]),
    ]


async def picture(request: Request) -> Response:
    """A picture that is looked at."""
    house, slug = services(request), _slug(request)
    await _within_rate(house, request)
    named = _NAME.fullmatch(request.path_params["name"])
    if named is None:
        raise not_found("picture")
    asked = (slug, _id(request), GalleryRendition(named[1]), named[2], _key(house, request))
    actor = await _actor(house, request)
    found = (await house.throat.execute(actor, gallery_files.open_gallery_picture, *asked)).value
    if found is None:
        pending = (await house.throat.execute(actor, gallery_renders.render_gallery_picture, *asked)).value
        if pending.job_id is not None:
            await media.made_by(house, pending.project_id, pending.job_id)
        found = (await house.throat.execute(actor, gallery_files.open_gallery_picture, *asked)).value
    return await _shown(house, request, found, _KEPT)


async def card(request: Request) -> Response:
    """The card of an open gallery."""
    house, slug = services(request), _slug(request)
    await _within_rate(house, request)
    found = (await house.throat.execute(Anonymous(), gallery_cards.open_gallery_card, slug)).value
    if found is None:
        pending = (await house.throat.execute(Anonymous(), gallery_cards.render_gallery_card, slug)).value
        if pending.job_id is not None:
            await media.made_by(house, pending.project_id, pending.job_id)
        found = (await house.throat.execute(Anonymous(), gallery_cards.open_gallery_card, slug)).value
    return await _shown(house, request, found, _CARD_KEPT)


async def _shown(house: Services, request: Request, found: StoredPicture | None, kept: str) -> Response:
    if found is None:  # made, but of what the gallery was a moment ago
        raise Unavailable("The picture is still being made.", code="render_pending", retry_after=_AGAIN)
    return await objects.respond(
        request,
        house.store,
        found.key,
        found.byte_size,
        found.content_type,
        etag=found.sha256,
        cache_control=kept,
    )


async def download(request: Request) -> Response:
    """One photo to take home."""
    house = services(request)
    asset_id = _id(request)
    taking = await _taking(house, request, DownloadOf.PHOTO, None, asset_id)
    if taking.job_id is not None:
        await media.made_by(house, taking.project_id, taking.job_id)
        taking = await _taking(house, request, DownloadOf.PHOTO, None, asset_id)
    [file] = _ready(taking)
    response = await objects.respond(
        request, house.store, file.key, file.byte_size, file.content_type, etag=file.sha256, cache_control=_TAKEN
    )
    if "content-disposition" in response.headers:
        response.headers["content-disposition"] = content_disposition("application/octet-stream", file.name)
    return response


async def archive(request: Request) -> Response:
    """Many photos to take home, as a ZIP archive; a broken download goes on where it was."""
    house = services(request)
    of = _one_of(DownloadOf, request, "of")
    if of is DownloadOf.PHOTO:
        raise BadRequest("One photo is no archive.", details={"field": "of"})
    taking = await _taking(house, request, of, _list_id(request), None)
    layout = ZipLayout([_entry(house, file) for file in _ready(taking)])
    return respond_zip(request, layout, f"{taking.title}.zip", cache_control=_TAKEN)


async def _taking(
    house: Services, request: Request, of: DownloadOf, list_id: UUID | None, asset_id: UUID | None
) -> Taking:
    slug = _slug(request)
    await _within_rate(house, request)
    key = _key(house, request)
    actor = await _actor(house, request) if key is None else key.guest
    if actor is None:
        raise invalid_key()
    begins = request.method == "GET" and request.headers.get("range", "bytes=0-").startswith("bytes=0-")
    rendition = _one_of(GalleryRendition, request, "rendition")
    asked = (slug, of, rendition, list_id, asset_id, key, begins)
    taking: Taking = (await house.throat.execute(actor, gallery_downloads.open_download, *asked)).value
    return taking


def _ready(taking: Taking) -> list[TakenFile]:
    if not taking.files:
        raise Unavailable(
            "The files are still being made.",
            code="download_pending",
            details={"photos": taking.photo_count},
            remediation=["Ask again in a moment, or follow `requestDownload`, which tells how far it is."],
            retry_after=_AGAIN,
        )
    return list(taking.files)


def _entry(house: Services, file: TakenFile) -> ZipEntry:
    return ZipEntry(
        file.name,
        file.byte_size,
        file.crc32,
        file.made_at,
        lambda start, end: house.store.stream(file.key, start, end),
    )


# --- what an address says --------------------------------------------------------------------------------------------


async def _within_rate(house: Services, request: Request) -> None:
    """Raises RateLimited. What counts is the address: sessions of guests are had for nothing."""
    rate = house.settings.requests_per_minute * _WIDER
    await spend(house.limiter, f"gallery-media:{client_address(request)}", 1, rate, "requests")


async def _actor(house: Services, request: Request) -> Actor:
    return (await gallery_visitors.proof(house, request)).actor


def _key(house: Services, request: Request) -> MediaKey | None:
    """The key in the address; two of them are none. Raises Unauthorized or Gone."""
    given = request.query_params.getlist("k")
    if not given:
        return None
    if len(given) != 1:
        raise invalid_key()
    return read_media_key(house.settings.key, given[0], house.db.house.clock())


def _slug(request: Request) -> str:
    slug: str = request.path_params["slug"]
    if _SLUG.fullmatch(slug) is None:
        raise not_found("picture")
    return slug


def _id(request: Request) -> UUID:
    """The photo's id in the spelling that addresses have; there is only one."""
    text: str = request.path_params["asset_id"]
    try:
        found = UUID(text)
    except ValueError:
        raise not_found("picture") from None
    if str(found) != text:
        raise not_found("picture")
    return found


def _list_id(request: Request) -> UUID | None:
    text = request.query_params.get("list")
    try:
        return None if text is None else UUID(text)
    except ValueError:
        raise not_found("list") from None


def _one_of(choices: Any, request: Request, name: str) -> Any:
    given = request.query_params.getlist(name)
    if len(given) != 1 or given[0] not in set(choices):
        raise BadRequest(f"`{name}` is one of {', '.join(choices)}.", details={"field": name})
    return choices(given[0])
