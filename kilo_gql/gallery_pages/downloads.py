"""``GET /g/{slug}/downloads``: what may be taken home, and how far it is with being prepared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from starlette.responses import Response

from kilo_gql.domain import gallery_downloads
from kilo_gql.domain.gallery_downloads import Choice, DownloadOf
from kilo_gql.errors import BadRequest, Conflict, Forbidden
from kilo_gql.gallery_pages import views
from kilo_gql.gallery_pages.visiting import Visit, see_other, wants_json
from kilo_gql.models import GalleryRendition

#: Seconds after which a browser without scripts asks again.
AGAIN: Final = 4


@dataclass(frozen=True, slots=True)
class Preparing:
    """How far it is, in percent, and where a browser without scripts asks again."""

    percent: int
    again: str


async def downloads(visit: Visit) -> Response:
    """The form, or what became of it: ``of`` (all, favorites, photo, or the id of a list) in size ``rendition``."""
    if "of" not in visit.request.query_params:
        return await _page(visit)
    try:
        choice = _choice(visit)
        asked = (choice.of, choice.rendition, choice.list_id, choice.asset_id)
        download = await visit.ask(gallery_downloads.request_download, *asked)
    except (BadRequest, Conflict, Forbidden) as error:
        if wants_json(visit.request):
            raise
        return await _page(visit, error.status, said=error.message)
    ready = choice.path(visit.slug) if download.ready else None
    percent = int(100 * download.progress)
    if wants_json(visit.request):
        return views.json({"ready": ready, "percent": percent})
    if ready is not None and "waited" not in visit.request.query_params:
        return see_other(ready)  # an attachment: the browser stays on the page it came from
    return await _page(visit, ready=ready, waiting=None if ready else Preparing(percent, _again(visit)))


async def _page(
    visit: Visit, status: int = 200, *, ready: str | None = None, waiting: Preparing | None = None, said: str = ""
) -> Response:
    shared = await views.entered(visit)
    sizes = views.download_sizes(shared)
    return visit.page(
        "downloads.html",
        status,
        gallery=shared,
        sizes=sizes,
        ready=ready,
        waiting=waiting,
        again=AGAIN,
        said=said,
    )


def _again(visit: Visit) -> str:
    return f"{visit.base}/downloads?{urlencode({**visit.request.query_params, 'waited': '1'})}"


def _choice(visit: Visit) -> Choice:
    """Raises BadRequest."""
    query = visit.request.query_params
    of, photo = query.get("of", ""), views.uuid(query.get("photo"))
    try:
        rendition = GalleryRendition(query.get("rendition", ""))
        if (list_id := views.uuid(of)) is not None:
            return Choice(DownloadOf.LIST, rendition, list_id=list_id)
        return Choice(DownloadOf(of), rendition, asset_id=photo)
    except ValueError:
        raise BadRequest("Choose which photos, and in which size.", details={"field": "of"}) from None
